import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lab_logger import MetricValueError, ParameterError, Run, start_run
from tests.lab_logger.conftest import Rows

pytestmark = pytest.mark.usefixtures("project")

POINTS = "SELECT name, step, value FROM metric_points JOIN metric_series USING (series) ORDER BY name, step"


def final_metrics(rows: Rows) -> dict[str, Any]:
    ((text,),) = rows("SELECT final_metrics_json FROM manifests")
    found = json.loads(text, parse_constant=pytest.fail)
    assert isinstance(found, dict)
    return found


def test_without_a_step_each_name_counts_its_own(rows: Rows) -> None:
    with start_run() as run:
        run.log_metrics({"a": 1, "b": 10})
        run.log_metric("a", 2)
        run.log_metrics({"a": 3, "b": 20})
    assert rows(POINTS) == [("a", 0, 1), ("a", 1, 2), ("a", 2, 3), ("b", 0, 10), ("b", 1, 20)]


def test_counting_goes_on_from_the_highest_step(rows: Rows) -> None:
    with start_run() as run:
        run.log_metric("a", 1, step=10)
        run.log_metric("a", 2)
        run.log_metric("a", 3, step=4)
        run.log_metric("a", 4)
        run.log_metric("a", 5, step=-3)
    assert rows(POINTS) == [("a", -3, 5), ("a", 4, 3), ("a", 10, 1), ("a", 11, 2), ("a", 12, 4)]


def test_a_step_logged_twice_keeps_the_last_value(rows: Rows) -> None:
    with start_run() as run:
        run.log_metric("a", 1, step=1)
        run.log_metric("a", 2, step=1)
    assert rows(POINTS) == [("a", 1, 2)]
    assert final_metrics(rows) == {"a": 2}


def test_the_last_value_is_the_one_of_the_highest_step(rows: Rows) -> None:
    with start_run() as run:
        run.log_metric("a", 1, step=5)
        run.log_metric("a", 2, step=3)
    assert final_metrics(rows) == {"a": 1}


@pytest.mark.parametrize("step", [0, -1, 2**63 - 1, -(2**63), np.int64(7), np.uint8(3), True])
def test_any_integer_of_64_bits_is_a_step(step: int, rows: Rows) -> None:
    with start_run() as run:
        run.log_metric("a", 1, step=step)
    assert rows(POINTS) == [("a", int(step), 1)]


@pytest.mark.parametrize("step", [1.0, "1", 2**63, -(2**63) - 1, float("nan"), [1], np.float64(1), np.array([1, 2])])
def test_anything_else_is_no_step_and_nothing_is_recorded(step: Any, rows: Rows) -> None:
    with start_run() as run:
        with pytest.raises(ParameterError, match="step is"):
            run.log_metric("a", 1, step=step)
        run.log_metric("a", 2, step=0)
    assert rows(POINTS) == [("a", 0, 2)]


def test_past_the_last_step_there_is_an_error_instead_of_a_step(rows: Rows) -> None:
    with start_run() as run:
        run.log_metric("a", 1, step=2**63 - 1)
        with pytest.raises(ParameterError, match="last step there is"):
            run.log_metrics({"b": 1, "a": 2})
    assert rows(POINTS) == [("a", 2**63 - 1, 1)]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (True, 1.0),
        (3, 3.0),
        (np.float32(0.5), 0.5),
        (np.array([[7]]), 7.0),
        (Fraction(1, 4), 0.25),
        (-(2**63), -(2.0**63)),
        (10**400, math.inf),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (math.nan, None),
        (np.float64("nan"), None),
        (5e-324, 5e-324),
    ],
)
def test_numbers_of_all_kinds_are_kept(value: object, stored: float | None, rows: Rows) -> None:
    with start_run() as run:
        run.log_metrics({"a": value})
    assert rows(POINTS) == [("a", 0, stored)]


def test_what_is_not_finite_is_text_in_json_and_never_ranks(rows: Rows) -> None:
    with start_run() as run:
        run.log_metrics({"nan": math.nan, "up": math.inf, "down": -math.inf, "one": 1, "low": -(2**63)})
    assert final_metrics(rows) == {
        "nan": "NaN",
        "up": "Infinity",
        "down": "-Infinity",
        "one": 1.0,
        "low": -(2.0**63),
    }
    assert rows("SELECT name, value FROM run_metrics ORDER BY name") == [("low", -(2.0**63)), ("one", 1.0)]


@pytest.mark.parametrize("value", ["0.5", None, [1, 2], np.array([1, 2]), {}, object(), b"1", 1j, lambda: 1])
def test_what_is_no_number_raises_and_nothing_of_the_call_is_recorded(value: Any, rows: Rows) -> None:
    with start_run() as run:
        with pytest.raises(MetricValueError, match="'bad'"):
            run.log_metrics({"good": 1, "bad": value})
        run.log_metric("good", 2)
    assert rows(POINTS) == [("good", 0, 2)]
    assert final_metrics(rows) == {"good": 2}


@pytest.mark.parametrize("name", ["", "  ", 3, None, ("a", "b"), "\ud800", "nul\x00", b"a"])
def test_what_is_no_name_raises_and_nothing_of_the_call_is_recorded(name: Any, rows: Rows) -> None:
    with start_run() as run, pytest.raises(ParameterError, match="metric name"):
        run.log_metrics({"good": 1, name: 2})
    assert rows(POINTS) == []


@pytest.mark.parametrize("name", ["val/loss", "Verlust ä", "损失", "a.b", "x" * 5_000, '"quoted"', "'; --", "[0]"])
def test_any_other_text_is_a_name(name: str, rows: Rows) -> None:
    with start_run() as run:
        run.log_metric(name, 0.5)
    assert rows(POINTS) == [(name, 0, 0.5)]
    assert final_metrics(rows) == {name: 0.5}
    assert rows("SELECT name, value FROM run_metrics") == [(name, 0.5)]


def test_no_metrics_are_no_write(rows: Rows) -> None:
    with start_run() as run:
        run.log_metrics({})
    assert rows("SELECT count(*) FROM metric_series") == [(0,)]


def test_points_are_in_the_file_when_the_call_returns(rows: Rows) -> None:
    with start_run() as run:
        for step in range(3):
            run.log_metric("a", step)
            assert rows("SELECT count(*) FROM metric_points") == [(step + 1,)]
        assert rows("SELECT status, final_metrics_json FROM run_state JOIN manifests USING (run_id)") == [
            ("running", "{}")
        ]


def test_many_names_at_once(rows: Rows) -> None:
    with start_run() as run:
        run.log_metrics({f"m{index}": index for index in range(2_000)})
    assert rows("SELECT count(*), sum(value) FROM metric_points") == [(2_000, sum(range(2_000)))]
    assert rows("SELECT count(*) FROM run_metrics") == [(1_000,)]  # a document keeps so many members


def test_a_run_deleted_by_hand_leaves_no_points_to_another(store: Any, rows: Rows) -> None:
    import sqlite3

    def log(run: Run, value: float) -> None:
        run.log_metric("loss", value)

    with start_run() as deleted:
        log(deleted, 1)
        by_hand = sqlite3.connect(store)
        by_hand.execute("DELETE FROM manifests")
        by_hand.commit()
        by_hand.close()
        with start_run() as other:
            log(other, 2)
            log(deleted, 666)
            log(deleted, 666)
        assert rows(
            f"SELECT p.step, p.value FROM metric_points p JOIN metric_series s USING (series) "
            f"WHERE s.run_id = '{other.run_id}'"
        ) == [(0, 2)]
