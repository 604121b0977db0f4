"""Which pages there are, under which address, in which order.

Owns the addresses: a link to a page is made from here.
"""

import copy
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_HERE: Final = Path(__file__).parent

PAGES: Final = {
    "home": st.Page(_HERE / "home.py", title="Home", icon=":material/home:", default=True),
    "runs": st.Page(_HERE / "runs.py", title="Runs", icon=":material/list:", url_path="runs"),
    "run": st.Page(_HERE / "run.py", title="Run", icon=":material/article:", url_path="run"),
    "compare": st.Page(_HERE / "compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
    "leaderboard": st.Page(
        _HERE / "leaderboard.py", title="Leaderboard", icon=":material/trophy:", url_path="leaderboard"
    ),
    "models": st.Page(_HERE / "models.py", title="Models", icon=":material/deployed_code:", url_path="models"),
    "assistant": st.Page(_HERE / "assistant.py", title="Assistant", icon=":material/chat:", url_path="assistant"),
}
"""The pages by name."""


def pages_to_run() -> list[StreamlitPage]:
    """Gives the pages for one run of the dashboard.

    Streamlit notes on a page whether it may be run now. Sessions run side by side, so each run has pages of its own.
    """
    return [copy.copy(page) for page in PAGES.values()]
