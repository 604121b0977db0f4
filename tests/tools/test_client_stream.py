import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agents.engine import Assistant
from tests.live_server import serving, unused_address
from tests.tools.conftest import Recorded
from tools import calls
from tools.agent_stream import AgentEvent, AgentStep, AgentToken
from tools.calls import AgentReply
from tools.client import AsyncLabClient, LabClient
from tools.errors import (
    ApiError,
    InvalidRequestError,
    LabClientError,
    ServerTimeoutError,
    ServerUnreachableError,
    StoreUnavailableError,
    UnexpectedAnswerError,
)

ADDRESS = "http://127.0.0.1:8000"
DOCUMENT = {"intent": "best_run", "natural_language_answer": "a\u2028b", "used_run_ids": []}
ANSWER = {"engine": "llm", "fallback": None, **DOCUMENT}
STEP = {"tool": "leaderboard", "arguments": {"top_k": 2}, "state": "done", "text": "{}"}
PROBLEM = {"type": "about:blank", "title": "No store", "status": 503, "detail": "mend it", "instance": "/agent/stream"}


def sent(*events: tuple[str, Any]) -> str:
    return "".join(f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n" for name, data in events)


def streaming(text: str, *, media_type: str = "text/event-stream; charset=utf-8") -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(200, headers={"Content-Type": media_type}, text=text))


def events_of(transport: httpx.BaseTransport) -> list[AgentEvent]:
    with LabClient(ADDRESS, transport=transport) as client:
        return list(client.stream_agent("best run?"))


def test_a_real_question_is_answered_event_by_event(server: str, recorded: Recorded) -> None:
    with LabClient(server) as client:
        events = list(client.stream_agent("Compare my two best runs by accuracy"))
        asked = client.ask_agent("Compare my two best runs by accuracy")

    steps = [event for event in events if isinstance(event, AgentStep)]
    tokens = [event.text for event in events if isinstance(event, AgentToken)]
    reply = events[-1]
    assert isinstance(reply, AgentReply)
    assert [step.state for step in steps] == ["started", "done"] * (len(steps) // 2)
    assert {step.tool for step in steps} >= {"leaderboard", "compare_runs"}
    assert events == [*steps, *map(AgentToken, tokens), reply]
    assert "".join(tokens) == reply.document["natural_language_answer"]
    assert reply == asked
    assert reply.document["comparison"]["run_ids"] == [recorded.best, recorded.first]


def test_a_conversation_goes_on_in_the_stream(server: str, recorded: Recorded) -> None:
    with LabClient(server) as client:
        list(client.stream_agent("Which is the best run by accuracy?", session_id="ada"))
        *_, reply = client.stream_agent("flag it", session_id="ada")
        assert isinstance(reply, AgentReply)
        assert reply.document["flagged_run_id"] == recorded.best
        assert client.get_run(recorded.best).note == "PUBLISH: keep"


def test_what_the_events_say_is_read() -> None:
    text = ": a keepalive\n\n" + sent(("step", STEP), ("token", "a\u2028b"), ("answer", ANSWER))
    step = AgentStep("leaderboard", {"top_k": 2}, "done", "{}")
    assert events_of(streaming(text)) == [step, AgentToken("a\u2028b"), AgentReply(DOCUMENT, "llm", None, 200)]


def test_nothing_after_the_answer_is_read() -> None:
    assert len(events_of(streaming(sent(("answer", ANSWER), ("step", STEP))))) == 1


@dataclass
class Pieces(httpx.SyncByteStream):
    content: bytes
    size: int

    def __iter__(self) -> Iterator[bytes]:
        return (self.content[at : at + self.size] for at in range(0, len(self.content), self.size))


@pytest.mark.parametrize("size", [1, 7])
def test_events_may_be_cut_anywhere_on_the_way(size: int) -> None:
    content = sent(("step", STEP), ("token", "año – \u2028"), ("answer", ANSWER)).encode()
    headers = {"Content-Type": "text/event-stream"}
    cut = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=Pieces(content, size)))
    assert events_of(cut) == events_of(streaming(content.decode()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ended before the answer"),
        (sent(("step", STEP)), "ended before the answer"),
        (sent(("answer", ANSWER)).rstrip("\n"), "ended before the answer"),
        (sent(("dance", STEP)), "event 'dance': 'unknown'"),
        ('data: "no name"\n\n', "event 'message': 'unknown'"),
        (sent(("step", {**STEP, "state": "pondering"})), "event 'step'"),
        (sent(("token", 5)), "event 'token'"),
        ("event: token\ndata: {\n\n", "event 'token'"),
        (sent(("answer", [1])), "event 'answer'"),
        (sent(("answer", DOCUMENT)), "event 'answer': 'engine'"),
        (sent(("problem", "no")), "event 'problem'"),
    ],
)
def test_what_no_agent_would_stream_is_recognised(text: str, message: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match=message):
        events_of(streaming(text))


def test_another_program_is_recognised_by_its_media_type() -> None:
    with pytest.raises(UnexpectedAnswerError, match="text/html"):
        events_of(streaming("<p>hi</p>", media_type="text/html"))


@pytest.mark.parametrize(("status", "kind"), [(503, StoreUnavailableError), (500, ApiError)])
def test_a_problem_is_the_clients_own_error_after_what_came_before(status: int, kind: type[ApiError]) -> None:
    transport = streaming(sent(("step", STEP), ("problem", {**PROBLEM, "status": status})))
    with LabClient(ADDRESS, transport=transport) as client:
        events = client.stream_agent("best run?")
        assert isinstance(next(events), AgentStep)
        with pytest.raises(kind, match="No store: mend it") as raised:
            next(events)
    assert raised.value.status == status


def test_a_refused_question_says_what_is_wrong(server: str) -> None:
    with LabClient(server) as client, pytest.raises(InvalidRequestError):
        list(client.stream_agent(""))


def test_no_server_and_no_answer_are_told_apart() -> None:
    with LabClient(unused_address()) as client, pytest.raises(ServerUnreachableError):
        list(client.stream_agent("best run?"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with LabClient(address, timeout=httpx.Timeout(0.05)) as client, pytest.raises(ServerTimeoutError):
            list(client.stream_agent("best run?"))


def test_the_question_is_sent_with_the_first_event_and_the_agent_is_waited_for() -> None:
    received: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        received.append(request)
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, text=sent(("answer", ANSWER)))

    with LabClient(ADDRESS, transport=httpx.MockTransport(answer)) as client:
        events = client.stream_agent("best ü run?\udcff", session_id="ada-1")
        assert received == []
        next(events)
    (request,) = received
    assert (request.method, request.url.path) == ("POST", "/agent/stream")
    assert json.loads(request.content) == {"query": "best ü run??", "session_id": "ada-1"}
    assert request.extensions["timeout"]["read"] == calls.AGENT_READ_TIMEOUT_S


class Waiting(Assistant):
    """An assistant that works until it is told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()

    async def answer(self, *_: Any, on_step: Any = None, **__: Any) -> Any:
        on_step(AgentStep("leaderboard", {}, "started", ""))
        try:
            await asyncio.Event().wait()
        finally:
            self.over.set()


def test_closing_the_stream_ends_the_agents_work(app: FastAPI) -> None:
    app.state.assistant = assistant = Waiting()
    with serving(app) as address, LabClient(address) as client:
        events = client.stream_agent("best run?")
        assert next(events) == AgentStep("leaderboard", {}, "started", "")
        events.close()
        assert assistant.over.wait(timeout=60)


def test_the_client_to_await_yields_the_same_events(server: str) -> None:
    async def ask() -> list[AgentEvent]:
        async with AsyncLabClient(server) as client:
            return [event async for event in client.stream_agent("Which is the best run by accuracy?")]

    with LabClient(server) as client:
        assert asyncio.run(ask()) == list(client.stream_agent("Which is the best run by accuracy?"))


@pytest.mark.parametrize("text", [sent(("step", STEP)), sent(("dance", STEP))])
def test_the_client_to_await_recognises_what_no_agent_would_stream(text: str) -> None:
    async def ask() -> None:
        async with AsyncLabClient(ADDRESS, transport=streaming(text)) as client:
            async for _ in client.stream_agent("best run?"):
                pass

    with pytest.raises(UnexpectedAnswerError):
        asyncio.run(ask())


def test_both_clients_ask_which_engine_answers(server: str) -> None:
    async def ask() -> calls.AgentEngine:
        async with AsyncLabClient(server) as client:
            return await client.agent_status()

    with LabClient(server) as client:
        engine = client.agent_status()
    assert (engine.engine, engine.model, engine.base_url) == ("offline", None, None)
    assert "OPENAI_API_KEY" in engine.reason
    assert "leaderboard" in engine.tools
    assert asyncio.run(ask()) == engine


def test_an_engine_that_nobody_knows_is_recognised() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"engine": "oracle"}))
    with LabClient(ADDRESS, transport=transport) as client, pytest.raises(LabClientError):
        client.agent_status()
