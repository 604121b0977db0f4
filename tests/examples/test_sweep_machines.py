"""A sweep over the machines of a team: scheduler, workers and server are processes that know no other's disk."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import parallel_backends
import sweep
from tests.remote.machines import PATIENCE_S, Server, ask, environment, running, until

SMALL = ["--models", "perceptron", "linear_svm", "--datasets", "iris", "--seeds", "1", "2", "--n_epochs", "2"]
DASK = [sys.executable, "-m", "dask"]


@dataclass(frozen=True)
class Team:
    """The machines of a team.

    Attributes:
        folder: Holds a folder for each machine.
        scheduler: The file that holds the scheduler's address.
        server: The server.
    """

    folder: Path
    scheduler: Path
    server: Server

    @property
    def address(self) -> str:
        return str(json.loads(self.scheduler.read_text())["address"])

    def runs(self, **query: str) -> list[dict[str, Any]]:
        """Asks the server for its runs in full."""
        with httpx.Client(base_url=self.server.url, timeout=PATIENCE_S, trust_env=False) as http:
            found = http.get("/runs", params=query).raise_for_status().json()
            return [http.get(f"/runs/{run['run_id']}").raise_for_status().json() for run in found]


def start(folder: Path, *command: str, **settings: str) -> subprocess.Popen[bytes]:
    """Starts a program on a machine: in a folder that is its home."""
    folder.mkdir(parents=True, exist_ok=True)
    home = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    return subprocess.Popen(
        [*DASK, *command], cwd=folder, env=environment(**home, **settings), stderr=subprocess.DEVNULL
    )


@contextlib.contextmanager
def working(folder: Path, scheduler: Path, settings: Mapping[str, str], names: tuple[str, ...]) -> Iterator[None]:
    options = ("--scheduler-file", str(scheduler), "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
    workers = [start(folder / name, "worker", *options, **settings) for name in names]
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a sweep wait for the scheduler and for workers that are still starting on a busy machine."""
    monkeypatch.setattr(parallel_backends, "_CONNECT_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(parallel_backends, "_JOIN_TIMEOUT_S", PATIENCE_S)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Path]:
    """The file of a scheduler that no worker has joined."""
    folder, file = tmp_path / "team", tmp_path / "team" / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    process = start(folder, "scheduler", *options)
    try:
        until(lambda: _is_written(file))
        yield file
    finally:
        process.terminate()
        process.wait()


def _is_written(file: Path) -> bool:
    """Tells whether all of the scheduler's address is there: the file is made before it is filled."""
    try:
        return "address" in json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return False


@pytest.fixture
def team(scheduler: Path) -> Iterator[Team]:
    """A scheduler and a server."""
    folder = scheduler.parent
    with running(Server(folder, {"DB_PATH": str(folder / "server" / "runs.db")})) as server:
        yield Team(folder, scheduler, server)


def test_workers_on_other_machines_record_on_the_server(
    team: Team, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", team.server.url)
    monkeypatch.setenv("LAB_OUTBOX", str(store.parent / "outbox"))
    with working(team.folder, team.scheduler, {"LAB_SERVER_URL": team.server.url}, ("first", "second")):
        assert sweep.main([*SMALL, "--backend", "dask", "--scheduler", team.address]) == 0
        assert f"sent to {team.server.url}" in capsys.readouterr().out
        until(lambda: [run["status"] for run in team.runs()] == ["finished"] * 5)
        (parent,) = team.runs(tag="sweep")
        until(lambda: all(artifact["downloadable"] for run in team.runs() for artifact in artifacts_of(team, run)))
    children = [run for run in team.runs() if run["run_id"] != parent["run_id"]]
    assert parent["final_metrics"] == {"runs_finished": 4, "runs_failed": 0}
    assert {run["parent_run_id"] for run in children} == {parent["run_id"]}
    assert {run["command"] for run in children} == {parent["command"]}
    for run in children:
        assert {"accuracy", "f1_macro", "val_loss"} <= run["final_metrics"].keys()
        curves = ask(f"{team.server.url}/runs/{run['run_id']}/metrics").json()
        assert curves["val_loss"]["steps"] == [1, 2]
        written = [artifact["path"] for artifact in artifacts_of(team, run)]
        assert len(written) == 2
        assert all(Path(path).is_relative_to(team.folder) for path in written)  # on a worker's disk
        table = ask(f"{team.server.url}/runs/{run['run_id']}/artifacts/1")
        assert table.text.splitlines()[0].startswith("epoch,train_loss")
    assert not store.exists()


def artifacts_of(team: Team, run: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(f"{team.server.url}/runs/{run['run_id']}/artifacts").json()
    return found


def test_a_worker_that_does_not_know_the_server_keeps_nothing_to_itself(
    team: Team, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", team.server.url)
    monkeypatch.setenv("LAB_OUTBOX", str(store.parent / "outbox"))
    with working(team.folder, team.scheduler, {}, ("forgetful",)):
        assert sweep.main([*SMALL, "--backend", "dask", "--scheduler", team.address]) == 1
    said = capsys.readouterr()
    assert "0 finished, 4 failed" in said.out
    assert "set LAB_SERVER_URL" in said.err
    assert list((team.folder / "forgetful").rglob("*.db")) == []


def test_processes_of_this_machine_have_sent_their_runs_when_the_sweep_ends(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server").mkdir()
    with running(Server(tmp_path / "server", {"DB_PATH": str(tmp_path / "server" / "runs.db")})) as server:
        monkeypatch.setenv("LAB_SERVER_URL", server.url)
        monkeypatch.setenv("LAB_OUTBOX", str(tmp_path / "outbox"))
        command = [sys.executable, sweep.__file__, *SMALL, "--n_jobs", "2", "--output_dir", str(tmp_path / "out")]
        subprocess.run(command, env=os.environ, check=True, capture_output=True)
        statuses = [run["status"] for run in ask(f"{server.url}/runs").json()]
    assert statuses == ["finished"] * 5
    assert list((tmp_path / "outbox").rglob("*.db")) == []


def test_a_scheduler_without_workers_is_explained_and_stores_nothing(
    scheduler: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parallel_backends, "_JOIN_TIMEOUT_S", 1)
    address = json.loads(scheduler.read_text())["address"]
    assert sweep.main([*SMALL, "--backend", "dask", "--scheduler", address]) == 1
    assert f"start one on each machine with `dask worker {address}`" in capsys.readouterr().err
    assert not store.exists()
