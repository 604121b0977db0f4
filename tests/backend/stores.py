"""Stores for the tests of the backend: runs written through the logger's own statements.

A store goes by a path, which is that of a SQLite file, or stands for a PostgreSQL database; see `on_postgresql`.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg

from backend.postgres_connection import Address
from lab_logger import statements
from lab_logger.leases import Lease, own_lease
from lab_logger.storage import open_database
from lightml.connections import close
from tests.postgres import fresh_store

AT = "2025-12-01T10:00:00.000000Z"
DEAD = Lease(host=own_lease().host, boot=own_lease().boot, pid=2**22 + 1, pid_started="1")
"""The lease of a process of this machine that is gone: no process has an id beyond the limit."""


@dataclass
class StoredRun:
    """A run to be written; `documents` replaces a JSON column by a text as it stands."""

    run_id: str
    timestamp: str | None = AT
    command: str | None = "python train.py"
    dataset_id: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    note: str | None = None
    status: str = "finished"
    duration_s: float | None = None
    tags: tuple[str, ...] = ()
    lease: Lease | None = None
    heartbeat_at: str | None = None
    documents: dict[str, str | None] = field(default_factory=dict)


class Client(Protocol):
    """Writes to a store, with :named parameters."""

    def execute(self, statement: str, values: dict[str, Any], /) -> Any:
        """Executes a statement."""

    def executemany(self, statement: str, values: list[dict[str, Any]], /) -> Any:
        """Executes a statement once for each of several values."""


class _PostgresClient:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: dict[str, Any], /) -> Any:
        return self._connection.execute(_for_psycopg(statement), values)

    def executemany(self, statement: str, values: list[dict[str, Any]], /) -> Any:
        with self._connection.cursor() as cursor:
            cursor.executemany(_for_psycopg(statement), values)


_databases: dict[Path, str] = {}


@contextmanager
def on_postgresql(path: Path) -> Iterator[str]:
    """Has a path stand for an empty PostgreSQL store, whose URL it gives: here, and in `settings_for`."""
    with fresh_store() as url:
        _databases[path] = url
        try:
            yield url
        finally:
            del _databases[path]
            close(url)  # the next test is given the same database: what is known of its registry is forgotten


@contextmanager
def place_in(folder: Path, database: str) -> Iterator[Path]:
    """Gives a path in a folder at which a test's store may be, on "sqlite" or "postgresql"; nothing is there yet."""
    path = folder / "manifests" / "manifests.db"
    with on_postgresql(path) if database == "postgresql" else nullcontext():
        yield path


def url_at(path: Path) -> str | None:
    """Gives the URL of the PostgreSQL store that a path stands for; None where it is the path of a SQLite file."""
    return _databases.get(path)


def write_runs(path: Path, runs: Iterable[StoredRun]) -> Path:
    """Writes runs into a store, which is made if missing."""
    with _writing(path) as client:
        for run in runs:
            _write(client, run)
    return path


def write_points(path: Path, run_id: str, name: str, points: Iterable[tuple[int, int, float | None]]) -> None:
    """Writes a live series: step, milliseconds since 1970, value."""
    with _writing(path) as client:
        client.execute(statements.ADD_SERIES, {"run_id": run_id, "name": name})
        (series,) = client.execute(statements.FIND_SERIES, {"run_id": run_id, "name": name}).fetchone()
        rows = [{"series": series, "step": step, "timestamp": at, "value": value} for step, at, value in points]
        client.executemany(statements.ADD_POINT, rows)


def record_artifact(path: Path, run_id: str, position: int, file: Path, **recorded: object) -> None:
    """Writes a row of `artifacts`."""
    row = {"kind": "file", "size_bytes": None, "sha256": None, "media_type": None, "recorded_at": AT, **recorded}
    execute(path, statements.RECORD_ARTIFACT, {"run_id": run_id, "position": position, "path": str(file), **row})


def execute(path: Path, statement: str, values: dict[str, object] | None = None) -> list[tuple[Any, ...]]:
    """Executes one statement on a store as another program would."""
    url = url_at(path)
    if url is not None:
        with psycopg.connect(url, autocommit=True) as client:
            found = client.execute(_for_psycopg(statement) if values else statement.encode(), values)
            return found.fetchall() if found.description is not None else []
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    try:
        return connection.execute(statement, values or {}).fetchall()
    finally:
        connection.close()


@contextmanager
def _writing(path: Path) -> Iterator[Client]:
    """Opens a transaction that writes with what the store's own programs write with."""
    url = url_at(path)
    if url is not None:
        connection = Address(url, busy_timeout_s=60).connect()
        with connection, connection.pipeline():
            yield _PostgresClient(connection)
        return
    file = open_database(path, busy_timeout_s=60)
    file.execute("PRAGMA synchronous = OFF")
    file.execute("BEGIN IMMEDIATE")
    yield file
    file.execute("COMMIT")
    file.close()


def _for_psycopg(statement: str) -> bytes:
    return re.sub(r":(\w+)", r"%(\1)s", statement.replace("%", "%%")).encode()


def _write(client: Client, run: StoredRun) -> None:
    if run.status == "running":
        lease = run.lease or own_lease()
        state: dict[str, object] = {
            "started_at": run.heartbeat_at or run.timestamp,
            "project": None,
            "parent_run_id": None,
        }
        state |= {"lease_host": lease.host, "lease_boot": lease.boot}
        state |= {"lease_pid": lease.pid, "lease_pid_started": lease.pid_started}
        client.execute(statements.INSERT_STATE, {"run_id": run.run_id, **state})
    row: dict[str, object] = dict.fromkeys(statements.MANIFEST_COLUMNS)
    row |= {name: getattr(run, name) for name in ("run_id", "timestamp", "command", "dataset_id", "note")}
    row["params_json"] = json.dumps(run.params)
    row["final_metrics_json"] = json.dumps(run.metrics)
    row["artifacts_json"] = json.dumps(run.artifacts)
    client.execute(statements.INSERT_MANIFEST, row | run.documents)
    if run.status != "running":
        ending = {"status": run.status, "finished_at": None, "duration_s": run.duration_s, "error": None}
        client.execute(statements.FINISH_STATE, {"run_id": run.run_id, **ending})
    for tag in run.tags:
        client.execute(statements.ADD_TAG, {"run_id": run.run_id, "tag": tag})
