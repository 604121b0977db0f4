"""The curves of one run on its page: the controls, the charts, and their refreshing while the run is running.

Owns a part of the Run page. The choices are in the address: `axis`, `smoothing`, `log`, `series`.
"""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from backend.models import RunDetail
from ui.charts.curves import Axis, curves_chart, hidden_points
from ui.connection import asking, client, kept
from ui.curves import RunCurves, panels, run_curves
from ui.formatting import plain_markdown

MAX_POINTS: Final = 600
"""Points of a series that are asked for: about as many as a chart has pixels."""
MAX_PANELS: Final = 12
"""So many charts are shown unless some are chosen."""
REFRESH_S: Final = 3.0
"""How often a running run is asked for again."""
_PER_ROW: Final = 2
_FEW_POINTS: Final = 4
_FRESH_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class CurveChoices:
    """How curves are drawn."""

    axis: Axis
    log_scale: bool
    smoothing: float


@kept(ttl=_FRESH_S)
def curves_of(
    run_id: str, names: tuple[str, ...] = (), max_points: int = MAX_POINTS, smoothing: float = 0
) -> RunCurves:
    """Gives the curves of a run, kept for a moment; see `ui.curves.run_curves`."""
    return run_curves(client(), run_id, names, max_points, smoothing=smoothing)


def extremes_of(run_id: str) -> RunCurves:
    """Gives the lowest, the highest and the last points of each series of a run: what its tables need."""
    return curves_of(run_id, max_points=_FEW_POINTS)


def curves_part(run: RunDetail) -> None:
    """Shows the curves of a run, by themselves anew while it is running."""
    with asking():
        names = list(dict.fromkeys(extremes_of(run.run_id).frame["series"]))
    if not names and run.status != "running":
        st.caption("No curves: the run logged no live metrics and left no metrics CSV. `log_metrics` draws them live.")
        return
    choices, chosen = _controls(names)
    st.fragment(_charts, run_every=REFRESH_S if run.status == "running" else None)(run.run_id, tuple(chosen), choices)


def _controls(names: list[str]) -> tuple[CurveChoices, list[str]]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        axis = st.segmented_control(
            "Axis",
            ["step", "time"],
            default="step",
            required=True,
            key="axis",
            bind="query-params",
            persist_state="page",
        )
        smoothing = st.slider(
            "Smoothing", 0.0, 0.99, 0.0, 0.01, key="smoothing", bind="query-params", persist_state="page", width=220,
            help="Exponential moving average over all points, as in TensorBoard: 0 shows the values as they are.",
        )  # fmt: skip
        chosen = st.multiselect(
            "Series",
            names,
            key="series",
            bind="query-params",
            persist_state="page",
            placeholder=f"all {len(names)}",
            width=340,
        )
        log_scale = st.toggle("Log scale", key="log", bind="query-params", persist_state="page")
    return CurveChoices("time" if axis == "time" else "step", log_scale, smoothing), chosen


def _charts(run_id: str, chosen: tuple[str, ...], choices: CurveChoices) -> None:
    with asking():
        names = chosen or tuple(dict.fromkeys(extremes_of(run_id).frame["series"]))
        groups = panels(names)
        shown = dict(list(groups.items())[:MAX_PANELS])
        names = tuple(name for group in shown.values() for name in group)
        curves = curves_of(run_id, names, smoothing=choices.smoothing)
    if curves.frame.empty:
        st.caption("Nothing is logged yet; the curves appear here by themselves.")
        return
    if curves.source == "file":
        st.caption(f"From the artifact {plain_markdown(curves.file_name or '')}: the run logged no live metrics.")
        if choices.axis == "time":
            st.caption("The file does not say when the values were measured: they are shown over steps.")
            choices = CurveChoices("step", choices.log_scale, choices.smoothing)
    _grid(curves, shown, choices)
    if len(groups) > len(shown):
        st.caption(f"{len(shown)} of {len(groups)} charts are shown; choose series above to see others.")


def _grid(curves: RunCurves, groups: dict[str, list[str]], choices: CurveChoices) -> None:
    items = list(groups.items())
    per_row = min(_PER_ROW, len(items))
    for at in range(0, len(items), per_row):
        for column, (title, names) in zip(st.columns(per_row), items[at : at + per_row], strict=False):
            with column.container(border=True):
                _panel(title, curves, names, choices)


def _panel(title: str, curves: RunCurves, names: list[str], choices: CurveChoices) -> None:
    points = curves.frame[curves.frame["series"].isin(names)]
    st.markdown(f"**{plain_markdown(title)}**")
    chart = curves_chart(points, axis=choices.axis, log_scale=choices.log_scale, is_smoothed=choices.smoothing > 0)
    st.altair_chart(chart, width="stretch", key=f"chart-{title}")
    hidden = hidden_points(points, log_scale=choices.log_scale)
    if hidden:
        why = "not above zero, or not finite" if choices.log_scale else "not finite (NaN or infinite)"
        st.caption(f"{hidden:,} of {len(points):,} points are {why}: the line breaks there.")
