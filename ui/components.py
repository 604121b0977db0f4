"""What several pages show alike: a run's name as a link, its status, its note, and what to do when there is nothing.

Owns small pieces of pages. Text out of the store is shown as text, never as Markdown or HTML.
"""

from typing import Final, Literal

import streamlit as st

from backend.models import MAX_NOTE_CHARS, RunSummary
from tools.errors import LabClientError
from ui.connection import asking, client, identity
from ui.formatting import STATUS_COLORS, STATUS_ICONS, plain_markdown, short_id
from ui.pages.registry import PAGES

MARKS: Final = ("BEST", "PUBLISH", "BAD RUN")
"""The notes that are one click away."""

_SAVED: Final = "note-saved"


_STYLE: Final = """<style>
.stMainBlockContainer { padding: 4.25rem 2.5rem 2rem; }
[data-testid="stBottomBlockContainer"] { padding-left: 2.5rem; padding-right: 2.5rem; }
.stElementContainer[data-stale="true"] { opacity: 1; }
[data-testid="stMetricValue"] { font-size: 1.75rem; }
</style>"""
"""Less room around the pages than Streamlit leaves, and no fading of what is asked for anew every few seconds."""


def page_style() -> None:
    """Sets what the theme cannot: called once, before any page."""
    st.html(_STYLE)


def page_heading(text: str, *, width: Literal["stretch", "content"] = "stretch") -> None:
    """Shows the heading of a page, as text."""
    st.subheader(plain_markdown(text), anchor=False, width=width)


def section_heading(text: str) -> None:
    """Shows the heading of a part of a page, as text."""
    st.markdown(f"#### {plain_markdown(text)}")


def empty_store() -> None:
    """Says that nothing is recorded yet, and how to record something; the page ends here."""
    st.info("No run is recorded yet.", icon=":material/inbox:")
    st.markdown("Train something with the example, or decorate a function of your own:")
    st.code("make run", language="bash")
    st.code("from lab_logger import log_run\n\n@log_run\ndef train(learning_rate=0.1):\n    ...", language="python")
    st.stop()


def status_badge(status: str) -> None:
    """Shows how a run stands."""
    st.badge(status, icon=STATUS_ICONS.get(status), color=STATUS_COLORS.get(status, "gray"))  # type: ignore[arg-type]


def run_link(run: RunSummary, *, label: str | None = None) -> None:
    """Shows a link to a run's own page."""
    st.page_link(PAGES["run"], label=plain_markdown(label or short_id(run.run_id)), query_params={"id": run.run_id})


def compare_link(run_ids: list[str], *, label: str = "Compare") -> None:
    """Shows a link to the comparison of runs."""
    st.page_link(PAGES["compare"], label=label, icon=":material/compare:", query_params={"ids": run_ids})


def note_editor(run: RunSummary, *, key: str) -> None:
    """Shows a run's note, to be edited in place by those who may, and the marks that are one click away."""
    with asking():
        may_write = identity().role != "read"
    if st.session_state.pop(_SAVED, False):
        st.toast("The note is saved.", icon=":material/check:")
    text_key = f"{key}-text"
    if st.session_state.get(f"{key}-of") != (run.run_id, run.note):
        st.session_state[f"{key}-of"] = (run.run_id, run.note)
        st.session_state[text_key] = run.note or ""
    st.text_area(
        "Note",
        key=text_key,
        max_chars=MAX_NOTE_CHARS,
        height=80,
        placeholder="what to remember of this run",
        disabled=not may_write,
    )
    if not may_write:
        st.caption("Your token may only read. To write notes, sign in with one that has the role `write`.")
    with st.container(horizontal=True, gap="xsmall"):
        if st.button("Save note", key=f"{key}-save", type="primary", disabled=not may_write):
            _save(run, st.session_state[text_key] or None)
        for mark in MARKS:
            if st.button(
                mark,
                key=f"{key}-{mark}",
                help=f"Set the note to {mark}; what it said before is kept behind it",
                disabled=not may_write,
            ):
                _save(run, _marked(run.note, mark))


def _marked(note: str | None, mark: str) -> str:
    """Puts a mark before a note, in place of the mark that stands there."""
    rest = note or ""
    for known in MARKS:
        if rest == known or rest.startswith(f"{known}: "):
            rest = rest[len(known) :].removeprefix(": ")
    return (f"{mark}: {rest}" if rest else mark)[:MAX_NOTE_CHARS]


def _save(run: RunSummary, note: str | None) -> None:
    try:
        client().set_note(run.run_id, note)
    except LabClientError as error:
        st.error(f"The note was not saved. {error}")
        return
    st.cache_data.clear()
    st.session_state[_SAVED] = True  # said after the rerun: what is said just before it may never be drawn
    st.rerun()
