"""How long a request's body may be.

Owns the limit and the 413 answer, so that nothing behind it ever holds or parses a larger body.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import BodyTooLargeError, problem

MAX_BODY_BYTES = 1_000_000
_MAX_DRAINED_BYTES = 32_000_000
"""How much of a body that is too long is read and dropped: a client that is still sending would miss the answer."""


class BodyLimit:
    """ASGI middleware that reads a body of at most `MAX_BODY_BYTES` before the application behind it starts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        messages, size_bytes = await _read(receive)
        if size_bytes > MAX_BODY_BYTES:
            refusal = BodyTooLargeError(
                f"the body is longer than {MAX_BODY_BYTES:,} bytes; send less, such as a shorter note"
            )
            await problem(refusal, instance=scope["path"])(scope, receive, send)
            return
        await self._app(scope, _replay(messages, receive), send)


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _read(receive: Receive) -> tuple[list[Message], int]:
    """Reads a body to its end; of one that is too long only the size is kept."""
    messages: list[Message] = []
    size_bytes = 0
    while True:
        message = await receive()
        size_bytes += len(message.get("body", b""))
        if size_bytes <= MAX_BODY_BYTES:
            messages.append(message)
        is_last = message["type"] == "http.disconnect" or not message.get("more_body", False)
        if is_last or size_bytes > _MAX_DRAINED_BYTES:
            return messages, size_bytes


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def receive_again() -> Message:
        return next(waiting, None) or await receive()

    return receive_again
