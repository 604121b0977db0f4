"""Who gets in: which machines, which host names, which token, which role, which web pages.

Owns the checks that stand before every request. It must not believe a forwarded-for header, which a client can invent,
nor know what the service does behind it.

The server wants a token once API_TOKEN is set or the store holds a token that is not revoked. A request passes when all
of these hold:

1. Where no token is wanted, it comes from this machine: a loopback address or a Unix socket, and no proxy says that it
   passed the request on for somebody else (else 403).
2. Its Host header names this machine or one of ALLOWED_HOSTS (else 421). A web page elsewhere cannot fake that, so DNS
   rebinding ends here. Where a token is wanted, an address in digits passes too: rebinding needs a name, and a page
   would lack the token anyway.
3. Where a token is wanted, it carries one, `/health` aside (else 401), and the token's role may do what is asked (else
   403). While the store cannot say which tokens there are, only API_TOKEN is a token, and nobody passes without one
   (else 503).

Pages of other origins read answers only where CORS_ORIGINS names them.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.access import ANYONE_HERE, Principal, role_for, route_path
from backend.config import Settings
from backend.errors import (
    BackendError,
    ForbiddenClientError,
    MisdirectedError,
    MissingHostError,
    UnauthorizedError,
    problem,
    store_unavailable,
)
from backend.tokens import ASKED_AGAIN_S, FRESH_S, TokenBook, WorkingTokens
from lab_logger import StoreError

_OPEN_PATH = "/health"
_FORWARDING_HEADERS = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})
_LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")
_HOLDER_OF_API_TOKEN = Principal(user=None, role="admin")
_HOW_TO_SEND = "send its API_TOKEN, or a token that `python -m backend.tokens` made, as 'Authorization: Bearer <token>'"

_log = logging.getLogger(__name__)


class Gate:
    """ASGI middleware that lets a request in or answers why not.

    What lies behind finds `principal`, who sent the request, and `wants_token` in the request's scope.

    Args:
        app: The application behind the gate.
        settings: Gives the settings; called once, when the server starts.
        book: What the server knows of the store's tokens.
    """

    def __init__(self, app: ASGIApp, *, settings: Callable[[], Settings], book: TokenBook) -> None:
        self._settings = settings()
        token = self._settings.api_token
        self._token = None if token is None else token.get_secret_value().encode()
        self._book = book
        inner: ASGIApp = _Verdict(app)
        # A page must be able to read why its token was refused, so the verdict is told behind CORS.
        self._app = _cross_origin(inner, self._settings.cors_origins) if self._settings.cors_origins else inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        send = _with_nosniff(send)
        wants_token = await self._wants_token(scope)
        refusal = self._refusal(scope, wants_token=wants_token)
        if refusal is not None:
            await problem(refusal, instance=scope["path"])(scope, receive, send)
            return
        verdict = await self._verdict(scope) if wants_token else ANYONE_HERE
        scope = {**scope, "wants_token": wants_token, "verdict": verdict}
        await self._app(scope, receive, send)

    async def _wants_token(self, scope: Scope) -> bool:
        """Tells whether a token is wanted; while the store cannot say, it is."""
        if self._token is not None:
            return True
        if route_path(scope) == _OPEN_PATH:
            # Whether the server is up must not hang on the store: what was known last is good enough to say so.
            known = self._book.recall(within_s=float("inf"))
            if known is not None or _is_local(scope):
                return known is not None and bool(known.by_sha256)
        try:
            return bool((await self._tokens()).by_sha256)
        except StoreError:
            return True

    async def _tokens(self, *, within_s: float = FRESH_S) -> WorkingTokens:
        known = self._book.recall(within_s=within_s)
        if known is not None:
            return known
        return await asyncio.shield(asyncio.wrap_future(self._book.ask(within_s=within_s)))

    async def _verdict(self, scope: Scope) -> Principal | BackendError | None:
        """Gives who sent a request to a server that wants a token, or why it is refused; None for what is open."""
        if route_path(scope) == _OPEN_PATH:
            return None
        try:
            principal = await self._principal(Headers(scope=scope).get("authorization"))
            principal.check(role_for(scope.get("method", ""), route_path(scope)))
        except BackendError as refusal:
            return refusal
        except StoreError as error:
            _log.warning("the store did not say which tokens there are: %s", error)
            why = f": {error}" if _is_local(scope) else "; the server's log says why"
            return store_unavailable(f"the store cannot say which tokens there are, so nobody is let in{why}")
        return principal

    async def _principal(self, header: str | None) -> Principal:
        """Gives who sends an Authorization header.

        Raises:
            UnauthorizedError: It holds no token, or one that does not work.
            StoreError: The store cannot say which tokens there are.
        """
        scheme, _, given = (header or "").partition(" ")
        secret = given.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
        if self._token is not None:
            if hmac.compare_digest(secret, self._token):
                return _HOLDER_OF_API_TOKEN
            if not secret:
                raise UnauthorizedError(f"this server wants a token; {_HOW_TO_SEND}")
        principal = (await self._tokens()).principal_of(secret)
        if principal is None and secret:
            # It may have been made a moment ago.
            principal = (await self._tokens(within_s=ASKED_AGAIN_S)).principal_of(secret)
        if principal is None:
            wrong = "the token is unknown or revoked" if secret else "this server wants a token"
            raise UnauthorizedError(f"{wrong}; {_HOW_TO_SEND}")
        return principal

    def _refusal(self, scope: Scope, *, wants_token: bool) -> BackendError | None:
        if not wants_token and not _is_local(scope):
            return ForbiddenClientError(
                "only clients on the server's own machine are served; to let others in, set API_TOKEN on the server or "
                "make a token with `python -m backend.tokens create NAME --role read`, and send it as "
                "'Authorization: Bearer <token>'"
            )
        host = _host(Headers(scope=scope).get("host"))
        if host is None:
            return MissingHostError("the request needs a Host header with a host name or address")
        if not self._is_served(host, wants_token=wants_token):
            return MisdirectedError(
                f"this server does not answer for the host {host!r}; use localhost, or add the name to ALLOWED_HOSTS"
            )
        return None

    def _is_served(self, host: str, *, wants_token: bool) -> bool:
        address = _address(host)
        if address is not None and (address.is_loopback or wants_token):
            return True
        if host in _LOOPBACK_NAMES or host.endswith(".localhost"):
            return True
        return any(_fits(host, allowed) for allowed in self._settings.allowed_hosts)


class _Verdict:
    """ASGI middleware that tells a request what the gate thinks of it, behind CORS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verdict: Principal | BackendError | None = scope.get("verdict")
        if isinstance(verdict, BackendError):
            await problem(verdict, instance=scope["path"])(scope, receive, send)
            return
        if verdict is not None:
            scope["principal"] = verdict
        await self._app(scope, receive, send)


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
