"""Runs: find them, order them, look at their numbers side by side, pick some to compare, write a note.

The filters, the columns, the order, the page and the picked runs are in the address.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import streamlit as st

from backend.models import MAX_COMPARED_RUNS, Facets, RunSummary
from tools.calls import RunPage
from tools.errors import NotFoundError
from ui import downloads, run_columns
from ui.components import compare_link, empty_store, note_editor, page_heading, run_link, status_badge
from ui.connection import asking, facets, facets_with_params, run_page
from ui.downloads import Sheet
from ui.filter_bar import DEFAULT_PAGE_SIZE, PAGE, View, filter_bar, sort_by
from ui.formatting import STATUS_COLORS, cell_text, moment_text, plain_markdown, short_id
from ui.run_filters import running

_REFRESH_S: Final = 5.0
_ROW_HEIGHT: Final = 34  # in pixels
_BORDERS: Final = 4
_MOST_PX, _CELL_PX, _CHARACTER_PX = 220, 18, 8
_SELECTED: Final = "selected"
_PICKED: Final = "runs-picked"


@dataclass
class _Shown:
    """What the table shows at the moment.

    Attributes:
        runs: The runs.
        are_offered: Whether they are offered as files; None before the page has come to that.
    """

    runs: list[RunSummary] = field(default_factory=list)
    are_offered: bool | None = None


def _page() -> None:
    with asking():
        vocabulary = facets_with_params()
    if not vocabulary.total:
        empty_store()
    view = filter_bar(vocabulary)
    for problem in view.filters.problems():
        st.warning(plain_markdown(problem))
    lives = running(vocabulary) > 0
    shown = _Shown()
    st.fragment(_results, run_every=_REFRESH_S if lives else None)(view, lives, shown)
    shown.are_offered = bool(shown.runs)
    if shown.are_offered:
        _downloads(shown, view)
    if selected := _selected():
        with st.bottom:
            _panel(selected, shown.runs)


def _results(view: View, lives: bool, shown: _Shown) -> None:
    """Shows the runs that fit and puts them into `shown`; on its own again and again while a run is under way."""
    with asking():
        now = facets()
        found, pages = _found(view)
    is_other_page = shown.are_offered not in (None, bool(found.runs))
    if st.session_state.pop(_PICKED, False) or (running(now) > 0) != lives or is_other_page:
        st.rerun()
    shown.runs = found.runs
    if not found.runs:
        _nothing_fits()
        return
    head = st.container(horizontal=True, vertical_alignment="center", gap="small")
    _table(found, view)
    selected = _selected()
    with head:
        _head(found, now, selected)
    if pages > 1:
        st.pagination(pages, key=PAGE, bind="query-params")


def _found(view: View) -> tuple[RunPage, int]:
    """Gives the page of runs to show, the last one where the address names one beyond it, and how many there are."""
    number = _page_number()
    found = _ask(view, number)
    pages = max(1, math.ceil(found.total / view.size))
    if number > pages:
        st.session_state[PAGE] = pages
        found = _ask(view, pages)
    return found, pages


def _ask(view: View, number: int) -> RunPage:
    order = {"sort": view.sort, "order": view.order, "limit": view.size, "offset": (number - 1) * view.size}
    return run_page(**view.filters.request(), **order)


def _page_number() -> int:
    if PAGE in st.session_state:
        return int(st.session_state[PAGE])
    text = st.query_params.get(PAGE, "1")
    return max(1, int(text)) if text.isdecimal() and len(text) <= len("1000000") else 1


def _nothing_fits() -> None:
    st.info("No run fits these filters. Take some away, or search other words.", icon=":material/filter_alt_off:")


def _head(found: RunPage, now: Facets, selected: list[str]) -> None:
    """Shows how many runs there are, and what to do with the selected ones."""
    page_heading(f"{found.total:,} run{'' if found.total == 1 else 's'}", width="content")
    if found.total != now.total:
        st.markdown(f":gray[of {now.total:,}]", width="content")
    if selected:
        st.markdown(f":gray[{len(selected)} selected]", width="content")
        _compare(selected)
        st.button("Unselect", type="tertiary", on_click=_select, args=([],))
    if live := running(now):
        st.badge(f"{live} running, refreshed every {_REFRESH_S:g} s", icon=":material/sync:", color="blue")


def _compare(selected: list[str]) -> None:
    if len(selected) > MAX_COMPARED_RUNS:
        st.caption(f"at most {MAX_COMPARED_RUNS} can be compared", width="content")
    elif len(selected) > 1:
        compare_link(selected, label=f"Compare {len(selected)} runs")


def _downloads(shown: _Shown, view: View) -> None:
    """Offers what is shown as files, made when they are asked for.

    They are no part of what is run anew by itself: Streamlit makes an offer anew with each run and takes the former one
    back, so that a click at that moment would come to nothing.
    """
    kinds = (
        ("CSV", "csv", "text/csv", downloads.csv_bytes),
        ("Parquet", "parquet", "application/vnd.apache.parquet", downloads.parquet_bytes),
        ("Excel", "xlsx", downloads.EXCEL_MEDIA_TYPE, downloads.excel_bytes),
    )
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for name, ending, media_type, write in kinds:
            st.download_button(
                name,
                partial(_file, write, shown, view.columns),
                file_name=f"runs.{ending}",
                mime=media_type,
                key=f"download-{ending}",
                icon=":material/download:",
                type="tertiary",
                on_click="ignore",
                help=f"The runs of this page with these columns, as {name}",
            )


def _file(write: Callable[[Sheet], bytes], shown: _Shown, columns: list[str]) -> bytes:
    """Gives what is shown at the moment as the content of a file."""
    return write(run_columns.sheet(shown.runs, columns))


def _table(found: RunPage, view: View) -> None:
    """Shows the runs; a click on a heading orders all of them by it, a click at the left of a row selects it."""
    ids = [run.run_id for run in found.runs]
    # Selected rows are numbers: with other runs in them it is another table.
    key = f"runs-table-{hash((*ids, *view.columns))}"
    chosen = set(_selected())
    st.dataframe(
        run_columns.shown_frame(found.runs, view.columns),
        key=key,
        hide_index=True,
        row_height=_ROW_HEIGHT,
        height=_ROW_HEIGHT * (min(len(ids), DEFAULT_PAGE_SIZE) + 1) + _BORDERS,
        column_config=_column_config(found.runs, view),
        selection_mode=["multi-row", "single-column"],
        selection_default={"selection": {"rows": [at for at, run_id in enumerate(ids) if run_id in chosen]}},
        on_select=lambda: _picked(key, ids),
    )


def _column_config(runs: list[RunSummary], view: View) -> dict[str, Any]:
    names = [run_columns.LINK, run_columns.STATUS, *view.columns]
    labels = {name: run_columns.label(name, among=names, sort=view.sort, order=view.order) for name in names}
    config: dict[str, Any] = {
        name: st.column_config.TextColumn(
            labels[name], alignment="right" if run_columns.is_number_column(runs, name) else "left"
        )
        for name in view.columns
    }
    if "started" in config:
        config["started"]["help"] = "In UTC"
    if "dataset" in config:
        config["dataset"]["width"] = _text_width([run.dataset_id or "" for run in runs])
    if run_columns.TAGS in config:
        config[run_columns.TAGS] = st.column_config.ListColumn(labels[run_columns.TAGS])
    config[run_columns.LINK] = st.column_config.LinkColumn(
        labels[run_columns.LINK], display_text=r"id=(.{1,8})", pinned=True, alignment="left", width=90
    )
    config[run_columns.STATUS] = st.column_config.MultiselectColumn(
        labels[run_columns.STATUS], options=list(STATUS_COLORS), color=list(STATUS_COLORS.values()), width=95
    )
    return config


def _text_width(texts: list[str]) -> int:
    """Gives the width in pixels of a column that shows short texts whole and cuts long ones."""
    return min(_MOST_PX, _CELL_PX + _CHARACTER_PX * max(map(len, [*texts, "dataset ↓"])))


def _picked(key: str, ids: list[str]) -> None:
    """Takes over what was clicked in the table: rows into the selection, a heading into the order."""
    state = st.session_state[key]["selection"]
    here = [ids[at] for at in state["rows"] if at < len(ids)]
    elsewhere = [run_id for run_id in _selected() if run_id not in ids]
    _select([*elsewhere, *here])
    if state["columns"]:
        st.session_state[key] = {"selection": {"rows": state["rows"], "columns": [], "cells": []}}
        if sort := run_columns.sort_of(state["columns"][0]):
            sort_by(sort)
    st.session_state[_PICKED] = True


def _selected() -> list[str]:
    return list(dict.fromkeys(st.query_params.get_all(_SELECTED)))


def _select(run_ids: list[str]) -> None:
    if run_ids:
        st.query_params[_SELECTED] = run_ids
    elif _SELECTED in st.query_params:
        del st.query_params[_SELECTED]


def _panel(selected: list[str], shown: list[RunSummary]) -> None:
    """Shows the selected run, or one of several, with its note to edit."""
    with st.container(border=True):
        left, right = st.columns([2, 3], gap="medium")
        with left:
            run_id = selected[-1]
            if len(selected) > 1:
                run_id = st.selectbox("Selected run", selected, index=len(selected) - 1, format_func=short_id)
            run = _run(run_id, shown)
            if run is not None:
                _facts(run)
        if run is not None:
            with right:
                note_editor(run, key="runs-note")


def _run(run_id: str, shown: list[RunSummary]) -> RunSummary | None:
    """Gives a run of the page, or asks for one of another page; None where there is none."""
    for run in shown:
        if run.run_id == run_id:
            return run
    with asking() as server:
        try:
            return server.get_run(run_id)
        except NotFoundError as error:
            st.warning(plain_markdown(str(error)))
            return None


def _facts(run: RunSummary) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        run_link(run, label=f"Open run {short_id(run.run_id)}")
        status_badge(run.status)
    about = [f"{moment_text(run.timestamp)} UTC", run.dataset_id or "no dataset", run.command or "no command"]
    st.caption(plain_markdown(cell_text(" · ".join(about).replace("\n", " "))))


_page()
