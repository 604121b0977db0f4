"""Which engine answers: the language model that the settings name, or the built-in planner.

Owns the choice, the fallback when the model's endpoint fails, and the memory of conversations. LangChain is imported
when the first question comes, in a thread, so that a server without questions never pays for it.
"""

import asyncio
import importlib
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from agents.agents import AgentAnswer, AgentQuery, AgentStatus
from agents.memory import Sessions
from backend.config import AgentSettings
from tools.errors import LabClientError

if TYPE_CHECKING:
    from tools.client import AsyncLabClient

FALLBACK_S: Final = 60.0
"""How long the planner answers after the model's endpoint failed, in seconds, before the model is tried again."""

NO_MODEL: Final = "neither OPENAI_API_KEY nor OPENAI_BASE_URL is set"

_MAX_REASON_CHARS: Final = 200
_REDACTED: Final = "[redacted]"
_KEY_LIKE: Final = re.compile(r"\b(?:sk|pk|key|Bearer)[-_ ][\w*.-]{6,}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and who gave it.

    Attributes:
        answer: The answer.
        engine: `llm` or `offline`.
        fallback: Why the planner stood in for the model; None when it did not.
    """

    answer: AgentAnswer
    engine: str
    fallback: str | None = None


class Assistant:
    """Answers questions.

    Args:
        settings: Gives the settings; called when first needed.
        now: Gives the moment that date words such as "yesterday" start from; UTC.
        clock: Gives seconds that only grow; says when a failed endpoint is tried again.
    """

    def __init__(
        self,
        settings: Callable[[], AgentSettings] = AgentSettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_settings = settings
        self._now = now
        self._clock = clock
        self._sessions = Sessions()
        self._loading = asyncio.Lock()
        self._engines: _Engines | None = None
        self._failure: tuple[float, str] | None = None

    @cached_property
    def settings(self) -> AgentSettings:
        """The settings in force."""
        return self._read_settings()

    def status(self) -> AgentStatus:
        """Says which engine would answer now, and why."""
        from tools.catalog import TOOLS

        names = [tool.name for tool in TOOLS]
        reason = self._offline_reason()
        if reason is not None:
            return AgentStatus(engine="offline", model=None, base_url=None, reason=reason, tools=names)
        settings = self.settings
        where = "OPENAI_BASE_URL" if settings.openai_base_url else "OPENAI_API_KEY"
        return AgentStatus(
            engine="llm",
            model=settings.openai_model,
            base_url=_without_secrets(settings.openai_base_url),
            reason=f"{where} is set",
            tools=names,
        )

    async def answer(
        self, query: AgentQuery, *, client: "AsyncLabClient", on_step: Callable[[Any], None] | None = None
    ) -> Answered:
        """Answers a question.

        Args:
            query: The question, and the conversation it belongs to.
            client: Where the tools ask, and with whose token.
            on_step: Is told of each tool call, an `orchestrator.Step`.

        Raises:
            LabClientError: The server that holds the runs cannot be asked.
        """
        engines = await self._loaded()
        conversation = engines.orchestrator.Conversation(query.query, turns=self._sessions.recall(query.session_id))
        ask = {"client": client, "now": self._now(), "on_step": on_step}
        answer: AgentAnswer | None = None
        fallback = self._offline_reason() if self._has_model else None
        if self._has_model and fallback is None:
            answer, fallback = await self._ask_model(engines, conversation, ask)
        engine = "offline" if answer is None else "llm"
        if answer is None:
            answer = await engines.orchestrator.answer(engines.planner, conversation, **ask)
        if answer is None:
            # Nothing at all was returned: whatever keeps the tools from the store is said here, as a problem.
            facets = await client.facets()
            answer = engines.orchestrator.unanswered(conversation, n_runs=facets.total)
        facts = engines.orchestrator.facts_of(answer, conversation)
        self._sessions.remember(query.session_id, query.query, answer, facts=facts)
        return Answered(answer, engine, fallback)

    @property
    def _has_model(self) -> bool:
        return self.settings.openai_api_key is not None or self.settings.openai_base_url is not None

    def _offline_reason(self) -> str | None:
        """Says why the planner answers; None when the model does."""
        if not self._has_model:
            return NO_MODEL
        if self._failure is not None and self._clock() < self._failure[0]:
            return self._failure[1]
        return None

    async def _ask_model(
        self, engines: "_Engines", conversation: Any, ask: dict[str, Any]
    ) -> tuple[AgentAnswer | None, str | None]:
        """Gives the model's answer, or none and why."""
        try:
            async with asyncio.timeout(self.settings.agent_timeout_s):
                answer: AgentAnswer | None = await engines.orchestrator.answer(engines.model, conversation, **ask)
        except LabClientError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge to a program outside; the user is answered anyway
            return None, self._note_failure(error)
        if answer is None:
            return None, "the language model gave no answer that stands"
        self._failure = None
        return answer, None

    def _note_failure(self, error: Exception) -> str:
        """Says what went wrong; the endpoint is left alone for a while."""
        said = " ".join(self._without_key(str(error)).split()) or "no answer in time"
        reason = f"the language model failed ({type(error).__name__}: {said[:_MAX_REASON_CHARS]})"
        _log.warning("%s; the built-in planner answers", reason)
        self._failure = (self._clock() + FALLBACK_S, f"{reason}; it is tried again after {FALLBACK_S:g} seconds")
        return reason

    def _without_key(self, text: str) -> str:
        """Takes the key, and whatever looks like one, out of what an endpoint said."""
        key = self.settings.openai_api_key
        if key is not None:
            text = text.replace(key.get_secret_value(), _REDACTED)
        return _KEY_LIKE.sub(_REDACTED, text)

    async def _loaded(self) -> "_Engines":
        async with self._loading:
            if self._engines is None:
                settings = self.settings if self._has_model else None
                self._engines = await asyncio.to_thread(_Engines, settings, self._now)
        return self._engines


def _without_secrets(url: str | None) -> str | None:
    """Gives an address without the user, the password and the query that it may hold."""
    if url is None:
        return None
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class _Engines:
    """What LangChain is needed for: the graph, the planner, and the model if there is one."""

    def __init__(self, settings: AgentSettings | None, now: Callable[[], datetime]) -> None:
        self.orchestrator: ModuleType = importlib.import_module("agents.orchestrator")
        self.planner: Any = importlib.import_module("agents.offline.model").OfflinePlanner(now=now)
        self.model: Any = None
        if settings is not None:
            self.model = importlib.import_module("agents.llm").language_model(settings)
