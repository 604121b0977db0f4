"""Assistant: questions about the runs, and answers with the tools that were asked, links, tables and plots.

Owns the page. What was said stands in `ui.conversations`; the address names the conversation and its last question.
"""

from contextlib import closing
from typing import Final

import streamlit as st

from tools.agent_stream import AgentStep, AgentToken
from tools.calls import AgentEngine
from tools.errors import LabClientError
from ui.answer_view import assistant_message, show_question, show_steps, show_turn
from ui.answers import answer_markdown, engine_name, may_write, step_text
from ui.components import empty_store, page_heading
from ui.connection import asking, client, facets, facets_with_params, kept
from ui.conversations import Conversation, Conversations, Turn
from ui.formatting import plain_markdown
from ui.suggestions import suggest_questions

MAX_QUESTION_CHARS: Final = 4_000
_MAX_ADDRESS_CHARS: Final = 1_000
_GROWTH: Final = 1.02
"""An answer is drawn again when it has grown by so much: the whole of it is sent each time, and it may be long."""

_ASK, _TALK = "ask", "talk"
_NEXT: Final = "assistant-next"
_SESSION: Final = "assistant-session"
_SUGGESTED: Final = "assistant-suggested"


@st.cache_resource(show_spinner=False)
def _conversations() -> Conversations:
    return Conversations()


@kept(ttl=3.0)
def _engine() -> AgentEngine:
    return client().agent_status()


def _conversation() -> Conversation:
    """Gives the conversation that the address names, else this session's own; a new one for a question sent alone."""
    named = _conversations().find(st.query_params.get(_TALK))
    if named is None and _ASK not in st.query_params:
        named = _conversations().find(st.session_state.get(_SESSION))
    conversation = named or _conversations().start()
    st.session_state[_SESSION] = conversation.session_id
    return conversation


def _head(conversation: Conversation) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        page_heading("Assistant", width="content")
        engine = _engine()
        is_model = engine.engine == "llm"
        icon = ":material/neurology:" if is_model else ":material/account_tree:"
        st.badge(plain_markdown(engine_name(engine)), icon=icon, color="violet" if is_model else "gray")
        st.caption(plain_markdown(_engine_reason(engine)), width="stretch")
        if conversation.turns:
            st.button("New conversation", icon=":material/add_comment:", on_click=_forget)


def _engine_reason(engine: AgentEngine) -> str:
    where = f" at {engine.base_url}" if engine.base_url else ""
    return f"{engine.reason}{where}"


def _forget() -> None:
    st.session_state.pop(_SESSION, None)
    for name in (_ASK, _TALK):
        st.query_params.pop(name, None)


def _ask_next(question: str) -> None:
    st.session_state[_NEXT] = question


def _take_suggestion() -> None:
    question = st.session_state[_SUGGESTED]
    st.session_state[_SUGGESTED] = None
    if question:
        _ask_next(question)


def _suggest(*, is_first: bool) -> None:
    questions = suggest_questions(facets_with_params())
    if is_first:
        st.markdown("Ask in your own words which runs are best, how they differ, or what to try next.")
    st.pills(
        "Suggestions",
        questions,
        key=_SUGGESTED,
        format_func=plain_markdown,
        on_change=_take_suggestion,
        label_visibility="collapsed",
    )


def _addressed(conversation: Conversation) -> str | None:
    """Gives the question of the address, where it has not been asked; one that may change a note waits for a click."""
    question = st.query_params.get(_ASK, "").strip()[:MAX_QUESTION_CHARS]
    if not question or any(turn.question == question for turn in conversation.turns):
        return None
    if not may_write(question):
        return question
    show_question(question)
    with assistant_message():
        st.markdown("This question came with the address and may change a run's note.")
        st.button("Ask it", type="primary", on_click=_ask_next, args=[question])
    return None


def _answer(conversation: Conversation, question: str) -> None:
    """Asks, shows what comes while it comes, and runs the page anew when all is there."""
    turn = conversation.begin(question)
    st.query_params.from_dict({_ASK: question[:_MAX_ADDRESS_CHARS], _TALK: conversation.session_id})
    show_question(question)
    with assistant_message():
        try:
            _listen(turn, conversation.session_id)
        except LabClientError as error:
            turn.problem = str(error)
    st.rerun()


def _listen(turn: Turn, session_id: str) -> None:
    status, words, text, n_drawn = st.status("Thinking …", expanded=True), st.empty(), "", 0
    with closing(client().stream_agent(turn.question, session_id=session_id)) as events:
        for event in events:
            if isinstance(event, AgentStep):
                turn.note(event)
                status.update(label=plain_markdown(f"{step_text(event)} …"))
                show_steps([event] if event.state != "started" else [], into=status)
            elif isinstance(event, AgentToken):
                text += event.text
                if len(text) >= n_drawn * _GROWTH:
                    words.markdown(answer_markdown(text, ()))
                    n_drawn = len(text)
            else:
                turn.reply = event


def main() -> None:
    """Shows the page."""
    with asking():
        store = facets()
        conversation = _conversation()
        _head(conversation)
    if not store.total:
        empty_store()
    for number, turn in enumerate(conversation.turns):
        show_turn(turn, key=f"{conversation.session_id}-{number}", ask_again=_ask_next)
    typed = st.chat_input("Ask about your runs", max_chars=MAX_QUESTION_CHARS, submit_mode="stop")
    question = st.session_state.pop(_NEXT, None) or typed or _addressed(conversation)
    if question and question.strip():
        _answer(conversation, question.strip())
    _suggest(is_first=not conversation.turns and _ASK not in st.query_params)


main()
