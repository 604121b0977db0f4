"""The chart of a lineage: models as points, coloured by run, and lines from each to what was made from it.

Owns how nodes are drawn that are laid out already (`ui.model_registry.nodes`).
"""

from typing import Any, Final

import altair as alt
import pandas as pd

PICKED: Final = "picked"
"""What the selection of the chart is called; it holds the `id` of each picked model."""

ROW_PX: Final = 46
_LEAST_PX: Final = 190
_MOST_PX: Final = 12_000
"""A browser draws no picture that is much higher; with more rows they move together."""
_AROUND_PX: Final = 70
_LABEL_PX: Final = 190
_GREY: Final = "#808495"
"""Streamlit's own grey for labels, which reads in both themes."""
_RING: Final = "#f59e0b"
_DIM: Final = 0.18
_LEGEND_RUNS: Final = 24


def lineage_chart(nodes: pd.DataFrame, edges: pd.DataFrame, *, picked: list[int]) -> alt.LayerChart:
    """Gives the graph.

    A click picks a model or lets it go. Dragging moves the graph, the wheel zooms while shift is held.

    Args:
        nodes: `id`, `kind` (`model` or `checkpoint`), `x`, `y`, `label`, `run`, `matches` (others are faint),
            `is_orphan`, and a column for each line of the tooltip, whose titles are in `nodes.attrs["tooltip"]`.
        edges: `edge`, `x`, `y` and `matches`, a row for each point of a line, in order.
        picked: The models that are picked at first.
    """
    scales = _scales(nodes)
    is_model = nodes["kind"] == "model"
    models, checkpoints = nodes[is_model], nodes[~is_model]
    zoom = alt.selection_interval(name="zoom", bind="scales", zoom="wheel![event.shiftKey]")
    picking = alt.selection_point(
        name=PICKED, fields=["id"], on="click", toggle="true", clear=False, empty=False,
        value=[{"id": model_id} for model_id in picked],
    )  # fmt: skip
    layers = [
        _lines(edges, scales).add_params(zoom),
        *_stubs(models[models["is_orphan"]], scales),
        *([_checkpoint_marks(checkpoints, scales)] if len(checkpoints) else []),
        _model_marks(models, scales, picking).add_params(picking),
        _names(models, scales),
    ]
    chart: alt.LayerChart = alt.LayerChart(layer=layers, height=_height(nodes), width="container")
    return chart.configure_view(stroke=None)  # type: ignore[no-any-return]


def _height(nodes: pd.DataFrame) -> int:
    rows = float(nodes["y"].max() - nodes["y"].min()) + 1
    return int(min(max(rows * ROW_PX + _AROUND_PX, _LEAST_PX), _MOST_PX))


def _scales(nodes: pd.DataFrame) -> tuple[alt.X, alt.Y]:
    x = alt.Scale(domain=[-0.25, max(float(nodes["x"].max()), 0.0) + 0.9], nice=False)
    y = alt.Scale(domain=[float(nodes["y"].max()) + 0.55, -0.75], nice=False)
    return alt.X("x:Q", scale=x, axis=None), alt.Y("y:Q", scale=y, axis=None)


def _opacity(full: float) -> Any:
    return alt.condition("datum.matches", alt.value(full), alt.value(_DIM))


def _lines(edges: pd.DataFrame, scales: tuple[alt.X, alt.Y]) -> alt.Chart:
    base: alt.Chart = alt.Chart(edges).mark_line(color=_GREY, strokeWidth=1.5, interpolate="monotone")
    return base.encode(*scales, detail="edge:N", order="step:Q", opacity=_opacity(0.7))


def _stubs(orphans: pd.DataFrame, scales: tuple[alt.X, alt.Y]) -> list[alt.Chart]:
    """Draws a dashed line, which comes from nowhere, to each model whose parent was deleted."""
    if orphans.empty:
        return []
    x, y = scales
    stubs = orphans.assign(x2=orphans["x"] - 0.2)
    base = alt.Chart(stubs).encode(y)
    dashes = base.mark_rule(color=_GREY, strokeDash=[4, 3], strokeWidth=1.5).encode(x, alt.X2("x2:Q"))
    place = alt.X("x2:Q", scale=x["scale"], axis=None)
    words = base.mark_text(align="left", baseline="top", dy=4, fontSize=10, fontStyle="italic", color=_GREY)
    return [dashes, words.encode(place, text=alt.value("parent deleted"))]


def _checkpoint_marks(checkpoints: pd.DataFrame, scales: tuple[alt.X, alt.Y]) -> alt.Chart:
    marks: alt.Chart = alt.Chart(checkpoints).mark_point(shape="diamond", size=55, filled=True)
    return marks.encode(*scales, _color(checkpoints), opacity=_opacity(0.85), tooltip=_tooltip(checkpoints))


def _model_marks(models: pd.DataFrame, scales: tuple[alt.X, alt.Y], picking: alt.Parameter) -> alt.Chart:
    marks: alt.Chart = alt.Chart(models).mark_point(shape="circle", filled=True, cursor="pointer", stroke=_RING)
    return marks.encode(
        *scales,
        _color(models),
        opacity=_opacity(1),
        size=alt.condition(picking, alt.value(330), alt.value(170)),
        strokeWidth=alt.condition(picking, alt.value(4), alt.value(0)),
        tooltip=_tooltip(models),
    )


def _names(models: pd.DataFrame, scales: tuple[alt.X, alt.Y]) -> alt.Chart:
    names: alt.Chart = alt.Chart(models).mark_text(
        align="left", baseline="bottom", dx=-6, dy=-11, fontSize=12, limit=_LABEL_PX, color=_GREY
    )
    return names.encode(*scales, text="label:N", opacity=_opacity(1), tooltip=_tooltip(models))


def _color(nodes: pd.DataFrame) -> alt.Color:
    runs = nodes.attrs["runs"]
    legend = alt.Legend(
        orient="top", title="run", labelLimit=_LABEL_PX, columns=6, symbolType="circle", symbolStrokeWidth=0
    )
    return alt.Color("run:N", scale=alt.Scale(domain=runs), legend=legend if len(runs) <= _LEGEND_RUNS else None)


def _tooltip(nodes: pd.DataFrame) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in nodes.attrs["tooltip"].items()]
