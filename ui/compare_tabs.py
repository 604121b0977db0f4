"""The tabs of a comparison, a function each.

Owns the widgets of the tabs, whose values stand in the address, and what is drawn from them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import pandas as pd
import streamlit as st

from tools.directions import better_order
from ui.charts.comparison import fit_legend, groups_chart, parallel_chart, scatter_chart
from ui.charts.curves import curves_chart, hidden_points
from ui.comparing import (
    Column,
    Compared,
    best_places,
    default_metric,
    names_frame,
    rows_shown,
    runs_frame,
    telling_columns,
)
from ui.connection import asking, client, kept
from ui.curves import FEWEST_POINTS, load_curves, panels
from ui.formatting import plain_markdown
from ui.grouping import default_grouping, grouped, groups_frame
from ui.run_columns import is_place

_FRESH_S: Final = 20.0
_ALL_POINTS: Final = 5_000
"""So many points one chart of curves may have, however many runs it shows."""
_MOST_POINTS, _FEWEST_POINTS = 1000, 100
_FEW_RUNS: Final = 24
_MAX_TOLD: Final = 12
_MAX_CATEGORIES: Final = 60
_MAX_AXES: Final = 7
_ROW_PX: Final = 32
_MAX_ROWS: Final = 20
_BOLD: Final = "font-weight: bold; background-color: rgba(60, 170, 110, 0.22)"
"""Of the best value: translucent, so that it reads on light and dark."""
_FACTS: Final = frozenset({"dataset", "status", "duration_s", "tags"})


def table_tab(compared: Compared) -> None:
    """Shows every parameter and metric, on demand only those that differ, the best values marked."""
    one = len(compared.run_ids) == 1
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        differences = st.toggle("Only differences", key="diff", bind="query-params", disabled=one)
        across = st.toggle("Runs as rows", key="rows", bind="query-params")
    rows = rows_shown(compared, only_differences=differences and not one)
    if not rows:
        st.info("These runs do not differ in anything that was recorded.", icon=":material/equal:")
        return
    _runs_table(compared, rows) if across else _names_table(compared, rows)
    hidden = len(rows_shown(compared, only_differences=False)) - len(rows)
    words = ["The best of each metric is marked; which way is better is told by its name."]
    words += [f"{hidden} rows that are alike in all runs are hidden."] if hidden else []
    st.caption(" ".join(words))


def curves_tab(compared: Compared) -> None:
    """Shows the live curves of the runs over each other, a chart for each kind of series."""
    counts = _series_counts(compared)
    if not counts:
        st.info(
            "None of these runs has logged a curve. Call `log_metrics` while training.", icon=":material/show_chart:"
        )
        return
    chosen, axis, smoothing, log_scale = _curve_controls(counts, compared)
    _say_who_has_it(counts, len(compared.run_ids))
    if not chosen:
        st.caption("Pick a metric to see its curves.")
        return
    most = max(_FEWEST_POINTS, min(_MOST_POINTS, _ALL_POINTS // len(compared.run_ids)))
    with asking():
        frame = _curves(compared.run_ids, tuple(chosen), most, smoothing)
    frame = frame.assign(run=frame["run"].map(dict(zip(compared.run_ids, compared.names, strict=True))))
    for name, series in panels(chosen).items():
        points = frame[frame["series"].isin(series)]
        _curve_panel(points, name, axis, is_smoothed=smoothing > 0, log_scale=log_scale)


def parallel_tab(compared: Compared) -> None:
    """Shows a line for each run through its parameters to a metric."""
    metrics = _metrics(compared)
    if not metrics:
        _no_metric()
        return
    choices = [column for column in _choices(compared) if column.kind != "metric"]
    default = _default_axes(compared, choices)
    left, right = st.columns([3, 1])
    shown = left.multiselect(
        "Axes", [column.label for column in choices], default=default, key="axes", bind="query-params"
    )
    metric = compared.columns[_one_of("Metric", metrics, default_metric(compared), key="target", where=right)]
    if not shown:
        st.info("These runs do not differ in a parameter: pick the axes above.", icon=":material/tune:")
        return
    st.altair_chart(parallel_chart(compared, [compared.columns[label] for label in shown], metric))


def scatter_tab(compared: Compared) -> None:
    """Shows a point for each run, over any two of what is known of it."""
    labels = [column.label for column in _choices(compared)]
    metric = default_metric(compared)
    if len(labels) < 2:  # noqa: PLR2004
        st.info("There are not two values to draw against each other.", icon=":material/scatter_plot:")
        return
    columns = st.columns(3)
    x = _one_of("Horizontal", labels, _default_x(compared, metric), key="x", where=columns[0])
    y = _one_of("Vertical", labels, metric or labels[-1], key="y", where=columns[1])
    telling = next((column.label for column in telling_columns(compared) if not column.is_numeric), None)
    color = columns[2].selectbox(
        "Colour", labels, index=None if telling is None else labels.index(telling), key="color", bind="query-params"
    )
    chosen = (compared.columns[x], compared.columns[y])
    chart = scatter_chart(compared, chosen[0], chosen[1], None if color is None else compared.columns[color])
    st.altair_chart(chart)
    missing = sum(any(value is None for value in pair) for pair in zip(*(_drawn(one) for one in chosen), strict=True))
    if missing:
        st.caption(f"{missing} of {len(compared.run_ids)} runs have no value for one of the two and are not drawn.")


def groups_tab(compared: Compared) -> None:
    """Shows the mean and the spread of a metric over the runs that are alike in some parameters."""
    metrics = _metrics(compared)
    if not metrics:
        _no_metric()
        return
    labels = [column.label for column in _choices(compared) if column.kind != "metric"]
    left, right = st.columns([3, 1])
    default = [label for label in default_grouping(compared) if label in labels]
    chosen = left.multiselect("Group by", labels, default=default, key="by", bind="query-params")
    metric = compared.columns[_one_of("Metric", metrics, default_metric(compared), key="of", where=right)]
    by = [compared.columns[label] for label in chosen]
    groups = grouped(by, metric)
    st.altair_chart(groups_chart(compared, groups, metric))
    frame = groups_frame(groups, by, metric)
    number = st.column_config.NumberColumn(format="%.4g")
    config: dict[str, Any] = dict.fromkeys(frame.columns[len(by) + 1 :], number)
    config["std"] = st.column_config.NumberColumn(format="%.4g", help="Sample standard deviation, of n - 1")
    st.dataframe(
        frame, hide_index=True, column_config=config, placeholder="–", row_height=_ROW_PX, height=_height(len(frame))
    )
    missing = len(compared.run_ids) - sum(group.size for group in groups)
    if missing:
        st.caption(f"{missing} of {len(compared.run_ids)} runs have no number for this metric and are in no group.")


def _names_table(compared: Compared, rows: Sequence[Column]) -> None:
    frame = names_frame(compared, rows)
    best = [best_places(row) for row in rows]

    def mark(data: pd.DataFrame) -> pd.DataFrame:
        styles = pd.DataFrame("", index=data.index, columns=data.columns)
        for at, places in enumerate(best):
            for place in places:
                styles.iat[at, place + 2] = _BOLD
        return styles

    config: dict[str, Any] = {
        "kind": st.column_config.TextColumn("", width=70, pinned=True),
        "name": st.column_config.TextColumn("name", width=190, pinned=True),
    }
    for label, name in zip(compared.labels, compared.names, strict=True):
        config[label] = st.column_config.TextColumn(label, help=plain_markdown(name), width=150)
    st.dataframe(
        frame.style.apply(mark, axis=None),
        hide_index=True,
        column_config=config,
        height=_height(len(frame)),
        row_height=_ROW_PX,
    )


def _runs_table(compared: Compared, rows: Sequence[Column]) -> None:
    frame = runs_frame(compared, rows)
    frame["run"] = [f"/run?id={quote(run_id, safe='')}" for run_id in compared.run_ids]

    def mark(data: pd.DataFrame) -> pd.DataFrame:
        styles = pd.DataFrame("", index=data.index, columns=data.columns)
        for row in rows:
            for place in best_places(row):
                styles.loc[place, row.label] = _BOLD
        return styles

    config: dict[str, Any] = {row.label: st.column_config.NumberColumn(format="%.4g") for row in rows if row.is_numeric}
    config["run"] = st.column_config.LinkColumn("run", display_text=r"id=(.{1,8})", pinned=True, width=90)
    st.dataframe(
        frame.style.apply(mark, axis=None),
        hide_index=True,
        column_config=config,
        height=_height(len(frame)),
        row_height=_ROW_PX,
        placeholder="–",
    )


def _height(rows: int) -> int:
    """Gives a table's height in pixels: all rows, or so many that the header stays in sight."""
    return _ROW_PX * (min(rows, _MAX_ROWS) + 1) + 7


def _curve_controls(counts: Mapping[str, int], compared: Compared) -> tuple[list[str], Any, float, bool]:
    names = list(counts)
    wide, axis, smoothing, log = st.columns([4, 1.4, 2, 1.2], vertical_alignment="bottom")
    chosen = wide.multiselect(
        "Metrics", names, default=_default_series(names, compared), key="series", bind="query-params"
    )
    along = axis.segmented_control(
        "Axis", ["step", "time"], default="step", required=True, key="axis", bind="query-params"
    )
    weight = smoothing.slider(
        "Smoothing", 0.0, 0.99, 0.0, 0.01, key="smooth", bind="query-params",
        help="Exponential moving average over all points, as in TensorBoard: 0 shows the values as they are.",
    )  # fmt: skip
    is_log = log.toggle("Log scale", key="log", bind="query-params")
    return chosen, along, weight, is_log


def _say_who_has_it(counts: Mapping[str, int], n_runs: int) -> None:
    """Says how many of the runs have a series that not all of them have."""
    partly = [f"{plain_markdown(name)} ({runs})" for name, runs in counts.items() if runs < n_runs]
    more = f" and {len(partly) - _MAX_TOLD} others" if len(partly) > _MAX_TOLD else ""
    if partly:
        st.caption(f"Not in all {n_runs} runs, but in so many: {', '.join(partly[:_MAX_TOLD])}{more}.")


def _curve_panel(frame: pd.DataFrame, name: str, axis: Any, *, is_smoothed: bool, log_scale: bool) -> None:
    st.markdown(f"**{plain_markdown(name)}**")
    if frame.empty:
        st.caption("None of these runs has logged it.")
        return
    chart = fit_legend(
        curves_chart(frame, axis=axis, log_scale=log_scale, is_smoothed=is_smoothed), list(frame["run"].unique())
    )
    st.altair_chart(chart)
    hidden = hidden_points(frame, log_scale=log_scale)
    if hidden:
        st.caption(f"{hidden:,} points are not drawn: not finite{', or not above zero' if log_scale else ''}.")


def _default_series(names: Sequence[str], compared: Compared) -> list[str]:
    """Gives the series shown at first: what was measured on held-out data, rather a loss; one, or two of few runs."""
    held_out = [name for name in names if not name.lower().startswith("train")] or list(names)
    held_out.sort(key=lambda name: "loss" not in name.lower())
    return held_out[: 2 if len(compared.run_ids) <= _FEW_RUNS else 1]


def _series_counts(compared: Compared) -> dict[str, int]:
    """Gives every series that one of the runs has, and how many of them have it, in text order."""
    with asking():
        return _counted_series(compared.run_ids)


@kept(ttl=_FRESH_S, max_entries=16)
def _counted_series(run_ids: tuple[str, ...]) -> dict[str, int]:
    live = client().series_names(run_ids)
    in_files = load_curves(client(), live.without_series, (), FEWEST_POINTS)
    counts = Counter(in_files.drop_duplicates(["run", "series"])["series"])
    counts.update({one.name: one.runs for one in live.names})
    return dict(sorted(counts.items()))


def _metrics(compared: Compared) -> list[str]:
    return [column.label for column in compared.of_kind("metric") if column.is_numeric]


def _choices(compared: Compared) -> list[Column]:
    """Gives the columns that can be drawn: those that some run has, of text only what has few values."""
    return [
        column
        for column in rows_shown(compared, only_differences=False)
        if (column.kind != "run" or column.name in _FACTS)
        and (column.is_numeric or len(set(column.identities)) <= _MAX_CATEGORIES)
    ]


def _default_axes(compared: Compared, choices: Sequence[Column]) -> list[str]:
    telling = [column.label for column in telling_columns(compared, limit=_MAX_AXES)]
    offered = {column.label for column in choices}
    more = [column.label for column in choices if column.kind == "param" and column.differs]
    labels = dict.fromkeys([*telling, *more])
    return [label for label in labels if label in offered and not is_place(label)][:_MAX_AXES]


def _default_x(compared: Compared, metric: str | None) -> str | None:
    """Gives what a metric is drawn over at first: a parameter that is a number, else a metric that pulls against it."""
    params = [column for column in compared.of_kind("param") if column.is_numeric and not column.is_seed]
    numeric = [column.label for column in params if column.differs]
    others = [label for label in _metrics(compared) if label != metric and compared.columns[label].differs]
    against = (
        label
        for label in others
        if metric and better_order(compared.columns[label].name) != better_order(compared.columns[metric].name)
    )
    return next(iter([*numeric, *against, *others]), None)


def _one_of(label: str, options: list[str], default: str | None, *, key: str, where: Any) -> str:
    index = options.index(default) if default in options else 0
    chosen: str = where.selectbox(label, options, index=index, key=key, bind="query-params")
    return chosen


def _drawn(column: Column) -> Sequence[Any]:
    return column.numbers if column.is_numeric else column.values


def _no_metric() -> None:
    st.info("None of these runs has a numeric final metric.", icon=":material/speed:")


@kept(ttl=_FRESH_S, max_entries=16)
def _curves(run_ids: tuple[str, ...], names: tuple[str, ...], max_points: int, smoothing: float) -> pd.DataFrame:
    return load_curves(client(), run_ids, names, max_points, smoothing=smoothing)
