"""Finds a Chromium for the tests and screenshots of the dashboard, and installs one where there is none.

Owns where browsers are looked for and how one is installed. It opens no page.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Playwright

PROGRAMS: Final = ("chromium", "google-chrome-stable", "google-chrome", "chrome", "chromium-browser", "microsoft-edge")
_MAC_PROGRAMS: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_QUIET: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
"""What keeps the browser from asking anybody but the dashboard."""

_WAYS: Final = (
    (sys.executable, "-m", "playwright", "install", "chromium"),
    (sys.executable, "-m", "playwright", "install-deps", "chromium"),
)
_DEBIAN_WAYS: Final = (("apt-get", "update"), ("apt-get", "install", "--yes", "--no-install-recommends", "chromium"))


class NoBrowserError(Exception):
    """There is no Chromium, and none could be installed; the message says what to install."""


def launch(playwright: Playwright) -> Browser:
    """Starts a Chromium without a window.

    Raises:
        NoBrowserError: There is none, and none could be installed.
    """
    own = Path(playwright.chromium.executable_path)
    return playwright.chromium.launch(executable_path=find_or_install(own), args=list(_QUIET))


def find_or_install(own: Path, *, run: Callable[[tuple[str, ...]], str | None] | None = None) -> Path:
    """Gives the program of a Chromium: Playwright's own, an installed one, or one that is installed now.

    Args:
        own: Where Playwright's own would be.
        run: Runs a command and gives what went wrong; a process of its own unless given.

    Raises:
        NoBrowserError: There is none, and none could be installed.
    """
    found = find(own)
    if found is not None:
        return found
    complaints: list[str] = []
    for ways in _installations():
        complaints += _tried(ways, run or _run)
        found = find(own)
        if found is not None:
            return found
    raise NoBrowserError(
        "no Chromium or Chrome answers, and none could be installed; install one with `sudo apt install chromium`, or "
        f"with `{sys.executable} -m playwright install --with-deps chromium`. What was tried:\n" + "\n".join(complaints)
    )


def find(own: Path) -> Path | None:
    """Gives the program of an installed Chromium that starts; None where there is none."""
    named = [shutil.which(name) for name in PROGRAMS]
    candidates = [own, *(Path(path) for path in [*named, *_MAC_PROGRAMS] if path is not None)]
    return next((path for path in candidates if path.is_file() and _starts(path)), None)


def _starts(program: Path) -> bool:
    """Tells whether a program is a browser that runs here; on Ubuntu, `chromium-browser` may only point to a snap."""
    return _run((str(program), "--version")) is None


def _installations() -> Iterable[tuple[tuple[str, ...], ...]]:
    """Gives the ways to a browser, each as its commands: Playwright's own, then Debian's package."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    yield _WAYS if is_root else _WAYS[:1]
    if is_root and shutil.which("apt-get"):
        yield _DEBIAN_WAYS


def _tried(commands: Iterable[tuple[str, ...]], run: Callable[[tuple[str, ...]], str | None]) -> list[str]:
    complaints = ((command, run(command)) for command in commands)
    return [f"{' '.join(command)}: {complaint}" for command, complaint in complaints if complaint is not None]


def _run(command: tuple[str, ...]) -> str | None:
    """Runs a command and gives the last line of what it complained about; None when it went well."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        return str(error)
    said = (done.stderr or done.stdout).strip().splitlines()
    return None if done.returncode == 0 else said[-1] if said else f"exit status {done.returncode}"
