"""The chart of curves over steps or time.

Owns how a curve table (`ui.curves.COLUMNS`) is drawn.
"""

import re
from typing import Final, Literal

import altair as alt
import pandas as pd

from ui.formatting import short_id
from ui.smoothing import finite_values

Axis = Literal["step", "time"]

HEIGHT: Final = 260
_N_COLORS: Final = 8
"""So many colours the theme has."""
_ROOM_PX: Final = 8
"""Between the outermost points and the edge, where half of a dot would be cut off."""
_DOTTED_UP_TO: Final = 20
"""A curve of so few points shows each of them."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_GROUP: Final = ["run", "series"]


def curves_chart(frame: pd.DataFrame, *, axis: Axis, log_scale: bool, is_smoothed: bool) -> alt.LayerChart:
    """Gives a chart with a line for each run and series; where a value is not finite, the line breaks.

    Several runs are told apart by colour, and series by dashes; series of one run by colour. Dragging moves the chart,
    the wheel zooms while shift is held, a double click puts it back.

    Args:
        frame: A curve table; what stands in `run` is the name in the legend, run ids are shortened.
        axis: What lies along: the step, or the seconds since the run's first point.
        log_scale: Whether values go by powers of ten; what is not above zero cannot be shown then, see `hidden_points`.
        is_smoothed: Whether the lines are the smoothed values; the values themselves stay, faint, behind them.
    """
    points = _drawable(frame, axis=axis, log_scale=log_scale, is_smoothed=is_smoothed)
    label = "datum.label + ' s'" if axis == "time" else "datum.label"
    scale = alt.Scale(nice=False, padding=_ROOM_PX)
    title = "time since the first point" if axis == "time" else "step"
    along = alt.X(f"{axis}:Q", title=title, scale=scale, axis=alt.Axis(grid=False, tickCount=8, labelExpr=label))
    base = alt.Chart(points, height=HEIGHT, width="container").encode(along, *_marks(points))
    shown, raw = _y("shown", log_scale=log_scale), _y("value", log_scale=log_scale)
    layers = [base.mark_line(strokeWidth=1, opacity=0.28).encode(raw)] if is_smoothed else []
    layers.append(base.mark_line(strokeWidth=1.8).encode(shown))
    if points["dotted"].any():
        layers.append(base.transform_filter("datum.dotted").mark_circle(size=28, opacity=1).encode(shown))
    layers.append(_hovered(base.encode(shown), points))
    zoom = alt.selection_interval(bind="scales", zoom="wheel![event.shiftKey]")
    layers[-2] = layers[-2].add_params(zoom)
    return alt.LayerChart(layer=layers)


def hidden_points(frame: pd.DataFrame, *, log_scale: bool) -> int:
    """Counts the points that a chart cannot show: not finite, or not above zero on a log scale."""
    values = finite_values(frame["value"])
    return int((~(values > 0) if log_scale else values.isna()).sum())


def _drawable(frame: pd.DataFrame, *, axis: Axis, log_scale: bool, is_smoothed: bool) -> pd.DataFrame:
    points = frame.assign(run_name=_run_names(frame["run"]), value=finite_values(frame["value"]))
    points["shown"] = points["smoothed" if is_smoothed else "value"]
    if log_scale:
        points[["value", "shown"]] = points[["value", "shown"]].where(points[["value", "shown"]] > 0)
    points = points[points[axis].notna()]
    is_gap = points["shown"].isna()
    groups = is_gap.groupby([points[name] for name in _GROUP], sort=False)
    is_alone = groups.shift(1, fill_value=True) & groups.shift(-1, fill_value=True)
    points["dotted"] = ~is_gap & (is_alone | (groups.transform("size") <= _DOTTED_UP_TO))
    return points


def _run_names(runs: pd.Series) -> pd.Series:
    """Shortens run ids, unless two would then be called alike."""
    names = {run: short_id(run) if _UUID.fullmatch(run) else run for run in runs.unique()}
    return runs.map(names if len(set(names.values())) == len(names) else str)


def _marks(points: pd.DataFrame) -> list[alt.Color | alt.StrokeDash | alt.Detail]:
    """Says what tells one line from another."""
    several_runs, several_series = (points[name].nunique() > 1 for name in _GROUP)
    legend = alt.Legend(
        orient="top", title=None, labelLimit=240, symbolType="stroke", symbolOpacity=1, columns=6, offset=4
    )
    told_by = "run_name" if several_runs else "series"
    scale = alt.Scale() if points[told_by].nunique() <= _N_COLORS else alt.Scale(scheme="tableau20")
    channels: list[alt.Color | alt.StrokeDash | alt.Detail] = [
        alt.Detail(_GROUP),
        alt.Color(f"{told_by}:N", scale=scale, legend=legend if several_runs or several_series else None, sort=None),
    ]
    if several_runs and several_series:
        channels.append(alt.StrokeDash("series:N", legend=legend, sort=None))
    return channels


def _y(name: str, *, log_scale: bool) -> alt.Y:
    scale = alt.Scale(type="log", padding=_ROOM_PX) if log_scale else alt.Scale(zero=False, padding=_ROOM_PX)
    return alt.Y(f"{name}:Q", title=None, scale=scale, axis=alt.Axis(format=".4~g", tickCount=5))


def _hovered(base: alt.Chart, points: pd.DataFrame) -> alt.Chart:
    """Marks the point nearest to the pointer and says what it is."""
    nearest = alt.selection_point(nearest=True, on="pointerover", clear="pointerout", empty=False)
    tooltip = [alt.Tooltip("run_name:N", title="run"), alt.Tooltip("series:N"), alt.Tooltip("step:Q", format=",")]
    if points["time"].notna().any():
        tooltip.append(alt.Tooltip("time:Q", title="seconds", format=".4~g"))
    tooltip.append(alt.Tooltip("value:Q", format=".6~g"))
    if not points["shown"].equals(points["value"]):
        tooltip.append(alt.Tooltip("shown:Q", title="smoothed", format=".6~g"))
    opacity = alt.condition(nearest, alt.value(1), alt.value(0))
    marks: alt.Chart = base.mark_circle(size=70).encode(opacity=opacity, tooltip=tooltip)
    return marks.add_params(nearest)
