"""What becomes of a stream whose client hung up.

Owns letting it end in silence: an answer that is being sent, and a body that is being received. FastAPI closes the end
of a stream that is read before it stops the task that writes to the other one, so that a write in between fails with
`BrokenResourceError`: nobody is left to be told of it.
"""

from anyio import BrokenResourceError
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send


class HangUps:
    """ASGI middleware that takes a stream with nobody at its other end for the end of its request, not for an error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except BaseExceptionGroup as errors:
            _, others = errors.split(BrokenResourceError)
            if others is not None:
                raise
