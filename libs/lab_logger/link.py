"""The connection to the server: one that is kept alive, every request on it bounded in time.

Owns HTTP. It says what came back or that nothing usable did; what an answer means is `delivery`'s. The token goes to
the server of the settings alone: no redirect is followed, and no proxy of the environment is asked.
"""

import http.client
import io
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lab_logger.errors import ServerError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

TIMEOUT_S = 60.0
"""How long a request may take in all, answer included."""

_ANSWER_LIMIT_BYTES = 4 << 20
_GZIP_FROM_BYTES = 1_000
_RETRY_AFTER_LIMIT_S = 300.0
_SHOWN_CHARS = 500
_WITHOUT_BODY = (204, 304)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said.

    Attributes:
        status: The HTTP status.
        document: The JSON object of the body; empty where the body is none.
        retry_after_s: What the header Retry-After asks for, in seconds.
        location: Where a redirect points to.
    """

    status: int
    document: Mapping[str, object] = field(default_factory=dict)
    retry_after_s: float | None = None
    location: str | None = None

    @property
    def words(self) -> str:
        """What the server says about a refusal, in one line."""
        said = self.document.get("detail") or self.document.get("title") or "no reason given"
        return f"HTTP {self.status}: {_shown(said if isinstance(said, str) else json.dumps(said))}"


class Link:
    """A connection to one server, opened when first needed; for one thread.

    Args:
        server_url: Where the server is; a path in it comes before every path that is asked for.
        token: What the server is shown; None for nothing.
    """

    def __init__(self, server_url: str, token: str | None = None) -> None:
        self.server_url = server_url
        self._parts = urlsplit(server_url)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
        """Asks for a document.

        Raises:
            ServerError: No whole answer came.
        """
        return self._ask("GET", path, None, headers, TIMEOUT_S)

    def post(self, path: str, text: str, *, timeout_s: float = TIMEOUT_S) -> Answer:
        """Sends JSON, packed where that pays.

        Raises:
            ServerError: No whole answer came; whether the server did what it was asked is not known.
        """
        body = text.encode()
        headers = {"Content-Type": "application/json"}
        if len(body) >= _GZIP_FROM_BYTES:
            import gzip

            body = gzip.compress(body, compresslevel=3, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return self._ask("POST", path, body, headers, timeout_s)

    def put(self, path: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Answer:
        """Sends bytes.

        Raises:
            ServerError: No whole answer came.
        """
        return self._ask("PUT", path, body, {"Content-Type": "application/octet-stream", **headers}, timeout_s)

    def close(self) -> None:
        """Closes the connection; the next request opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float) -> Answer:
        deadline_s = time.monotonic() + timeout_s
        is_reused = self._connection is not None
        try:
            try:
                return self._exchange(method, path, body, headers, deadline_s)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                if not is_reused:
                    raise
                self.close()  # the server had closed it while nothing was asked; every request may be repeated
                return self._exchange(method, path, body, headers, deadline_s)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            problem = _shown(str(error) or type(error).__name__)
            raise ServerError(f"{self.server_url} does not answer ({problem})") from error

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline_s: float
    ) -> Answer:
        connection = self._connection = self._connection or self._connect()
        connection.timeout = _left_s(deadline_s)
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        connection.response_class = partial(_BoundedResponse, deadline_s=deadline_s)  # type: ignore[assignment]
        connection.request(method, self._parts.path + path, body, {**self._headers, **headers})
        response = connection.getresponse()
        content = response.read(_ANSWER_LIMIT_BYTES)
        if response.length or (not response.isclosed() and response.read(1)):
            raise http.client.HTTPException("its answer broke off, or does not end")
        return _answer(response, content)

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        # Without a port, `http.client` would take the end of an IPv6 address for one.
        return kind(self._parts.hostname or "", self._parts.port or kind.default_port)


class _BoundedReading(io.RawIOBase):
    """Reads from a socket until a deadline, however slowly the bytes trickle."""

    def __init__(self, source: io.RawIOBase, sock: socket.socket, deadline_s: float) -> None:
        super().__init__()
        self._source = source
        self._sock = sock
        self._deadline_s = deadline_s

    def readable(self) -> bool:
        """Says that it can be read."""
        return True

    def readinto(self, buffer: "Buffer", /) -> int | None:
        """Reads what has come, waiting for it if need be."""
        self._sock.settimeout(_left_s(self._deadline_s))
        return self._source.readinto(buffer)

    def close(self) -> None:
        """Closes what is read."""
        self._source.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """A response that has come by a deadline, or fails."""

    def __init__(self, sock: socket.socket, *, deadline_s: float, method: str | None = None) -> None:
        super().__init__(sock, method=method)
        self.fp = io.BufferedReader(_BoundedReading(self.fp.detach(), sock, deadline_s))


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("it took too long")
    return left_s


def _answer(response: http.client.HTTPResponse, content: bytes) -> Answer:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        is_bounded = response.chunked or response.getheader("Content-Length") is not None
        if not is_bounded and response.status not in _WITHOUT_BODY:
            raise http.client.HTTPException("its answer broke off") from error  # perhaps within its head
        document = {}
    return Answer(
        status=response.status,
        document=document if isinstance(document, dict) else {},
        retry_after_s=_retry_after_s(response.getheader("Retry-After")),
        location=response.getheader("Location"),
    )


def _shown(text: str) -> str:
    """Gives what another program said as one short line that moves no cursor."""
    return "".join(c if c.isprintable() else " " for c in text[:_SHOWN_CHARS])


def _retry_after_s(text: str | None) -> float | None:
    """Reads the header Retry-After: seconds or a date."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text)
    return min(max(0.0, seconds), _RETRY_AFTER_LIMIT_S) if seconds == seconds else None  # noqa: PLR0124 - NaN


def _seconds_until(text: str) -> float:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
        return 0.0
