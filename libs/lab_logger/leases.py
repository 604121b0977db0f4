"""Who owns a running run, and whether that process still lives.

Owns the lease: host, boot, process id and that process's start time, which together name one process for good. A run
whose lease is dead is marked `killed` here, by whoever reads the store next. Knows no database: it is handed a function
that executes SQL.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from lab_logger import statements
from lab_logger.record import dumps, from_epoch_ms

HEARTBEAT_S = 15.0
"""How often a living process renews the heartbeat of its runs."""
HEARTBEAT_EXPIRES_S = 120.0
"""How old the heartbeat of a process on another machine may grow before the process counts as dead."""

Execute = Callable[[str, Mapping[str, object]], Iterable[Sequence[object]]]
"""Executes one statement with :named parameters and gives its rows, none for a write."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One process, named so that no later process can be taken for it.

    Attributes:
        host: Host name, with the process namespace where there are several on one host.
        boot: The id of the host's boot, empty where the system has none.
        pid: Process id.
        pid_started: The system's own mark of when the process started, empty where it cannot be read.
    """

    host: str
    boot: str
    pid: int
    pid_started: str


def own_lease() -> Lease:
    """Gives the lease of the calling process."""
    pid = os.getpid()
    return _lease_of(pid)


@cache
def _lease_of(pid: int) -> Lease:
    return Lease(host=this_host(), boot=_boot_id(), pid=pid, pid_started=process_start(pid) or "")


def is_alive(lease: Lease, *, heartbeat_at: str | None, now: str) -> bool:
    """Tells whether the process that holds a lease still lives.

    On the process's own host the answer is exact. From elsewhere the heartbeat may be `HEARTBEAT_EXPIRES_S` old.

    Args:
        lease: The lease as recorded.
        heartbeat_at: When the process last said that it lives.
        now: The current time. Both are ISO 8601 in UTC.
    """
    if lease.host != this_host():
        age_s = _seconds_if_known(heartbeat_at, now)
        return age_s is not None and age_s <= HEARTBEAT_EXPIRES_S
    if lease.boot != _boot_id():
        return False
    return process_start(lease.pid) == lease.pid_started


def reap(execute: Execute, *, now: str) -> list[str]:
    """Marks the running runs whose process is gone as `killed`, each ending when it was last known to live.

    A reaped run that returned no final metrics gets the last value of each of its live series.

    Args:
        execute: Executes SQL in the caller's transaction or in its own.
        now: The current time, ISO 8601 in UTC.

    Returns:
        The ids of the runs that were found dead, whether or not they could be marked.
    """
    dead = dead_runs(execute, now=now)
    for run_id, started_at, heartbeat_at in dead:
        points = list(execute(statements.LAST_POINTS, {"run_id": run_id}))
        seen = [heartbeat_at or started_at, *(from_epoch_ms(int(str(timestamp))) for _, _, timestamp in points)]
        finished_at = max(seen)
        seconds = _seconds_if_known(started_at, finished_at)
        duration_s = None if seconds is None else max(0.0, seconds)
        if points:  # first, so that a reader that dies between the two leaves the run to the next reader
            metrics = dumps({str(name): float("nan") if value is None else value for name, value, _ in points})
            execute(statements.FILL_METRICS, {"run_id": run_id, "final_metrics_json": metrics})
        execute(
            statements.MARK_KILLED, {"run_id": run_id, "finished_at": finished_at or None, "duration_s": duration_s}
        )
    return [run_id for run_id, _, _ in dead]


def dead_runs(execute: Execute, *, now: str) -> list[tuple[str, str, str]]:
    """Finds the running runs whose process is gone, as (run_id, started_at, heartbeat_at); missing times are empty."""
    dead = []
    for run_id, started_at, heartbeat_at, host, boot, pid, pid_started in execute(statements.RUNNING_LEASES, {}):
        lease = Lease(str(host or ""), str(boot or ""), int(str(pid or 0)), str(pid_started or ""))
        heartbeat = None if heartbeat_at is None else str(heartbeat_at)
        if not is_alive(lease, heartbeat_at=heartbeat, now=now):
            dead.append((str(run_id), str(started_at or ""), heartbeat or ""))
    return dead


def seconds_between(earlier: str, later: str) -> float:
    """Gives the seconds from one ISO 8601 time to a later one, negative when it is earlier.

    Raises:
        ValueError: One of them is no such time.
        TypeError: One has a time zone and the other has none.
    """
    from datetime import datetime

    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def _seconds_if_known(earlier: str | None, later: str) -> float | None:
    """The same for times that other hands may have written: None where one of them is missing or is no time."""
    try:
        return None if earlier is None else seconds_between(earlier, later)
    except (ValueError, TypeError):
        return None


@cache
def this_host() -> str:
    """Names this host; containers that share a name are told apart by their process namespace."""
    import platform

    try:
        return f"{platform.node()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()


@cache
def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def process_start(pid: int) -> str | None:
    """Gives the system's mark of when a process started, or None when no such process lives."""
    if os.path.exists("/proc/self/stat"):
        return _linux_process_start(pid)
    return _posix_process_start(pid) if os.name == "posix" else _windows_process_start(pid)


def _linux_process_start(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    state, started_ticks = fields[0], fields[19]
    return None if state in "ZX" else started_ticks


def _posix_process_start(pid: int) -> str | None:
    import subprocess

    everywhere_the_same = {**os.environ, "TZ": "UTC0", "LC_ALL": "C"}
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], env=everywhere_the_same, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None


def _windows_process_start(pid: int) -> str | None:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return None
    created, exited, in_kernel, in_user = (ctypes.c_ulonglong() for _ in range(4))
    kernel.GetProcessTimes(handle, *(ctypes.byref(time) for time in (created, exited, in_kernel, in_user)))
    kernel.CloseHandle(handle)
    return None if exited.value else str(created.value)
