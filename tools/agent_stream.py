"""The agent's answer as it comes: which tool it asks, the words one by one, then the whole answer.

Owns the events of `POST /agent/stream` and reading them. It must not send anything: `client` does.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx
from httpx_sse import EventSource, ServerSentEvent
from pydantic import JsonValue, TypeAdapter, ValidationError

from backend.models import Problem
from tools.calls import AgentReply, unexpected
from tools.errors import UnexpectedAnswerError, api_error

EVENT_STREAM: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class AgentStep:
    """A tool that the agent asks.

    Attributes:
        tool: The tool's name.
        arguments: What it is asked with.
        state: Whether it has just been asked, or how it ended.
        text: What it returned, as JSON text, or why it failed; empty when it has just been asked.
    """

    tool: str
    arguments: dict[str, JsonValue]
    state: Literal["started", "done", "failed"]
    text: str


@dataclass(frozen=True, slots=True)
class AgentToken:
    """The next words of the answer; all of them, put together, are the answer's text.

    Attributes:
        text: The words, with the space that follows them.
    """

    text: str


AgentEvent = AgentStep | AgentToken | AgentReply

_STEP: Final = TypeAdapter(AgentStep)
_TOKEN: Final[TypeAdapter[str]] = TypeAdapter(str)
_DOCUMENT: Final[TypeAdapter[dict[str, Any]]] = TypeAdapter(dict[str, Any])


def read_events(response: httpx.Response) -> Iterator[AgentEvent]:
    """Yields the events of a successful answer while they come; the last one is the `AgentReply`.

    Raises:
        ApiError: The agent gave up, with the problem document that it sent.
        UnexpectedAnswerError: The answer is no event stream of the agent, or broke off before its end.
    """
    _check_media_type(response)
    for sent in EventSource(response).iter_sse():
        event = _read(sent, response)
        yield event
        if isinstance(event, AgentReply):
            return
    raise _broken_off(response)


async def read_events_async(response: httpx.Response) -> AsyncGenerator[AgentEvent, None]:
    """See `read_events`."""
    _check_media_type(response)
    async with aclosing(EventSource(response).aiter_sse()) as source:
        async for sent in source:
            event = _read(sent, response)
            yield event
            if isinstance(event, AgentReply):
                return
    raise _broken_off(response)


def _check_media_type(response: httpx.Response) -> None:
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
    if media_type != EVENT_STREAM:
        raise unexpected(response, f"it answered with {media_type or 'no media type'}, not with {EVENT_STREAM}")


def _broken_off(response: httpx.Response) -> UnexpectedAnswerError:
    return unexpected(response, "its stream ended before the answer")


def _read(sent: ServerSentEvent, response: httpx.Response) -> AgentEvent:
    try:
        return _event(sent, status=response.status_code)
    except (ValidationError, KeyError) as error:
        raise unexpected(response, f"event {sent.event!r}: {str(error).splitlines()[0]}") from error


def _event(sent: ServerSentEvent, *, status: int) -> AgentEvent:
    match sent.event:
        case "step":
            return _STEP.validate_json(sent.data)
        case "token":
            return AgentToken(_TOKEN.validate_json(sent.data))
        case "answer":
            return _reply(_DOCUMENT.validate_json(sent.data), status=status)
        case "problem":
            problem = Problem.model_validate_json(sent.data)
            raise api_error(problem.status, title=problem.title, detail=problem.detail)
    raise KeyError("unknown")


def _reply(data: dict[str, Any], *, status: int) -> AgentReply:
    document = {name: value for name, value in data.items() if name not in ("engine", "fallback")}
    return AgentReply(document, data["engine"], data["fallback"], status)
