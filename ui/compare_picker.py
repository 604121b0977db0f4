"""Which runs are compared: read from the address, picked and removed on the page.

Owns the address' `ids` and what stands above a comparison.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, get_args

import streamlit as st

from backend.models import MAX_COMPARED_RUNS, LongField, RunSummary
from tools.client import LabClient
from tools.errors import AmbiguousRunError, ApiError, InvalidRequestError, NotFoundError
from ui.comparing import Compared, side_by_side
from ui.components import empty_store
from ui.connection import asking, client, facets, kept, run_page
from ui.formatting import plain_markdown
from ui.pages.registry import PAGES
from ui.tables import runs_frame

IDS: Final = "ids"
"""The name in the address; repeated, once for each run."""

_PICKED: Final = "compare-picked"
_FRESH_S: Final = 5.0
_AT_ONCE: Final = 8
_RECENT: Final = 50
_ONE_LINE: Final = 8
"""More runs than this stay on one line of the picker, which scrolls."""
_SHOWN_CHARS: Final = 40
_NOT_THERE: Final = (NotFoundError, AmbiguousRunError, InvalidRequestError)


def compared_runs(asked: Sequence[str]) -> Compared:
    """Gives the runs asked for side by side; says which of them are not there, and goes on with the others."""
    if not asked:
        return side_by_side([])
    with asking():
        try:
            return _compared(tuple(asked))
        except _NOT_THERE:
            found, refusals = _sorted_out(client(), asked)
            for run_id, why in refusals:
                st.warning(
                    f"**{plain_markdown(_cut(run_id))}** is left out. {plain_markdown(why)}", icon=":material/help:"
                )
            return _compared(tuple(found)) if found else side_by_side([])


def picker(compared: Compared) -> None:
    """Shows which runs are compared; more can be picked from the recent ones or found by a search, and all removed."""
    with asking():
        recent = run_page(limit=_RECENT).runs
    if not recent and not compared.run_ids:
        empty_store()
    others = side_by_side([run for run in recent if run.run_id not in compared.run_ids])
    names = dict(zip([*compared.run_ids, *others.run_ids], [*compared.names, *others.names], strict=True))
    st.session_state[_PICKED] = list(compared.run_ids)
    chosen, search = st.columns([8, 1], vertical_alignment="bottom")
    chosen.multiselect(
        f"Runs ({len(compared.run_ids)})",
        list(names),
        format_func=lambda run_id: names.get(run_id, run_id),
        key=_PICKED,
        on_change=_keep_picked,
        max_selections=MAX_COMPARED_RUNS,
        accept_new_options=True,
        select_all=False,
        wrap=len(compared.run_ids) <= _ONE_LINE,
        placeholder="pick recent runs, or paste a run id",
        help=f"The {_RECENT} newest runs can be picked here. Paste the id of any other, or search for it.",
    )
    with search, st.popover("Find runs", icon=":material/search:", on_change="rerun", width="stretch") as opened:
        if opened.open:
            _search(compared)


def start() -> None:
    """Says how to begin where nothing is compared yet; the page ends here."""
    st.info("Nothing is compared yet: pick runs above, or mark them in the list of runs.", icon=":material/compare:")
    st.page_link(PAGES["runs"], label="Go to the runs", icon=":material/list:")
    st.stop()


def _search(compared: Compared) -> None:
    words, dataset = st.columns([3, 2])
    text = words.text_input("Containing", key="compare-q", placeholder="note, command, params, tags")
    datasets = [facet.dataset_id for facet in facets().datasets if facet.dataset_id]
    chosen = dataset.selectbox("Dataset", datasets, index=None, key="compare-dataset", placeholder="any")
    with asking():
        page = run_page(q=text.strip() or None, dataset_id=chosen, limit=_RECENT)
    runs = [run for run in page.runs if run.run_id not in compared.run_ids]
    if not runs:
        st.caption("No other run fits.")
        return
    found = _found_table(runs)
    if page.total > len(page.runs):
        st.caption(f"The {len(page.runs)} newest of {page.total:,} that fit. Mark runs in the first column.")
    label = f"Add {len(found)} run{'' if len(found) == 1 else 's'}" if found else "Mark runs to add"
    if st.button(label, type="primary", disabled=not found, key="compare-add"):
        _keep([*compared.run_ids, *found])
        st.rerun()


def _found_table(runs: Sequence[RunSummary]) -> list[str]:
    """Shows runs found and gives the ids of those marked."""
    frame = runs_frame(runs, metrics=[], params=[])
    frame.insert(0, "run", side_by_side(runs).names)
    marked = st.dataframe(
        frame.drop(columns="run_id"),
        hide_index=True,
        width=720,
        height=300,
        placeholder="",
        on_select="rerun",
        selection_mode="multi-row",
        key=f"compare-found-{hash(tuple(run.run_id for run in runs))}",
        column_config={"run": st.column_config.TextColumn(width="medium")},
    )
    return [runs[row].run_id for row in marked["selection"]["rows"]]


def _keep_picked() -> None:
    _keep(st.session_state[_PICKED])


def _keep(run_ids: Sequence[str]) -> None:
    st.query_params[IDS] = list(dict.fromkeys(run_id.strip() for run_id in run_ids))[:MAX_COMPARED_RUNS]


@kept(ttl=_FRESH_S, max_entries=32)
def _compared(run_ids: tuple[str, ...]) -> Compared:
    return side_by_side(client().compare(run_ids, leave_out=get_args(LongField)).runs)


def _sorted_out(server: LabClient, asked: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Gives the runs that are there, and for each other one what the server says of it."""

    def refusal(run_id: str) -> str | None:
        try:
            server.compare([run_id], leave_out=get_args(LongField))
        except _NOT_THERE as error:
            return _why(error)
        return None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(zip(asked, pool.map(refusal, asked), strict=True))
    return [run_id for run_id, why in answers if why is None], [(run_id, why) for run_id, why in answers if why]


def _why(error: ApiError) -> str:
    return f"{error.detail[:1].upper()}{error.detail[1:]}."


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
