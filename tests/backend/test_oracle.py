"""`/runs` and `/runs/leaderboard` against a plain Python loop over all runs."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend import ranking, search
from backend.api import create_app
from tests.backend.conftest import InProcess, settings_for
from tests.backend.stores import StoredRun, place_in, write_runs

SUITE = settings(
    derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
DATASETS = ["iris", "wine", "Breast Cancer", "d_1%", "ünïcode"]
WORDS = ["svm", "SVM", "100%", "a_b", "ärger", "lr", "back\\slash", "'quoted\"", "50"]
NUMBERS = [0, 1, 30, 30.0, 0.3, 0.1 + 0.2, -2.5, 1e-05, 2**53 + 1, 2**53]
METRIC_VALUES = [*NUMBERS, 0.5, 0.5, 0.5, float("nan"), float("inf"), True, None, "high", {"a": 1}]
METRICS = ["accuracy", "val loss", "f1"]
PARAMS = ["lr", "seed", "model", "flag"]
STATUSES = ["running", "finished", "failed", "killed"]
TAGS = ["baseline", "sweep", "Ünïcode tag"]
START = datetime(2025, 12, 1, 22, tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)

Row = tuple[StoredRun, datetime | None]
"""A run, and when it started."""

moments = st.integers(0, 20).map(lambda hours: START + timedelta(hours=hours, milliseconds=hours % 3))
INDIA = timezone(timedelta(hours=5, minutes=30))
spellings = st.sampled_from(
    [
        lambda moment: moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        lambda moment: moment.replace(tzinfo=None).isoformat(timespec="microseconds"),
        lambda moment: moment.replace(tzinfo=None).isoformat(sep=" "),
        lambda moment: moment.isoformat(timespec="milliseconds"),
        lambda moment: moment.astimezone(INDIA).isoformat(timespec="milliseconds"),
    ]
)
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
param_values = st.sampled_from(NUMBERS) | texts | st.booleans() | st.none() | st.just([1, 2]) | st.just("30")


@st.composite
def stored_runs(draw: st.DrawFn, *, number: int) -> Row:
    moment = draw(st.none() | moments)
    spell = draw(spellings)
    unknown = draw(st.sampled_from([None, "", "yesterday"]))
    params: dict[str, Any] = draw(st.dictionaries(st.sampled_from(PARAMS), param_values, max_size=3))
    if draw(st.booleans()):
        params["optimizer"] = {"lr": draw(st.sampled_from(NUMBERS))}
    run = StoredRun(
        run_id=f"{draw(st.integers(0, 15)):x}-{number:04}",
        timestamp=unknown if moment is None else spell(moment),
        command=draw(st.none() | texts),
        dataset_id=draw(st.none() | st.sampled_from(DATASETS)),
        params=params,
        metrics=draw(st.dictionaries(st.sampled_from(METRICS), st.sampled_from(METRIC_VALUES), max_size=3)),
        artifacts=draw(st.lists(st.sampled_from(["a.csv", "b c.bin"]), max_size=2)),
        note=draw(st.none() | texts),
        status=draw(st.sampled_from(STATUSES)),
        duration_s=draw(st.none() | st.sampled_from([0.0, 1.5, 1.5, 90.25])),
        tags=tuple(draw(st.sets(st.sampled_from(TAGS), max_size=2))),
    )
    if run.status == "running":
        run.duration_s = None
    return run, moment


@st.composite
def stores(draw: st.DrawFn) -> list[Row]:
    size = draw(st.sampled_from([0, 3, 20, 40]))
    return [draw(stored_runs(number=number)) for number in range(size)]


times = (
    moments.map(lambda moment: moment.date().isoformat())
    | moments.map(lambda moment: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    | moments.map(lambda moment: moment.astimezone(timezone(-timedelta(hours=3))).isoformat(timespec="milliseconds"))
)
param_filters = st.builds(
    "{}:{}".format,
    st.sampled_from([*PARAMS, "optimizer.lr", "nope"]),
    st.sampled_from(["0.3", "3e-1", "30", "30.0", "true", "null", "1e-5", "svm", "[1,2]", str(2**53), str(2**53 + 1)]),
)
filters: dict[str, st.SearchStrategy[Any]] = {
    "dataset_id": st.sampled_from([*DATASETS, "nope"]),
    "command_substring": st.sampled_from([*WORDS, "%", "_", "\\"]),
    "note_substring": st.sampled_from([*WORDS, "%", "_"]),
    "from_timestamp": times,
    "to_timestamp": times,
    "has_artifacts": st.sampled_from(["true", "false"]),
    "metric_name": st.sampled_from([*METRICS, "nope"]),
    "status": st.lists(st.sampled_from(STATUSES), min_size=1, max_size=4),
    "tag": st.lists(st.sampled_from([*TAGS, "nope"]), min_size=1, max_size=2),
    "param": st.lists(param_filters, min_size=1, max_size=2),
}
pages = st.fixed_dictionaries(
    {},
    optional={
        "sort": st.sampled_from(["timestamp", "duration", "status", "dataset_id", "command", "note"])
        | st.sampled_from([f"metric:{name}" for name in [*METRICS, "nope"]])
        | st.sampled_from([f"param:{name}" for name in [*PARAMS, "optimizer.lr"]]),
        "order": st.sampled_from(["asc", "desc"]),
        "limit": st.integers(1, 45),
        "offset": st.integers(0, 30),
    },
)


FILTER_SETS = [(), *itertools.combinations(filters, 1), *itertools.combinations(filters, 2)]
FILTER_SETS += [
    ("status", "metric_name", "param"),
    ("tag", "status", "dataset_id"),
    ("tag", "metric_name", "note_substring"),
]


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    """Few filters at a time: more of them fit next to no run."""
    names = draw(st.sampled_from(FILTER_SETS))
    query: dict[str, Any] = {name: draw(filters[name]) for name in names}
    if "metric_name" in query:
        bounds = st.sampled_from(["-2.5", "0.5", "1", "30"])
        query |= draw(st.fixed_dictionaries({}, optional={"metric_min": bounds, "metric_max": bounds}))
    return {**query, **draw(pages)}


few_runs = st.sampled_from([0, 3, 5_000])
"""How many runs count as few: the search goes another way where many fit."""
leaderboard_queries = st.fixed_dictionaries(
    {"metric_name": st.sampled_from(METRICS)},
    optional={
        "top_k": st.integers(1, 45),
        "dataset_id": st.sampled_from([*DATASETS, "nope"]),
        "has_artifacts": st.sampled_from(["true", "false"]),
        "order": st.sampled_from(["asc", "desc"]),
    },
)


@pytest.mark.timeout(1_200)  # some 1,600 questions
@settings(SUITE, max_examples=80)
@given(rows=stores(), asked=st.lists(queries(), min_size=15, max_size=25), few=few_runs)
def test_lists_exactly_the_runs_that_a_loop_finds(
    database: str, rows: list[Row], asked: list[dict[str, Any]], few: int
) -> None:
    with patch.object(search, "_FEW_RUNS", few), client_of(rows, database) as client:
        for query in asked:
            answer = client.get("/runs", params=query)
            assert answer.status_code == 200, answer.text
            fitting = [row for row in rows if _fits(row, query)]
            ordered = _ordered(fitting, query.get("sort", "timestamp"), query.get("order", "desc"))
            start = query.get("offset", 0)
            expected = ordered[start : start + query.get("limit", 50)]
            assert [run["run_id"] for run in answer.json()] == [run.run_id for run, _ in expected], query
            assert answer.headers["X-Total-Count"] == str(len(fitting)), query


@settings(SUITE, max_examples=40)
@given(
    rows=stores(), asked=st.lists(leaderboard_queries, min_size=4, max_size=8), window=st.sampled_from([1, 5, 2_000])
)
def test_ranks_exactly_the_runs_that_a_loop_finds(
    database: str, rows: list[Row], asked: list[dict[str, Any]], window: int
) -> None:
    with patch.object(ranking, "_WINDOW", window), client_of(rows, database) as client:
        known = {name for run, _ in rows for name in METRICS if number_of(run.metrics.get(name)) is not None}
        for query in asked:
            name = query["metric_name"]
            answer = client.get("/runs/leaderboard", params={**query, "count": "true"})
            if known and name not in known:
                assert answer.status_code == 404
                assert set(answer.json()["candidates"]) == known
                continue
            fitting = [row for row in rows if _fits(row, query)]
            expected = _ordered(fitting, f"metric:{name}", query.get("order", "desc"))[: query.get("top_k", 10)]
            assert [run["run_id"] for run in answer.json()] == [run.run_id for run, _ in expected], query
            assert answer.headers["X-Total-Count"] == str(len(fitting)), query


@settings(SUITE, max_examples=30)
@given(rows=stores(), text=st.text(max_size=12) | texts)
def test_any_text_can_be_searched_for(database: str, rows: list[Row], text: str) -> None:
    text = text.replace("\x00", "")
    with client_of(rows, database) as client:
        for sort in ("timestamp", "relevance"):
            answer = client.get("/runs", params={"q": text, "sort": sort, "limit": 500})
            assert answer.status_code == 200, answer.text
            assert answer.headers["X-Total-Count"] == str(len(answer.json()))


@settings(SUITE, max_examples=30)
@given(rows=stores(), words=st.lists(st.sampled_from(["svm", "ärger", "lr", "50"]), min_size=1, max_size=2))
def test_searches_for_whole_words_in_every_text_of_a_run(database: str, rows: list[Row], words: list[str]) -> None:
    with client_of(rows, database) as client:
        answer = client.get("/runs", params={"q": " ".join(words), "limit": 500})
        found = {run["run_id"] for run in answer.json()}
    for run, _ in rows:
        in_note = set((run.note or "").casefold().split())
        if all(word.casefold() in in_note for word in words):
            assert run.run_id in found


@contextmanager
def client_of(rows: list[Row], database: str) -> Iterator[httpx.Client]:
    with tempfile.TemporaryDirectory() as folder, place_in(Path(folder), database) as store:
        write_runs(store, [run for run, _ in rows])
        app = create_app(settings_for(store))
        with httpx.Client(transport=InProcess(app, client=("127.0.0.1", 1)), base_url="http://127.0.0.1") as client:
            yield client
        app.state.service.close()


def _fits(row: Row, query: dict[str, Any]) -> bool:
    run, moment = row
    value = number_of(run.metrics.get(query.get("metric_name", "")))
    return all(
        (
            query.get("dataset_id", run.dataset_id) == run.dataset_id,
            _holds(run.command, query.get("command_substring")),
            _holds(run.note, query.get("note_substring")),
            "from_timestamp" not in query or (moment is not None and moment >= _read(query["from_timestamp"])[0]),
            "to_timestamp" not in query or (moment is not None and moment < _read(query["to_timestamp"])[1]),
            "has_artifacts" not in query or (query["has_artifacts"] == "true") == bool(run.artifacts),
            "metric_name" not in query or value is not None,
            "metric_min" not in query or (value is not None and value >= float(query["metric_min"])),
            "metric_max" not in query or (value is not None and value <= float(query["metric_max"])),
            run.status in query.get("status", [run.status]),
            set(query.get("tag", ())) <= set(run.tags),
            all(_has_param(run, *text.split(":", 1)) for text in query.get("param", ())),
        )
    )


def _holds(text: str | None, part: str | None) -> bool:
    return part is None or (text is not None and _ascii_lower(part) in _ascii_lower(text))


def _ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _read(text: str) -> tuple[datetime, datetime]:
    """The first moment that a text means, and the first one after it."""
    if len(text) == len("2025-12-01"):
        day = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return day, day + timedelta(days=1)
    moment = datetime.fromisoformat(text)
    return moment, moment + timedelta(microseconds=1)


def number_of(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) else None  # type: ignore[arg-type]


def _param(run: StoredRun, name: str) -> list[Any]:
    value: Any = run.params
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return []
        value = value[part]
    return [value]


def _has_param(run: StoredRun, name: str, text: str) -> bool:
    for value in _param(run, name):
        if isinstance(value, bool) or value is None:
            return text == {True: "true", False: "false", None: "null"}[value]
        if isinstance(value, int) and text.isdecimal():
            return int(text) == value
        if isinstance(value, int | float):
            try:
                return float(text) == value
            except ValueError:
                return False
        return text == ("[1,2]" if isinstance(value, list) else value)
    return False


def _ordered(rows: list[Row], sort: str, order: str) -> list[Row]:
    """Runs with a value in the order asked, then those without; among equals the newest first, then by id."""
    newest_first = sorted(rows, key=lambda row: row[0].run_id)
    newest_first.sort(key=lambda row: row[1] or LONG_AGO, reverse=True)
    if sort == "timestamp":
        by_id = sorted(rows, key=lambda row: row[0].run_id)
        newest_first = by_id
    values = [(_sort_key(row, sort), row) for row in newest_first]
    present = [pair for pair in values if pair[0] is not None]
    present.sort(key=lambda pair: pair[0], reverse=order == "desc")
    return [row for _, row in present] + [row for key, row in values if key is None]


def _sort_key(row: Row, sort: str) -> Any:
    run, moment = row
    kind, _, name = sort.partition(":")
    if kind == "timestamp":
        return moment
    if kind == "metric":
        return number_of(run.metrics.get(name))
    if kind == "param":
        return next((_param_key(value) for value in _param(run, name)), None)
    value = getattr(run, {"duration": "duration_s"}.get(kind, kind))
    return value.encode() if isinstance(value, str) else value


def _param_key(value: Any) -> tuple[bool, float, bytes]:
    """Numbers come before texts; a text is compared by its bytes in UTF-8."""
    if isinstance(value, bool) or value is None:
        return True, 0.0, {True: b"true", False: b"false", None: b"null"}[value]
    if isinstance(value, int | float):
        return False, float(value), b""
    return True, 0.0, b"[1,2]" if isinstance(value, list) else value.encode()
