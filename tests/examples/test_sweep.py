import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import parallel_backends
import sweep
from lab_logger.leases import Lease, is_alive
from lab_logger.record import utc_now
from tests.examples.conftest import Rows
from tests.remote.machines import until

SCRIPT = Path(sweep.__file__)
SMALL = ["--models", "perceptron", "linear_svm", "--datasets", "iris", "--seeds", "1", "2", "--n_epochs", "2"]
CHILDREN = "FROM run_state JOIN manifests USING (run_id) WHERE parent_run_id IS NOT NULL"


@pytest.fixture
def out(tmp_path: Path) -> list[str]:
    return ["--output_dir", str(tmp_path / "out"), "--n_jobs", "2"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a dask cluster whose workers started elsewhere and know nothing of this checkout's folders."""
    code = """
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""
    (tmp_path / "cluster").mkdir()
    script = tmp_path / "cluster" / "start.py"
    script.write_text(code)
    environment = {name: value for name, value in os.environ.items() if name not in ("DB_PATH", "PYTHONPATH")}
    with subprocess.Popen(
        [sys.executable, str(script)],
        cwd=script.parent,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("\n")


@pytest.mark.parametrize("backend", ["loky", "threading", "dask"])
def test_every_backend_runs_every_child_under_the_sweep(
    backend: str, out: list[str], store: Path, rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep.main([*SMALL, *out, "--backend", backend]) == 0
    printed = capsys.readouterr()
    assert "4 finished, 0 failed" in printed.out
    assert "4/4" in printed.err
    ((sweep_id, status, params, metrics),) = rows(
        "SELECT run_id, status, params_json, final_metrics_json FROM run_state JOIN manifests USING (run_id) "
        "WHERE parent_run_id IS NULL"
    )
    assert status == "finished"
    assert json.loads(params)["model_names"] == ["perceptron", "linear_svm"]
    assert json.loads(metrics) == {"runs_finished": 4, "runs_failed": 0}
    assert rows(f"SELECT DISTINCT parent_run_id {CHILDREN}") == [(sweep_id,)]
    children = rows(f"SELECT status, params_json {CHILDREN}")
    assert sorted((json.loads(text)["model_name"], json.loads(text)["random_state"]) for _, text in children) == [
        ("linear_svm", 1),
        ("linear_svm", 2),
        ("perceptron", 1),
        ("perceptron", 2),
    ]
    assert {status for status, _ in children} == {"finished"}
    assert rows("SELECT run_id FROM run_tags WHERE tag = 'sweep'") == [(sweep_id,)]


def test_a_cluster_that_is_already_there_runs_the_sweep(cluster: str, out: list[str], store: Path, rows: Rows) -> None:
    assert sweep.main([*SMALL, *out, "--backend", "dask", "--scheduler", cluster]) == 0
    assert rows(f"SELECT status, count(*), count(DISTINCT lease_pid) > 0 {CHILDREN} GROUP BY status") == [
        ("finished", 4, 1)
    ]
    own_pid = os.getpid()
    assert rows(f"SELECT count(*) {CHILDREN} AND lease_pid = {own_pid}") == [(0,)]


def test_the_children_of_a_sweep_have_files_of_their_own(out: list[str], store: Path, rows: Rows) -> None:
    assert sweep.main([*SMALL, *out, "--backend", "threading"]) == 0
    paths = [path for (text,) in rows(f"SELECT artifacts_json {CHILDREN}") for path in json.loads(text)]
    assert len(set(paths)) == 8
    assert all(Path(path).is_file() for path in paths)


def test_a_failing_child_is_counted_and_shown_and_stops_no_other(
    out: list[str], store: Path, rows: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    # At this rate the weights overflow on the larger values of digits, and not on those of iris.
    options = ["--models", "perceptron", "--datasets", "digits", "iris", "--seeds", "1", "--n_epochs", "2"]
    assert sweep.main([*options, *out, "--learning_rate", "2e307"]) == 1
    printed = capsys.readouterr()
    assert "1 finished, 1 failed" in printed.out
    assert "failed: perceptron on digits, seed 1: DivergedError" in printed.err
    assert sorted(rows(f"SELECT dataset_id, status {CHILDREN}")) == [("digits", "failed"), ("iris", "finished")]
    sweep_run = "FROM run_state JOIN manifests USING (run_id) WHERE parent_run_id IS NULL"
    ((status, metrics),) = rows(f"SELECT status, final_metrics_json {sweep_run}")
    assert (status, json.loads(metrics)) == ("finished", {"runs_finished": 1, "runs_failed": 1})


@pytest.mark.parametrize("backend", ["loky", "threading", "dask"])
def test_an_interrupt_leaves_a_consistent_store_and_no_worker(backend: str, out: list[str], store: Path) -> None:
    with _endless_sweep([*out, "--backend", backend]) as process:
        _wait_until_two_runs_have_points(store, process)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to every process of the terminal
        _, error = process.communicate()
    assert process.returncode == 130
    assert "interrupted" in error
    assert "Traceback" not in error
    statuses = _statuses_as_read(store)
    assert statuses.pop(None) == "killed"
    assert list(statuses.values()) == ["killed", "killed"]
    _wait_for_the_end_of(process.pid)


def test_a_process_that_was_interrupted_begins_nothing_more(tmp_path: Path) -> None:
    def begin(item: dict[str, Any]) -> dict[str, Any]:
        Path(item["began"]).touch()
        while len(list(tmp_path.iterdir())) < 2:  # until each process has begun one
            time.sleep(0.01)
        raise KeyboardInterrupt

    def begin_four() -> None:
        with parallel_backends.parallel_backend("loky", n_jobs=2, on_interrupt=lambda: None) as run_all:
            answers = run_all(begin, [{"began": str(tmp_path / str(number))} for number in range(4)])
            until(lambda: len(list(tmp_path.iterdir())) >= 2)
            list(answers)

    with pytest.raises(KeyboardInterrupt):
        begin_four()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_request_to_end_is_an_interrupt_too(out: list[str], store: Path) -> None:
    with _endless_sweep(out) as process:
        _wait_until_two_runs_have_points(store, process)
        process.terminate()
        process.communicate()
    assert process.returncode == 130
    assert set(_statuses_as_read(store).values()) == {"killed"}
    _wait_for_the_end_of(process.pid)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "random_forest"], "logistic_regression"),
        (["--datasets", "iris", "mnist"], "breast_cancer"),
        (["--seeds", "x"], "not a whole number"),
        (["--n_jobs", "0"], "number of jobs"),
        (["--test_size", "0.001"], "needs at least 3"),
        (["--scheduler", "tcp://127.0.0.1:1"], "--backend dask"),
        (["--backend", "ray"], "loky"),
    ],
)
def test_wrong_usage_is_explained_and_stores_nothing(
    options: list[str], message: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        sweep.main(options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not store.exists()


@pytest.mark.parametrize("address", ["nothing://here", "tcp://127.0.0.1:1"])
def test_a_scheduler_that_does_not_answer_is_explained_and_leaves_nothing(
    address: str, store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_backends, "_CONNECT_TIMEOUT_S", 1)
    threads = set(threading.enumerate())
    assert sweep.main(["--backend", "dask", "--scheduler", address]) == 1
    assert f"no dask scheduler answers at {address!r}" in capsys.readouterr().err
    assert not store.exists()
    assert set(threading.enumerate()) <= threads  # those of an earlier test may end meanwhile


def test_a_missing_dask_is_explained(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert sweep.main([*SMALL, "--backend", "dask"]) == 1
    assert "pip install distributed" in capsys.readouterr().err
    assert not store.exists()


def _endless_sweep(options: list[str]) -> subprocess.Popen[str]:
    endless = ["--models", "perceptron", "--datasets", "digits", "--seeds", "1", "2", "3", "--n_epochs", "1000000"]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *endless, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _wait_until_two_runs_have_points(store: Path, process: subprocess.Popen[str]) -> None:
    while _runs_with_points(store) < 2:
        assert process.poll() is None
        time.sleep(0.05)  # leaves the machine to the sweep


def _runs_with_points(store: Path) -> int:
    if not store.exists():
        return 0
    connection = sqlite3.connect(store)
    try:
        ((count,),) = connection.execute("SELECT count(DISTINCT run_id) FROM metric_series").fetchall()
    except sqlite3.OperationalError:  # the tables are not there yet
        return 0
    finally:
        connection.close()
    return int(count)


def _statuses_as_read(store: Path) -> dict[str | None, str]:
    """Gives the status of the sweep (None) and of each child as a reader sees it: a dead process's run is killed."""
    connection = sqlite3.connect(store)
    try:
        found = connection.execute(
            "SELECT parent_run_id, run_id, status, heartbeat_at, lease_host, lease_boot, lease_pid, lease_pid_started "
            "FROM run_state"
        ).fetchall()
    finally:
        connection.close()
    statuses: dict[str | None, str] = {}
    for parent, run_id, status, heartbeat_at, *lease in found:
        is_dead = status == "running" and not is_alive(Lease(*lease), heartbeat_at=heartbeat_at, now=utc_now())
        statuses[run_id if parent else None] = "killed" if is_dead else status
    return statuses


def _wait_for_the_end_of(session: int) -> None:
    """Returns when no process of a session is left; joblib's own bookkeeping process outlives the sweep a moment."""
    while _living_in_session(session):
        time.sleep(0.05)


def _living_in_session(session: int) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "sid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [line[2] for line in lines if line[0] == str(session) and not line[1].startswith("Z")]
