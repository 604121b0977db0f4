"""What one process's writes cost: a finished run, a call of `log_metrics`, a point on the disk.

Owns the budgets of a single writer.
"""

import sqlite3
import time
import uuid
from itertools import count
from pathlib import Path

from benchmarks.floors import RawManifests, RawPoints
from benchmarks.measure import Finding, take_turns, time_text
from benchmarks.workspace import Workspace
from lab_logger import log_run, start_run
from lab_logger.statements import MANIFEST_COLUMNS

RUN_RATIO = 2.0
METRICS_RATIO = 2.0
METRICS_AIM = 1.5
POINT_BYTES = 40


def finished_run(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Times a run from its start to its committed end against one durable insert of the same row."""
    store = workspace.folder / "runs.db"
    train = log_run(store=store)(workspace.training_function())
    train()
    row = last_manifest(store)
    floor = RawManifests(workspace.folder / "raw-runs.db")
    times = take_turns(
        {"floor": lambda: floor.insert([str(uuid.uuid4()), *row[1:]]), "run": train},
        rounds=50 if is_quick else 500,
        warm_ups=20,
    )
    floor.close()
    ratio = times["run"].median_s / times["floor"].median_s
    return [
        Finding(
            what="one finished run (10 params, 3 metrics, captures cached), start to committed end",
            limit=f"at most {RUN_RATIO:g}x one raw durable commit of the same row",
            measured=time_text(times["run"].median_s),
            floor=time_text(times["floor"].median_s),
            ratio=ratio,
            is_met=ratio <= RUN_RATIO,
            spread=times["run"].spread,
            remark=f"the row has {sum(len(value or '') for value in row):,} characters; floor {times['floor'].spread}",
        )
    ]


def metric_calls(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Times `log_metrics` of 3 values against executemany and commit of the same 3 rows."""
    floor = RawPoints(workspace.folder / "raw-points.db")
    steps, raw_steps = count(), count()
    names = ("train_loss", "val_loss", "accuracy")

    def insert() -> None:
        step, at = next(raw_steps), time.time_ns() // 1_000_000
        floor.insert([(series, step, at, step * 0.5) for series in (1, 2, 3)])

    with start_run(store=workspace.folder / "points.db") as run:

        def log() -> None:
            step = next(steps)
            run.log_metrics(dict.fromkeys(names, step * 0.5), step)

        times = take_turns({"floor": insert, "log": log}, rounds=1_000 if is_quick else 10_000, warm_ups=200)
    floor.close()
    ratio = times["log"].median_s / times["floor"].median_s
    return [
        Finding(
            what="log_metrics of 3 values, written through",
            limit=f"at most {METRICS_RATIO:g}x raw executemany and commit of the same rows (aim: {METRICS_AIM:g}x)",
            measured=time_text(times["log"].median_s),
            floor=time_text(times["floor"].median_s),
            ratio=ratio,
            is_met=ratio <= METRICS_RATIO,
            spread=times["log"].spread,
            remark=f"floor {times['floor'].spread}",
        )
    ]


def point_size(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Weighs the points of series that grow side by side, pages and all."""
    store, n_series, n_steps = workspace.folder / "size.db", 10, 2_000 if is_quick else 20_000
    with start_run(store=store) as run:
        run.log_metrics({f"metric_{number}": 0.0 for number in range(n_series)}, 0)
        before_bytes = _stored_bytes(store)
        for step in range(1, n_steps + 1):
            run.log_metrics({f"metric_{number}": step / (number + 3) for number in range(n_series)}, step)
        grown_bytes = _stored_bytes(store) - before_bytes
    size = grown_bytes / (n_series * n_steps)
    return [
        Finding(
            what="a stored metric point",
            limit=f"at most {POINT_BYTES} bytes on disk",
            measured=f"{size:.1f} bytes",
            is_met=size <= POINT_BYTES,
            remark=f"{n_series} series side by side, {n_steps:,} steps each; pages that the file grew by, over points",
        )
    ]


def last_manifest(store: Path) -> list[str | None]:
    """Gives the newest row of `manifests`, in the order of its columns."""
    connection = sqlite3.connect(store)
    try:
        columns = ", ".join(MANIFEST_COLUMNS)
        found = connection.execute(f"SELECT {columns} FROM manifests ORDER BY timestamp DESC LIMIT 1").fetchone()
    finally:
        connection.close()
    return list(found)


def _stored_bytes(store: Path) -> int:
    connection = sqlite3.connect(store)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((pages,), (page_bytes,)) = (
            connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
        )
    finally:
        connection.close()
    return int(pages) * int(page_bytes)
