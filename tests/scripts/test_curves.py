import io
import math

import pytest

from backend.models import MetricSeries
from scripts.curves import Curve, curves_of_csv, curves_of_series, rows_by_step, together


def test_a_file_gives_a_curve_for_each_column_of_numbers() -> None:
    text = "Epoch,loss,note,accuracy\n1,0.5,good,\n\n2,NaN,,0.75\n3,1e-3\n"
    loss, accuracy = curves_of_csv(io.StringIO(text))
    assert (loss.name, loss.steps) == ("loss", [1, 2, 3])
    assert loss.values == pytest.approx([0.5, math.nan, 0.001], nan_ok=True)
    assert accuracy == Curve("accuracy", [2], [0.75])


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("loss\n5\n6\n", [0, 1]),
        ("global_step,loss\n10,5\n20,6\n", [10, 20]),
        ("epoch,loss\none,5\ntwo,6\n", [0, 1]),
    ],
)
def test_steps_come_from_the_column_that_is_called_so_else_rows_count(text: str, steps: list[float]) -> None:
    assert curves_of_csv(io.StringIO(text)) == [Curve("loss", steps, [5, 6])]


@pytest.mark.parametrize("text", ["", "epoch,loss\n", "a,b\nx,y\n", "\n\n"])
def test_a_file_without_numbers_has_no_curve(text: str) -> None:
    assert curves_of_csv(io.StringIO(text)) == []


def test_a_live_series_keeps_what_is_not_finite() -> None:
    series = MetricSeries(steps=[0, 5, 6], timestamps=[None] * 3, values=[0.5, "NaN", "-Infinity"])
    (curve,) = curves_of_series({"loss": series})
    assert curve.values == pytest.approx([0.5, math.nan, -math.inf], nan_ok=True)
    assert curve.finite() == [(0, 0.5)]


def test_extremes_are_those_of_finite_values_and_the_earliest_of_equals() -> None:
    curve = Curve("loss", [1, 2, 3, 4, 5], [math.inf, 2.0, 1.0, 1.0, math.nan])
    assert (curve.lowest(), curve.highest()) == ((3, 1.0), (2, 2.0))
    assert Curve("loss", [1], [math.nan]).lowest() is None


def test_train_and_validation_are_drawn_together_and_others_alone() -> None:
    names = ["train_loss", "val_loss", "eval/acc", "train/acc", "f1_macro", "interval_x", "x", "train_lr"]
    groups = together(Curve(name, [0], [0]) for name in names)
    assert [[curve.name for curve in group] for group in groups] == [
        ["train_loss", "val_loss"],
        ["eval/acc", "train/acc"],
        ["f1_macro"],
        ["interval_x"],
        ["x"],
        ["train_lr"],
    ]


def test_rows_join_curves_by_step_and_leave_out_what_was_not_logged() -> None:
    curves = [Curve("a", [1, 3], [10, 30]), Curve("b", [2, 3], [200, 300])]
    assert rows_by_step(curves, max_rows=10) == [(1, [10, None]), (2, [None, 200]), (3, [30, 300])]


@pytest.mark.parametrize("count", [4, 5, 7, 100])
def test_thinned_rows_keep_both_ends_and_the_limit(count: int) -> None:
    rows = rows_by_step([Curve("a", list(range(count)), list(range(count)))], max_rows=4)
    assert [rows[0][0], rows[-1][0], len(rows)] == [0, count - 1, 4]
