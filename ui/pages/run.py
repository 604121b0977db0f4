"""One run: what it is, its results and curves, what it left behind, what it ran on, and how to run it again.

The state is in the address: `id`, the open tab, and what each tab shows. Without an `id` the recent runs are offered.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

import streamlit as st

from backend.models import RunDetail
from tools.errors import AmbiguousRunError, NotFoundError
from ui.components import empty_store, page_heading, section_heading
from ui.connection import asking, run_page
from ui.formatting import plain_markdown, short_id
from ui.pages.registry import PAGES
from ui.run_artifacts import artifacts_part
from ui.run_code import diff_part, environment_part, reproduce_part
from ui.run_curves import curves_part
from ui.run_overview import error_part, header, results_part
from ui.tables import runs_frame

N_RECENT: Final = 25


def overview(run: RunDetail) -> None:
    """Shows the results and the curves."""
    results_part(run)
    section_heading("Curves")
    curves_part(run)


TABS: Final[dict[str, Callable[[RunDetail], None]]] = {
    "Overview": overview,
    "Artifacts": artifacts_part,
    "Code": diff_part,
    "Environment": environment_part,
    "Reproduce": reproduce_part,
}


def offer_recent() -> None:
    """Offers the recent runs to choose from."""
    with asking():
        page = run_page(limit=N_RECENT)
    if not page.runs:
        empty_store()
    st.caption(
        f"Click one of the {len(page.runs)} most recent runs to open it; all {page.total:,} are on the Runs page."
    )
    names = [name for name, _ in Counter(name for run in page.runs for name in run.final_metrics).most_common(4)]
    table = runs_frame(page.runs, metrics=names, params=[])
    table["run_id"] = [short_id(run.run_id) for run in page.runs]
    event = st.dataframe(
        table.rename(columns={f"metric:{name}": name for name in names} | {"run_id": "run"}),
        hide_index=True,
        key="recent",
        on_select="rerun",
        selection_mode="single-cell",
        placeholder="–",
        height=35 * (len(table) + 1) + 3,
        column_config={
            "note": st.column_config.Column(width="medium"),
            **{name: st.column_config.NumberColumn(name, format="%.4g") for name in names},
        },
    )
    cells = event["selection"]["cells"]
    if cells:
        st.switch_page(PAGES["run"], query_params={"id": page.runs[cells[0][0]].run_id})


def offer_candidates(candidates: tuple[str, ...]) -> None:
    """Offers the runs that a shortened id may mean."""
    st.markdown("Several runs start like this:")
    for candidate in candidates:
        st.page_link(PAGES["run"], label=plain_markdown(candidate), query_params={"id": candidate})


def show(run_id: str) -> None:
    """Shows a run; says so when it is not known."""
    try:
        with asking(passes=(NotFoundError, AmbiguousRunError)) as lab:
            run = lab.get_run(run_id)
    except AmbiguousRunError as error:
        offer_candidates(error.candidates)
        return
    except NotFoundError:
        st.warning(f"No run has the id {plain_markdown(run_id[:80])}.", icon=":material/search_off:")
        offer_recent()
        return
    header(run)
    error_part(run)
    for tab, part in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
        with tab:
            if tab.open:
                part(run)


asked = st.query_params.get("id")
if asked:
    show(asked)
else:
    page_heading("Run")
    offer_recent()
