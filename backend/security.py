"""Who gets in: which machines, which host names, which token, which web pages.

Owns the checks that stand before every request. It must not believe a forwarded-for header, which a client can invent,
nor know what the service does behind it.

A request passes when all of these hold:

1. Without API_TOKEN, it comes from this machine: a loopback address or a Unix socket, and no proxy says that it passed
   the request on for somebody else (else 403).
2. Its Host header names this machine or one of ALLOWED_HOSTS (else 421). A web page elsewhere cannot fake that, so DNS
   rebinding ends here. With API_TOKEN, an address in digits passes too: rebinding needs a name, and a page would lack
   the token anyway.
3. With API_TOKEN, it carries the token, `/health` aside (else 401).

Pages of other origins read answers only where CORS_ORIGINS names them.
"""

import hmac
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.config import Settings
from backend.errors import (
    BackendError,
    ForbiddenClientError,
    MisdirectedError,
    MissingHostError,
    UnauthorizedError,
    problem,
)

_OPEN_PATH = "/health"
_FORWARDING_HEADERS = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})
_LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")


class Gate:
    """ASGI middleware that lets a request in or answers why not.

    Args:
        app: The application behind the gate.
        settings: Gives the settings; called once, when the server starts.
    """

    def __init__(self, app: ASGIApp, *, settings: Callable[[], Settings]) -> None:
        self._settings = settings()
        token = self._settings.api_token
        self._token = None if token is None else token.get_secret_value().encode()
        inner: ASGIApp = _TokenCheck(app, token=self._token) if self._token is not None else app
        # A page must be able to read why its token was refused, so the token is checked behind CORS.
        self._app = _cross_origin(inner, self._settings.cors_origins) if self._settings.cors_origins else inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        send = _with_nosniff(send)
        refusal = self._refusal(scope)
        if refusal is not None:
            await problem(refusal, instance=scope["path"])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> BackendError | None:
        if self._token is None and not _is_local(scope):
            return ForbiddenClientError(
                "only clients on the server's own machine are served; to let others in, set API_TOKEN on the server "
                "and send it as 'Authorization: Bearer <token>'"
            )
        host = _host(Headers(scope=scope).get("host"))
        if host is None:
            return MissingHostError("the request needs a Host header with a host name or address")
        if not self._is_served(host):
            return MisdirectedError(
                f"this server does not answer for the host {host!r}; use localhost, or add the name to ALLOWED_HOSTS"
            )
        return None

    def _is_served(self, host: str) -> bool:
        address = _address(host)
        if address is not None and (address.is_loopback or self._token is not None):
            return True
        if host in _LOOPBACK_NAMES or host.endswith(".localhost"):
            return True
        return any(_fits(host, allowed) for allowed in self._settings.allowed_hosts)


class _TokenCheck:
    def __init__(self, app: ASGIApp, *, token: bytes) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == _OPEN_PATH or self._is_authorized(Headers(scope=scope).get("authorization")):
            await self._app(scope, receive, send)
            return
        refusal = UnauthorizedError("this server wants its API_TOKEN as 'Authorization: Bearer <token>'")
        await problem(refusal, instance=scope["path"])(scope, receive, send)

    def _is_authorized(self, header: str | None) -> bool:
        scheme, _, given = (header or "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), self._token)


def _is_local(scope: Scope) -> bool:
    """Tells whether a request comes from this machine, by the address the server saw."""
    if _is_forwarded(scope):
        return False
    client = scope.get("client")
    if client is None:
        # A Unix socket has no port. A TCP peer that hung up before it could be asked has none either, but the server
        # does, and such a peer may be anyone.
        server = scope.get("server")
        return server is None or server[1] is None
    address = _address(client[0])
    return address is not None and address.is_loopback


def _is_forwarded(scope: Scope) -> bool:
    """Tells whether a proxy passed the request on, for somebody whose address only the proxy knows."""
    return any(name in _FORWARDING_HEADERS for name, _ in scope["headers"])


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _host(header: str | None) -> str | None:
    """Gives the name or address in a Host header, without its port, in lower case."""
    text = (header or "").strip().lower()
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        is_whole = bool(bracket) and _is_port(rest)
    else:
        host, colon, port = text.partition(":")
        is_whole = _is_port(colon + port)
    host = host.removesuffix(".")
    return host if host and is_whole else None


def _is_port(text: str) -> bool:
    return text in ("", ":") or (text.startswith(":") and text[1:].isdecimal())


def _fits(host: str, allowed: str) -> bool:
    if allowed == "*":
        return True
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed


def _cross_origin(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PATCH"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["X-Total-Count", "Content-Disposition"],
    )


def _with_nosniff(send: Send) -> Send:
    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["X-Content-Type-Options"] = "nosniff"
        await send(message)

    return send_with_header
