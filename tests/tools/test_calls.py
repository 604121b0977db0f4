import asyncio
import json
import socket
from collections.abc import Callable

import httpx
import pytest

from tools import calls
from tools.calls import AgentReply
from tools.client import AsyncLabClient, LabClient
from tools.connection import TIMEOUT
from tools.errors import InvalidRequestError, ServerTimeoutError, StoreUnavailableError, UnexpectedAnswerError

ADDRESS = "http://127.0.0.1:8000"
ANSWER = {"intent": "best_run", "used_run_ids": []}


def answering(
    received: list[httpx.Request], status: int = 200, headers: dict[str, str] | None = None, text: str | None = None
) -> httpx.MockTransport:
    """Stands for an agent: keeps the requests, and gives one answer."""
    content = json.dumps(ANSWER) if text is None else text
    given = {"X-Agent-Engine": "offline"} if headers is None else headers

    def answer(request: httpx.Request) -> httpx.Response:
        received.append(request)
        return httpx.Response(status, headers=given, text=content)

    return httpx.MockTransport(answer)


@pytest.mark.parametrize("session_id", [None, "ada-1"])
def test_a_question_and_its_conversation_are_sent(session_id: str | None) -> None:
    received: list[httpx.Request] = []
    with LabClient(ADDRESS, transport=answering(received)) as client:
        reply = client.ask_agent("best ü run?\udcff", session_id=session_id)

    (request,) = received
    assert (request.method, request.url.path) == ("POST", "/agent/query")
    assert json.loads(request.content) == {"query": "best ü run??", "session_id": session_id}
    assert reply == AgentReply(document=ANSWER, engine="offline", fallback=None, status=200)


def test_the_client_to_await_reads_who_answered_and_why() -> None:
    transport = answering([], headers={"X-Agent-Engine": "offline", "X-Agent-Fallback": "the language model failed"})

    async def ask() -> AgentReply:
        async with AsyncLabClient(ADDRESS, transport=transport) as client:
            return await client.ask_agent("best run?")

    assert asyncio.run(ask()) == AgentReply(ANSWER, "offline", "the language model failed", 200)


def test_the_agent_is_waited_for_longer_than_others() -> None:
    received: list[httpx.Request] = []

    async def ask() -> None:
        async with AsyncLabClient(ADDRESS, transport=answering(received)) as client:
            await client.ask_agent("best run?")

    with LabClient(ADDRESS, transport=answering(received)) as client:
        client.ask_agent("best run?")
        with pytest.raises(UnexpectedAnswerError):
            client.health()
    asyncio.run(ask())

    waits = [request.extensions["timeout"] for request in received]
    assert waits[0] == waits[2] == {**TIMEOUT.as_dict(), "read": calls.AGENT_READ_TIMEOUT_S}
    assert waits[1] == TIMEOUT.as_dict()


def test_a_client_that_was_told_how_long_to_wait_waits_no_longer_for_the_agent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with LabClient(address, timeout=httpx.Timeout(0.05)) as client, pytest.raises(ServerTimeoutError):
            client.ask_agent("best run?")


@pytest.mark.parametrize(
    ("transport", "message"),
    [
        (lambda: answering([], headers={}), "X-Agent-Engine is missing"),
        (lambda: answering([], text="<p>hi</p>"), "validation error"),
        (lambda: answering([], text="[1]"), "validation error"),
    ],
)
def test_what_no_agent_would_say_is_recognised(transport: Callable[[], httpx.MockTransport], message: str) -> None:
    with LabClient(ADDRESS, transport=transport()) as client, pytest.raises(UnexpectedAnswerError, match=message):
        client.ask_agent("best run?")


@pytest.mark.parametrize(("status", "kind"), [(422, InvalidRequestError), (503, StoreUnavailableError)])
def test_a_refused_question_says_what_is_wrong(status: int, kind: type[Exception]) -> None:
    problem = {"type": "t", "title": "No", "status": status, "detail": "because", "instance": "/agent/query"}
    transport = answering([], status, text=json.dumps(problem))
    with LabClient(ADDRESS, transport=transport) as client, pytest.raises(kind, match="No: because"):
        client.ask_agent("")
