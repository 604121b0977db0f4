"""Stores for the tests of the backend: runs written through the logger's own statements."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab_logger import statements
from lab_logger.leases import Lease, own_lease
from lab_logger.storage import open_database

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


def write_runs(path: Path, runs: Iterable[StoredRun]) -> Path:
    """Writes runs into a store, which is made if missing."""
    connection = open_database(path, busy_timeout_s=5)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN IMMEDIATE")
    for run in runs:
        _write(connection, run)
    connection.execute("COMMIT")
    connection.close()
    return path


def write_points(path: Path, run_id: str, name: str, points: Iterable[tuple[int, int, float | None]]) -> None:
    """Writes a live series: step, milliseconds since 1970, value."""
    connection = open_database(path, busy_timeout_s=5)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(statements.ADD_SERIES, {"run_id": run_id, "name": name})
    (series,) = connection.execute(statements.FIND_SERIES, {"run_id": run_id, "name": name}).fetchone()
    for step, timestamp, value in points:
        values = {"series": series, "step": step, "timestamp": timestamp, "value": value}
        connection.execute(statements.ADD_POINT, values)
    connection.execute("COMMIT")
    connection.close()


def record_artifact(path: Path, run_id: str, position: int, file: Path, **recorded: object) -> None:
    """Writes a row of `artifacts`."""
    row = {"kind": "file", "size_bytes": None, "sha256": None, "media_type": None, "recorded_at": AT, **recorded}
    execute(path, statements.RECORD_ARTIFACT, {"run_id": run_id, "position": position, "path": str(file), **row})


def execute(path: Path, statement: str, values: dict[str, object] | None = None) -> list[tuple[Any, ...]]:
    """Executes one statement on a store as another program would."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        return connection.execute(statement, values or {}).fetchall()
    finally:
        connection.close()


def _write(connection: sqlite3.Connection, run: StoredRun) -> None:
    if run.status == "running":
        lease = run.lease or own_lease()
        state: dict[str, object] = {
            "started_at": run.heartbeat_at or run.timestamp,
            "project": None,
            "parent_run_id": None,
        }
        state |= {"lease_host": lease.host, "lease_boot": lease.boot}
        state |= {"lease_pid": lease.pid, "lease_pid_started": lease.pid_started}
        connection.execute(statements.INSERT_STATE, {"run_id": run.run_id, **state})
    row: dict[str, object] = dict.fromkeys(statements.MANIFEST_COLUMNS)
    row |= {name: getattr(run, name) for name in ("run_id", "timestamp", "command", "dataset_id", "note")}
    row["params_json"] = json.dumps(run.params)
    row["final_metrics_json"] = json.dumps(run.metrics)
    row["artifacts_json"] = json.dumps(run.artifacts)
    connection.execute(statements.INSERT_MANIFEST, row | run.documents)
    if run.status != "running":
        ending = {"status": run.status, "finished_at": None, "duration_s": run.duration_s, "error": None}
        connection.execute(statements.FINISH_STATE, {"run_id": run.run_id, **ending})
    for tag in run.tags:
        connection.execute(statements.ADD_TAG, {"run_id": run.run_id, "tag": tag})
