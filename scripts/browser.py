"""Finds a Chromium for the tests and screenshots of the dashboard, and installs one where there is none.

Owns where browsers are looked for and how one is installed. It opens no page.
"""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Playwright

PROGRAMS: Final = ("chromium", "google-chrome-stable", "google-chrome", "chrome", "chromium-browser", "microsoft-edge")
_PLACES: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
)
"""Where macOS and Windows keep a browser that no search path names."""

_START_LIMIT_S: Final = 120.0
_INSTALL_LIMIT_S: Final = 300.0
"""For so long each command may run: a download that a network swallows is given up, and the next way is tried."""

_LOCK: Final = Path(__file__).resolve().parents[1] / "build" / "browser.lock"
_WAIT_LIMIT_S: Final = 4 * _INSTALL_LIMIT_S

_QUIET: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
"""What keeps the browser from asking anybody but the dashboard."""

_DEBIAN_WAY: Final = (("apt-get", "update"), ("apt-get", "install", "--yes", "--no-install-recommends", "chromium"))


class NoBrowserError(Exception):
    """There is no Chromium, and none could be installed; the message says what to install."""


def launch(playwright: Playwright) -> Browser:
    """Starts a Chromium without a window.

    Raises:
        NoBrowserError: There is none, and none could be installed.
    """
    own = Path(playwright.chromium.executable_path)
    return playwright.chromium.launch(
        executable_path=find_or_install(own), args=list(_QUIET), timeout=1e3 * _START_LIMIT_S
    )


def find_or_install(own: Path) -> Path:
    """Gives the program of a Chromium: an installed one, Playwright's own, or one that is installed now.

    Args:
        own: Where Playwright's own would be.

    Raises:
        NoBrowserError: There is none, and none could be installed.
    """
    found = find(own)
    if found is not None:
        return found
    with _one_at_a_time():
        found = find(own)
        complaints: list[str] = []
        ways = _installations(own)
        while found is None and (commands := next(ways, None)):
            complaints += _tried(commands)
            found = find(own)
    if found is None:
        raise NoBrowserError(
            "no Chromium or Chrome answers, and none could be installed; install one with `sudo apt install chromium`, "
            f"or with `{sys.executable} -m playwright install --with-deps chromium`. What was tried:\n"
            + "\n".join(complaints)
        )
    return found


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Waits until no other process of this checkout installs a browser.

    The lock is that of a SQLite file, which the end of a process frees on every system, whatever ended it.
    """
    _LOCK.parent.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(_LOCK, timeout=_WAIT_LIMIT_S, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


def find(own: Path) -> Path | None:
    """Gives the program of an installed Chromium that starts; None where there is none."""
    named = [shutil.which(name) for name in PROGRAMS]
    candidates = [*(Path(path) for path in [*named, *_PLACES] if path is not None), own]
    return next((path for path in candidates if path.is_file() and _starts(path)), None)


def _starts(program: Path) -> bool:
    """Tells whether a program is a browser that runs here; on Ubuntu, `chromium-browser` may only point to a snap."""
    return _run((str(program), "--version"), limit_s=_START_LIMIT_S) is None


def _installations(own: Path) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Gives the ways to a browser, each as its commands: Playwright's own, what it stands on, Debian's package."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    playwright = (sys.executable, "-m", "playwright")
    yield ((*playwright, "install", "chromium"),)
    if is_root and own.is_file():
        yield ((*playwright, "install-deps", "chromium"),)
    if is_root and shutil.which("apt-get"):
        yield _DEBIAN_WAY


def _tried(commands: Iterable[tuple[str, ...]]) -> list[str]:
    complaints = ((command, _run(command)) for command in commands)
    return [f"{' '.join(command)}: {complaint}" for command, complaint in complaints if complaint is not None]


def _run(command: tuple[str, ...], *, limit_s: float = _INSTALL_LIMIT_S) -> str | None:
    """Runs a command and gives the last telling line when it failed; None when it went well."""
    # A file and not a pipe: what the command started may outlive it and would hold a pipe open.
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            return str(error)
        try:
            status = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return f"no end after {limit_s:g} s"
        finally:
            if process.poll() is None:
                _end(process)
        said.seek(0)
        lines = [line for line in said.read().decode(errors="replace").splitlines() if _tells(line)]
    return None if status == 0 else lines[-1].strip() if lines else f"exit status {status}"


def _tells(line: str) -> bool:
    """Tells whether a line says something; Playwright ends with the stack and the fields of its error."""
    return bool(line.strip(" {}")) and not line.startswith(("    at ", "  "))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a command and what it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
