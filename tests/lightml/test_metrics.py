from typing import Any

import numpy as np
import pytest

from lightml.checkpoints import register_checkpoint
from lightml.database import Database, reading, writing
from lightml.errors import AmbiguousNameError, InvalidEntryError, ScoresError, UnknownNameError
from lightml.lookup import find_model, metrics_of_model
from lightml.metrics import (
    METRIC_INSERTED,
    METRIC_SKIPPED,
    METRIC_UPDATED,
    add_metric,
    add_metrics,
    get_detailed_scores,
    make_entry,
    put_metric,
    put_metrics,
)
from lightml.models.metrics import MetricCreate
from lightml.registry import register_model


@pytest.fixture
def db(place: Database) -> Database:
    register_model(place, "r", "m", "/m")
    return place


def log(db: Database, value: Any, scores: Any = None, *, force: bool = False) -> int:
    return add_metric(db, "fam", "acc", value, scores, model_name="m", run_name="r", force=force)


def stored(db: Database) -> dict[tuple[str, str], float]:
    with reading(db) as connection:
        metrics = metrics_of_model(connection, find_model(connection, "m", "r").id)
    return {(metric.family, metric.metric_name): metric.value for metric in metrics}


def scores(db: Database) -> list[float] | None:
    return get_detailed_scores(db, "m", "fam", "acc", "r")


def test_the_statuses_are_three() -> None:
    assert len({METRIC_INSERTED, METRIC_UPDATED, METRIC_SKIPPED}) == 3


@pytest.mark.parametrize("force", [False, True])
def test_a_new_metric_is_inserted(db: Database, force: bool) -> None:
    assert log(db, 0.634, force=force) == METRIC_INSERTED
    assert stored(db) == {("fam", "acc"): 0.634}


def test_a_metric_that_is_there_is_skipped(db: Database) -> None:
    log(db, 0.75, [1, 1, 0, 1])
    assert log(db, 0.5, [1, 0]) == METRIC_SKIPPED
    assert stored(db) == {("fam", "acc"): 0.75}
    assert scores(db) == [1, 1, 0, 1]


def test_a_metric_that_is_there_is_overwritten_by_force(db: Database) -> None:
    log(db, 0.75, [1, 1, 0, 1])
    assert log(db, 0.5, [1, 0], force=True) == METRIC_UPDATED
    assert stored(db) == {("fam", "acc"): 0.5}
    assert scores(db) == [1, 0]


def test_scores_go_with_the_value_they_belonged_to(db: Database) -> None:
    log(db, 0.75, [1, 1, 0, 1])
    assert log(db, 0.9, force=True) == METRIC_UPDATED
    assert scores(db) is None
    assert log(db, 0.5, [0, 1], force=True) == METRIC_UPDATED
    assert scores(db) == [0, 1]


def test_marks_come_back_as_ints_and_other_scores_as_floats(db: Database) -> None:
    log(db, 0.75, np.array([1.0, 1.0, 0.0, 1.0]))
    assert [type(score) for score in scores(db) or []] == [int] * 4
    log(db, 2 / 3, [True, False, True], force=True)
    assert scores(db) == [1, 0, 1]
    log(db, 0.5, [0.25, 1, 0.25], force=True)
    assert scores(db) == [0.25, 1.0, 0.25]


@pytest.mark.parametrize("value", [True, "0.5", float("nan"), float("inf"), None, np.array([0.5]), 1j])
def test_a_value_is_a_finite_number(db: Database, value: Any) -> None:
    with pytest.raises(InvalidEntryError, match=r"'fam'/'acc' is refused"):
        log(db, value)
    assert stored(db) == {}


def test_numbers_of_numpy_are_numbers(db: Database) -> None:
    log(db, np.float32(0.5))
    assert stored(db) == {("fam", "acc"): 0.5}


@pytest.mark.parametrize(
    ("value", "marks"),
    [(0.634, [1] * 63421 + [0] * 36579), (63.4, [1] * 63421 + [0] * 36579), (63, [1] * 634 + [0] * 366), (0.0, [0, 0])],
)
def test_a_value_may_be_rounded_or_in_percent(db: Database, value: float, marks: list[int]) -> None:
    assert log(db, value, marks) == METRIC_INSERTED


@pytest.mark.parametrize(
    ("value", "marks"), [(0.634, [1, 0, 1, 1]), (1.0, [1] * 96 + [0] * 4), (0.0, [1] + [0] * 19), (80.0, [1, 1, 1, 0])]
)
def test_scores_must_be_those_of_the_value(db: Database, value: float, marks: list[int]) -> None:
    with pytest.raises(ScoresError, match="mean"):
        log(db, value, marks)
    assert stored(db) == {}


@pytest.mark.parametrize("bad", [[], [1, float("nan")], [1, "0"], "1101", {0, 1}, 3, [[1, 0]], [None]])
def test_scores_are_a_list_of_numbers(db: Database, bad: Any) -> None:
    with pytest.raises(ScoresError, match="score"):
        log(db, 0.5, bad)


def test_scores_that_do_not_fit_leave_a_forced_metric_as_it_was(db: Database) -> None:
    log(db, 0.75, [1, 1, 0, 1])
    with pytest.raises(ScoresError):
        log(db, 0.9, [0, 0], force=True)
    assert stored(db) == {("fam", "acc"): 0.75}
    assert scores(db) == [1, 1, 0, 1]


@pytest.mark.parametrize(("family", "name"), [("", "acc"), ("fam", " "), (None, "acc")])
def test_families_and_names_are_not_blank(db: Database, family: Any, name: Any) -> None:
    with pytest.raises(InvalidEntryError, match="name"):
        add_metric(db, family, name, 1.0, model_name="m", run_name="r")


def test_a_metric_has_one_owner(db: Database) -> None:
    checkpoint = register_checkpoint(db, "r", "m", 1, "/c")
    with pytest.raises(InvalidEntryError, match="a model or to a checkpoint"):
        add_metric(db, "fam", "acc", 1.0)
    with pytest.raises(InvalidEntryError, match="a model or to a checkpoint"):
        add_metric(db, "fam", "acc", 1.0, model_name="m", checkpoint_id=checkpoint)


def test_a_checkpoint_has_metrics_of_its_own(db: Database) -> None:
    checkpoint = register_checkpoint(db, "r", "m", 1, "/c")
    for expected in (METRIC_INSERTED, METRIC_SKIPPED):
        assert add_metric(db, "fam", "acc", 0.4, checkpoint_id=checkpoint, run_name="r") == expected
    assert add_metric(db, "fam", "acc", 0.5, [1, 0], checkpoint_id=checkpoint, force=True) == METRIC_UPDATED
    assert stored(db) == {}
    assert log(db, 0.9) == METRIC_INSERTED


def test_a_checkpoint_must_be_there_and_of_the_run(db: Database) -> None:
    checkpoint = register_checkpoint(db, "r", "m", 1, "/c")
    register_model(db, "other", "m", "/m")
    with pytest.raises(UnknownNameError, match="no checkpoint with the id 77"):
        add_metric(db, "fam", "acc", 0.4, checkpoint_id=77)
    with pytest.raises(InvalidEntryError, match="not of the run 'other'"):
        add_metric(db, "fam", "acc", 0.4, checkpoint_id=checkpoint, run_name="other")


def test_the_model_must_be_there_and_be_one(db: Database) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'm'"):
        add_metric(db, "fam", "acc", 0.4, model_name="mm", run_name="r")
    assert add_metric(db, "fam", "acc", 0.4, model_name="m") == METRIC_INSERTED
    register_model(db, "other", "m", "/m")
    with pytest.raises(AmbiguousNameError, match="other"):
        add_metric(db, "fam", "acc", 0.4, model_name="m")


def test_many_metrics_are_counted_by_what_became_of_them(db: Database) -> None:
    checkpoint = register_checkpoint(db, "r", "m", 1, "/c")
    entries = [
        MetricCreate(family="fam", metric_name="acc", value=0.5, model_name="m"),
        MetricCreate(family="fam", metric_name="acc", value=0.6, model_name="m"),
        MetricCreate(family="fam", metric_name="acc", value=0.7, checkpoint_id=checkpoint),
    ]
    assert add_metrics(db, entries, "r") == {"inserted": 2, "updated": 0, "skipped": 1}
    assert add_metrics(db, iter(entries), "r", force=True) == {"inserted": 0, "updated": 3, "skipped": 0}
    assert stored(db) == {("fam", "acc"): 0.6}
    assert add_metrics(db, [], "r") == {"inserted": 0, "updated": 0, "skipped": 0}


def test_many_metrics_are_logged_whole_or_not_at_all(db: Database) -> None:
    entries = [MetricCreate(family="fam", metric_name="acc", value=0.5, model_name=name) for name in ("m", "unknown")]
    with pytest.raises(UnknownNameError):
        add_metrics(db, entries, "r")
    assert stored(db) == {}


def test_a_metric_can_be_put_in_a_transaction_that_is_open(db: Database) -> None:
    entry = MetricCreate(family="fam", metric_name="acc", value=0.5, model_name="m")
    with writing(db) as connection:
        model_id = find_model(connection, "m", "r").id
        assert put_metric(connection, entry, model_id=model_id) == METRIC_INSERTED
        assert put_metric(connection, entry, model_id=model_id) == METRIC_SKIPPED
        assert put_metric(connection, entry, model_id=model_id, force=True) == METRIC_UPDATED
        with pytest.raises(InvalidEntryError, match="id of one"):
            put_metric(connection, entry)
        with pytest.raises(UnknownNameError):
            put_metric(connection, entry, model_id=model_id, allowed={("fam", "f1")})
    assert stored(db) == {("fam", "acc"): 0.5}


def test_scores_of_what_is_not_there(db: Database) -> None:
    assert scores(db) is None
    log(db, 0.5)
    assert scores(db) is None
    with pytest.raises(UnknownNameError):
        get_detailed_scores(db, "mm", "fam", "acc")


def test_scores_are_stored_as_json_beside_their_metric(db: Database) -> None:
    log(db, 0.75, [1, 1, 0, 1])
    with reading(db) as connection:
        (row,) = connection.execute("SELECT scores, n_samples FROM detailed_scores")
    assert dict(row) == {"scores": "[1, 1, 0, 1]", "n_samples": 4}


def test_metrics_logged_together_are_logged_in_their_order(db: Database) -> None:
    names = ("c", "a", "scored", "b")
    entries = [make_entry("fam", name, 0.5, [1, 0] if name == "scored" else None, model_name="m") for name in names]
    again = make_entry("fam", "a", 0.75, model_name="m")
    assert add_metrics(db, [*entries, again], "r", force=True) == {"inserted": 4, "updated": 1, "skipped": 0}
    with reading(db) as connection:
        rows = connection.execute("SELECT metric_name, value FROM metrics ORDER BY id")
        assert [tuple(row) for row in rows] == [("c", 0.5), ("a", 0.75), ("scored", 0.5), ("b", 0.5)]


def test_metrics_put_together_have_one_owner(db: Database) -> None:
    entry = make_entry("fam", "acc", 0.5, model_name="m")
    with writing(db) as connection:
        with pytest.raises(InvalidEntryError, match="one of them"):
            put_metrics(connection, [entry])
        with pytest.raises(InvalidEntryError, match="one of them"):
            put_metrics(connection, [entry], model_id=1, checkpoint_id=1)
    assert stored(db) == {}
