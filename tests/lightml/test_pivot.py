import pytest

from lightml.database import Database
from lightml.errors import UnknownNameError
from lightml.handle import LightMLHandle
from lightml.pivot import pivot


@pytest.fixture
def db(place: Database) -> Database:
    handle = LightMLHandle(place, "r")
    for name, acc, loss in (("a", 0.5, 2.0), ("b", 0.75, 1.0), ("c", 0.25, 3.0)):
        handle.register_model(name, f"/{name}")
        handle.log_metrics(name, {"eng": {"acc": acc, "loss": loss}, "ita": {"acc": 0.5}})
    handle.register_model("empty", "/e")
    handle.log_model_metric("a", "eng", "f1", 0.5, scores=[1, 0])
    for step in (10, 2):
        checkpoint = handle.register_checkpoint("a", step, f"/c/{step}")
        handle.log_checkpoint_metric(checkpoint, "eng", "acc", step / 10)
    other = LightMLHandle(handle.db, "s")
    other.register_model("a", "/a")
    other.log_metrics("a", {"fra": {"acc": 1}})
    return handle.db


def test_models_stand_against_metrics(db: Database) -> None:
    table = pivot(db, run_name="r")
    assert table.families == ["eng", "ita"]
    assert [(column.family, column.metric_name) for column in table.columns] == [
        ("eng", "acc"), ("eng", "f1"), ("eng", "loss"), ("ita", "acc"),
    ]  # fmt: skip
    assert {row.model_name: row.values for row in table.rows} == {
        "a": [0.5, 0.5, 2.0, 0.5],
        "b": [0.75, None, 1.0, 0.5],
        "c": [0.25, None, 3.0, 0.5],
        "empty": [None] * 4,
    }
    assert table.rows[0].n_samples == [0, 2, 0, 0]


def test_best_and_worst_go_by_what_the_name_says(db: Database) -> None:
    accuracy, f1, loss, same = pivot(db, run_name="r").columns
    assert (accuracy.order, accuracy.best, accuracy.worst) == ("desc", 0.75, 0.25)
    assert (loss.order, loss.best, loss.worst) == ("asc", 1.0, 3.0)
    assert (f1.best, f1.worst) == (None, None)
    assert (same.best, same.worst) == (None, None)


def test_one_family_is_shown_and_all_are_named(db: Database) -> None:
    table = pivot(db, family="ita")
    assert table.families == ["eng", "fra", "ita"]
    assert [column.family for column in table.columns] == ["ita"]
    assert [(row.model_name, row.run_name) for row in table.rows] == [
        ("a", "r"), ("a", "s"), ("b", "r"), ("c", "r"), ("empty", "r"),
    ]  # fmt: skip
    with pytest.raises(UnknownNameError, match=r"'deu'.*eng, fra, ita"):
        pivot(db, family="deu")


def test_models_are_chosen_by_name(db: Database) -> None:
    assert [row.run_name for row in pivot(db, models=["a"]).rows] == ["r", "s"]
    assert [row.model_name for row in pivot(db, "r", models=["c", "a"]).rows] == ["a", "c"]
    assert pivot(db, models=[]).rows == []
    with pytest.raises(UnknownNameError, match="emtpy"):
        pivot(db, models=["emtpy"])
    with pytest.raises(UnknownNameError, match="no run"):
        pivot(db, run_name="t")


def test_checkpoints_follow_their_model_by_step(db: Database) -> None:
    table = pivot(db, "r", "eng", with_checkpoints=True)
    assert [(row.model_name, row.step, row.values[0]) for row in table.rows] == [
        ("a", None, 0.5), ("a", 2, 0.2), ("a", 10, 1.0), ("b", None, 0.75), ("c", None, 0.25), ("empty", None, None),
    ]  # fmt: skip
    assert (table.columns[0].best, table.columns[0].worst) == (1.0, 0.2)
    assert table.rows[1].path == "/c/2"
    assert table.rows[0].checkpoint_id is None
