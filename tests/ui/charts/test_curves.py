from typing import Any

import pandas as pd
import pytest

from ui.charts.curves import curves_chart, hidden_points
from ui.curves import COLUMNS, empty_curves

NAN, INF = float("nan"), float("inf")
UUIDS = ["3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11", "8b1d4c52-7e64-4c0c-8a5c-0d9a1b6e3c77"]


def frame(*rows: tuple[str, str, int, float, float]) -> pd.DataFrame:
    """Rows of a curve table; every smoothed value is 7."""
    return pd.DataFrame(rows, columns=list(COLUMNS[:-1])).assign(smoothed=7.0)


def points(chart: Any) -> list[dict[str, Any]]:
    (rows,) = chart.to_dict()["datasets"].values()
    return list(rows)


def encodings(chart: Any) -> dict[str, Any]:
    return dict(chart.to_dict()["layer"][0]["encoding"])


def test_series_of_one_run_are_told_by_colour_runs_by_colour_and_both_by_dashes() -> None:
    one = frame(("a", "x", 0, 0, 1), ("a", "y", 0, 0, 1))
    runs = frame(("a", "x", 0, 0, 1), ("b", "x", 0, 0, 1))
    drawn = [encodings(curves_chart(rows, axis="step", log_scale=False, is_smoothed=False)) for rows in
             (one, runs, pd.concat([one, runs]))]  # fmt: skip
    assert [found["color"]["field"] for found in drawn] == ["series", "run_name", "run_name"]
    assert ["strokeDash" in found for found in drawn] == [False, False, True]


def test_run_ids_are_shortened_unless_two_would_be_called_alike() -> None:
    twins = [UUIDS[0], UUIDS[0][:-1] + "2"]
    for runs, names in ((UUIDS, ["3f0a9c1e", "8b1d4c52"]), (twins, twins), (["my run"], ["my run"])):
        chart = curves_chart(
            frame(*((run, "x", 0, 0.0, 1.0) for run in runs)), axis="step", log_scale=False, is_smoothed=False
        )
        assert [point["run_name"] for point in points(chart)] == names


def test_smoothed_lines_stand_before_the_values() -> None:
    rows = frame(*(("a", "x", at, float(at), float(at % 2)) for at in range(4)))
    assert len(curves_chart(rows, axis="step", log_scale=False, is_smoothed=False).to_dict()["layer"]) == 3
    chart = curves_chart(rows, axis="time", log_scale=False, is_smoothed=True)
    assert len(chart.to_dict()["layer"]) == 4
    assert encodings(chart)["x"]["field"] == "time"
    assert [(point["value"], point["shown"]) for point in points(chart)] == [(0, 7), (1, 7), (0, 7), (1, 7)]


def test_what_cannot_be_drawn_breaks_the_line_and_is_counted() -> None:
    rows = frame(("a", "x", 0, 0, 1), ("a", "x", 1, 0, INF), ("a", "x", 2, 0, NAN), ("a", "x", 3, 0, -1))
    linear = points(curves_chart(rows, axis="step", log_scale=False, is_smoothed=False))
    logarithmic = points(curves_chart(rows, axis="step", log_scale=True, is_smoothed=False))
    assert [point["shown"] for point in linear] == [1, None, None, -1]
    assert [point["shown"] for point in logarithmic] == [1, None, None, None]
    assert [hidden_points(rows, log_scale=log_scale) for log_scale in (False, True)] == [2, 3]


def test_a_point_between_gaps_is_shown_as_a_dot() -> None:
    values = [1.0, *[1.0] * 30, NAN, 5.0, NAN, *[1.0] * 5]
    rows = frame(*(("a", "x", at, 0.0, value) for at, value in enumerate(values)))
    dotted = [
        point["step"]
        for point in points(curves_chart(rows, axis="step", log_scale=False, is_smoothed=False))
        if point["dotted"]
    ]
    assert dotted == [32]


@pytest.mark.parametrize("log_scale", [False, True])
@pytest.mark.parametrize("is_smoothed", [False, True])
def test_nothing_is_a_chart_too(log_scale: bool, is_smoothed: bool) -> None:
    assert points(curves_chart(empty_curves(), axis="time", log_scale=log_scale, is_smoothed=is_smoothed)) == []
