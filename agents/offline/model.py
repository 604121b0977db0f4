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
from agents.offline.language.models import HINTS, ModelNames
from agents.offline.language.names import Names, index_names
from agents.offline.language.notes import FLAG, NOTE
from agents.offline.plans.asking import Call, Failure, Result
from agents.offline.plans.choosing import plan_answer
from agents.offline.plans.models import plan_model_answer
from agents.offline.plans.refusals import unavailable
from agents.offline.reading.model_reading import ModelReading, read_models
from agents.offline.reading.reader import Turn, read_question
from agents.offline.reading.reading import Reading
from backend.models import Facets
from tools.found import RegistryDescribed, StoreDescribed

_KEPT_STORES = 4
_MAX_STEPS = 7
_DESCRIBE_REGISTRY = Call("describe_registry", {})


def _utc_now() -> datetime:
    return datetime.now(UTC)


class OfflinePlanner(BaseChatModel):
    """Answers questions about runs and registered models by rules.

    Each call gives the next step of a plan, or the final answer.

    Attributes:
        now: Gives the moment a question is asked, with a time zone.
        tools: Names of the tools offered; those that write are among them only when the question asks for it.
    """

    now: Callable[[], datetime] = Field(default=_utc_now, exclude=True)
    tools: frozenset[str] = frozenset()
    _stores: list[Names] = PrivateAttr(default_factory=list)
    _registries: list[tuple[RegistryDescribed, ModelNames]] = PrivateAttr(default_factory=list)

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
        bound._stores, bound._registries = self._stores, self._registries
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
        earlier = _earlier_turns(messages[:start])
        if not steps:
            asks_registry = any(HINTS.search(text) for text in (question, *(turn.question for turn in earlier[-1:])))
            calls = [Call("describe_store", {}), *([_DESCRIBE_REGISTRY] if asks_registry else [])]
            return _calling(calls, start=start, step=0)
        described = steps[0][0]
        if not isinstance(described, StoreDescribed):
            return _answering(unavailable(described), start=start)
        names = self._names_of(described.facets)
        reading = read_question(question, names, now=self.now(), earlier=earlier, writing=self.tools & {FLAG, NOTE})
        n_describing = 1
        registry = next((found for found in steps[0] if isinstance(found, RegistryDescribed)), None)
        if len(steps[0]) == 1 and _may_be_about_models(reading):
            if len(steps) == 1:
                return _calling([_DESCRIBE_REGISTRY], start=start, step=1)
            n_describing = 2
            registry = next((found for found in steps[1] if isinstance(found, RegistryDescribed)), None)
        models = self._read_models(registry, reading, names, earlier) if registry is not None else None
        plan = plan_answer(reading) if models is None else plan_model_answer(models)
        try:
            calls = next(plan)
            for step in steps[n_describing : n_describing + _MAX_STEPS]:
                calls = plan.send(step)
        except StopIteration as stop:
            return _answering(stop.value, start=start)
        return _calling(calls, start=start, step=len(steps))

    def _read_models(
        self, described: RegistryDescribed, reading: Reading, names: Names, earlier: Sequence[Turn]
    ) -> ModelReading | None:
        """Reads a question, and those before it, against the registry; None where the last is about runs."""
        models = self._model_names_of(described)
        before: ModelReading | None = None
        for at, turn in enumerate(earlier):
            read = read_question(turn.question, names, now=self.now(), earlier=earlier[max(0, at - 2) : at])
            before = read_models(turn.question, models, read, names, earlier=before)
        return read_models(reading.question, models, reading, names, earlier=before)

    def _model_names_of(self, described: RegistryDescribed) -> ModelNames:
        """Gives the indexed names of a registry; those of the last few are kept."""
        for last, names in self._registries:
            if last is described:
                return names
        known = next((names for last, names in self._registries if last == described), ModelNames(described))
        # Under what was described last, so that the next step of the same question finds it at a glance.
        kept = [pair for pair in self._registries if pair[1] is not known]
        self._registries[:] = [(described, known), *kept][:_KEPT_STORES]
        return known

    def _names_of(self, facets: Facets) -> Names:
        """Gives the indexed names of a store; those of the last few stores are kept."""
        known = next((names for names in self._stores if names.facets is facets or names.facets == facets), None)
        if known is None:
            known = index_names(facets)
            self._stores.insert(0, known)
            del self._stores[_KEPT_STORES:]
        return known


def _may_be_about_models(reading: Reading) -> bool:
    """Tells whether the names of the runs do not explain a question, so that the registry's may."""
    is_explained = reading.intent != "unanswerable" and not reading.unknown and not reading.unread
    return not reading.writing and (not is_explained or reading.facets.total == 0)


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
