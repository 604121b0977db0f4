"""One question through the graph: a model chooses tools, the tools ask the server, the answer is checked and built.

Owns the graph and what happens around it: the limits, the ledger of what tools returned, the second chance for an
answer that does not stand, and the answer composed from the data when that one does not stand either. The model may be
a language model or the built-in planner; neither has a say in `comparison` and `flagged_run_id`.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelCallLimitMiddleware, ToolCallLimitMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain.tools.tool_node import ToolCallRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from agents import prompts
from agents.agents import AgentAnswer, DraftAnswer, Intent
from agents.comparing import compare
from agents.composing import compose, unwritten_sentence, written_sentence
from agents.fence import Fence, is_mark
from agents.memory import Facts, Turn
from agents.truth.evidence import Evidence
from agents.truth.guard import Guard, known_ids
from agents.wording import short_id
from tools.catalog import TOOLS
from tools.client import AsyncLabClient
from tools.found import ComparisonFound
from tools.langchain_tools import langchain_tools

MAX_MODEL_CALLS: Final = 10
MAX_TOOL_CALLS: Final = 24
_RECURSION_LIMIT: Final = 100
_MAX_ANSWER_IDS: Final = 50

_LIMIT_REACHED: Final = "Model call limits exceeded"
"""How the message begins that the limit of model calls ends a conversation with."""

_log = logging.getLogger(__name__)
_WRITING: Final = frozenset(tool.name for tool in TOOLS if tool.writes)
_DESCRIBING: Final = frozenset({"describe_store", "describe_registry"})
_INTENT_OF_TOOL: Final[Mapping[str, Intent]] = {
    "leaderboard": "best_run",
    "list_runs": "list_runs",
    "get_run_details": "run_details",
    "compare_runs": "compare_runs",
    "search_run_summaries": "search_runs",
    "describe_store": "summarize_runs",
    "describe_registry": "list_models",
    "rank_models": "best_model",
    "compare_models": "compare_models",
    "check_significance": "compare_models",
    "get_model": "model_details",
    "flag_run_for_publish": "flag_run",
    "update_note": "update_note",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A tool at work.

    Attributes:
        tool: Its name.
        arguments: What it was asked.
        state: `started`, `done`, or `failed`.
        text: What came of it in short; empty when it started.
    """

    tool: str
    arguments: Mapping[str, Any]
    state: Literal["started", "done", "failed"]
    text: str = ""


OnStep = Callable[[Step], None]


class Conversation:
    """One question, what was said before, and what the tools have returned for it so far.

    It outlives the model: when one fails, the next goes on with the same evidence and the same fence.

    Args:
        question: The user's words.
        turns: The questions and answers before, the oldest first.
    """

    def __init__(self, question: str, *, turns: Sequence[Turn] = ()) -> None:
        self.question = question
        self.turns = tuple(turns)
        self.evidence = Evidence()
        self.fence = Fence(question)
        self.tools_asked: list[str] = []
        for turn in turns:
            self.evidence.remember(turn)

    def messages(self) -> list[AnyMessage]:
        """Gives the conversation as a model is told it, the question last."""
        told: list[AnyMessage] = []
        for turn in self.turns:
            runs = f"\n[runs: {', '.join(turn.run_ids)}]" if turn.run_ids else ""
            known = {"used_run_ids": list(turn.run_ids), "intent": turn.intent}
            told += [HumanMessage(turn.question), AIMessage(turn.text + runs, response_metadata=known)]
        return [*told, HumanMessage(self.question)]


async def answer(
    model: BaseChatModel,
    conversation: Conversation,
    *,
    client: AsyncLabClient,
    now: datetime | None = None,
    on_step: OnStep | None = None,
) -> AgentAnswer | None:
    """Answers a question.

    Args:
        model: What chooses the tools and words the answer.
        conversation: The question; it collects what the tools return.
        client: Where the tools ask, and with whose token.
        now: The moment it is; the real one unless given.
        on_step: Is told of each tool call.

    Returns:
        The answer; None when the model gave none that stands and the tools returned nothing to compose one from.

    Raises:
        LabClientError: The server cannot be asked.
        Exception: Whatever the model's client raises when its endpoint fails.
    """
    ledger = _Ledger(conversation, on_step or (lambda _: None))
    graph = create_agent(
        model=model,
        tools=langchain_tools(client, writing=conversation.fence.open_tools),
        system_prompt=prompts.system_prompt(now or datetime.now(UTC)),
        response_format=ToolStrategy(DraftAnswer),
        middleware=[
            ledger,
            ModelCallLimitMiddleware(run_limit=MAX_MODEL_CALLS, exit_behavior="end"),
            ToolCallLimitMiddleware(run_limit=MAX_TOOL_CALLS, exit_behavior="continue"),
        ],
    )
    messages = conversation.messages()
    chances = {_MissingAnswerError: 1, _UntrueAnswerError: 1, _LimitReachedError: 0}
    while True:
        state = await graph.ainvoke({"messages": [*messages]}, config=RunnableConfig(recursion_limit=_RECURSION_LIMIT))
        try:
            return build(_checked(state, conversation), conversation)
        except tuple(chances) as refused:
            _log.info("an answer did not stand: %s", refused)
            if not chances[type(refused)]:
                break
            chances[type(refused)] -= 1
            messages = [*state["messages"], HumanMessage(str(refused), additional_kwargs={"kind": "correction"})]
    composed = compose(conversation.evidence)
    return build(composed, conversation) if composed is not None else None


def build(draft: DraftAnswer, conversation: Conversation) -> AgentAnswer:
    """Makes the answer: the model's checked words, and the rest from what the tools returned."""
    evidence = conversation.evidence
    text, run_ids = draft.natural_language_answer.strip(), known_ids(evidence, draft.used_run_ids)
    written = evidence.written
    flagged = None
    if written is not None:
        if short_id(written.run.run_id) not in text:
            text = f"{text}\n{written_sentence(written)}"
        run_ids = list(dict.fromkeys([*run_ids, written.run.run_id]))
        flagged = written.run.run_id if is_mark(written.run.note) else None
    elif conversation.fence.request.tools:
        text = f"{text}\n{unwritten_sentence(may_be_written=conversation.fence.may_be_written)}"
    compared = next((found for found in reversed(evidence.found) if isinstance(found, ComparisonFound)), None)
    return AgentAnswer(
        intent=draft.intent,
        natural_language_answer=text,
        used_run_ids=run_ids[:_MAX_ANSWER_IDS],
        comparison=compare(compared.comparison) if compared is not None else None,
        flagged_run_id=flagged,
    )


def unanswered(conversation: Conversation, *, n_runs: int) -> AgentAnswer:
    """Makes the answer for when no tool returned anything, though the store can be asked."""
    draft = DraftAnswer(
        intent="unanswerable",
        natural_language_answer=f"No answer was found among the {n_runs} runs of the store; ask in other words.",
    )
    return build(draft, conversation)


def facts_of(found: AgentAnswer, conversation: Conversation) -> Facts:
    """Gives what a later question may take from an answer without asking the tools again."""
    return _guard(conversation, found.used_run_ids).facts_in(found.natural_language_answer)


class _Ledger(AgentMiddleware[Any, None]):
    """Keeps what every tool returned, lets writes through the fence or not, and tells of each step."""

    def __init__(self, conversation: Conversation, on_step: OnStep) -> None:
        super().__init__()
        self._conversation = conversation
        self._on_step = on_step

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Carries out one tool call, unless the fence refuses it."""
        name, arguments = request.tool_call["name"], request.tool_call["args"]
        self._on_step(Step(name, arguments, "started"))
        refusal = self._refusal(name, arguments)
        if refusal is not None:
            self._on_step(Step(name, arguments, "failed", refusal))
            return ToolMessage(refusal, tool_call_id=request.tool_call["id"], name=name, status="error")
        result = await handler(request)
        if isinstance(result, ToolMessage):
            self._keep(result, name, arguments)
        return result

    def _refusal(self, name: str, arguments: dict[str, Any]) -> str | None:
        if name not in _WRITING:
            return None
        fence = self._conversation.fence
        refusal = fence.refusal(name, arguments, known_ids=self._conversation.evidence.known_ids)
        if refusal is None:
            # Spent before the request goes out: a write whose answer is lost may have been made all the same.
            fence.spend()
        return refusal

    def _keep(self, result: ToolMessage, name: str, arguments: dict[str, Any]) -> None:
        text = str(result.content)
        if result.artifact is None:
            self._on_step(Step(name, arguments, "failed", text))
            if name in _WRITING:
                self._conversation.fence.take_refusal()
            return
        self._conversation.tools_asked.append(name)
        self._conversation.evidence.add(result.artifact, arguments=arguments)
        self._on_step(Step(name, arguments, "done", text))


class _LimitReachedError(Exception):
    """The model went on calling tools until it was stopped."""


class _MissingAnswerError(Exception):
    """There is no final answer; the text tells the model."""


class _UntrueAnswerError(Exception):
    """Something in the final answer was not returned by a tool; the text tells the model."""


def _checked(state: Mapping[str, Any], conversation: Conversation) -> DraftAnswer:
    """Gives the final answer, all of which stands.

    Raises:
        _LimitReachedError: The model was stopped before it gave one.
        _MissingAnswerError: There is none.
        _UntrueAnswerError: Something in it does not stand.
    """
    if str(state["messages"][-1].content).startswith(_LIMIT_REACHED):
        raise _LimitReachedError(_LIMIT_REACHED)
    draft = _draft_of(state, conversation)
    if draft is None:
        raise _MissingAnswerError(prompts.NO_FINAL_ANSWER)
    evidence = conversation.evidence
    if not evidence.found and not conversation.turns and draft.intent != "unanswerable":
        raise _UntrueAnswerError(prompts.NO_TOOL_ASKED)
    objections = _guard(conversation, draft.used_run_ids).objections(draft.natural_language_answer)
    if objections:
        raise _UntrueAnswerError(prompts.correction(objections))
    return draft


def _guard(conversation: Conversation, run_ids: Sequence[str]) -> Guard:
    evidence = conversation.evidence
    return Guard(
        evidence,
        question=conversation.question,
        run_ids=known_ids(evidence, run_ids),
        asked_write=bool(conversation.fence.request.tools),
    )


def _draft_of(state: Mapping[str, Any], conversation: Conversation) -> DraftAnswer | None:
    """Gives the model's final answer; where it made none in form, what it said last in plain words."""
    draft = state.get("structured_response")
    if isinstance(draft, DraftAnswer):
        return draft
    last = state["messages"][-1]
    text = last.text.strip() if isinstance(last, AIMessage) and not last.tool_calls else ""
    if not text:
        return None
    asked = [name for name in conversation.tools_asked if name not in _DESCRIBING]
    intent: Intent = _INTENT_OF_TOOL[asked[-1]] if asked else "unanswerable"
    return DraftAnswer(intent=intent, natural_language_answer=text, used_run_ids=_ids_in(text, conversation))


def _ids_in(text: str, conversation: Conversation) -> list[str]:
    return [run_id for run_id in conversation.evidence.known_ids if short_id(run_id) in text]
