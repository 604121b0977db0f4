"""A language model that says what a script says: an OpenAI-compatible server of this machine.

Owns the wire format of `POST /v1/chat/completions`, plain and streamed, of its failures, and of `GET /v1/models`. It
must not judge a question: an entry is sent whatever was asked, unless the conversation is one that OpenAI refuses too.
"""

import contextlib
import itertools
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from agents.agents import DraftAnswer

Body: TypeAlias = dict[str, Any]
"""A request's JSON."""

Call: TypeAlias = tuple[str, Mapping[str, Any] | str]
"""A tool's name and its arguments; as text, they are sent as they are."""

MODEL = "scripted"
_USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
_PIECE_CHARS = 5


@dataclass(frozen=True)
class Message:
    """The model's message."""

    content: str | None = None
    refusal: str | None = None
    calls: tuple[Call, ...] = ()
    finish_reason: str = "stop"


@dataclass(frozen=True)
class Status:
    """An HTTP error in OpenAI's shape."""

    code: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """A body that is no completion, sent as it is; as an event's data to a request for a stream."""

    text: str
    content_type: str


@dataclass(frozen=True)
class Silence:
    """No answer: the connection is left open until the client or the server ends it, or dropped at once."""

    drop: bool


@dataclass(frozen=True)
class Computed:
    """An entry made from the request."""

    compute: "Callable[[Body], Entry]"


Entry: TypeAlias = Message | Status | Raw | Silence | Computed
"""What is sent for one request."""


def calls(*named: Call) -> Message:
    """Calls tools, in this order and at once."""
    return Message(calls=named, finish_reason="tool_calls")


def draft(*, intent: str, text: str, ids: Sequence[str] = ()) -> Call:
    """Gives the call of the final answer's tool, for `calls` to send beside others."""
    arguments = {"intent": intent, "natural_language_answer": text, "used_run_ids": list(ids)}
    return DraftAnswer.__name__, arguments


def final(*, intent: str, text: str, ids: Sequence[str] = ()) -> Message:
    """Calls the final answer's tool alone."""
    return calls(draft(intent=intent, text=text, ids=ids))


def says(text: str) -> Message:
    """Answers in plain words and calls nothing."""
    return Message(content=text)


def empty() -> Message:
    """Says nothing and calls nothing."""
    return Message()


def refuses(text: str) -> Message:
    """Refuses in the message's own field for it."""
    return Message(refusal=text)


def cut_short(call: Call | None = None) -> Message:
    """Runs out of tokens halfway through a call's arguments; a final answer's when no call is given."""
    name, arguments = call or draft(intent="list_runs", text="Half an answer")
    text = _json_text(arguments)
    return Message(calls=((name, text[: len(text) // 2]),), finish_reason="length")


def status(code: int, message: str = "as the script says", *, headers: Mapping[str, str] | None = None) -> Status:
    """Answers with an HTTP error."""
    return Status(code, message, headers or {})


def hangs() -> Silence:
    """Accepts the request and never answers; ends when the client hangs up or the server is closed."""
    return Silence(drop=False)


def drops() -> Silence:
    """Closes the connection without a byte."""
    return Silence(drop=True)


def garbage(text: str = "<html>It works!</html>", *, content_type: str = "text/html") -> Raw:
    """Answers 200 with something that is no JSON."""
    return Raw(text, content_type)


def wrong_shape(json_text: str = '{"weather": "fine"}') -> Raw:
    """Answers 200 with JSON that is no completion."""
    return Raw(json_text, "application/json")


def reply(compute: Callable[[Body], Entry]) -> Computed:
    """Computes the entry from the request; it may wait, for it runs in a thread of its own."""
    return Computed(compute)


class Script:
    """What the model says, in order, and what it was asked.

    Attributes:
        requests: The JSON bodies received, in order.
        headers: The headers of each, names in lower case.
    """

    def __init__(self, entries: Sequence[Entry], *, repeats: bool = False) -> None:
        """Takes one entry per request; with `repeats`, the last one is said for ever."""
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self._entries = list(entries)
        self._repeats = repeats
        self._numbers = itertools.count(1)

    def receive(self, body: Body, headers: Mapping[str, str]) -> Entry:
        """Records a request and gives the entry for it: HTTP 500 after the last."""
        index = len(self.requests)
        self.requests.append(body)
        self.headers.append(dict(headers))
        if self._repeats and self._entries:
            index = min(index, len(self._entries) - 1)
        if index >= len(self._entries):
            return status(500, f"the script has no more entries: request {index + 1} of {len(self._entries)}")
        return self._entries[index]

    def unused_id(self, kind: str) -> str:
        """Gives an id that nothing else of this script has."""
        return f"{kind}_{next(self._numbers)}"


@contextlib.contextmanager
def scripted_openai(script: Script) -> Iterator[str]:
    """Serves a script from a thread and yields the address to give as `base_url`; cuts what is open when left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _Server(script)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join()


def tool_names(body: Body) -> list[str]:
    """Names the tools that a request offers, in its order."""
    return [tool["function"]["name"] for tool in body.get("tools", [])]


def tool_messages(body: Body) -> dict[str, list[str]]:
    """Gives the texts that tools returned in a request's conversation, by tool, in order."""
    names = {call["id"]: call["function"]["name"] for message in body["messages"] for call in _calls_of(message)}
    found: dict[str, list[str]] = {}
    for message in body["messages"]:
        if message["role"] == "tool":
            found.setdefault(names[message["tool_call_id"]], []).append(_text_of(message["content"]))
    return found


class _Server(uvicorn.Server):
    def __init__(self, script: Script) -> None:
        routes = [
            Route("/v1/chat/completions", self._complete, methods=["POST"]),
            Route("/v1/models", _list_models),
        ]
        # One request per connection: no client's pool outlives the event loop or the server that it belongs to.
        headers = [("connection", "close")]
        super().__init__(
            uvicorn.Config(Starlette(routes=routes), http=H11Protocol, log_level="warning", headers=headers)
        )
        self._script = script

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cuts the open connections, which ends the requests that hang; uvicorn alone would wait for them."""
        self._cut()
        await super().shutdown(sockets)

    def _cut(self, client: tuple[str, int] | None = None) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol) and client in (None, connection.client):
                connection.transport.abort()

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        entry = self._script.receive(body, request.headers)
        while isinstance(entry, Computed):
            entry = await run_in_threadpool(entry.compute, body)
        if isinstance(entry, Silence):
            return await self._say_nothing(request, drop=entry.drop)
        if unpaired := _unpaired_calls(body):
            entry = status(400, f"every tool call must have its tool message; not so for {', '.join(unpaired)}")
        return self._render(entry, body)

    async def _say_nothing(self, request: Request, *, drop: bool) -> Response:
        if drop:
            self._cut(request.client)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response()  # uvicorn sends nothing to a client that is gone

    def _render(self, entry: Message | Status | Raw, body: Body) -> Response:
        stream = body.get("stream", False)
        if isinstance(entry, Status):
            error = {"message": entry.message, "type": "scripted", "param": None, "code": None}
            return JSONResponse({"error": error}, entry.code, dict(entry.headers))
        if isinstance(entry, Raw):
            text = f"data: {entry.text}\n\n" if stream else entry.text
            return Response(text, media_type="text/event-stream" if stream else entry.content_type)
        sent = _message(entry, self._script)
        head = {"id": self._script.unused_id("chatcmpl"), "created": 0, "model": body.get("model", MODEL)}
        if stream:
            usage = bool((body.get("stream_options") or {}).get("include_usage"))
            chunks = _chunks(sent, entry.finish_reason, include_usage=usage)
            return StreamingResponse(_events(head, chunks), media_type="text/event-stream")
        choice = {"index": 0, "message": sent, "finish_reason": entry.finish_reason, "logprobs": None}
        return JSONResponse({**head, "object": "chat.completion", "choices": [choice], "usage": _USAGE})


async def _list_models(request: Request) -> Response:
    model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "tests"}
    return JSONResponse({"object": "list", "data": [model]})


def _json_text(arguments: Mapping[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _message(entry: Message, script: Script) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": entry.content, "refusal": entry.refusal}
    if entry.calls:
        message["tool_calls"] = [
            {
                "id": script.unused_id("call"),
                "type": "function",
                "function": {"name": name, "arguments": _json_text(arguments)},
            }
            for name, arguments in entry.calls
        ]
    return message


def _chunks(message: dict[str, Any], finish_reason: str, *, include_usage: bool) -> Iterator[dict[str, Any]]:
    usage = {"usage": None} if include_usage else {}
    for delta in _deltas(message):
        yield {"choices": [{"index": 0, "delta": delta, "finish_reason": None}], **usage}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}], **usage}
    if include_usage:
        yield {"choices": [], "usage": _USAGE}


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for name in ("content", "refusal"):
        for piece in _pieces(message[name] or ""):
            yield {name: piece}
    for index, call in enumerate(_calls_of(message)):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": index, "function": {"name": function["name"], "arguments": ""}}]}
        for piece in _pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str) -> list[str]:
    return [text[start : start + _PIECE_CHARS] for start in range(0, len(text), _PIECE_CHARS)]


async def _events(head: dict[str, Any], chunks: Iterator[dict[str, Any]]) -> AsyncIterator[str]:
    for chunk in chunks:
        yield f"data: {json.dumps({**head, 'object': 'chat.completion.chunk', **chunk})}\n\n"
    yield "data: [DONE]\n\n"


def _calls_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    return message.get("tool_calls") or []


def _text_of(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _unpaired_calls(body: Body) -> list[str]:
    called = {call["id"] for message in body["messages"] for call in _calls_of(message)}
    answered = {message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"}
    return sorted(called ^ answered)
