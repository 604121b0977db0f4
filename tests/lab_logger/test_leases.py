import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lab_logger import leases, start_run
from lab_logger.leases import Lease, is_alive, own_lease, process_start
from tests.lab_logger.conftest import Rows

NOW = "2026-11-21T10:02:00.000000Z"
JUST_NOW = "2026-11-21T10:00:00.000000Z"
LONG_AGO = "2026-11-21T09:59:59.999999Z"


def test_this_process_lives() -> None:
    lease = own_lease()
    assert lease.pid == os.getpid()
    assert is_alive(lease, heartbeat_at=None, now=NOW)


def test_a_process_number_used_again_is_not_the_process() -> None:
    assert not is_alive(replace(own_lease(), pid_started="1"), heartbeat_at=NOW, now=NOW)


def test_a_process_of_another_boot_is_dead() -> None:
    assert not is_alive(replace(own_lease(), boot="an earlier one"), heartbeat_at=NOW, now=NOW)


def test_a_process_that_ended_is_dead_also_before_its_parent_noticed() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    lease = replace(own_lease(), pid=process.pid, pid_started=process_start(process.pid) or "none")
    assert is_alive(lease, heartbeat_at=None, now=NOW)
    assert process.stdin is not None
    assert process.stdout is not None
    process.kill()
    assert process.stdout.read() == b""  # it has let go of everything, and nobody has waited for it
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(lease, heartbeat_at=NOW, now=NOW)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert not is_alive(lease, heartbeat_at=NOW, now=NOW)


@pytest.mark.parametrize(
    ("heartbeat_at", "alive"),
    [
        (JUST_NOW, True),
        (LONG_AGO, False),
        (None, False),
        ("", False),
        ("yesterday", False),
        ("2026-11-21T10:01", False),
    ],
)
def test_elsewhere_the_heartbeat_decides(heartbeat_at: str | None, alive: bool) -> None:
    elsewhere = Lease(host="node-7", boot="b", pid=os.getpid(), pid_started="1")
    assert is_alive(elsewhere, heartbeat_at=heartbeat_at, now=NOW) is alive


@pytest.mark.parametrize("pid", [0, -1, 2**31, 2**22 + 1])
def test_a_number_that_is_no_process_has_no_start(pid: int) -> None:
    assert process_start(pid) is None


def test_rows_that_other_hands_left_running_are_reaped_without_an_error(store: Path, rows: Rows) -> None:
    with start_run():
        pass
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        for number, started in enumerate([None, "", "yesterday", "2024-01-01", "2024-01-01T10:00:00"]):
            connection.execute(
                "INSERT INTO run_state (run_id, status, started_at, lease_pid) VALUES (?, 'running', ?, ?)",
                (f"odd-{number}", started, os.getpid()),
            )
            connection.execute("INSERT INTO metric_series (run_id, name) VALUES (?, 'a')", (f"odd-{number}",))
            connection.execute("INSERT INTO metric_points SELECT max(series), 0, 1700000000000, 1 FROM metric_series")
        dead = leases.reap(lambda sql, values: connection.execute(sql, values).fetchall(), now=NOW)
    assert dead == [f"odd-{number}" for number in range(5)]
    assert rows("SELECT DISTINCT status FROM run_state WHERE run_id LIKE 'odd%'") == [("killed",)]
