"""Servers in a thread of the test's process, and addresses at which nothing listens.

Owns the ports: one that was given as unused stays this process's own, so that no other program answers there.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

_KEPT_S: Final = 600
"""For so long a connection is kept, in seconds: one that is closed just as a slow test asks again fails the test."""

_held: dict[int, socket.socket] = {}
"""By port, what keeps it: a socket that does not listen, so that who connects is refused."""


@contextlib.contextmanager
def serving(app: FastAPI | ASGIApp, port: int = 0) -> Iterator[str]:
    """Serves an application from a thread and yields its address; requests wait in the socket until it is ready."""
    with _listener(port) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_keep_alive=_KEPT_S))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def unused_address() -> str:
    """Gives an address of this machine at which nothing listens until `serving` does."""
    # A port that is let go may be taken by another process, or by the very connection that is made to it.
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    port: int = held.getsockname()[1]
    _held[port] = held
    return f"http://127.0.0.1:{port}"


def _listener(port: int) -> socket.socket:
    held = _held.pop(port, None)
    if held is None:
        return socket.create_server(("127.0.0.1", port))
    if os.name == "posix":
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that the port can be served again
    held.listen()
    return held
