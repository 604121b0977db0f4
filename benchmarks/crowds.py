"""What many processes at once cost, and whether anything is lost.

Owns the budgets of several writers. Functions that run in the other processes are at the end.
"""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from benchmarks.floors import RawManifests
from benchmarks.measure import BenchmarkError, Finding, Sample, time_text
from benchmarks.workspace import Workspace, load_training
from benchmarks.writes import last_manifest
from lab_logger import log_run

WRITERS = 8
RUNS_EACH = 50
WRITERS_RATIO = 3.0
STARTERS = 64

_PATIENCE_S = 300.0

Row = Sequence[str | None]
Worker = Callable[[Path, Path, Row, "Barrier", "Queue[tuple[float, float]]"], None]


def writers_at_once(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Times 8 processes that log 50 runs each against 8 that insert 50 durable rows each."""
    log_run(store=workspace.folder / "row.db")(workspace.training_function())()
    row = last_manifest(workspace.folder / "row.db")
    times: dict[str, list[float]] = {"floor": [], "runs": []}
    missing = 0
    for number in range(2 if is_quick else 7):
        raw = workspace.folder / f"raw-crowd-{number}.db"
        RawManifests(raw).close()
        times["floor"].append(_together(insert_rows, raw, workspace.repository, row))
        store = workspace.folder / f"crowd-{number}.db"
        log_run(store=store)(workspace.training_function())()
        times["runs"].append(_together(log_runs, store, workspace.repository, row))
        missing += WRITERS * RUNS_EACH + 1 - finished_runs(store)
    floor, runs = Sample(tuple(times["floor"])), Sample(tuple(times["runs"]))
    ratio = runs.median_s / floor.median_s
    return [
        Finding(
            what=f"{WRITERS} processes logging {RUNS_EACH} runs each at once",
            limit=f"at most {WRITERS_RATIO:g}x the raw floor of the same {WRITERS * RUNS_EACH} rows; nothing lost",
            measured=time_text(runs.median_s),
            floor=time_text(floor.median_s),
            ratio=ratio,
            is_met=ratio <= WRITERS_RATIO and missing == 0,
            spread=runs.spread,
            remark=f"{missing} runs lost in {len(runs.seconds)} rounds; floor {floor.spread}",
        )
    ]


def starters_at_once(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Starts 64 processes on a missing database, and counts errors and runs."""
    errors, missing, times = 0, 0, []
    for number in range(1 if is_quick else 5):
        store = workspace.folder / f"starters-{number}" / "manifests.db"
        started_s = time.perf_counter()
        errors += _start_all(workspace, store)
        times.append(time.perf_counter() - started_s)
        missing += STARTERS - (finished_runs(store) if store.exists() else 0)
    return [
        Finding(
            what=f"{STARTERS} processes starting on a missing database",
            limit="no error, every run present",
            measured=f"{errors} errors, {missing} runs missing",
            is_met=errors == 0 and missing == 0,
            spread=Sample(tuple(times)).spread,
            remark=f"{len(times)} times over; each time all {STARTERS} from the first start to the last exit",
        )
    ]


def finished_runs(store: Path) -> int:
    """Counts the runs of a store that ended well and kept their metrics."""
    connection = sqlite3.connect(store)
    try:
        (found,) = connection.execute(
            "SELECT count(*) FROM manifests JOIN run_state USING (run_id) "
            "WHERE status = 'finished' AND final_metrics_json LIKE '%accuracy%'"
        ).fetchone()
    finally:
        connection.close()
    return int(found)


def _start_all(workspace: Workspace, store: Path) -> int:
    """Starts the processes, waits for all, and counts those that failed or complained."""
    environment = {**os.environ, "DB_PATH": str(store)}
    processes = [
        subprocess.Popen(
            [sys.executable, "training.py"],
            cwd=workspace.outside,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(STARTERS)
    ]
    complaints = [process.communicate()[1] for process in processes]
    return sum(1 for process, said in zip(processes, complaints, strict=True) if process.returncode != 0 or said)


def _together(worker: Worker, store: Path, repository: Path, row: Row) -> float:
    """Runs a worker in several processes, and gives the seconds from the first one's begin to the last one's end."""
    context = multiprocessing.get_context("spawn")
    barrier, ends = context.Barrier(WRITERS), context.Queue()
    processes = [context.Process(target=worker, args=(store, repository, row, barrier, ends)) for _ in range(WRITERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(_PATIENCE_S)
    failed = [process.exitcode for process in processes if process.exitcode != 0]
    if failed:
        for process in processes:
            process.kill()
        raise BenchmarkError(f"{len(failed)} of {WRITERS} writing processes failed: exit codes {failed}")
    times: list[tuple[float, float]] = [ends.get(timeout=_PATIENCE_S) for _ in processes]
    return max(ended_s for _, ended_s in times) - min(began_s for began_s, _ in times)


def log_runs(store: Path, repository: Path, row: Row, barrier: Barrier, ends: "Queue[tuple[float, float]]") -> None:
    """Logs the runs of one process, in that process; the captures are cached by a run in another store."""
    del row
    train = load_training(repository)
    log_run(store=store.with_name(f"{store.stem}-warm-up-{os.getpid()}.db"))(train)()
    logged = log_run(store=store)(train)
    barrier.wait(_PATIENCE_S)
    began_s = time.perf_counter()
    for _ in range(RUNS_EACH):
        logged()
    ends.put((began_s, time.perf_counter()))


def insert_rows(store: Path, repository: Path, row: Row, barrier: Barrier, ends: "Queue[tuple[float, float]]") -> None:
    """Inserts the rows of one process, in that process."""
    del repository
    table = RawManifests(store)
    barrier.wait(_PATIENCE_S)
    began_s = time.perf_counter()
    for _ in range(RUNS_EACH):
        table.insert([str(uuid.uuid4()), *row[1:]])
    ends.put((began_s, time.perf_counter()))
    table.close()
