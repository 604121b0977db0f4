"""Models: the model registry as a table, a lineage graph, a comparison of two, and a leaderboard.

The state is in the address: `view`, `family`, `search`, `run`, `checkpoints`, `only`, the selected `models`, and what
each view shows.
"""

from functools import partial

import streamlit as st

from backend.registry_models import RegistryFacets
from ui.components import page_heading
from ui.connection import asking, client
from ui.downloads import EXCEL_MEDIA_TYPE
from ui.model_registry import answers, compare_view, graph_view, leaderboard_view, table_view
from ui.model_registry.bar import filter_bar, selection_bar
from ui.model_registry.words import counted


def empty_registry() -> None:
    """Says that no model is registered, and how to register one; the page ends here."""
    st.info("No model is registered yet.", icon=":material/inbox:")
    st.markdown("Bring in evaluation results, such as the bundled ones of lm-evaluation-harness:")
    st.code("lightml scan --path examples/lm_eval/results --run my-evaluation", language="bash")
    st.markdown("Register the model that a run of the tracker left, with its metrics:")
    st.code("lightml model-register --from-run RUN_ID", language="bash")
    st.markdown("Or name any model, with the one it was made from:")
    st.code("lightml model-register --run my-run --name llama-sft --parent llama-base", language="bash")
    st.stop()


def heading(known: RegistryFacets, run: str | None) -> None:
    """Shows what there is, and offers it as an Excel file."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        page_heading("Models", width="content")
        totals = {"model": known.total_models, "checkpoint": known.total_checkpoints, "metric": known.total_metrics}
        counts = ", ".join(counted(number, name) for name, number in totals.items())
        st.markdown(f":gray[{counts} in {counted(len(known.runs), 'run')}]", width="content")
        st.space("stretch")
        st.download_button(
            "Excel",
            partial(client().registry.export_bytes, run=run),
            file_name="models.xlsx",
            mime=EXCEL_MEDIA_TYPE,
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help="Every metric of the chosen run, or of all, with a sheet for each family",
        )


def show() -> None:
    """Shows the page."""
    with asking():
        known = answers.facets()
    if not known.total_models:
        page_heading("Models")
        empty_registry()
    top = st.container()
    filters = filter_bar(known)
    with top:
        heading(known, filters.run)
    with asking():
        chosen = selection_bar(filters.view)
    if filters.view == "Graph":
        graph_view.show(filters)
    elif filters.view == "Compare":
        compare_view.show(known, chosen)
    elif filters.view == "Leaderboard":
        leaderboard_view.show(known, filters)
    else:
        table_view.show(known, filters)


show()
