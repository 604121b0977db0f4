"""The charts of a comparison: parallel coordinates, a scatter of any two columns, groups with their spread.

Owns how compared runs are drawn. Runs are told apart by their names; fields have plain names of their own, so that a
parameter may be called anything.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import pandas as pd

from ui.charts.axes import Axis, axis_of, spans_decades
from ui.comparing import Column, Compared, category_text, fact_text
from ui.grouping import NOT_SET, Group

_LABEL_PX: Final = 150
_PARALLEL_HEIGHT: Final = 420
_SCATTER_HEIGHT: Final = 420
_CURVES_HEIGHT: Final = 320
_LEGEND_NAMES: Final = 24
_LEGEND_PX, _LEGEND_ROW_PX, _CHARACTER_PX = 1150, 20, 7
_GROUP_HEIGHT: Final = 26
_AROUND_PX: Final = 110
"""What axis, title and legend take of a chart's height."""
_NUMBERS: Final = alt.SchemeParams(name="plasma", extent=[0.28, 0.86])
"""Light and dark ends are left out: they would vanish in one of the themes."""
_NUMBER_FORMAT: Final = ".4~g"
_GREY: Final = "#808495"
"""Streamlit's own grey for labels, which reads in both themes."""


def parallel_chart(compared: Compared, axes: Sequence[Column], metric: Column) -> alt.LayerChart:
    """Gives parallel coordinates: a line for each run through its value on each axis, the metric last.

    Lines are coloured by the metric; the one under the pointer, or clicked, stands out. Runs without a value pass below
    the axis.
    """
    laid_out = [axis_of(column) for column in [*axes, metric]]
    lines, ticks = _line_frame(compared, laid_out, metric), _tick_frame(laid_out)
    order = [axis.label for axis in laid_out]
    x = alt.X("axis:N", sort=order, title=None, scale=alt.Scale(type="point", padding=0.35), axis=_axis_on_top())
    y = alt.Y("place:Q", title=None, axis=None, scale=alt.Scale(domain=[-0.16, 1.04], nice=False))
    low, high = alt.Y("low:Q", title=None, axis=None), alt.Y2("high:Q", title=None)
    layers = [
        alt.Chart(ticks).mark_rule(color=_GREY, opacity=0.5).encode(x, low, high),
        *_run_lines(alt.Chart(lines).encode(x, y, detail="run:N"), metric),
        *_tick_texts(alt.Chart(ticks).encode(x, y, text="text:N")),
    ]
    return alt.LayerChart(layer=layers, height=_PARALLEL_HEIGHT, width="container")


def scatter_chart(compared: Compared, x: Column, y: Column, color: Column | None) -> alt.Chart:
    """Gives a point for each run that has both values; numbers that span decades go by powers of ten."""
    frame = scatter_frame(compared, x, y, color)
    tooltip = [alt.Tooltip("name:N", title="run"), *_tooltips(x=x, y=y, color=color)]
    chart: alt.Chart = alt.Chart(frame, height=_SCATTER_HEIGHT, width="container").mark_circle(size=90, opacity=0.85)
    chart = chart.encode(_channel(alt.X, "x", x), _channel(alt.Y, "y", y), tooltip=tooltip)
    return chart if color is None else chart.encode(_colour(color))


def fit_legend(chart: alt.LayerChart, names: Sequence[str]) -> alt.LayerChart:
    """Gives a chart of curves with a legend that fits: in as many columns as its names leave room for, none of many.

    The chart grows by what the legend takes. Of many runs the pointer alone says which is which.
    """
    columns = max(1, min(6, _LEGEND_PX // (40 + _CHARACTER_PX * max(map(len, names), default=1))))
    is_shown = len(names) <= _LEGEND_NAMES
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", columns=columns, labelLimit=3 * _LABEL_PX)
    for layer in chart.layer:
        layer.encoding.color.legend = legend if is_shown else None
    rows = math.ceil(len(names) / columns) if is_shown else 0
    fitted: alt.LayerChart = chart.properties(height=_CURVES_HEIGHT + _LEGEND_ROW_PX * rows)
    return fitted


def scatter_frame(compared: Compared, x: Column, y: Column, color: Column | None) -> pd.DataFrame:
    """Gives the points of a scatter: `name`, `x`, `y`, `color`, and each as text; runs without x or y are left out."""
    columns = {"x": x, "y": y} | ({} if color is None else {"color": color})
    table: dict[str, Any] = {"name": list(compared.names)}
    for name, column in columns.items():
        table[name] = column.numbers if column.is_numeric else [category_text(value) for value in column.values]
        table[f"{name}_text"] = [fact_text(column, value) for value in column.values]
    frame = pd.DataFrame(table)
    frame = frame[frame["x"].notna() & frame["y"].notna()].reset_index(drop=True)
    if color is not None and not color.is_numeric:
        frame["color"] = frame["color"].fillna(NOT_SET)
    return frame


def groups_chart(compared: Compared, groups: Sequence[Group], metric: Column) -> alt.LayerChart:
    """Gives a row for each group: every run as a point, the mean as a tick, the spread to both sides of it."""
    points, means = _group_points(compared, groups), _group_means(groups, metric)
    labels = alt.Axis(labelLimit=2 * _LABEL_PX, ticks=False, domain=False, grid=False, labelOverlap=False)
    y = alt.Y("group:N", sort=[group.name for group in groups], title=None, axis=labels)
    scale = _number_scale(metric)
    x = alt.X("value:Q", title=metric.label, scale=scale, axis=_number_axis(scale))
    low, high = alt.X("low:Q", title=metric.label, scale=scale), alt.X2("high:Q", title=metric.label)
    color = _group_color(groups)
    tooltip = [alt.Tooltip("group:N"), alt.Tooltip("value:Q", title="mean", format=_NUMBER_FORMAT)]
    tooltip += [alt.Tooltip("spread:Q", title="std", format=_NUMBER_FORMAT), alt.Tooltip("n:Q")]
    run_tip = [alt.Tooltip("name:N", title="run"), alt.Tooltip("value:Q", title="value", format=".6~g")]
    layers = [
        alt.Chart(means)
        .mark_rule(color=_GREY, strokeWidth=2.5, opacity=0.55)
        .encode(y, low, high, *color, tooltip=tooltip),
        alt.Chart(points).mark_circle(size=36, opacity=0.55).encode(y, x, *color, tooltip=run_tip),
        alt.Chart(means).mark_tick(thickness=3, size=18, opacity=1).encode(y, x, *color, tooltip=tooltip),
    ]
    return alt.LayerChart(layer=layers, height=_GROUP_HEIGHT * len(groups) + _AROUND_PX, width="container")


def _run_lines(base: alt.Chart, metric: Column) -> list[alt.Chart]:
    """Draws the runs; the one under the pointer stands out."""
    picked = alt.selection_point(fields=["run"], on="pointerover", nearest=True, clear="pointerout")
    color = alt.Color("metric:Q", scale=_color_scale(metric), legend=None)
    opacity = alt.condition(picked, alt.value(0.95), alt.value(0.16))
    width = alt.condition(picked, alt.value(2), alt.value(1))
    tooltip = [alt.Tooltip("name:N", title="run"), alt.Tooltip("axis:N"), alt.Tooltip("text:N", title="value")]
    tooltip.append(alt.Tooltip("metric:Q", format=_NUMBER_FORMAT))
    lines = base.mark_line(interpolate="monotone").encode(color, opacity=opacity, strokeWidth=width)
    points: alt.Chart = base.mark_circle(size=45).encode(color, opacity=opacity, tooltip=tooltip)
    return [lines, points.add_params(picked)]


def _tick_texts(base: alt.Chart) -> list[alt.Chart]:
    """Writes the ticks, left of an axis and right of the last, each over a border of the page's own colour."""
    layers = []
    for is_last, side in ((False, {"align": "right", "dx": -8}), (True, {"align": "left", "dx": 8})):
        chart = base.transform_filter(f"{'' if is_last else '!'}datum.is_last")
        style: dict[str, Any] = {**side, "fontSize": 11, "limit": _LABEL_PX}
        background = alt.ExprRef("background")  # the name that Vega itself has for it
        layers.append(chart.mark_text(**style, stroke=background, fill=background, strokeWidth=4, strokeJoin="round"))
        layers.append(chart.mark_text(**style, fill=_GREY))
    return layers


def _line_frame(compared: Compared, axes: Sequence[Axis], metric: Column) -> pd.DataFrame:
    numbers = metric.numbers
    rows = [
        (compared.run_ids[run], compared.names[run], axis.label, axis.places[run], axis.texts[run], numbers[run])
        for run in range(len(compared.run_ids))
        for axis in axes
    ]
    frame = pd.DataFrame(rows, columns=["run", "name", "axis", "place", "text", "metric"])
    return frame.astype({"metric": "float64", "place": "float64"})


def _tick_frame(axes: Sequence[Axis]) -> pd.DataFrame:
    rows = [(axis.label, place, text, 0.0, 1.0, axis is axes[-1]) for axis in axes for place, text in axis.ticks]
    return pd.DataFrame(rows, columns=["axis", "place", "text", "low", "high", "is_last"])


def _group_points(compared: Compared, groups: Sequence[Group]) -> pd.DataFrame:
    rows = [
        (group.name, _first_key(group), compared.names[place], value)
        for group in groups
        for place, value in zip(group.places, group.values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["group", "first", "name", "value"])


def _group_means(groups: Sequence[Group], metric: Column) -> pd.DataFrame:
    is_log = spans_decades(metric.numbers)
    rows = []
    for group in groups:
        spread = group.spread or 0.0
        low = max(group.mean - spread, min(group.values)) if is_log else group.mean - spread  # a log axis has no zero
        rows.append((group.name, _first_key(group), group.mean, group.spread, low, group.mean + spread, group.size))
    frame = pd.DataFrame(rows, columns=["group", "first", "value", "spread", "low", "high", "n"])
    return frame.astype({"spread": "float64"})


def _first_key(group: Group) -> str:
    return group.key[0] if group.key else ""


def _group_color(groups: Sequence[Group]) -> list[alt.Color]:
    """Tells groups apart by the first thing they are grouped by, where there is a second."""
    if any(len(group.key) < 2 for group in groups):  # noqa: PLR2004
        return []
    legend = alt.Legend(orient="top", labelLimit=_LABEL_PX, symbolLimit=20, symbolOpacity=1)
    return [alt.Color("first:N", title=None, legend=legend)]


def _axis_on_top() -> alt.Axis:
    return alt.Axis(orient="top", labelAngle=0, labelLimit=_LABEL_PX, ticks=False, domain=False, labelPadding=10)


def _colour(column: Column) -> alt.Color:
    if column.is_numeric:
        return alt.Color("color:Q", title=column.label, scale=_color_scale(column), legend=_color_legend())
    return alt.Color("color:N", title=column.label, legend=_color_legend())


def _color_scale(column: Column) -> alt.Scale:
    return alt.Scale(scheme=_NUMBERS, type="log" if spans_decades(column.numbers) else "linear")


def _color_legend() -> alt.Legend:
    return alt.Legend(orient="right", labelLimit=_LABEL_PX, titleLimit=_LABEL_PX, symbolLimit=20)


def _number_scale(column: Column) -> alt.Scale:
    return alt.Scale(type="log") if spans_decades(column.numbers) else alt.Scale(zero=False, nice=True, padding=8)


def _number_axis(scale: alt.Scale) -> alt.Axis:
    return alt.Axis(format=_NUMBER_FORMAT, tickCount=6, titleLimit=3 * _LABEL_PX, labelOverlap=True)


def _channel(channel: Any, name: str, column: Column) -> Any:
    if not column.is_numeric:
        axis = alt.Axis(labelLimit=_LABEL_PX, titleLimit=3 * _LABEL_PX, labelAngle=0, labelOverlap=True)
        return channel(f"{name}:N", title=column.label, axis=axis)
    scale = _number_scale(column)
    return channel(f"{name}:Q", title=column.label, scale=scale, axis=_number_axis(scale))


def _tooltips(**columns: Column | None) -> list[alt.Tooltip]:
    shown = {column.label: name for name, column in columns.items() if column is not None}
    return [alt.Tooltip(f"{name}_text:N", title=label[:40]) for label, name in shown.items()]
