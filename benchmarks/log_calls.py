"""How long a log call may hold up a training that records on a server.

Owns this budget. `python -m benchmarks.log_calls RUNS STEPS` is one training process: it prints how long each of its
calls took, in nanoseconds, as JSON.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from benchmarks.ingest import stored_points
from benchmarks.measure import BenchmarkError, Finding, Sample, time_text
from benchmarks.servers import held_port, start_server
from benchmarks.workspace import ROOT, Workspace
from lab_logger import start_run

CLIENTS: Final = 8
STEPS: Final = 1_000
KILLS: Final = 5
LIMIT_S: Final = 0.005

_PATIENCE_S: Final = 300.0


def calls_while_a_server_dies(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Times the log calls of 8 trainings at once while their server is killed now and then, and of 8 with no server."""
    runs = 5 if is_quick else 20
    alone = [{"DB_PATH": str(workspace.folder / f"alone-{number}.db")} for number in range(CLIENTS)]
    with _training(workspace, alone, runs) as processes:
        floor = _p99(processes)
    store = workspace.folder / "killed.db"
    with held_port() as port:
        calls = _p99_on_a_server_that_dies(workspace, store, port=port, runs=runs)
    stored, n_calls = stored_points(store), CLIENTS * runs * STEPS
    return [
        Finding(
            what=f"a log_metrics call, {CLIENTS} trainings that record on a server which is killed {KILLS} times: p99",
            limit=f"under {time_text(LIMIT_S)}; every point is stored once",
            measured=time_text(calls),
            floor=time_text(floor),
            ratio=calls / floor,
            is_met=calls < LIMIT_S and stored == n_calls,
            remark=f"{stored:,} points of {n_calls:,} calls; the floor is the same calls into a file for each",
        )
    ]


def _p99_on_a_server_that_dies(workspace: Workspace, store: Path, *, port: int, runs: int) -> float:
    remote = [
        {
            "LAB_SERVER_URL": f"http://127.0.0.1:{port}",
            "XDG_STATE_HOME": str(workspace.folder / f"state-{number}"),
            "LAB_FLUSH_TIMEOUT_S": str(_PATIENCE_S),
        }
        for number in range(CLIENTS)
    ]
    with _training(workspace, remote, runs) as processes:
        for _ in range(KILLS):
            with start_server(store, workspace=workspace, port=port) as server:
                _wait_a_while(processes)
                server.process.kill()
        with start_server(store, workspace=workspace, port=port):
            return _p99(processes)


@contextlib.contextmanager
def _training(
    workspace: Workspace, settings: list[dict[str, str]], runs: int
) -> "Iterator[list[subprocess.Popen[str]]]":
    processes = [_start(workspace.folder, each, runs) for each in settings]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _start(folder: Path, settings: Mapping[str, str], runs: int) -> "subprocess.Popen[str]":
    path = os.pathsep.join((str(ROOT), str(ROOT / "libs")))
    with (folder / "log_calls.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.log_calls", str(runs), str(STEPS)],
            cwd=folder,
            env={**os.environ, **settings, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def _wait_a_while(processes: "list[subprocess.Popen[str]]") -> None:
    until_s = time.monotonic() + 1.0
    while time.monotonic() < until_s and any(process.poll() is None for process in processes):
        time.sleep(0.05)


def _p99(processes: "list[subprocess.Popen[str]]") -> float:
    outputs = [process.communicate(timeout=_PATIENCE_S)[0] for process in processes]
    failed = [process.returncode for process in processes if process.returncode != 0]
    if failed:
        raise BenchmarkError(f"{len(failed)} of {CLIENTS} trainings failed: exit codes {failed}")
    return Sample(tuple(took / 1e9 for took in chain.from_iterable(map(json.loads, outputs)))).p99_s


def main(runs: int, steps: int) -> None:
    """Trains, which is nothing but logging here, and prints how long each call took."""
    took: list[int] = []
    for _ in range(runs):
        with start_run() as run:
            for step in range(steps):
                began = time.perf_counter_ns()
                run.log_metrics({"loss": 1.0 / (step + 1)}, step=step)
                took.append(time.perf_counter_ns() - began)
    print(json.dumps(took))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
