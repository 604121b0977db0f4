"""Serves the dashboard over one registry: `lightml gui`.

Owns two processes, the ai-lab server and its dashboard, from the checkout that this library lies in, and that neither
outlives the other or this one. What they show is theirs.
"""

import contextlib
import errno
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NoReturn

from lightml.database import Address, Database, Place, locate, reading
from lightml.errors import DashboardError

CHECKOUT: Final = Path(__file__).resolve().parents[2]
"""Where `stream.py` and `backend/` are, when the library lies in an ai-lab checkout."""

_PAGE: Final = "/models"
_LOOPBACK: Final = "127.0.0.1"
_START_LIMIT_S: Final = 120.0
_END_LIMIT_S: Final = 10.0
_POLL_S: Final = 0.1
_SHOWN_CHARS: Final = 2000
_ENDINGS: Final = ("SIGTERM", "SIGHUP")


@dataclass(frozen=True, slots=True)
class _Process:
    name: str
    running: subprocess.Popen[bytes]
    output: IO[bytes]
    health_url: str

    def check(self) -> None:
        """Raises what it said, if it has ended."""
        if self.running.poll() is None:
            return
        raise DashboardError(f"the {self.name} ended with exit code {self.running.returncode}; it said:\n{self.said()}")

    def said(self) -> str:
        """Gives the end of what it printed. The process writes through the same offset, so this reads by position."""
        size = os.fstat(self.output.fileno()).st_size
        block = os.pread(self.output.fileno(), _SHOWN_CHARS, max(0, size - _SHOWN_CHARS))
        return block.decode(errors="replace").strip()


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard that is being served.

    Attributes:
        url: The page with the models, for a browser on this machine.
        server_url: The server that the page asks; only this machine reaches it.
        place: The registry it shows.
    """

    url: str
    server_url: str
    place: Place
    _processes: Sequence[_Process]

    def wait(self) -> NoReturn:
        """Waits until one of the processes ends by itself.

        Raises:
            DashboardError: One did; holds what it said.
        """
        while True:
            for process in self._processes:
                process.check()
            time.sleep(_POLL_S)


@contextlib.contextmanager
def serving(db: Database = None, *, host: str = _LOOPBACK, port: int = 5050) -> Iterator[Dashboard]:
    """Starts the server and the dashboard, yields once both answer, and ends both.

    SIGTERM and SIGHUP end the block too, when it runs in the main thread.

    Args:
        db: The registry's file or address; None for the tracker's store. An address is that of a server's whole
            database: the dashboard shows its runs too.
        host: The address the dashboard listens at.
        port: The dashboard's port.

    Raises:
        DashboardError: There is no checkout or no streamlit, the port is taken, or a process ended; says what to do.
        RegistryError: There is no such registry, or it cannot be used.
    """
    with reading(db):
        place = locate(db)
    _check_installed()
    _check_free(host, port)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ending_on_signals())
        server_port = stack.enter_context(_free_port())
        server_url = f"http://{_LOOPBACK}:{server_port}"
        environment = _environment(db, place, server_url)
        listen = ["--host", _LOOPBACK, "--port", str(server_port), "--no-proxy-headers", "--log-level", "warning"]
        server = _start(stack, "server", ["uvicorn", "backend.api:app", *listen], environment, f"{server_url}/health")
        address = _address(host, port)
        options = {"port": port, "address": host, "headless": "true", "fileWatcherType": "none"}
        flags = [word for name, value in options.items() for word in (f"--server.{name}", str(value))]
        command = ["streamlit", "run", "stream.py", *flags, "--browser.gatherUsageStats", "false"]
        pages = _start(stack, "dashboard", command, environment, f"{address}/_stcore/health")
        for process in (server, pages):
            _await_health(process)
        yield Dashboard(f"{address}{_PAGE}", server_url, place, (server, pages))


def _check_installed() -> None:
    missing = [name for name in ("stream.py", "backend/api.py") if not (CHECKOUT / name).is_file()]
    if missing:
        raise DashboardError(
            f"the dashboard is part of ai-lab, and {CHECKOUT} has no {missing[0]}; install lightml from an ai-lab"
            " checkout (pip install -e libs/lab_logger -e libs/lightml -r requirements.txt) and run `lightml gui` again"
        )
    absent = [name for name in ("streamlit", "uvicorn", "fastapi") if importlib.util.find_spec(name) is None]
    if absent:
        raise DashboardError(
            f"the dashboard needs {', '.join(absent)}; install them: pip install -r {CHECKOUT / 'requirements.txt'}"
        )


def _check_free(host: str, port: int) -> None:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(address[:2], family=family):
            pass
    except OSError as error:
        reason = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise DashboardError(
            f"cannot listen at {host} port {port} ({reason}); give another with --port or --host"
        ) from error


@contextlib.contextmanager
def _free_port() -> Iterator[int]:
    """Gives a port that a process may listen at, and keeps it from being given to another one by chance meanwhile.

    Linux alone lets two sockets have one port as long as one of them listens; elsewhere the port is let go at once.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((_LOOPBACK, 0))
        port: int = holder.getsockname()[1]
        if sys.platform != "linux":
            holder.close()
        yield port


def _address(host: str, port: int) -> str:
    """Gives the address that a browser on this machine opens."""
    name = {"0.0.0.0": _LOOPBACK, "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def _environment(db: Database, place: Place, server_url: str) -> dict[str, str]:
    """Gives the settings of both processes; a key of their own keeps others on this machine out of the server."""
    token = secrets.token_urlsafe()
    search_path = [str(CHECKOUT / "libs"), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {
        "LAB_SERVER_URL": server_url,
        "API_TOKEN": token,
        "LAB_API_TOKEN": token,
        "PYTHONPATH": os.pathsep.join(search_path),
    }
    if isinstance(place, Address):
        settings |= {"DATABASE_URL": place.url, "LIGHTML_DB": ""}
    else:
        settings["LIGHTML_DB"] = str(place)
        if db is None:
            settings["DB_PATH"] = str(place)
    return {**os.environ, **settings}


def _start(
    stack: contextlib.ExitStack, name: str, command: Sequence[str], environment: Mapping[str, str], health_url: str
) -> _Process:
    output = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    running = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the two in order
    )
    stack.callback(_end, running)
    return _Process(name, running, output, health_url)


def _end(running: subprocess.Popen[bytes]) -> None:
    running.terminate()
    try:
        running.wait(_END_LIMIT_S)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


def _await_health(process: _Process) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    give_up = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < give_up:
        process.check()
        try:
            with opener.open(process.health_url, timeout=_END_LIMIT_S):
                return
        except urllib.error.HTTPError as error:
            error.close()
            words = f"the {process.name} at {process.health_url} answered {error.code}; it said:\n{process.said()}"
            raise DashboardError(words) from error
        except OSError:
            time.sleep(_POLL_S)
    raise DashboardError(f"the {process.name} did not answer at {process.health_url} within {_START_LIMIT_S:.0f} s")


@contextlib.contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Lets the signals that end a process run the `finally` blocks first."""

    def stop(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    try:
        before = {name: signal.signal(getattr(signal, name), stop) for name in _ENDINGS if hasattr(signal, name)}
    except ValueError:  # not in the main thread, which alone receives signals
        before = {}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
