import asyncio
import enum
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab_logger import log_run, start_run
from lab_logger.calls import read_outcome
from tests.lab_logger.conftest import Rows

pytestmark = pytest.mark.usefixtures("project")


def params(rows: Rows) -> dict[str, Any]:
    ((text,),) = rows("SELECT params_json FROM manifests")
    found = json.loads(text, parse_constant=pytest.fail)
    assert isinstance(found, dict)
    return found


def test_every_kind_of_parameter_is_bound(rows: Rows) -> None:
    @log_run
    def train(a: int, /, b: int, *rest: int, c: int = 3, d: str = "four", **more: Any) -> None:
        return

    train(1, 2, 10, 11, d="D", e=[5], f=None)
    assert params(rows) == {"a": 1, "b": 2, "rest": [10, 11], "c": 3, "d": "D", "e": [5], "f": None}


def test_a_keyword_named_like_a_positional_parameter_keeps_both(rows: Rows) -> None:
    @log_run
    def train(a: int, /, **more: int) -> None:
        return

    train(1, a=2)
    assert params(rows) == {"a": 1, "more.a": 2}


def test_empty_extras_say_nothing(rows: Rows) -> None:
    @log_run
    def train(*rest: int, **more: int) -> None:
        return

    train()
    assert params(rows) == {}


def test_what_a_call_changes_afterwards_is_recorded_as_it_was(rows: Rows) -> None:
    @log_run
    def train(layers: list[int], options: dict[str, int]) -> None:
        layers.append(3)
        options.clear()

    train([1, 2], {"a": 1})
    assert params(rows) == {"layers": [1, 2], "options": {"a": 1}}


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Config:
    depth: int
    path: Path


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equality")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("no attributes")


def cycle() -> list[object]:
    ring: list[object] = []
    ring.append(ring)
    return ring


def deep() -> list[object]:
    nest: list[object] = []
    for _ in range(5_000):
        nest = [nest]
    return nest


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6).reshape(2, 3),
        np.float32(0.1),
        np.array([]),
        np.array(object()),
        pd.DataFrame({"a": [1, 2]}),
        pd.Series([1.5]),
        pd.NaT,
        pd.NA,
        lambda: None,
        cycle(),
        deep(),
        10**5000,
        -(2**63),
        "\ud800 alone",
        "nul \x00 byte",
        b"\xff\x00",
        float("nan"),
        Hostile(),
        {Colour.RED: {1, "a", None}, (1, 2): Config(3, Path("x"))},
        open,
        asyncio,
        "x" * 3_000_000,
        range(10**9),
        iter([1]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_value_loses_a_run_or_its_call(value: object, rows: Rows) -> None:
    @log_run
    def train(given: object, *rest: object, **more: object) -> object:
        return given

    assert train(value, value, other=value) is value
    assert rows("SELECT status FROM run_state") == [("finished",)]
    assert set(params(rows)) == {"given", "rest", "other"}


@pytest.mark.parametrize("name", ["dataset_id", "dataset_name", "task_name"])
@pytest.mark.parametrize(
    "value", ["\ud800", 10**5000, Hostile(), np.arange(3)], ids=["surrogate", "huge", "odd", "array"]
)
def test_no_dataset_loses_a_run(name: str, value: object, rows: Rows) -> None:
    @log_run
    def train(**options: object) -> None:
        return

    train(**{name: value})
    assert rows("SELECT status FROM run_state") == [("finished",)]


def run_with(*, told: str | None = None, **call: Any) -> None:
    @log_run(dataset_id=told)
    def train(**options: Any) -> None:
        return

    train(**call)


@pytest.mark.parametrize(
    ("record", "dataset"),
    [
        (lambda: run_with(told="told", dataset_id="a", dataset_name="b", task_name="c"), "told"),
        (lambda: run_with(dataset_id="a", dataset_name="b", task_name="c"), "a"),
        (lambda: run_with(dataset_name="b", task_name="c"), "b"),
        (lambda: run_with(dataset_id=None, task_name="c"), "c"),
        (lambda: run_with(dataset_id=7), "7"),
        (lambda: run_with(other="d"), "from the environment"),
    ],
)
def test_which_dataset_wins(
    record: Callable[[], None], dataset: str, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET_ID", "from the environment")
    record()
    assert rows("SELECT dataset_id FROM manifests") == [(dataset,)]


def test_the_dataset_that_is_returned_is_the_last_word(rows: Rows) -> None:
    @log_run(dataset_id="told")
    def train() -> dict[str, Any]:
        return {"final_metrics": {}, "dataset_id": "found", "note": "see the log"}

    train()
    assert rows("SELECT m.dataset_id, i.dataset_id, m.note FROM manifests m JOIN run_index i USING (run_id)") == [
        ("found", "found", "see the log")
    ]


class HostileMapping(dict[str, Any]):
    def __contains__(self, key: object) -> bool:
        raise RuntimeError("no looking")


class HostilePath:
    def __fspath__(self) -> str:
        raise RuntimeError("no path")


@pytest.mark.parametrize(
    ("result", "metrics", "words"),
    [
        ({"final_metrics": {"a": 1, "b": 0.5}, "artifacts": []}, '{"a": 1, "b": 0.5}', ""),
        ({"a": 1, "b": np.float64(0.5), "c": True}, '{"a": 1, "b": 0.5, "c": 1}', ""),
        ({"a": 1, "b": "text"}, "{}", ""),
        ({}, "{}", ""),
        ({"artifacts": None}, "{}", ""),
        ({"final_metrics": [1, 2]}, "{}", "final_metrics is a list"),
        ({"final_metrics": "0.9"}, "{}", "final_metrics is a str"),
        ({"final_metrics": {"a": float("nan"), "b": "text", 3: 1}}, '{"a": "NaN", "b": "text", "3": 1}', ""),
        ({"final_metrics": {"low": -(2**63), "high": 2**64}}, None, ""),
        ({"final_metrics": {"a": 1}, "artifacts": [3]}, '{"a": 1}', "the artifact 3 is no path"),
        ({"final_metrics": {"a": 1}, "artifacts": [HostilePath(), Hostile()]}, '{"a": 1}', "is no path"),
        (HostileMapping(a=1), "{}", "cannot be read"),
        ({"final_metrics": {"a": 1}, "note": Hostile(), "dataset_id": "\ud800"}, '{"a": 1}', ""),
        ({"final_metrics": Hostile()}, "{}", "final_metrics is a Hostile"),
    ],
)
def test_what_is_returned_is_read_and_never_costs_the_run(
    result: dict[str, Any], metrics: str | None, words: str, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    @log_run
    def train() -> dict[str, Any]:
        return result

    assert train() is result
    ((status, recorded),) = rows("SELECT status, final_metrics_json FROM run_state JOIN manifests USING (run_id)")
    assert status == "finished"
    assert metrics is None or recorded == metrics
    assert words in caplog.text
    assert (caplog.text == "") == (words == "")


def test_an_iterator_that_is_returned_is_left_to_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    def paths() -> Iterator[str]:
        yield "model.bin"

    @log_run
    def train() -> dict[str, Any]:
        return {"final_metrics": {}, "artifacts": paths()}

    assert list(train()["artifacts"]) == ["model.bin"]
    assert "is no path" in caplog.text


def test_live_metrics_count_with_their_last_value_unless_returned(rows: Rows) -> None:
    @log_run
    def train() -> dict[str, float]:
        with start_run() as other:
            other.log_metric("not mine", 1)
        run_id = rows("SELECT run_id FROM run_state WHERE parent_run_id IS NULL")[0][0]
        assert run_id != other.run_id
        from lab_logger import log_metrics

        for epoch in range(3):
            log_metrics({"loss": 1 / (epoch + 1), "accuracy": epoch})
        return {"accuracy": 0.75}

    train()
    ((metrics,),) = rows(
        "SELECT final_metrics_json FROM manifests JOIN run_state USING (run_id) WHERE parent_run_id IS NULL"
    )
    assert json.loads(metrics) == {"loss": 1 / 3, "accuracy": 0.75}


def test_a_note_and_a_dataset_may_stand_beside_flat_metrics() -> None:
    outcome = read_outcome({"accuracy": 0.9, "note": "BEST", "dataset_id": "iris"})

    assert (outcome.metrics, outcome.note, outcome.dataset_id) == ({"accuracy": 0.9}, "BEST", "iris")
