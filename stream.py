"""The dashboard: `streamlit run stream.py`.

Owns navigation, and that nobody gets past it whom the server does not let in; the pages live in `ui/pages`.
"""

from pathlib import Path

import streamlit as st

from ui.components import page_style
from ui.pages.registry import pages_to_run
from ui.sign_in import admit

# The icon is a file of ours: Streamlit would fetch one of its own from a server on the net.
st.set_page_config(page_title="ai-lab", page_icon=Path(__file__).parent / "ui" / "icon.svg", layout="wide")
page_style()
page = st.navigation(pages_to_run(), position="top")
admit()
page.run()
