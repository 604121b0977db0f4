"""Runs recorded on the real server over HTTP, by processes of their own."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from backend.api import create_app
from backend.config import Settings
from tests.lab_logger.conftest import LIBS, PATIENCE_S, Scripts
from tests.lab_logger.scripted_server import Fault, ScriptedServer
from tests.live_server import serving, unused_address

TRAINS = """
    import os
    from pathlib import Path
    from lab_logger import log_artifact, log_metric, log_metrics, log_run, set_note, set_tags

    @log_run(dataset_id="iris", tags=["baseline", "ä"])
    def train(lr=0.1, layers=(64, 32), optimizer={"name": "adam", "betas": [0.9, 0.999]}, nothing=None):
        for step in range(300):
            log_metrics({"loss": 1 / (step + 1), "step/time": step}, step=step)
        for value in (float("nan"), float("inf"), float("-inf"), 1e-300):
            log_metric("odd", value)
        Path("model.bin").write_bytes(b"first")
        log_artifact("model.bin")
        Path("model.bin").write_bytes(b"second")
        Path("plots/deep").mkdir(parents=True, exist_ok=True)
        Path("plots/deep/a.txt").write_text("a")
        Path("plots/b.txt").write_text("b")
        log_artifact("plots")
        log_artifact("plots/b.txt", upload=False)
        set_tags("later")
        set_note("looked at")
        return {"final_metrics": {"accuracy": 0.97}, "artifacts": ["plots/deep/a.txt"], "note": "kept"}

    train()
"""
LOGS_AND_WAITS = """
    import sys
    from lab_logger import log_metrics, log_run

    @log_run
    def train():
        for step in range(int(sys.argv[1])):
            log_metrics({"loss": step / 4}, step=step)
            print(step, flush=True)
        input()

    train()
"""
LOGS_NOTES = """
    from lab_logger import start_run
    with start_run() as run:
        for number in range(20):
            run.set_note(str(number))
            run.log_metrics({"loss": number})
"""
ALIKE = {
    "manifests": "SELECT git_hash, git_diff, command, python_version, pip_freeze, device_info, dataset_id, "
    "params_json, final_metrics_json, wandb_url, note FROM manifests",
    "run_state": "SELECT status, error, project, parent_run_id, lease_host, lease_boot, duration_s >= 0, "
    "heartbeat_at = finished_at, started_at < finished_at, is_presumed FROM run_state",
    "run_index": "SELECT dataset_id, has_artifacts, command, note FROM run_index",
    "run_params": "SELECT name, text, number FROM run_params ORDER BY name",
    "run_metrics": "SELECT name, value FROM run_metrics ORDER BY name",
    "run_tags": "SELECT tag FROM run_tags ORDER BY tag",
    "points": "SELECT name, step, value FROM metric_points JOIN metric_series USING (series) ORDER BY name, step",
    "artifacts": "SELECT position, path, kind, size_bytes, sha256, media_type FROM artifacts ORDER BY position",
}


@pytest.fixture
def shared(project: Path) -> Path:
    """The store of the server."""
    return project / "server" / "runs.db"


@pytest.fixture
def app(shared: Path) -> FastAPI:
    return create_app(Settings(db_path=shared, artifact_uri=str(shared.parent / "artifacts")))


@pytest.fixture
def server(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(app) as url:
        monkeypatch.setenv("LAB_SERVER_URL", url)
        monkeypatch.setenv("LAB_FLUSH_TIMEOUT_S", PATIENCE_S)
        yield url


def rows(store: Path, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(question).fetchall()


def everything(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {table: rows(store, question) for table, question in ALIKE.items()}


def sync() -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(LIBS)}
    command = [sys.executable, "-W", "error", "-m", "lab_logger", "sync"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def outbox_files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "xdg_state_home" / "lab_logger" / "outbox"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_run_recorded_on_the_server_is_the_run_recorded_locally(
    server: str, script: Scripts, store: Path, shared: Path, tmp_path: Path
) -> None:
    script(TRAINS)
    assert not store.exists()
    script(TRAINS, env={"LAB_SERVER_URL": ""})
    assert everything(shared) == everything(store)
    assert outbox_files(tmp_path) == []


def test_offline_for_the_whole_run_and_sent_later_gives_the_same_rows(
    app: FastAPI, script: Scripts, store: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = unused_address()
    monkeypatch.setenv("LAB_SERVER_URL", url)
    ended = script(TRAINS, env={"LAB_FLUSH_TIMEOUT_S": "0"}, check=False)
    assert ended.returncode == 0
    assert "python -m lab_logger sync" in ended.warnings[-1]
    assert sync().returncode == 1
    with serving(app, urlsplit(url).port or 0):
        sent = sync()
        assert (sent.returncode, sent.stderr) == (0, "")
        assert "to " + url in sent.stdout
    assert "nothing waits" in sync().stdout + sync().stderr
    script(TRAINS, env={"LAB_SERVER_URL": ""})
    assert everything(shared) == everything(store)


def test_what_was_logged_is_what_the_server_keeps_though_it_was_overwritten(
    server: str, script: Scripts, shared: Path
) -> None:
    script(TRAINS)
    sent = rows(
        shared, "SELECT f.position, f.path, f.sha256 FROM artifact_files f JOIN objects USING (sha256) ORDER BY 1, 2"
    )
    digests = {name: sha256(name.encode()).hexdigest() for name in ("first", "a", "b")}
    assert sent == [
        (0, "", digests["first"]),
        (1, "b.txt", digests["b"]),
        (1, "deep/a.txt", digests["a"]),
        (3, "", digests["a"]),
    ]
    ((run_id,),) = rows(shared, "SELECT run_id FROM manifests")
    assert httpx.get(f"{server}/runs/{run_id}/artifacts/0").content == b"first"


def test_a_process_killed_in_the_middle_loses_nothing_that_was_acknowledged(
    server: str, script: Scripts, shared: Path
) -> None:
    process = script.start(LOGS_AND_WAITS, "500")
    assert process.stdout is not None
    for step in range(500):
        assert process.stdout.readline().strip() == str(step)
    process.kill()
    script.end(process)
    sent = sync()
    assert (sent.returncode, sent.stderr) == (0, "")
    assert rows(shared, "SELECT step, value FROM metric_points ORDER BY step") == [(n, n / 4) for n in range(500)]
    ((run_id,),) = rows(shared, "SELECT run_id FROM run_state")
    assert httpx.get(f"{server}/runs/{run_id}").json()["status"] == "killed"


def test_answers_that_are_lost_after_the_work_was_done_store_nothing_twice(
    app: FastAPI, script: Scripts, shared: Path
) -> None:
    asked = 0

    async def lose_every_other_answer(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        is_lost = asked % 2 == 1

        async def answer(message: Message) -> None:
            await send({**message, "status": 502} if is_lost and "status" in message else message)

        await app(scope, receive, answer)

    with serving(lose_every_other_answer) as url:
        script(
            LOGS_NOTES,
            env={"LAB_SERVER_URL": url, "LAB_FLUSH_TIMEOUT_S": PATIENCE_S},
            check=False,
        )
    assert [note for (note,) in rows(shared, "SELECT note FROM note_changes ORDER BY change_id")] == list(
        map(str, range(20))
    )
    assert rows(shared, "SELECT count(*) FROM metric_points") == [(20,)]
    assert rows(shared, "SELECT status FROM run_state") == [("finished",)]


def test_processes_of_a_pool_and_forks_of_a_run_send_what_they_record(
    server: str, script: Scripts, shared: Path, project: Path
) -> None:
    (project / "train.py").write_text(
        "import multiprocessing, sys\n"
        "from lab_logger import log_metrics, log_run\n"
        "@log_run\n"
        "def train(seed):\n"
        "    log_metrics({'loss': seed})\n"
        "def add(run):\n"
        "    run.log_metrics({'of_the_child': 1.0})\n"
        "if __name__ == '__main__':\n"
        "    from lab_logger import start_run\n"
        "    context = multiprocessing.get_context('fork')\n"
        "    with start_run() as run:\n"
        "        run.log_metrics({'loss': 0})\n"
        "        for work in ((train, 1), (train, 2), (add, run)):\n"
        "            process = context.Process(target=work[0], args=work[1:])\n"
        "            process.start()\n"
        "            process.join()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIBS)}
    ended = subprocess.run([sys.executable, "train.py"], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert rows(shared, "SELECT status, count(*) FROM run_state GROUP BY 1") == [("finished", 3)]
    assert rows(shared, "SELECT name, count(*) FROM metric_series GROUP BY 1 ORDER BY 1") == [
        ("loss", 3),
        ("of_the_child", 1),
    ]


def test_a_store_that_is_named_wins_over_the_server(server: str, script: Scripts, project: Path, shared: Path) -> None:
    answer = script(
        """
        from lab_logger import start_run
        with start_run(store="mine.db") as run: print(run.store)
        with start_run() as run: print(run.store)
        """
    )
    assert answer.lines == [str(project / "mine.db"), server]
    assert rows(project / "mine.db", "SELECT count(*) FROM manifests") == [(1,)]
    assert rows(shared, "SELECT count(*) FROM manifests") == [(1,)]


def test_steps_below_0_are_refused_at_once_and_nothing_of_the_call_is_kept(
    server: str, script: Scripts, shared: Path
) -> None:
    answer = script(
        """
        from lab_logger import ParameterError, start_run
        with start_run() as run:
            try: run.log_metrics({"loss": 1}, step=-1)
            except ParameterError as error: print(error)
            run.log_metrics({"loss": 2})
        """
    )
    assert "counts steps from 0" in answer.stdout
    assert rows(shared, "SELECT step, value FROM metric_points") == [(0, 2.0)]


def test_the_token_goes_in_the_header_and_nowhere_else(scripted: ScriptedServer, script: Scripts) -> None:
    token = "9f3kd02-LMxq7-very-secret"
    scripted.token = token
    script(
        """
        import os
        from lab_logger import start_run
        with start_run({"given": os.environ["LAB_API_TOKEN"]}, note="with " + os.environ["LAB_API_TOKEN"]): pass
        """,
        env={"LAB_API_TOKEN": token},
    )
    assert set(scripted.tokens) == {f"Bearer {token}"}
    assert scripted.of_kind("finish")
    assert token not in json.dumps(scripted.records)


def test_a_wrong_token_keeps_everything_and_says_what_to_do(scripted: ScriptedServer, script: Scripts) -> None:
    scripted.token = "the right one"
    process = script.start(LOGS_AND_WAITS, "3", env={"LAB_FLUSH_TIMEOUT_S": "0"})
    assert process.stderr is not None
    assert "set LAB_API_TOKEN" in process.stderr.readline()
    assert script.end(process, "go\n").returncode == 0
    assert scripted.records == []
    scripted.token = None
    assert sync().returncode == 0
    assert len(scripted.points()) == 3


def test_a_server_that_is_down_and_comes_back_is_sent_everything(scripted: ScriptedServer, script: Scripts) -> None:
    scripted.faults = [Fault(keep_bytes=0)] * 4
    process = script.start(LOGS_AND_WAITS, "50")
    scripted.wait_for(lambda: len(scripted.points()) == 50)
    assert script.end(process, "go\n").returncode == 0
    assert len(scripted.points()) == 50
    assert [record["status"] for record in scripted.of_kind("finish")] == ["finished"]


def test_the_server_hears_that_a_run_lives(scripted: ScriptedServer, script: Scripts) -> None:
    process = script.start(
        """
        from lab_logger import heartbeat, start_run
        heartbeat.HEARTBEAT_S = 0.01
        with start_run() as run:
            print(run.run_id, flush=True)
            input()
        """
    )
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    scripted.wait_for(lambda: [run_id] in scripted.beats)
    assert script.end(process, "go\n").returncode == 0


def test_what_the_server_finds_too_long_does_not_cost_the_run(server: str, script: Scripts, shared: Path) -> None:
    ended = script(
        """
        from lab_logger import ParameterError, start_run
        long = {"tags": ["short", "t" * 501, "nul\\0"], "note": "n" * 100_001, "dataset_id": "d\\0"}
        long["project"] = "p" * 501
        with start_run({"lr": 1, "a": {"p" * 500: 1}}, **long) as run:
            try: run.log_metrics({"loss": 1, "n" * 501: 1})
            except ParameterError as error: print(error)
            run.log_metrics({"loss": 2})
        """,
        check=False,
    )
    assert "longer than the 500" in ended.stdout
    assert "refused a record" in ended.stderr
    assert "its project is cut after 500 characters" in ended.stderr
    assert rows(shared, "SELECT status, project FROM run_state") == [("finished", "p" * 500)]
    assert rows(shared, "SELECT tag FROM run_tags") == [("short",)]
    assert rows(shared, "SELECT name FROM run_params WHERE number = 1") == [("lr",)]
    assert rows(shared, "SELECT step, value FROM metric_points") == [(0, 2.0)]


def test_a_full_disk_is_one_warning_and_training_goes_on(scripted: ScriptedServer, script: Scripts) -> None:
    ended = script(
        """
        import resource
        from lab_logger import start_run
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        with start_run() as run:
            for step in range(2_000):
                run.log_metrics({"loss": step, "long" * 100: step}, step=step)
        print("done")
        """,
        env={"LAB_FLUSH_TIMEOUT_S": "1"},
        check=False,
    )
    assert (ended.returncode, ended.lines) == (0, ["done"])
    assert sum("this record is lost" in warning for warning in ended.warnings) == 1


def test_where_no_outbox_can_be_made_training_goes_on(scripted: ScriptedServer, script: Scripts, project: Path) -> None:
    (project / "file").touch()
    nowhere = {name: str(project / "file" / "below") for name in ("XDG_STATE_HOME", "TMPDIR")}
    ended = script(
        """
        from lab_logger import start_run
        with start_run() as run: run.log_metrics({"loss": 1})
        print("done")
        """,
        env=nowhere,
        check=False,
    )
    assert (ended.returncode, ended.lines) == (0, ["done"])
    assert "no place for what is to be sent" in ended.stderr


def test_without_a_server_nothing_of_all_this_is_loaded(script: Scripts) -> None:
    answer = script(
        """
        import sys
        from lab_logger import log_run
        @log_run
        def train(): return {"loss": 1}
        train()
        print(*sorted(sys.modules))
        """
    )
    loaded = set(answer.stdout.split())
    assert not loaded & {"http.client", "gzip", "ssl", "lab_logger.remote", "lab_logger.outbox", "lab_logger.sender"}
