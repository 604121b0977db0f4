"""The tools over MCP at `/mcp`: streamable HTTP, without sessions, answered in JSON.

Owns when the MCP server is loaded, and its life inside the application. Like `api` it puts parts together, so it may
import `tools`; it must not do so, nor import `mcp` or `httpx`, before the first request arrives: the application starts
as fast as without it, and where `mcp` is not installed only these requests fail.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import BackendError

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.requests import Request

    from tools.client import AsyncLabClient

_PATHS = ("/mcp", "/mcp/")


class McpMissingError(BackendError):
    """The package `mcp` is not installed."""

    status, kind, title = 501, "mcp-not-installed", "MCP is not installed"


class McpMount:
    """The MCP server of an application; each call asks the application that it came to, with the caller's token."""

    def __init__(self) -> None:
        self._running: _Running | None = None

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes to add to the application; without sessions, there is never anything to GET."""
        return [Route(path, endpoint=self, methods=["POST"], include_in_schema=False) for path in _PATHS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request.

        Raises:
            McpMissingError: The package `mcp` is missing or too old. The next request tries again.
        """
        if self._running is None or self._running.task.done():
            self._running = _Running()
        handle = await self._running.handler()
        await handle(scope, receive, send)

    async def aclose(self) -> None:
        """Ends the MCP server, if a request ever started it."""
        running, self._running = self._running, None
        if running is not None and not running.task.done():
            await running.end()


class _Running:
    """The SDK's session manager in a task of its own, because its task group must end in the task that began it."""

    def __init__(self) -> None:
        self._handler: asyncio.Future[ASGIApp] = asyncio.get_running_loop().create_future()
        self._is_over = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def handler(self) -> ASGIApp:
        """Waits until the server runs, together with everyone else who does."""
        either: list[asyncio.Future[Any]] = [self.task, self._handler]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()
        return self._handler.result()

    async def end(self) -> None:
        self._is_over.set()
        await asyncio.wait([self.task])

    async def _run(self) -> None:
        manager = await asyncio.to_thread(_load)
        async with manager.run():
            self._handler.set_result(manager.handle_request)
            await self._is_over.wait()


def _load() -> "StreamableHTTPSessionManager":
    """Imports what MCP needs, which takes long, and makes the server."""
    from tools.mcp_server import build_server, missing_text

    try:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
        from mcp.server.transport_security import TransportSecuritySettings

        server = build_server(_client_for)
    except ImportError as error:
        raise McpMissingError(missing_text(error)) from error
    # The gate in front of the application checks host names already, and knows which of them are allowed.
    trusting = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return StreamableHTTPSessionManager(server, json_response=True, stateless=True, security_settings=trusting)


def _client_for(request: "Request | None") -> "AsyncLabClient":
    from tools.in_process import client_of

    assert request is not None
    return client_of(request.app, authorization=request.headers.get("authorization"))
