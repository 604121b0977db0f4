"""The top of the Run page: what the run is and how it stands, its note, final metrics, parameters and error.

Owns a part of the Run page.
"""

import json
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from backend.models import NoteChange, RunDetail
from ui.components import compare_link, note_editor, page_heading, status_badge
from ui.connection import asking, client
from ui.formatting import ago_text, moment_text, plain_markdown, short_id
from ui.model_registry.run_models import models_part
from ui.pages.registry import PAGES
from ui.run_curves import REFRESH_S, extremes_of
from ui.run_facts import elapsed_text, last_line, latest_table, metrics_table, params_table

_MAX_TAGS: Final = 20
_SHORT_CHARS: Final = 60
_MAX_CHANGES: Final = 50


def header(run: RunDetail) -> None:
    """Shows the header of a run; of a running one anew by itself, and the whole page when it ends."""
    st.fragment(_header, run_every=REFRESH_S if run.status == "running" else None)(run)


def _header(run: RunDetail) -> None:
    if run.status == "running":
        with asking():
            now = client().get_run(run.run_id)
        if now.status != run.status:
            st.rerun(scope="app")
    _title(run)
    _facts(run)
    models_part(run.run_id)


def _title(run: RunDetail) -> None:
    left, right = st.columns([4, 1], vertical_alignment="center")
    with left.container(horizontal=True, vertical_alignment="center", gap="small"):
        page_heading(f"Run {short_id(run.run_id)}", width="content")
        status_badge(run.status)
        for tag in run.tags[:_MAX_TAGS]:
            st.badge(plain_markdown(_short(tag)), icon=":material/sell:", color="gray")
    with right.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        if st.button("Other run", icon=":material/swap_horiz:", type="tertiary"):
            st.switch_page(PAGES["run"])
        compare_link([run.run_id])


def _facts(run: RunDetail) -> None:
    now = datetime.now(UTC)
    started = run.started_at or run.timestamp
    facts = {
        "Dataset": _short(run.dataset_id or "–"),
        "Running for" if run.status == "running" else "Duration": elapsed_text(run, now=now),
        "Started": ago_text(started, now=now) + (f" by {_short(run.created_by)}" if run.created_by else ""),
        "Commit": short_id(run.git_hash) if run.git_hash else "–",
    }
    helps = {"Started": f"{moment_text(started)} UTC", "Commit": run.git_hash, "Dataset": run.dataset_id}
    columns = st.columns([1, 1, 1, 1, 1.4], gap="medium", border=False)
    for column, (name, value) in zip(columns, facts.items(), strict=False):
        with column:
            _fact(name, plain_markdown(value), note=helps.get(name))
    with columns[-1]:
        _links(run)


def _fact(name: str, value: str, *, note: str | None = None) -> None:
    """Shows a fact; the value is Markdown, the note is not."""
    st.markdown(f":small[:gray[{name}]]  \n{value}", help=plain_markdown(note or "") or None)


def _links(run: RunDetail) -> None:
    if run.parent_run_id is not None:
        st.markdown(":small[:gray[Part of]]")
        label = plain_markdown(f"Run {short_id(run.parent_run_id)}")
        st.page_link(PAGES["run"], label=label, query_params={"id": run.parent_run_id})
    else:
        _fact("Project", plain_markdown(_short(run.project or "–")))
    if run.wandb_url and run.wandb_url.startswith(("https://", "http://")):
        st.link_button("Weights & Biases", run.wandb_url, icon=":material/open_in_new:", type="tertiary")


def error_part(run: RunDetail) -> None:
    """Shows why a run failed."""
    if not run.error:
        return
    st.error(plain_markdown(last_line(run.error)) or "The run failed.", icon=":material/error:")
    with st.expander("Traceback", icon=":material/bug_report:"):
        st.code(run.error, language="python", height=min(420, 60 + 22 * len(run.error.splitlines())))


def results_part(run: RunDetail) -> None:
    """Shows final metrics and parameters side by side, and the note beside them."""
    metrics, params, note = st.columns([1.2, 1.1, 1.3], gap="medium")
    with metrics:
        st.fragment(_metrics, run_every=REFRESH_S if run.status == "running" else None)(run)
    with params:
        _params(run)
    with note, st.container(border=True):
        note_editor(run, key=f"note-{run.run_id}")
        _note_history(run)


def _note_history(run: RunDetail) -> None:
    history = st.expander("History of the note", icon=":material/history:", type="compact", on_change="rerun")
    if not history.open:
        return
    with history, asking() as lab:
        changes = lab.note_history(run.run_id, limit=_MAX_CHANGES)
        if not changes:
            st.caption("The note was not changed since the run started.")
        for change in changes:
            who = "somebody without a name" if change.changed_by is None else plain_markdown(_short(change.changed_by))
            st.markdown(f":small[:gray[{moment_text(change.changed_at)} UTC, {who}]]  \n{_change_text(change)}")


def _change_text(change: NoteChange) -> str:
    before, after = (plain_markdown(_short(note or "no note")) for note in (change.former_note, change.note))
    return f":gray[{before}] → {after}"


def _metrics(run: RunDetail) -> None:
    with asking():
        curves = extremes_of(run.run_id).frame
    if run.final_metrics:
        st.markdown("**Final metrics**")
        table = metrics_table(run, curves)
    else:
        st.markdown("**Latest values**" if run.status == "running" else "**Last values**")
        table = latest_table(curves)
    if table.empty:
        st.caption("No final metrics are recorded.")
        return
    numbers = {name: st.column_config.TextColumn(name, alignment="right") for name in table.columns[1:]}
    if "best" in table:
        numbers["best"] = st.column_config.TextColumn(
            "best", alignment="right", help="The best value logged on the way"
        )
        numbers["step"] = st.column_config.TextColumn("at step", alignment="right")
    st.dataframe(table, hide_index=True, column_config=numbers, height=_height(len(table)))


def _params(run: RunDetail) -> None:
    st.markdown("**Parameters**")
    table = params_table(run.params)
    if table.empty:
        st.caption("No parameters are recorded.")
        return
    st.dataframe(table, hide_index=True, height=_height(len(table)))
    st.download_button(
        "Download as JSON",
        json.dumps(run.params, ensure_ascii=False, indent=2),
        file_name=f"params-{short_id(run.run_id)}.json",
        mime="application/json",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )


def _height(n_rows: int) -> int:
    """Gives a table's height in pixels: all of a short one, ten rows of a long one."""
    return 35 * (min(n_rows, 10) + 1) + 3


def _short(text: str) -> str:
    return text if len(text) <= _SHORT_CHARS else f"{text[: _SHORT_CHARS - 1]}…"
