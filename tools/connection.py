"""The way to the ai-lab server, as both clients go it: address, headers, timeouts, and what goes wrong on it.

Owns turning that into errors of `errors`. It sends nothing itself: the clients do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from tools.address import server_address
from tools.calls import Call
from tools.errors import FileTooLargeError, ServerTimeoutError, ServerUnreachableError, UnexpectedAnswerError

TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=30.0, pool=10.0)
"""In seconds. Reading waits longer than the server's own writes do for another writer; the agent's answer is waited for
longer still."""

CONNECT_RETRIES = 2
"""How often a connection that was not made is tried again."""

BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""What a request meets on an idle connection that the server closes at that moment, or while the server starts anew. A
request that changes nothing is sent once more, on a new connection; one that may change something never is."""

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
"""An idle connection is given up before the server closes it, after 5 s, under a request that is on its way."""

Answer = TypeVar("Answer")


class Connection:
    """What both clients are made from: the server's address, the headers, the options of an httpx client.

    Args:
        base_url: Where the server is; `LAB_SERVER_URL` unless given.
        token: What the server is shown; `LAB_API_TOKEN` unless given.
        timeout: How long to wait.

    Raises:
        ClientSettingsError: The address or the token cannot be used.
    """

    def __init__(self, base_url: str | None, token: str | None, timeout: httpx.Timeout) -> None:
        self.base_url, token = server_address(base_url, token=token)
        """Where the server is."""
        self._options: dict[str, Any] = {
            "base_url": self.base_url,
            "headers": {} if token is None else {"Authorization": f"Bearer {token}"},
            "timeout": timeout,
        }
        self._timeout = timeout

    def _timeout_of(self, call: Call[Answer]) -> httpx.Timeout:
        """Gives how long to wait for a call: as long as the client was told to, else as long as the call needs."""
        if call.read_timeout_s is None or self._timeout != TIMEOUT:
            return self._timeout
        return httpx.Timeout(connect=TIMEOUT.connect, read=call.read_timeout_s, write=TIMEOUT.write, pool=TIMEOUT.pool)

    def _request_of(self, call: Call[Answer]) -> dict[str, Any]:
        return {
            "method": call.method,
            "url": call.path,
            "params": call.query,
            "json": call.body,
            "timeout": self._timeout_of(call),
        }

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raises what httpx says about the way to the server as errors of this package."""
        try:
            yield
        except httpx.ConnectTimeout as error:
            raise self._unreachable("no connection in time") from error
        except httpx.TimeoutException as error:
            raise ServerTimeoutError(
                f"the server at {self.base_url} did not answer in time; it may be busy, ask again"
            ) from error
        except (httpx.DecodingError, httpx.RemoteProtocolError) as error:
            raise UnexpectedAnswerError(
                f"the answer from {self.base_url} broke off or is no HTTP ({error}); check LAB_SERVER_URL, ask again"
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(str(error)) from error

    def _unreachable(self, why: str) -> ServerUnreachableError:
        return ServerUnreachableError(
            f"no ai-lab server answers at {self.base_url} ({why}); start it with `make serve`, "
            "or set LAB_SERVER_URL to where it is"
        )


def may_repeat(call: Call[Any]) -> bool:
    """Tells whether a call may be sent again although the server may have been reached."""
    return call.method == "GET" or call.changes_nothing


def check_size(response: httpx.Response, max_bytes: int | None, *, received: int = 0) -> None:
    """Refuses a file by the size that its answer announces, or by what of it has come.

    Raises:
        FileTooLargeError: It has more than `max_bytes`.
    """
    announced = response.headers.get("Content-Length", "")
    size_bytes = int(announced) if announced.isdecimal() else None
    if max_bytes is not None and max(size_bytes or 0, received) > max_bytes:
        raise FileTooLargeError(max_bytes, size_bytes=size_bytes)
