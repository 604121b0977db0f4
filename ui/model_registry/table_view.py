"""The table of models against metrics: a tab for each family, ordered by a click, rows to select.

Owns this view.
"""

import math
from typing import Any, Final

import streamlit as st

from backend.registry_models import Order, RegistryFacets
from backend.registry_views import Pivot
from tools.errors import NotFoundError
from ui.connection import asking
from ui.formatting import plain_markdown
from ui.model_registry import answers, pivot_frame, state
from ui.model_registry.bar import Filters, family_tabs
from ui.model_registry.words import counted

PAGE_SIZE: Final = 50
"""So many models are on a page: with 200 metrics each, they are styled and sent at once."""

_PAGE: Final = "at"
_ROW_PX: Final = 34
_BORDERS_PX: Final = 4
_MAX_ROWS: Final = 18


def show(known: RegistryFacets, filters: Filters) -> None:
    """Shows the view."""
    family, tab = family_tabs(known)
    with tab:
        try:
            with asking(passes=(NotFoundError,)):
                pivot, pages = _found(filters, family)
        except NotFoundError as error:
            st.info(f"{plain_markdown(error.detail)}. Choose another tab or run.", icon=":material/filter_alt_off:")
            return
        if not pivot.rows:
            st.info(
                "No model fits. Search other words, or choose another run or tab.", icon=":material/filter_alt_off:"
            )
            return
        _table(pivot)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if pages > 1:
                st.pagination(pages, key=_PAGE, bind="query-params")
            st.caption(_summary(pivot, family), width="content")


def _found(filters: Filters, family: str | None) -> tuple[Pivot, int]:
    """Gives the page to show, the last one where the address names one beyond it, and how many there are."""
    number = _page_number()
    pivot = _ask(filters, family, number)
    pages = max(1, math.ceil(pivot.total_models / PAGE_SIZE))
    if number > pages:
        st.session_state[_PAGE] = pages
        pivot = _ask(filters, family, pages)
    return pivot, pages


def _ask(filters: Filters, family: str | None, number: int) -> Pivot:
    sort, order = _known_sorting(family)
    models = tuple(state.selected()) if filters.only_selected else ()
    return answers.pivot(
        run=filters.run, family=family, models=models, checkpoints=filters.checkpoints,
        measured=family is not None and not models, text=filters.text, sort=sort, order=order,
        limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE,
    )  # fmt: skip


def _known_sorting(family: str | None) -> tuple[str, Order | None]:
    """Gives the order that the address asks for, unless it is one that no table has."""
    sort, order = state.sorting()
    metrics = {
        f"metric:{known.family}/{metric.name}"
        for known in answers.facets().families
        if family in (None, known.family)
        for metric in known.metrics
    }
    return (sort, order) if sort in {"model", "run", *metrics} else ("model", None)


def _page_number() -> int:
    if _PAGE in st.session_state:
        return int(st.session_state[_PAGE])
    text = st.query_params.get(_PAGE, "1")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) <= len("1000000") else 1


def _summary(pivot: Pivot, family: str | None) -> str:
    models = counted(pivot.total_models, "model")
    where = "" if family is None else " evaluated in this family"
    return f"{models}{where}. Best of each column **bold on green**, worst on red. A click on a heading sorts."


def _table(pivot: Pivot) -> None:
    chosen = state.selected()
    rows = _model_rows(pivot)
    sort, order = state.sorting()
    # Selected rows are numbers: with other rows it is another table.
    shape = (
        *((row.model_id, row.checkpoint_id) for row in pivot.rows),
        *((c.family, c.metric_name) for c in pivot.columns),
    )
    key = f"models-table-{state.generation()}-{hash(shape)}"
    marked = [rows[model_id] for model_id in chosen if model_id in rows]
    st.dataframe(
        pivot_frame.styled(pivot),
        key=key,
        hide_index=True,
        row_height=_ROW_PX,
        height=_ROW_PX * (min(len(pivot.rows), _MAX_ROWS) + 1) + _BORDERS_PX,
        placeholder="–",
        column_config=_config(pivot, pivot_frame.labels(pivot.columns, sort=sort, order=order)),
        selection_mode=["multi-row", "single-column"],
        selection_default={"selection": {"rows": marked}},
        on_select=lambda: _picked(key, pivot),
    )


def _config(pivot: Pivot, labels: dict[str, str]) -> dict[str, Any]:
    config: dict[str, Any] = {
        pivot_frame.metric_key(at): st.column_config.NumberColumn(
            labels[pivot_frame.metric_key(at)], help=plain_markdown(pivot_frame.help_text(column))
        )
        for at, column in enumerate(pivot.columns)
    }
    config[pivot_frame.MODEL] = st.column_config.TextColumn(labels[pivot_frame.MODEL], pinned=True, width="medium")
    config[pivot_frame.RUN] = st.column_config.TextColumn(labels[pivot_frame.RUN], width=140)
    config[pivot_frame.SOURCE] = st.column_config.LinkColumn(
        display_text=r"id=(.{1,8})", width=90, help="The run of the tracker that made the model"
    )
    config[pivot_frame.PATH] = st.column_config.TextColumn(width="medium")
    return config


def _model_rows(pivot: Pivot) -> dict[int, int]:
    return {row.model_id: at for at, row in enumerate(pivot.rows) if row.kind == "model"}


def _picked(key: str, pivot: Pivot) -> None:
    """Takes over what was clicked: rows into the selection, a checkpoint's as its model's, a heading into the order."""
    now = st.session_state[key]["selection"]
    rows = _model_rows(pivot)
    here = list(dict.fromkeys(pivot.rows[at].model_id for at in now["rows"] if at < len(pivot.rows)))
    before = [model_id for model_id in state.selected() if model_id not in rows or model_id in here]
    state.keep_selected([*before, *here])
    marked = [rows[model_id] for model_id in here]
    if now["columns"]:
        asked = pivot_frame.sort_of(now["columns"][0], pivot.columns)
        if asked is not None:
            state.sort_by(asked[0], usual=asked[1])
    if now["columns"] or sorted(marked) != sorted(now["rows"]):
        st.session_state[key] = {"selection": {"rows": marked, "columns": [], "cells": []}}
