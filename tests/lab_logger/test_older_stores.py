import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_logger import start_run
from lab_logger.record import loads
from lab_logger.storage import open_database
from tests.lab_logger.conftest import Rows

CREATE = """
CREATE TABLE IF NOT EXISTS manifests (
    run_id TEXT PRIMARY KEY, timestamp TEXT, git_hash TEXT, git_diff TEXT, command TEXT, python_version TEXT,
    pip_freeze TEXT, device_info TEXT, dataset_id TEXT, params_json TEXT, final_metrics_json TEXT, artifacts_json TEXT,
    wandb_url TEXT, note TEXT)"""
COLUMNS = (
    "run_id",
    "timestamp",
    "command",
    "dataset_id",
    "params_json",
    "final_metrics_json",
    "artifacts_json",
    "note",
)
OLDER_INSERT = f"INSERT INTO manifests ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
OLD_ROWS = [
    (
        *("old-1", "2024-05-01T10:00:00.123456", "python train.py --lr 0.1", "iris"),
        *(
            '{"lr": 0.1, "nested": {"depth": 3}}',
            '{"accuracy": 0.9, "loss": NaN, "best": -Infinity}',
            '["/gone/m.pkl"]',
            None,
        ),
    ),
    (
        "old-2",
        "2024-05-02T10:00:00+02:00",
        "python train.py",
        "wine",
        '{"x": NaN, "y": [Infinity, 1]}',
        "{}",
        "[]",
        "hm",
    ),
    ("old-3", "2024-05-03 10:00:00", None, None, None, None, None, None),
    ("old-4", None, "", "", "not json", "[1, 2]", "null", ""),
    (None, "2024-05-05T10:00:00", "no id", "iris", '{"a": 1}', '{"a": 1}', "[]", "twice"),
    (None, "2024-05-05T10:00:00", "no id", "iris", '{"a": 1}', '{"a": 1}', "[]", "twice"),
    (
        "old-5",
        "2024-05-06T10:00:00Z",
        "python",
        "iris",
        '{"a": 1, "a": 2}',
        '{"m": 1, "m": 2, "m": "text"}',
        '{"x": 1}',
        "n",
    ),
]
DERIVED = {
    "run_index": "started_at, run_id, dataset_id, has_artifacts, command, note",
    "run_metrics": "run_id, name, value",
    "run_params": "run_id, name, text, number",
}


@pytest.fixture
def older(store: Path) -> Iterator[sqlite3.Connection]:
    """An older logger: its own connection and its own SQL, in the journal mode of those days."""
    store.parent.mkdir()
    with closing(sqlite3.connect(store, timeout=5)) as connection:
        connection.execute(CREATE)
        connection.executemany(OLDER_INSERT, OLD_ROWS)
        connection.commit()
        yield connection


def _spelled(row: tuple[object, ...]) -> str:
    """A row as text; a view gives 1 where its table holds 1.0."""
    return repr([float(value) if isinstance(value, int) else value for value in row])


def drift(connection: sqlite3.Connection) -> dict[str, object]:
    """What the derived tables hold that their definition does not say, and what they lack; nothing when all is well."""
    found: dict[str, object] = {}
    for table, columns in DERIVED.items():
        key = 1 if table == "run_index" else 2
        said = {
            row if key == 1 else row[:key]: row for row in connection.execute(f"SELECT {columns} FROM derived_{table}")
        }
        held = connection.execute(f"SELECT {columns} FROM {table}").fetchall()
        if sorted(map(_spelled, said.values())) != sorted(map(_spelled, held)):
            found[table] = (held, list(said.values()))
    text = "SELECT {}, command, note, params, dataset_id, tags FROM {} ORDER BY 1"
    said_text = connection.execute(text.format("seq", "derived_run_text")).fetchall()
    held_text = connection.execute(text.format("rowid", "run_text")).fetchall()
    if said_text != held_text:
        found["run_text"] = (held_text, said_text)
    states = connection.execute(
        "SELECT run_id FROM manifests WHERE run_id IS NOT NULL EXCEPT SELECT run_id FROM run_state"
    ).fetchall()
    return found | ({"run_state": states} if states else {})


def test_opening_an_older_store_derives_everything_once(older: sqlite3.Connection, store: Path, rows: Rows) -> None:
    before = older.execute("SELECT * FROM manifests").fetchall()
    for _ in range(2):
        with closing(open_database(store, busy_timeout_s=1)) as connection:
            assert drift(connection) == {}
    assert rows("SELECT * FROM manifests") == before
    assert rows("SELECT run_id, started_at, has_artifacts FROM run_index ORDER BY run_id") == [
        ("old-1", "2024-05-01T10:00:00.123456Z", 1),
        ("old-2", "2024-05-02T08:00:00.000000Z", 0),
        ("old-3", "2024-05-03T10:00:00.000000Z", 0),
        ("old-4", "", 0),
        ("old-5", "2024-05-06T10:00:00.000000Z", 1),
    ]
    assert rows("SELECT run_id, name, value FROM run_metrics") == [("old-1", "accuracy", 0.9), ("old-5", "m", 2.0)]
    assert rows("SELECT name, text, number FROM run_params WHERE run_id = 'old-1'") == [
        ("lr", "0.1", 0.1),
        ("nested.depth", "3", 3.0),
    ]
    assert rows("SELECT text, number FROM run_params WHERE run_id = 'old-5'") == [("2", 2.0)]
    assert rows("SELECT DISTINCT status FROM run_state") == [("finished",)]
    assert rows(
        "SELECT m.run_id FROM run_text t JOIN run_state s ON s.seq = t.rowid JOIN manifests m USING (run_id) "
        "WHERE run_text MATCH 'wine'"
    ) == [("old-2",)]
    assert rows("SELECT version FROM schema_versions ORDER BY version") == [(1,), (2,)]


def test_bare_tokens_read_as_what_they_say(older: sqlite3.Connection) -> None:
    ((text,),) = older.execute("SELECT final_metrics_json FROM manifests WHERE run_id = 'old-1'")
    assert loads(text) == {"accuracy": 0.9, "loss": "NaN", "best": "-Infinity"}


def test_our_logger_adds_to_an_older_store(older: sqlite3.Connection, rows: Rows) -> None:
    with start_run({"lr": 0.5}) as run:
        run.log_metric("accuracy", 0.95)
    assert rows("SELECT count(*) FROM manifests") == [(len(OLD_ROWS) + 1,)]
    assert rows("SELECT run_id FROM run_metrics WHERE name = 'accuracy' ORDER BY value DESC") == [
        (run.run_id,),
        ("old-1",),
    ]


@pytest.mark.parametrize("verb", ["INSERT INTO", "INSERT OR REPLACE INTO", "REPLACE INTO", "INSERT OR IGNORE INTO"])
def test_an_older_logger_that_goes_on_writing_while_ours_is_open(
    verb: str, older: sqlite3.Connection, store: Path
) -> None:
    insert = OLDER_INSERT.replace("INSERT INTO", verb)
    with closing(open_database(store, busy_timeout_s=1)) as ours, start_run() as run:
        run.log_metric("a", 1)
        for number in range(3):
            metrics = json.dumps({"accuracy": number / 2, "loss": float("nan")})
            older.execute(
                insert, (f"new-{number}", "2024-06-01T00:00:00", "c", "d", '{"p": 1, "p": 2}', metrics, "[]", "n")
            )
            older.commit()
            run.log_metric("a", 2)
        if verb != "INSERT INTO":
            older.execute(
                insert, ("new-1", "2024-06-02T00:00:00", "again", "e", '{"q": 1}', '{"f1": 1}', '["x"]', None)
            )
            older.commit()
        assert drift(ours) == {}
        replaced = "REPLACE" in verb
        assert ours.execute("SELECT name, value FROM run_metrics WHERE run_id = 'new-1'").fetchall() == [
            ("f1", 1.0) if replaced else ("accuracy", 0.5)
        ]
        found = ours.execute("SELECT count(*) FROM run_text WHERE run_text MATCH 'again'").fetchone()
        assert found == (int(replaced),)


def test_an_older_logger_in_the_middle_of_a_write_is_waited_for(
    older: sqlite3.Connection,
    store: Path,
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("LAB_BUSY_TIMEOUT_S", "0.1")
    older.execute(OLDER_INSERT, ("slow", "2024-06-01T00:00:00", "c", "d", "{}", '{"a": 1}', "[]", "n"))
    with start_run() as kept:
        pass
    assert "holds its lock" in caplog.text
    older.commit()
    with start_run():
        pass
    assert rows(f"SELECT status FROM run_state WHERE run_id IN ('slow', '{kept.run_id}')") == [("finished",)] * 2
    assert rows("SELECT value FROM run_metrics WHERE run_id = 'slow'") == [(1.0,)]


def test_vacuum_changes_nothing(older: sqlite3.Connection, store: Path, rows: Rows) -> None:
    with start_run(tags=["kept"]) as run:
        run.log_metric("a", 1)
        older.execute("VACUUM")
        run.log_metric("a", 2)
    older.execute("DELETE FROM manifests WHERE run_id = 'old-1'")
    older.commit()
    older.execute("VACUUM")
    with closing(open_database(store, busy_timeout_s=1)) as connection:
        assert drift(connection) == {}
    assert rows("SELECT value FROM metric_points ORDER BY step") == [(1.0,), (2.0,)]
    assert rows("SELECT count(*) FROM run_text WHERE run_text MATCH 'kept'") == [(1,)]


def test_a_run_deleted_by_hand_is_gone_from_everywhere(store: Path, rows: Rows) -> None:
    with start_run(tags=["x"]) as run:
        run.log_metric("a", 1)
        run.log_artifact("b")
    with closing(sqlite3.connect(store)) as by_hand:
        by_hand.execute("DELETE FROM manifests")
        by_hand.commit()
    for table in ("run_state", "run_tags", "artifacts", "metric_series", "metric_points", "run_text", *DERIVED):
        assert rows(f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_renamed_run_takes_everything_with_it(store: Path, rows: Rows) -> None:
    with start_run({"lr": 1}, tags=["x"], note="mine") as run:
        run.log_metric("a", 1)
        run.log_artifact("b")
        with start_run() as child:
            pass
    with closing(sqlite3.connect(store)) as by_hand:
        by_hand.execute("UPDATE manifests SET run_id = 'renamed', note = 'yours' WHERE run_id = ?", (run.run_id,))
        by_hand.commit()
        assert drift(by_hand) == {}
    for table in ("run_state", "run_tags", "artifacts", "metric_series", "run_params"):
        assert rows(f"SELECT count(*) FROM {table} WHERE run_id = 'renamed'") == [(1,)]
    assert rows(f"SELECT parent_run_id FROM run_state WHERE run_id = '{child.run_id}'") == [("renamed",)]
    assert rows("SELECT rowid FROM run_text WHERE run_text MATCH 'yours'") != []


IDS = st.sampled_from(["a", "b", "c", None])
NUMBERS = st.sampled_from(
    ["1", "-9223372036854775808", "1e999", "-1e400", "0.5", "NaN", "123456789012345678901234567890"]
)
VALUES = NUMBERS | st.sampled_from(['"text"', "null", "true", "[1, NaN]", '{"deep": 2}', '{"deep": {"er": [1]}}', '""'])
NAMES = st.sampled_from(["m", "n", "a.b", "", "ü", 'quo\\"te', "x[0]", "deep"])
DOCUMENTS = st.one_of(
    st.lists(st.tuples(NAMES, VALUES), max_size=4).map(
        lambda pairs: "{" + ", ".join(f'"{name}": {value}' for name, value in pairs) + "}"
    ),
    st.sampled_from([None, "", "not json", "[]", "null", "{", "7", "[" * 2_000]),
)
TIMES = st.sampled_from(
    [None, "", "2024-01-01", "2024-01-01T00:00:00Z", "2024-13-45", "soon", "2024-01-01T00:00:00.123456"]
)
TEXTS = st.sampled_from([None, "", "word", "two words", '"quotes" AND NOT', "naïve"])
ROWS = st.tuples(IDS, TIMES, TEXTS, TEXTS, DOCUMENTS, DOCUMENTS, st.sampled_from([None, "[]", '["x"]', "{}"]), TEXTS)
COLUMN_VALUES = st.one_of(
    st.tuples(st.just("run_id"), IDS),
    st.tuples(st.just("timestamp"), TIMES),
    st.tuples(st.sampled_from(["command", "dataset_id", "note"]), TEXTS),
    st.tuples(st.sampled_from(["params_json", "final_metrics_json"]), DOCUMENTS),
    st.tuples(st.just("artifacts_json"), st.sampled_from([None, "[]", '["x"]'])),
)
POLICIES = st.sampled_from(["", "OR REPLACE", "OR IGNORE", "OR ABORT", "OR FAIL", "OR ROLLBACK"])


@st.composite
def writes(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """One statement as a person could type it."""
    kind = draw(st.sampled_from(["insert", "insert", "update", "update", "delete", "tag", "retag", "untag"]))
    policy = draw(POLICIES)
    if kind == "insert":
        return OLDER_INSERT.replace("INSERT", f"INSERT {policy}"), list(draw(ROWS))
    if kind == "update":
        changes = dict(draw(st.lists(COLUMN_VALUES, min_size=1, max_size=4)))
        where, values = draw(st.sampled_from([("run_id = ?", 1), ("run_id IS NOT ?", 1), ("true", 0)]))
        assignments = ", ".join(f"{column} = ?" for column in changes)
        return (
            f"UPDATE {policy} manifests SET {assignments} WHERE {where}",
            [*changes.values(), *[draw(IDS) for _ in range(values)]],
        )
    if kind == "delete":
        return "DELETE FROM manifests WHERE run_id IS ?", [draw(IDS)]
    if kind == "tag":
        return "INSERT OR REPLACE INTO run_tags VALUES (?, ?)", [draw(IDS) or "a", draw(st.sampled_from(["t", "u"]))]
    if kind == "retag":
        return "UPDATE OR REPLACE run_tags SET tag = ? WHERE run_id = ?", [draw(st.sampled_from(["t", "v"])), draw(IDS)]
    return "DELETE FROM run_tags WHERE run_id = ?", [draw(IDS)]


@settings(max_examples=120, deadline=None, database=None)
@given(history=st.lists(writes(), min_size=1, max_size=10))
def test_no_history_of_writes_by_hand_makes_the_derived_tables_drift(history: list[tuple[str, list[Any]]]) -> None:
    with closing(open_database(":memory:", busy_timeout_s=1)) as connection:
        for statement, values in history:
            with suppress(sqlite3.IntegrityError):  # two rows of one id
                connection.execute(statement, values)
            assert drift(connection) == {}, statement
