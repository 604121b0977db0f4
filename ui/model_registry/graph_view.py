"""The lineage graph: which model was made from which. A click selects.

Owns this view.
"""

from typing import Final

import streamlit as st

from backend.registry_views import Lineage, Pivot
from tools.errors import NotFoundError
from ui.charts.lineage import PICKED, ROW_PX, lineage_chart
from ui.connection import asking
from ui.formatting import plain_markdown
from ui.model_registry import answers, state
from ui.model_registry.bar import Filters
from ui.model_registry.nodes import Graph, graph
from ui.model_registry.words import counted

MAX_MODELS: Final = 1_000
"""So many models are shown with their checkpoints; the server gives no more at once."""

_SHOWN_PX: Final = 640
_FIRST: Final = "models-graph-first"


def show(filters: Filters) -> None:
    """Shows the view."""
    try:
        with asking(passes=(NotFoundError,)):
            lineage = answers.lineage(filters.run)
            checkpoints = _checkpoints(filters)
    except NotFoundError as error:
        st.info(plain_markdown(error.detail), icon=":material/filter_alt_off:")
        return
    if filters.only_selected:
        lineage = _of(lineage, frozenset(state.selected()))
    found = graph(lineage, search=filters.text, checkpoints=checkpoints) if lineage.nodes else None
    if found is None or not found.n_models:
        st.info("No model fits. Search other words, or choose another run.", icon=":material/filter_alt_off:")
        return
    st.caption(_summary(found, filters, checkpoints))
    is_high = found.nodes["y"].max() * ROW_PX > _SHOWN_PX
    with st.container(height=_SHOWN_PX if is_high else "content", border=True):
        _chart(found, filters)


def _checkpoints(filters: Filters) -> Pivot | None:
    return answers.pivot(run=filters.run, checkpoints=True, limit=MAX_MODELS) if filters.checkpoints else None


def _of(lineage: Lineage, models: frozenset[int]) -> Lineage:
    nodes = [node for node in lineage.nodes if node.id in models]
    return lineage.model_copy(update={"nodes": nodes})


def _summary(found: Graph, filters: Filters, checkpoints: Pivot | None) -> str:
    parts = [f"{counted(found.n_models, 'model')}, parents left of what was made from them."]
    if filters.text:
        parts.append(f"{found.n_matching:,} fit the search; {found.n_hidden:,} of other trees are left out.")
    if checkpoints is not None and checkpoints.total_models > MAX_MODELS:
        parts.append(f"Checkpoints are those of the first {MAX_MODELS:,} models.")
    parts.append("Click to select, drag to move, Shift and the wheel to zoom; point at a model for its benchmarks.")
    return " ".join(parts)


def _chart(found: Graph, filters: Filters) -> None:
    """Shows the graph. What is picked at first stays as it was, so that a click does not draw the graph anew."""
    shape = (state.generation(), filters.run, filters.text, filters.checkpoints, filters.only_selected)
    here = found.nodes["id"].tolist()
    key = f"models-graph-{hash(shape)}"
    if key not in st.session_state:
        st.session_state[_FIRST] = [model_id for model_id in state.selected() if model_id in here]
    st.altair_chart(
        lineage_chart(found.nodes, found.edges, picked=st.session_state[_FIRST]),
        key=key,
        on_select=lambda: _picked(key, here),
        selection_mode=PICKED,
    )


def _picked(key: str, here: list[int]) -> None:
    """Takes the picked models over into the selection; those that are not in the graph stay."""
    picked = [int(point["id"]) for point in st.session_state[key]["selection"].get(PICKED, [])]
    kept = [model_id for model_id in state.selected() if model_id not in here or model_id in picked]
    state.keep_selected([*kept, *picked])
