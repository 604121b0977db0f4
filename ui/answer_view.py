"""How a question and its answer are shown in a conversation.

Owns the pieces of the assistant's page below its head.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import altair as alt
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from tools.agent_stream import AgentStep
from tools.calls import AgentReply
from ui.answers import (
    answer_markdown,
    metrics_frame,
    named_runs,
    params_frame,
    reply_text,
    step_text,
    steps_text,
    values_frame,
)
from ui.components import compare_link
from ui.conversations import Turn
from ui.formatting import plain_markdown, short_id
from ui.pages.registry import PAGES

_STATE_ICONS: Final = {"started": ":material/hourglass:", "done": ":material/check:", "failed": ":material/error:"}
_MAX_LINKS: Final = 12
_MAX_PLOTTED_METRICS: Final = 8
_MAX_PLOTTED_RUNS: Final = 20
_PANEL_WIDTH_PX: Final = 170
_PANELS_A_ROW: Final = 4
_BAR_PX: Final = 24
_OTHERS_OPACITY: Final = 0.4
_TEXT_WIDTH_PX: Final = 820


def show_question(question: str) -> None:
    """Shows the user's words."""
    with st.chat_message("user", avatar=":material/person:"):
        st.markdown(plain_markdown(question), width=_TEXT_WIDTH_PX)


def assistant_message() -> DeltaGenerator:
    """Gives the place for what the assistant says."""
    return st.chat_message("assistant", avatar=":material/science:")


def show_turn(turn: Turn, *, key: str, ask_again: Callable[[str], None]) -> None:
    """Shows a question and what came of it.

    Args:
        turn: The question, and its answer if there is one.
        key: Tells its widgets from others.
        ask_again: Takes the question when it was not answered and the user asks it again.
    """
    show_question(turn.question)
    with assistant_message():
        if turn.steps:
            with st.expander(plain_markdown(steps_text(turn.steps)), icon=":material/build:"):
                show_steps(turn.steps)
        if turn.reply is not None:
            _show_reply(turn.reply, key=key)
            return
        if turn.problem is not None:
            st.error(plain_markdown(turn.problem), icon=":material/error:")
        else:
            st.info("This question was interrupted before its answer came.", icon=":material/front_hand:")
        st.button("Ask again", key=f"{key}-again", on_click=ask_again, args=[turn.question])


def show_steps(steps: Sequence[AgentStep], *, into: DeltaGenerator | None = None) -> None:
    """Shows the tools that were asked, in order."""
    for step in steps:
        told = ", ".join(f"{name}={value}" for name, value in step.arguments.items() if name != "run_ids")
        failure = f" – {step.text}" if step.state == "failed" else ""
        line = f"{_STATE_ICONS[step.state]} {plain_markdown(step_text(step) + failure)}"
        detail = plain_markdown(f"{step.tool}({told[:200]})")
        (into or st).markdown(f"{line} :gray[{detail}]")


def _show_reply(reply: AgentReply, *, key: str) -> None:
    document = reply.document
    runs = named_runs(document)
    st.markdown(answer_markdown(str(document.get("natural_language_answer", "")), runs), width=_TEXT_WIDTH_PX)
    comparison = document.get("comparison")
    if comparison:
        _show_comparison(comparison, key=key)
    _show_links(runs, is_comparison=bool(comparison))
    flagged = document.get("flagged_run_id")
    marked = f"The note of run {short_id(flagged)} was changed · " if flagged else ""
    st.caption(plain_markdown(f"{marked}{reply_text(reply)}"))


def _show_links(run_ids: Sequence[str], *, is_comparison: bool) -> None:
    if not run_ids:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        for run_id in run_ids[:_MAX_LINKS]:
            label = plain_markdown(short_id(run_id))
            st.page_link(PAGES["run"], label=label, icon=":material/article:", query_params={"id": run_id})
        if len(run_ids) > 1:
            compare_link(list(run_ids), label="Open in Compare" if is_comparison else "Compare them")


def _show_comparison(comparison: Mapping[str, Any], *, key: str) -> None:
    metrics, params = metrics_frame(comparison), params_frame(comparison)
    if len(metrics):
        columns = _metric_columns([str(name) for name in metrics.columns])
        st.dataframe(metrics, width=_TEXT_WIDTH_PX, hide_index=True, key=f"{key}-metrics", column_config=columns)
        _show_bars(comparison, key=key)
    if len(params):
        st.dataframe(params, width=_TEXT_WIDTH_PX, hide_index=True, key=f"{key}-params")
    else:
        st.caption("They do not differ in any parameter.")


def _metric_columns(names: Sequence[str]) -> dict[str, Any]:
    runs = {name: st.column_config.TextColumn(name, alignment="right") for name in names[1:-2]}
    return {
        **runs,
        "difference": st.column_config.NumberColumn("difference", format="%.4g"),
        "better": st.column_config.TextColumn("better", help="Told from the metric's name"),
    }


def _show_bars(comparison: Mapping[str, Any], *, key: str) -> None:
    """Shows a panel of bars for each metric; of many metrics and runs, the first ones."""
    shown = {**comparison, "metric_keys": comparison["metric_keys"][:_MAX_PLOTTED_METRICS]}
    shown["run_ids"] = comparison["run_ids"][:_MAX_PLOTTED_RUNS]
    frame = values_frame(shown)
    if frame.empty:
        return
    runs = list(dict.fromkeys(frame["run"]))
    bars = (
        alt.Chart(frame)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("value:Q", title=None, axis=alt.Axis(tickCount=3, format="~g")),
            y=alt.Y("run:N", title=None, sort=runs),
            opacity=alt.condition("datum.is_best", alt.value(1.0), alt.value(_OTHERS_OPACITY)),
            tooltip=["metric", "run", alt.Tooltip("value:Q", format=".6~g")],
        )
        .properties(width=_PANEL_WIDTH_PX, height=_BAR_PX * len(runs))
        .facet(alt.Facet("metric:N", title=None, sort=shown["metric_keys"]), columns=_PANELS_A_ROW)
        .resolve_scale(x="independent")
    )
    st.altair_chart(bars, key=f"{key}-bars")
