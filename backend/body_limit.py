"""How long a request's body may be.

Owns the limits and the 413 answer, so that nothing behind it ever holds or parses a larger body.
"""

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.access import route_path
from backend.errors import BodyTooLargeError, problem

MAX_BODY_BYTES: Final = 1_000_000
MAX_RECORDS_BYTES: Final = 16_000_000
MAX_PART_BYTES: Final = 1 << 24

_RECORDS_PATH = "/ingest/records"
_PART_PATH = re.compile(r"/ingest/objects/[^/]*/parts/[^/]*")
_MAX_DRAINED_BYTES = 32_000_000
"""How much of a body that is too long is read and dropped: a client that is still sending would miss the answer."""


class BodyLimit:
    """ASGI middleware that reads a body of at most so many bytes before the application behind it starts.

    The parts of artifacts are counted as they pass, and never held.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif _PART_PATH.fullmatch(route_path(scope)) and _announced(scope) <= MAX_PART_BYTES:
            await self._app(scope, _counted(receive), send)
        else:
            await self._pass_whole(scope, receive, send)

    async def _pass_whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit_bytes = _limit(route_path(scope))
        messages, size_bytes = await _read(receive, limit_bytes=limit_bytes)
        if size_bytes > limit_bytes:
            await problem(_refusal(limit_bytes), instance=scope["path"])(scope, receive, send)
            return
        await self._app(scope, _replay(messages, receive), send)


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _announced(scope: Scope) -> int:
    """Gives the length that a request says it has; 0 when it does not say."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0  # noqa: PLR2004 - longer than any body


def _limit(path: str) -> int:
    if path == _RECORDS_PATH:
        return MAX_RECORDS_BYTES
    return MAX_PART_BYTES if _PART_PATH.fullmatch(path) else MAX_BODY_BYTES


def _refusal(limit_bytes: int) -> BodyTooLargeError:
    what = {
        MAX_RECORDS_BYTES: "send the records in several requests",
        MAX_PART_BYTES: "send the content in more parts",
    }.get(limit_bytes, "send less, such as a shorter note")
    return BodyTooLargeError(f"the body is longer than {limit_bytes:,} bytes; {what}")


async def _read(receive: Receive, *, limit_bytes: int) -> tuple[list[Message], int]:
    """Reads a body to its end; of one that is too long only the size is kept."""
    messages: list[Message] = []
    size_bytes = 0
    while True:
        message = await receive()
        size_bytes += len(message.get("body", b""))
        if size_bytes <= limit_bytes:
            messages.append(message)
        else:
            messages.clear()
        if _is_last(message) or size_bytes > max(_MAX_DRAINED_BYTES, 2 * limit_bytes):
            return messages, size_bytes


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def receive_again() -> Message:
        return next(waiting, None) or await receive()

    return receive_again


def _counted(receive: Receive) -> Receive:
    """Gives a `receive` that raises once a part of an artifact has become too long."""
    size_bytes = 0

    async def receive_counted() -> Message:
        nonlocal size_bytes
        message = await receive()
        size_bytes += len(message.get("body", b""))
        if size_bytes > MAX_PART_BYTES:
            while not _is_last(message) and size_bytes <= _MAX_DRAINED_BYTES:
                message = await receive()
                size_bytes += len(message.get("body", b""))
            raise _refusal(MAX_PART_BYTES)
        return message

    return receive_counted


def _is_last(message: Message) -> bool:
    return message["type"] == "http.disconnect" or not message.get("more_body", False)
