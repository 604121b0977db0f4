"""What stands above every view of the Models page: which models to look at, and which are selected.

Owns these widgets and their names in the address. What they hold is the same for every view.
"""

from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from backend.registry_models import ModelDetail, RegistryFacets
from ui.formatting import plain_markdown, short_id
from ui.model_registry import answers, state
from ui.model_registry.words import about, model_label, unique_labels
from ui.pages.registry import PAGES

VIEWS: Final = ("Table", "Graph", "Compare", "Leaderboard")
ALL_FAMILIES: Final = "All families"

_VIEW: Final = "view"
_MAX_NAME_CHARS: Final = 200
"""A run with a longer name is not offered; its models are found by a search."""
_MAX_TEXT_CHARS: Final = 1_000
_NAMED: Final = 5
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Filters:
    """Which models to look at.

    Attributes:
        view: How; one of `VIEWS`.
        text: Only models with this in name, path or run; "" for all.
        run: Only models of this run of the registry; None for all.
        checkpoints: Whether checkpoints are shown too.
        only_selected: Whether only the selected models are shown.
    """

    view: str
    text: str
    run: str | None
    checkpoints: bool
    only_selected: bool


def filter_bar(known: RegistryFacets) -> Filters:
    """Shows the bar and gives what is chosen in it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = st.segmented_control(
            "View", VIEWS, default=VIEWS[0], required=True, key=_VIEW, bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
        lists = view in ("Table", "Graph")
        text = st.text_input(
            "Search models", key="search", bind="query-params", icon=":material/search:", width=280,
            placeholder="Search name, path or run", label_visibility="collapsed", max_chars=_MAX_TEXT_CHARS,
            disabled=not lists,
        )  # fmt: skip
        runs = [run.run_name for run in known.runs if len(run.run_name) <= _MAX_NAME_CHARS]
        run = st.selectbox(
            "Run", runs, index=None, key="run", bind="query-params", placeholder="Any run", width=200,
            label_visibility="collapsed", disabled=view == "Compare",
        )  # fmt: skip
        checkpoints = st.toggle("Show checkpoints", key="checkpoints", bind="query-params", disabled=not lists)
        only = st.toggle(
            "Only selected", key="only", bind="query-params", disabled=not lists,
            help="Show the selected models alone, once there are any",
        )  # fmt: skip
    return Filters(view or VIEWS[0], text.strip(), run, checkpoints, only and bool(state.selected()))


def selection_bar(view: str) -> list[ModelDetail]:
    """Shows which models are selected and what can be done with them; gives those that are there."""
    asked = state.selected()
    models = {model_id: answers.model(model_id) for model_id in asked}
    missing = [model_id for model_id, found in models.items() if found is None]
    if missing:
        st.warning(f"No longer there, and left out: {', '.join(f'model {model_id}' for model_id in missing)}.")
    chosen = [found for found in models.values() if found is not None]
    if chosen:
        _selection(chosen, view)
    return chosen


def family_tabs(known: RegistryFacets) -> tuple[str | None, Any]:
    """Shows a tab for all families and one for each; gives the family that is open, None for all, and its container."""
    families = [None, *(family.family for family in known.families)]
    labels = [plain_markdown(label) for label in unique_labels([ALL_FAMILIES, *map(str, families[1:])])]
    asked = state.chosen_family()
    at = families.index(asked) if asked in families else 0
    key = f"models-families-{hash(tuple(labels))}"

    def choose() -> None:
        state.choose_family(families[labels.index(st.session_state[key])])

    tabs = st.tabs(labels, default=labels[at], key=key, on_change=choose)
    at = next((at for at, tab in enumerate(tabs) if tab.open), at)
    return families[at], tabs[at]


def _selection(chosen: list[ModelDetail], view: str) -> None:
    names = [plain_markdown(model_label(found.id, found.model_name, found.run_name)) for found in chosen[:_NAMED]]
    more = f" and {len(chosen) - _NAMED} more" if len(chosen) > _NAMED else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{len(chosen)} selected** :gray[{', '.join(names)}{more}]", width="content")
        if len(chosen) == _PAIR and view != "Compare":
            st.button("Compare", icon=":material/compare:", type="tertiary", on_click=_show, args=("Compare",))
        if len(chosen) == 1:
            source_link(chosen[0])
        st.button("Clear selection", icon=":material/close:", type="tertiary", on_click=state.select, args=([],))

    if len(chosen) == 1:
        st.caption(plain_markdown(about(chosen[0])))


def source_link(model: ModelDetail) -> None:
    """Shows a link to the run of the tracker that made a model, where one did."""
    if model.source_run_id is not None:
        st.page_link(
            PAGES["run"], label=plain_markdown(f"Made by run {short_id(model.source_run_id)}"),
            icon=":material/article:", query_params={"id": model.source_run_id},
        )  # fmt: skip


def _show(view: str) -> None:
    st.session_state[_VIEW] = view
