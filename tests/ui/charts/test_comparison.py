from typing import Any

import pandas as pd
import pytest

from tests.ui.compared import compared
from ui.charts.comparison import fit_legend, groups_chart, parallel_chart, scatter_chart, scatter_frame
from ui.charts.curves import curves_chart
from ui.comparing import Compared
from ui.curves import COLUMNS
from ui.grouping import NOT_SET, grouped

AWKWARD = "<b>*p*</b>[0].x\"'\\ אב"


@pytest.fixture
def runs() -> Compared:
    return compared(
        ({AWKWARD: "a", "lr": 0.001, "flag": True}, {"accuracy": 0.5, "loss": "NaN"}),
        ({AWKWARD: "b", "lr": 0.1}, {"accuracy": 0.7, "loss": 0.1}),
        ({"lr": None, "flag": False}, {"loss": 0.3}),
    )


def values(spec: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return list(spec["datasets"].values())


def test_parallel_coordinates_have_a_point_for_each_run_and_axis(runs: Compared) -> None:
    axes = [runs.columns[name] for name in (AWKWARD, "lr", "flag")]
    spec = parallel_chart(runs, axes, runs.columns["accuracy"]).to_dict()
    [lines] = [rows for rows in values(spec) if "run" in rows[0]]
    assert len(lines) == 3 * 4
    assert [row["axis"] for row in lines[:4]] == [AWKWARD, "lr", "flag", "accuracy"]
    assert [row["metric"] for row in lines[::4]] == [0.5, 0.7, None]


def test_a_scatter_leaves_out_runs_without_both_values_and_names_those_without_a_colour(runs: Compared) -> None:
    frame = scatter_frame(runs, runs.columns["loss"], runs.columns["lr"], runs.columns[AWKWARD])
    assert frame[["x", "y", "color"]].to_numpy().tolist() == [[0.1, "0.1", "b"], [0.3, "null", NOT_SET]]
    assert frame["name"].tolist() == list(runs.names[1:])


def test_a_scatter_goes_by_powers_of_ten_where_numbers_span_decades() -> None:
    runs = compared(({"lr": 0.001}, {"accuracy": 0.5}), ({"lr": 0.1}, {"accuracy": 0.7}))
    spec = scatter_chart(runs, runs.columns["lr"], runs.columns["accuracy"], None).to_dict()
    assert spec["encoding"]["x"]["scale"]["type"] == "log"
    assert "type" not in spec["encoding"]["y"]["scale"]


def test_a_scatter_of_one_column_with_itself_has_one_tooltip_for_it(runs: Compared) -> None:
    accuracy = runs.columns["accuracy"]
    spec = scatter_chart(runs, accuracy, accuracy, accuracy).to_dict()
    assert [tip["title"] for tip in spec["encoding"]["tooltip"]] == ["run", "accuracy"]


def test_groups_have_a_mean_with_its_spread_to_both_sides() -> None:
    runs = compared(*(({"m": "a", "d": 1}, {"accuracy": value}) for value in (0.4, 0.6)))
    groups = grouped([runs.columns["m"], runs.columns["d"]], runs.columns["accuracy"])
    spec = groups_chart(runs, groups, runs.columns["accuracy"]).to_dict()
    [means] = [rows for rows in values(spec) if "spread" in rows[0]]
    assert [row["group"] for row in means] == ["a · 1"]
    assert (means[0]["low"], means[0]["high"]) == pytest.approx((0.5 - 0.02**0.5, 0.5 + 0.02**0.5))


def test_on_a_log_axis_the_spread_does_not_reach_below_the_lowest_run() -> None:
    runs = compared(({}, {"loss": 0.001}), ({}, {"loss": 1.0}))
    spec = groups_chart(runs, grouped([], runs.columns["loss"]), runs.columns["loss"]).to_dict()
    [means] = [rows for rows in values(spec) if "spread" in rows[0]]
    assert means[0]["low"] == 0.001


@pytest.mark.parametrize(("n_runs", "has_legend"), [(1, True), (24, True), (25, False), (100, False)])
def test_curves_of_many_runs_have_no_legend(n_runs: int, has_legend: bool) -> None:
    names = [f"run {at} · svm" for at in range(n_runs)]
    rows = [(name, "loss", step, 0.0, 1.0, 1.0) for name in names for step in range(2)]
    chart = curves_chart(pd.DataFrame(rows, columns=list(COLUMNS)), axis="step", log_scale=False, is_smoothed=False)
    layers = fit_legend(chart, names).to_dict()["layer"]
    assert {layer["encoding"]["color"]["legend"] is not None for layer in layers} == {has_legend}
