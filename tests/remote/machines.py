"""The machines of a team as processes of this one: servers that can be killed, training machines, and a bad network."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from benchmarks.servers import held_port

ROOT = Path(__file__).resolve().parents[2]
TRAINING = Path(__file__).with_name("training.py")
PATIENCE_S = 240
"""How long something is waited for that comes, however busy the machine is."""
_ports = contextlib.ExitStack()
"""Holds the ports of servers until this process ends, so that no other program is given one while a server is dead."""


def environment(**settings: str) -> dict[str, str]:
    """The environment of a process that owes nothing to this project's own settings and store."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    path = os.pathsep.join(map(str, (ROOT, ROOT / "libs")))
    return {**kept, "PYTHONPATH": path, "WANDB_MODE": "disabled", **settings}


class Server:
    """A server process on a port of its own, started again on the same one after it was killed."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.port = _ports.enter_context(held_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Starts the process and does not wait for it."""
        command = [sys.executable, "-m", "uvicorn", "backend.api:app", "--port", str(self.port), "--log-level", "error"]
        self._process = subprocess.Popen(command, cwd=self._folder, env=environment(**self._settings))

    def start(self) -> None:
        self.launch()
        self.wait()

    @retry(
        retry=retry_if_exception_type(httpx.TransportError), wait=wait_fixed(0.05), stop=stop_after_delay(PATIENCE_S)
    )
    def wait(self) -> None:
        """Waits until the server answers, and has opened its store."""
        assert self._process is not None
        assert self._process.poll() is None, "the server did not come up"
        ask(f"{self.url}/version")  # which opens the store

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def ask(url: str) -> httpx.Response:
    """Asks a server, and waits for its answer however busy the machine is."""
    return httpx.get(url, timeout=PATIENCE_S, trust_env=False)


class BadNetwork:
    """A way to a server on which answers are lost, cut short and late in turn; what is sent arrives."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._fates = cycle(["lost", None, "cut", None, "late", None])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.faults = {"lost": 0, "cut": 0, "late": 0, "none": 0}
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with _hung_up(client), _hung_up(socket.create_connection(("127.0.0.1", self._upstream))) as server:
            threading.Thread(target=_pump, args=(client, server), daemon=True).start()
            fault = None
            while answer := server.recv(65_536):
                if answer.startswith(b"HTTP/"):
                    fault = next(self._fates)
                    self.faults[fault or "none"] += 1
                if fault == "lost":
                    return
                if fault == "late":
                    self._closing.wait(0.05)
                client.sendall(answer[: len(answer) // 2] if fault == "cut" else answer)
                if fault == "cut":
                    return


@contextlib.contextmanager
def _hung_up(connection: socket.socket) -> Iterator[socket.socket]:
    """A connection that both ends see closed afterwards, though a thread still waits for what comes from it."""
    with connection:
        with contextlib.suppress(OSError):
            yield connection
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


class Machine:
    """A training machine: a home of its own, and the settings that name the server."""

    def __init__(self, folder: Path, server_url: str, *, flush_s: str = "5") -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._environment = environment(
            HOME=str(folder),
            XDG_STATE_HOME=str(folder / "state"),
            LAB_SERVER_URL=server_url,
            LAB_FLUSH_TIMEOUT_S=flush_s,
        )

    def train(self, name: str, *, runs: int, steps: int) -> "subprocess.Popen[str]":
        """Starts a training process."""
        return self._run(str(TRAINING), name, str(runs), str(steps))

    def execute(self, script: Path, *arguments: str) -> "subprocess.Popen[str]":
        """Starts another script."""
        return self._run(str(script), *arguments)

    def sync(self) -> "subprocess.Popen[str]":
        """Starts `python -m lab_logger sync`."""
        return self._run("-m", "lab_logger", "sync")

    def _run(self, *command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server that is up now and gone afterwards."""
    try:
        server.start()
        yield server
    finally:
        server.kill()


@retry(retry=retry_if_exception_type(AssertionError), wait=wait_fixed(0.02), stop=stop_after_delay(PATIENCE_S))
def until(holds: Callable[[], bool]) -> None:
    """Waits until something holds."""
    assert holds()
