"""Runs side by side: a table, their curves, parallel coordinates, a scatter, and groups over seeds.

The state is in the address: `ids`, one for each run, the open tab, and what each tab shows.
"""

from collections.abc import Callable
from typing import Final

import streamlit as st

from backend.models import MAX_COMPARED_RUNS
from ui.compare_picker import compared_runs, picker, start
from ui.compare_tabs import curves_tab, groups_tab, parallel_tab, scatter_tab, table_tab
from ui.comparing import Compared
from ui.components import page_heading

TABS: Final[dict[str, Callable[[Compared], None]]] = {
    "Table": table_tab,
    "Curves": curves_tab,
    "Parallel coordinates": parallel_tab,
    "Scatter": scatter_tab,
    "Groups": groups_tab,
}

page_heading("Compare")
asked = list(dict.fromkeys(filter(None, st.query_params.get_all("ids"))))
if len(asked) > MAX_COMPARED_RUNS:
    st.warning(f"At most {MAX_COMPARED_RUNS} runs are compared at once: the first {MAX_COMPARED_RUNS} of {len(asked)}.")
    asked = asked[:MAX_COMPARED_RUNS]
compared = compared_runs(asked)
picker(compared)
if not compared.run_ids:
    start()
for tab, show in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
    with tab:
        if tab.open:
            show(compared)
