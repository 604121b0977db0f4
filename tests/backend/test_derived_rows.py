"""The derived tables on PostgreSQL hold what they hold on SQLite, whatever is written to `manifests` and however."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backend.derived_rows import DERIVED
from tests.backend.stores import StoredRun, execute, place_in, write_runs

numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text("aä0 \"'\\{}[],:", max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab.ä", max_size=3), inner, max_size=2),
    max_leaves=6,
)
objects = st.dictionaries(st.text("ab.ä ", max_size=3), values, max_size=4).map(
    lambda value: json.dumps(value, ensure_ascii=False)
)
documents = (
    objects
    | st.sampled_from([None, "", "null", "[1]", "[]", "{", '"a"', '{"a": NaN, "b": [NaN, -Infinity], "c": 1}', "NaN"])
    | st.sampled_from(
        ['{"a": 1e400, "b": -1e400}', '{"a": 1, "a": "x"}', '{"a.b": 1, "a": {"b": 2}}', '{"a": Infinity']
    )
)
times = st.sampled_from(
    [
        None,
        "",
        "yesterday",
        "12/01/2025",
        "2025-12-01",
        "2025-13-01",
        "2025-12-01 10:00",
        "2025-12-01T25:00",
        "2025-12-01T10:00:61",
        "2025-12-01T10:00:00Z",
        "2025-12-01T10:00:00 -01:00",
        "2025-12-01T10:00:00.5+05:30",
        "2025-12-01T10:00:00.123456Z",
        "2025-12-01T10:00:00.123456",
        "2025-12-01T10:00:00.123456+00:00",
    ]
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": times,
            "dataset_id": st.none() | st.text("iä", max_size=3),
            "params_json": documents,
            "final_metrics_json": documents,
            "artifacts_json": documents | st.sampled_from(["[null]", "[ ]", '["a"]']),
            "note": st.none() | st.text(max_size=5).map(lambda note: note.replace("\0", "")),
        }
    ),
    min_size=1,
    max_size=4,
)
CHANGES = (
    "UPDATE manifests SET params_json = '{\"new\": {\"x\": [1, 2]}}', note = 'n' WHERE run_id = 'r0'",
    "UPDATE manifests SET final_metrics_json = '{\"new\": 1}', timestamp = '2026-01-01' WHERE run_id = 'r1'",
    "UPDATE run_state SET parent_run_id = 'r2'",
    "UPDATE manifests SET run_id = 'renamed' WHERE run_id = 'r2'",
    "DELETE FROM manifests WHERE run_id = 'r3'",
)


@settings(
    derandomize=True,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(rows=rows)
def test_what_is_derived_is_what_sqlite_derives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("both")
    with place_in(folder / "a", "sqlite") as sqlite, place_in(folder / "b", "postgresql") as postgresql:
        runs = [StoredRun(f"r{number}", tags=("t",), documents=row) for number, row in enumerate(rows)]
        for place in (sqlite, postgresql):
            write_runs(place, runs)
        assert derived(postgresql) == derived(sqlite)
        for place in (sqlite, postgresql):
            for change in CHANGES:
                execute(place, change)
        assert derived(postgresql) == derived(sqlite)


def derived(place: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The derived rows by table, an infinity spelled alike."""
    found = {table: execute(place, f"SELECT {columns} FROM {table}") for table, columns in DERIVED.items()}
    spelled = {"Inf": "Infinity", "-Inf": "-Infinity"}
    return {
        table: sorted((tuple(spelled.get(str(value), value) for value in row) for row in rows), key=repr)
        for table, rows in found.items()
    }
