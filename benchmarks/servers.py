"""Real servers to ask: uvicorn in a process of its own, and a client that keeps its connection.

Owns starting and ending them.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.measure import BenchmarkError
from benchmarks.workspace import ROOT, Workspace

_POLL_S = 0.002
_PATIENCE_S = 240.0


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        url: Where it is.
        http: A client with a connection that stays open.
        started_in_s: Seconds from the start of its process until /health answered.
        process: The process.
    """

    url: str
    http: httpx.Client
    started_in_s: float
    process: "subprocess.Popen[bytes]"


@contextlib.contextmanager
def start_server(store: Path | str, *, workspace: Workspace, port: int | None = None) -> Iterator[Server]:
    """Starts a server over a store on this machine, and ends it with the block.

    Args:
        store: The SQLite file, or the URL of a PostgreSQL database.
        workspace: Where it runs.
        port: Where it listens; a free port unless given.

    Raises:
        BenchmarkError: It did not come up.
    """
    settings = {"DATABASE_URL": store} if isinstance(store, str) else {"DB_PATH": str(store)}
    with contextlib.nullcontext(port) if port is not None else held_port() as its_port:
        options = ["--app-dir", str(ROOT), "--port", str(its_port), "--log-level", "warning"]
        started_s = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "backend.api:app", *options],
            cwd=workspace.folder,
            env={**os.environ, **settings},
        )
        try:
            url = f"http://127.0.0.1:{its_port}"
            with httpx.Client(base_url=url, timeout=_PATIENCE_S, trust_env=False) as http:
                _wait_for(http, process, until_s=started_s + _PATIENCE_S)
                yield Server(url, http, time.perf_counter() - started_s, process)
        finally:
            process.terminate()
            process.wait()


def _wait_for(http: httpx.Client, process: subprocess.Popen[bytes], *, until_s: float) -> None:
    while True:
        try:
            if http.get("/health").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        if process.poll() is not None or time.perf_counter() > until_s:
            raise BenchmarkError("the server did not come up; `make serve` shows why")
        time.sleep(_POLL_S)


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """Gives a port of this machine that nobody listens on, and that no program is given by chance during the block.

    A server that is told the port by number can listen on it, again and again.
    """
    with socket.socket() as holder:  # does not listen: who connects while no server is up is refused
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()  # elsewhere no second socket may be bound to it
        yield port
