import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import lab_logger
from lab_logger import storage
from tests.lab_logger.scripted_server import ScriptedServer, scripted_server

LIBS = Path(lab_logger.__file__).resolve().parents[1]
SETTINGS = (
    *("DB_PATH", "DATASET_ID", "PROJECT_NAME", "LAB_BUSY_TIMEOUT_S", "LAB_SERVER_URL"),
    *("LAB_API_TOKEN", "LAB_OUTBOX", "LAB_FLUSH_TIMEOUT_S"),
    *("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY"),
)
PATIENCE_S = "200"
"""LAB_FLUSH_TIMEOUT_S or LAB_BUSY_TIMEOUT_S where a test is about something else, and the machine may be slow."""

Rows = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Finished:
    """What a script left behind."""

    stdout: str
    stderr: str
    returncode: int

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    @property
    def warnings(self) -> list[str]:
        return self.stderr.splitlines()


class Scripts:
    """Runs Python code in processes of their own that have lab_logger, and nothing else, on their path."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, code: str, *arguments: str, check: bool = True, **options: Any) -> Finished:
        """Runs code to its end; with `check`, what it says on stderr is none and it exits with 0."""
        process = self.start(code, *arguments, **options)
        finished = self.end(process)
        if check:
            assert (finished.stderr, finished.returncode) == ("", 0)
        return finished

    def start(
        self, code: str, *arguments: str, env: Mapping[str, str] | None = None, **options: Any
    ) -> "subprocess.Popen[str]":
        environ = {**os.environ, "PYTHONPATH": str(LIBS), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        process = subprocess.Popen(
            [sys.executable, "-S", "-W", "error", "-c", textwrap.dedent(code), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
            **options,
        )
        self._started.append(process)
        return process

    def end(self, process: "subprocess.Popen[str]", say: str = "") -> Finished:
        """Says a last word to a started process and gives what it leaves behind."""
        stdout, stderr = process.communicate(say)
        return Finished(stdout, stderr, process.returncode)

    def kill_all(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project folder of this test's own, the current one, with no settings but those the test makes."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".env").touch()  # marks the project's root, so that nobody looks further for one
    monkeypatch.chdir(folder)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_STATE_HOME", "TMPDIR"):
        place = tmp_path / name.lower()
        place.mkdir()
        monkeypatch.setenv(name, str(place))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    yield folder
    for store in list(storage._open_stores):
        store.close()


@pytest.fixture
def store(project: Path) -> Path:
    """The store of the project; nothing has made it yet."""
    return project / "manifests" / "manifests.db"


@pytest.fixture
def rows(store: Path) -> Rows:
    """Asks the store with SQL, as any reader of the file may."""

    def ask(question: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(store)) as connection:
            return connection.execute(question).fetchall()

    return ask


@pytest.fixture
def scripted(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A server in memory that runs are recorded on."""
    with scripted_server() as scripted:
        monkeypatch.setenv("LAB_SERVER_URL", scripted.url)
        monkeypatch.setenv("LAB_FLUSH_TIMEOUT_S", PATIENCE_S)
        yield scripted


@pytest.fixture
def script(project: Path) -> Iterator[Scripts]:
    scripts = Scripts()
    yield scripts
    scripts.kill_all()
