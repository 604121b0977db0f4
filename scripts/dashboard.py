"""Starts the dashboard on a port that is free when it starts, for tests, screenshots and measurements.

Owns the process's life. It must not open a page.
"""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parent.parent
_READY: Final = re.compile(r"URL: (http://\S+)")


class DashboardError(Exception):
    """The dashboard did not start; the message holds what it said."""


@contextlib.contextmanager
def dashboard(server_url: str, *, token: str = "") -> Iterator[str]:
    """Runs `streamlit run stream.py` over a server, yields the dashboard's address, and ends it.

    Args:
        server_url: The ai-lab server that the dashboard shows.
        token: The server's API_TOKEN.

    Raises:
        DashboardError: The dashboard ended before it was ready.
    """
    settings = {"LAB_SERVER_URL": server_url, "LAB_API_TOKEN": token, "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"}
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "stream.py"), "--server.port", "0"]
    process = subprocess.Popen(
        [*command, "--server.fileWatcherType", "none"],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: None)
    try:
        url = _ready(process.stdout)
        reader = threading.Thread(target=process.stdout.read, name="dashboard-output")
        reader.start()
        yield url
    finally:
        process.terminate()
        process.wait()
        if reader.ident is not None:
            reader.join()
        process.stdout.close()


def _ready(output: IO[str]) -> str:
    """Reads until the dashboard says its address, and gives it."""
    said: list[str] = []
    for line in output:
        said.append(line)
        found = _READY.search(line)
        if found is not None:
            return found[1]
    raise DashboardError("the dashboard did not start; it said:\n" + "".join(said))
