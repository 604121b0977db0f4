"""The routes of the agent: a question and its answer, the same as a stream, and which engine answers.

Owns turning requests into questions. The tools reach the application that serves the request, in process, with the
caller's own Authorization. Neither LangChain nor the client is imported before a question comes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from agents.agents import AgentAnswer, AgentQuery, AgentStatus
from agents.engine import Answered, Assistant
from tools.errors import ApiError, LabClientError

if TYPE_CHECKING:
    from tools.client import AsyncLabClient

ENGINE_HEADER = "X-Agent-Engine"
FALLBACK_HEADER = "X-Agent-Fallback"

_WORDS_PER_TOKEN_EVENT = 3

_log = logging.getLogger(__name__)

router = APIRouter(tags=["agent"])
status_router = APIRouter(tags=["agent"])


def _assistant(request: Request) -> Assistant:
    assistant: Assistant = request.app.state.assistant
    return assistant


TheAssistant = Annotated[Assistant, Depends(_assistant)]


@router.post(
    "/agent/query",
    operation_id="ask_agent",
    response_model=AgentAnswer,
    responses={
        200: {
            "headers": {
                ENGINE_HEADER: {
                    "description": "Who answered: `llm` or `offline`.",
                    "schema": {"type": "string"},
                    "example": "offline",
                },
                FALLBACK_HEADER: {
                    "description": "Why the built-in planner stood in for the language model; absent when it did not.",
                    "schema": {"type": "string"},
                    "example": "the language model failed (RateLimitError: Error code: 429)",
                },
            }
        }
    },
)
async def ask(query: AgentQuery, request: Request, response: Response, assistant: TheAssistant) -> AgentAnswer:
    """Answers a question about the runs. Every id and every number in the answer was returned by the store for it."""
    try:
        async with _client(request) as client:
            answered = await assistant.answer(query, client=client)
    except LabClientError as error:
        raise _problem(error) from error
    response.headers.update(_headers(answered))
    return answered.answer


@router.post(
    "/agent/stream",
    operation_id="stream_agent",
    response_class=EventSourceResponse,
    responses={200: {"description": "Server-sent events: `step`, `token`, `answer`, `problem`."}},
)
async def stream(query: AgentQuery, request: Request, assistant: TheAssistant) -> AsyncIterator[ServerSentEvent]:
    """Answers a question as server-sent events.

    `step` tells of a tool that starts, is done or failed; `token` holds the next words of the answer, which are sent
    when all of it has been checked; `answer` holds the engine and the whole answer, and ends the stream. `problem`, a
    problem document, ends it when the runs cannot be reached or the service fails.
    """
    steps: asyncio.Queue[Any] = asyncio.Queue()
    async with _client(request) as client:
        asked = asyncio.create_task(assistant.answer(query, client=client, on_step=steps.put_nowait))
        asked.add_done_callback(lambda _: steps.put_nowait(None))
        try:
            while (step := await steps.get()) is not None:
                yield ServerSentEvent(event="step", data=_step_data(step))
            answered = asked.result()
        except LabClientError as error:
            yield ServerSentEvent(event="problem", data=_problem_data(error, request.url.path))
            return
        except Exception:  # noqa: BLE001 - the edge: the answer's status is out, so only an event can still tell
            _log.exception("%s failed on a question", request.url.path)
            yield ServerSentEvent(event="problem", data=_unexpected_data(request.url.path))
            return
        finally:
            asked.cancel()
    for words in _pieces(answered.answer.natural_language_answer):
        yield ServerSentEvent(event="token", data=words)
    data = {"engine": answered.engine, "fallback": answered.fallback, **answered.answer.model_dump()}
    yield ServerSentEvent(event="answer", data=data)


@status_router.get("/agent/status", operation_id="agent_status", response_model=AgentStatus)
def status(assistant: TheAssistant) -> AgentStatus:
    """Says which engine answers questions now, and why."""
    return assistant.status()


def _client(request: Request) -> "AsyncLabClient":
    """Gives a client of the very application that serves the request."""
    from tools.in_process import client_of

    return client_of(request.app, authorization=request.headers.get("Authorization"))


def _headers(answered: Answered) -> dict[str, str]:
    headers = {ENGINE_HEADER: answered.engine}
    if answered.fallback is not None:
        headers[FALLBACK_HEADER] = "".join(c for c in answered.fallback if c.isascii() and c.isprintable())
    return headers


def _problem(error: LabClientError) -> HTTPException:
    if isinstance(error, ApiError):
        return HTTPException(error.status, error.detail or error.title)
    return HTTPException(503, str(error))


def _problem_data(error: LabClientError, instance: str) -> dict[str, object]:
    problem = _problem(error)
    return {
        "type": "about:blank",
        "title": error.title if isinstance(error, ApiError) else "The runs cannot be reached",
        "status": problem.status_code,
        "detail": problem.detail,
        "instance": instance,
    }


def _unexpected_data(instance: str) -> dict[str, object]:
    return {
        "type": "about:blank",
        "title": "Internal error",
        "status": 500,
        "detail": "the service failed on this question; its log has the traceback",
        "instance": instance,
    }


def _step_data(step: Any) -> dict[str, object]:
    return {"tool": step.tool, "arguments": dict(step.arguments), "state": step.state, "text": step.text}


def _pieces(text: str) -> list[str]:
    """Cuts a text into a few words at a time; put together again they are the text."""
    words = text.split(" ")
    n = _WORDS_PER_TOKEN_EVENT
    groups = [" ".join(words[start : start + n]) for start in range(0, len(words), n)]
    return [group + (" " if end < len(groups) else "") for end, group in enumerate(groups, start=1)]
