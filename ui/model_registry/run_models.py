"""The Run page's line with the models that a run made.

Owns this line; there is none where there are no models.
"""

from typing import Final

import streamlit as st

from backend.registry_models import ModelSummary
from tools.errors import StoreUnavailableError
from ui.connection import asking, client, kept
from ui.formatting import plain_markdown
from ui.model_registry.state import SELECTED
from ui.model_registry.words import model_label
from ui.pages.registry import PAGES

_SHOWN: Final = 4
_FRESH_S: Final = 3.0


def models_part(run_id: str) -> None:
    """Shows links to the models of the registry that a run made."""
    try:
        with asking(passes=(StoreUnavailableError,)):
            models, total = _made(run_id)
    except StoreUnavailableError as error:
        st.caption(f"Which models were made by this run is not known: {plain_markdown(error.detail)}")
        return
    if not models:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(":small[:gray[Models]]", width="content")
        for model in models:
            label = plain_markdown(model_label(model.id, model.model_name, model.run_name))
            st.page_link(
                PAGES["models"], label=label, icon=":material/deployed_code:", query_params={SELECTED: str(model.id)}
            )
        if total > len(models):
            st.markdown(f":small[:gray[and {total - len(models)} more]]", width="content")


@kept(ttl=_FRESH_S, max_entries=32)
def _made(run_id: str) -> tuple[list[ModelSummary], int]:
    page = client().registry.models(source_run_id=run_id, limit=_SHOWN)
    return page.models, page.total
