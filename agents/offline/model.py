"""The planner as a chat model, so that the agent around it is the same as with a language model.

Owns reading a conversation and replaying a plan over it. It keeps nothing between calls but what it read of a store's
names: the conversation holds every step that was taken.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import Field, PrivateAttr

from agents.agents import DraftAnswer
from agents.offline.language.names import Names, index_names
from agents.offline.language.notes import FLAG, NOTE
from agents.offline.plans.asking import Call, Failure, Result
from agents.offline.plans.choosing import plan_answer
from agents.offline.plans.refusals import unavailable
from agents.offline.reading.reader import Turn, read_question
from backend.models import Facets
from tools.found import StoreDescribed

_KEPT_STORES = 4
_MAX_STEPS = 8


def _utc_now() -> datetime:
    return datetime.now(UTC)


class OfflinePlanner(BaseChatModel):
    """Answers questions about runs by rules: each call gives the next step of a plan, or the final answer.

    Attributes:
        now: Gives the moment a question is asked, with a time zone.
        tools: Names of the tools offered; those that write are among them only when the question asks for it.
    """

    now: Callable[[], datetime] = Field(default=_utc_now, exclude=True)
    tools: frozenset[str] = frozenset()
    _stores: list[Names] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "ai-lab-offline-planner"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Gives a planner that may use some tools.

        Args:
            tools: LangChain tools, functions, models or descriptions of them.
            tool_choice: Ignored: every answer is a call of a tool.
            kwargs: Ignored, likewise.
        """
        bound = OfflinePlanner(now=self.now, tools=frozenset(map(_tool_name, tools)))
        bound._stores = self._stores
        return bound

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages))])

    def _next(self, messages: Sequence[BaseMessage]) -> AIMessage:
        start = _question_index(messages)
        question = str(messages[start].text)
        steps = _steps_taken(messages[start + 1 :])
        if not steps:
            return _calling([Call("describe_store", {})], start=start, step=0)
        described = steps[0][0]
        if not isinstance(described, StoreDescribed):
            return _answering(unavailable(described), start=start)
        reading = read_question(
            question,
            self._names_of(described.facets),
            now=self.now(),
            earlier=_earlier_turns(messages[:start]),
            writing=self.tools & {FLAG, NOTE},
        )
        plan = plan_answer(reading)
        try:
            calls = next(plan)
            for step in steps[1:_MAX_STEPS]:
                calls = plan.send(step)
        except StopIteration as stop:
            return _answering(stop.value, start=start)
        return _calling(calls, start=start, step=len(steps))

    def _names_of(self, facets: Facets) -> Names:
        """Gives the indexed names of a store; those of the last few stores are kept."""
        known = next((names for names in self._stores if names.facets is facets or names.facets == facets), None)
        if known is None:
            known = index_names(facets)
            self._stores.insert(0, known)
            del self._stores[_KEPT_STORES:]
        return known


def _question_index(messages: Sequence[BaseMessage]) -> int:
    for index in range(len(messages) - 1, -1, -1):
        if _is_question(messages[index]):
            return index
    raise ValueError("the conversation holds no question: a HumanMessage is missing")


def _is_question(message: BaseMessage) -> bool:
    return isinstance(message, HumanMessage) and message.additional_kwargs.get("kind") != "correction"


def _steps_taken(messages: Sequence[BaseMessage]) -> list[list[Result]]:
    """Gives the results of each step since the question, in the order of its calls."""
    answers = {message.tool_call_id: message for message in messages if isinstance(message, ToolMessage)}
    return [
        [_result(answers.get(str(call["id"]))) for call in message.tool_calls]
        for message in messages
        if isinstance(message, AIMessage) and _is_step(message)
    ]


def _is_step(message: AIMessage) -> bool:
    return bool(message.tool_calls) and all(call["name"] != DraftAnswer.__name__ for call in message.tool_calls)


def _result(message: ToolMessage | None) -> Result:
    if message is None:
        return Failure("a tool gave no answer")
    if message.status == "error" or message.artifact is None:
        return Failure(str(message.text))
    found: Result = message.artifact
    return found


def _earlier_turns(messages: Sequence[BaseMessage]) -> list[Turn]:
    """Gives the questions before with the runs of their answers."""
    turns: list[Turn] = []
    question: str | None = None
    for message in messages:
        if _is_question(message):
            question = str(message.text)
        elif isinstance(message, AIMessage) and question is not None and not message.tool_calls:
            used = message.response_metadata.get("used_run_ids") or ()
            turns.append(Turn(question, tuple(map(str, used))))
            question = None
    return turns[-3:]


def _calling(calls: Sequence[Call], *, start: int, step: int) -> AIMessage:
    asked = [
        ToolCall(name=call.tool, args=call.arguments, id=f"offline-{start}-{step}-{place}")
        for place, call in enumerate(calls)
    ]
    return AIMessage(content="", tool_calls=asked)


def _answering(draft: DraftAnswer, *, start: int) -> AIMessage:
    call = ToolCall(name=DraftAnswer.__name__, args=draft.model_dump(mode="json"), id=f"offline-{start}-answer")
    return AIMessage(content="", tool_calls=[call])


def _tool_name(tool: Any) -> str:
    if isinstance(tool, BaseTool):
        return tool.name
    if isinstance(tool, dict):
        return str(tool.get("name") or tool.get("function", {}).get("name") or tool.get("title", ""))
    return str(getattr(tool, "__name__", ""))
