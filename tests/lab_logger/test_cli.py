import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab_logger import log_metric, log_run, schema, spool, start_run
from lab_logger.__main__ import main
from lab_logger.storage import EmbeddedStore

LIBS = Path(__file__).parents[2] / "libs"
CANNOT_OVERRIDE_PERMISSIONS = """
import ctypes, os, sys
for capability in (1, 2):  # DAC_OVERRIDE and DAC_READ_SEARCH, with which root may write anywhere
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        *("DB_PATH", "PROJECT_NAME", "DATASET_ID", "LAB_BUSY_TIMEOUT_S", "WANDB_API_KEY", "WANDB_MODE"),
        *("LAB_SERVER_URL", "LAB_API_TOKEN"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)  # so that the project is found here, from wherever the tests run
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def store(folder: Path) -> Iterator[Path]:
    path = folder / "manifests" / "manifests.db"
    yield path
    if path.exists():
        _close_recorders()


def _close_recorders() -> None:
    from lab_logger import recorder

    for kept in list(recorder._recorders.values()):
        kept.store.close()


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(LIBS)}
    command = [sys.executable, "-c", CANNOT_OVERRIDE_PERMISSIONS, "-m", "lab_logger", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@log_run(tags=["baseline"])
def train(lr: float = 0.1, dataset_name: str = "iris", *, fail: bool = False) -> dict[str, Any]:
    for step in range(4):
        log_metric("loss", 1 / (step + 1), step=step)
    if fail:
        raise ValueError("too large\na step")
    Path("model.bin").write_bytes(b"model")
    return {"final_metrics": {"accuracy": 0.9}, "artifacts": ["model.bin"], "note": "a\x1b[31m note"}


def _fail() -> None:
    with pytest.raises(ValueError, match="too large"):
        train(lr=9.0, fail=True)


def _kill(path: Path) -> str:
    """Leaves a run behind whose process is gone."""
    code = """
import os, sys
from lab_logger import start_run
with start_run(store=sys.argv[1]) as run:
    run.log_metric("loss", 7)
    print(run.run_id, flush=True)
    os.kill(os.getpid(), 9)
"""
    environment = {**os.environ, "PYTHONPATH": str(LIBS)}
    ended = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    return ended.stdout.strip()


def _sql(path: Path, *statements: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    rows: list[tuple[Any, ...]] = []
    for statement in statements:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


class _Locked:
    """A store that somebody else is writing to."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


def _fill_spool(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_BUSY_TIMEOUT_S", "0")
    with _Locked(path):
        train()
    monkeypatch.delenv("LAB_BUSY_TIMEOUT_S")


def test_list_shows_the_newest_runs_first(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train()
    _fail()
    assert main(["list"]) == 0
    header, failed, finished = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "RUN"
    ids = dict(_sql(store, "SELECT status, run_id FROM run_state"))
    assert failed.split()[0] == ids["failed"][:8]
    assert "failed" in failed
    assert finished.split()[0] == ids["finished"][:8]
    assert "iris" in finished
    assert "loss=0.25, accuracy=0.9" in finished


def test_list_has_a_limit_a_status_and_json(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        train()
    _fail()
    assert main(["list", "--json", "--limit", "2", "--status", "finished"]) == 0
    runs = json.loads(capsys.readouterr().out)
    assert [run["status"] for run in runs] == ["finished", "finished"]
    assert runs[0]["started_at"] > runs[1]["started_at"]
    assert runs[0]["final_metrics"] == {"loss": 0.25, "accuracy": 0.9}
    assert main(["list", "--status", "killed"]) == 0
    assert capsys.readouterr().out == f"no killed runs in {store}\n"


def test_a_run_whose_process_is_gone_reads_killed(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = _kill(store)
    assert main(["list", "--json", "--status", "killed"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert (run["run_id"], run["final_metrics"]) == (run_id, {"loss": 7.0})
    assert _sql(store, "SELECT status FROM run_state") == [("killed",)]


@pytest.mark.parametrize("read_only", ["file", "folder"])
def test_a_store_that_cannot_be_written_is_read_truthfully(store: Path, read_only: str) -> None:
    run_id = _kill(store)
    _sql(store, "PRAGMA wal_checkpoint(TRUNCATE)")
    locked = [store] if read_only == "file" else [store, store.parent]
    for path in locked:
        path.chmod(0o444 if path.is_file() else 0o555)
    try:
        listed, shown, examined = _run("list"), _run("show", run_id[:12], "--json"), _run("doctor")
    finally:
        for path in reversed(locked):
            path.chmod(0o644 if path.is_file() else 0o755)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "killed" in listed.stdout
    assert json.loads(shown.stdout)["status"] == "killed"
    assert examined.returncode == 1
    assert "PROBLEM: cannot use the store" in examined.stdout
    assert _sql(store, "SELECT status FROM run_state") == [("running",)]


def test_a_store_of_an_earlier_version_is_listed(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store.parent.mkdir()
    columns = (
        "run_id TEXT PRIMARY KEY, timestamp TEXT, git_hash TEXT, git_diff TEXT, command TEXT, python_version TEXT,"
        "pip_freeze TEXT, device_info TEXT, dataset_id TEXT, params_json TEXT, final_metrics_json TEXT,"
        "artifacts_json TEXT, wandb_url TEXT, note TEXT"
    )
    insert = """
        INSERT INTO manifests (run_id, timestamp, device_info, params_json, final_metrics_json, artifacts_json, note)
        VALUES ('old-1', '2024-05-01', 'cpu', '{"lr": NaN}', '{"loss": NaN, "acc": 0.5}', '["/gone"]', x'00ff')"""
    _sql(store, f"CREATE TABLE manifests ({columns})", insert)
    assert main(["doctor"]) == 0
    assert "of an earlier version" in capsys.readouterr().out
    assert main(["list"]) == 0
    assert "loss=NaN, acc=0.5" in capsys.readouterr().out
    assert main(["show", "old-1"]) == 0
    assert "/gone" in capsys.readouterr().out
    assert main(["show", "old-1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["device_info"] == "cpu"


def test_show_gives_everything_about_a_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train()
    ((run_id,),) = _sql(store, "SELECT run_id FROM manifests")
    assert main(["show", run_id[:6]]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"run {run_id}\n")
    for words in (
        "finished",
        "baseline",
        "a [31m note",
        "4 points, steps 0 to 3, last 0.25",
        "accuracy",
        "file, 5 bytes",
    ):
        assert words in shown
    assert "\x1b" not in shown
    assert main(["show", run_id, "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["params"] == {"lr": 0.1, "dataset_name": "iris", "fail": False}
    assert run["artifacts"] == ["model.bin"]
    assert run["recorded_artifacts"][0]["size_bytes"] == 5
    assert run["series"][0]["points"] == 4
    assert run["tags"] == ["baseline"]


def test_show_gives_the_traceback_of_a_failed_run(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _fail()
    ((run_id,),) = _sql(store, "SELECT run_id FROM manifests")
    assert main(["show", run_id]) == 0
    assert "\n  ValueError: too large\n  a step\n" in capsys.readouterr().out


def test_show_says_what_is_wrong_with_an_id(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train()
    _sql(store, "INSERT INTO manifests (run_id) VALUES ('twin_1'), ('twin_2'), ('twin')")
    assert main(["show", "no%such"]) == 1
    assert capsys.readouterr().err == (
        "lab_logger: no run has an id that begins with 'no%such'; `python -m lab_logger list` shows the runs\n"
    )
    assert main(["show", "twin_"]) == 1
    assert (
        "several runs have an id that begins with 'twin_': twin_1, twin_2; give more of it" in capsys.readouterr().err
    )
    assert main(["show", "twin"]) == 0
    assert main(["show", ""]) == 1


@pytest.mark.parametrize("command", [["list"], ["show", "a"]])
def test_no_store_is_said_and_not_made(folder: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"lab_logger: no store yet at {folder / 'manifests' / 'manifests.db'} (the default, under ")
    assert os.listdir(folder) == [".git"]


@pytest.mark.parametrize("command", [["list"], ["show", "a"], ["doctor"]])
def test_a_file_that_is_no_store_is_one_line(
    folder: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "notes.db").write_text("shopping: milk, eggs, " * 100)
    assert main([*command, "--store", "notes.db"]) == 1
    output = capsys.readouterr()
    said = output.out if command == ["doctor"] else output.err
    assert "notes.db is not a usable SQLite database (file is not a database); move it away" in said
    assert (folder / "notes.db").read_text().startswith("shopping")


def test_sync_brings_in_what_waits(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train()
    _fill_spool(store, monkeypatch)
    (backlog,) = spool.backlog(store)
    assert main(["doctor"]) == 1
    assert f"PROBLEM: {backlog.waiting} records wait in {backlog.path}; bring them in" in capsys.readouterr().out
    assert main(["sync"]) == 0
    assert capsys.readouterr().out == f"brought {backlog.waiting} of {backlog.waiting} records into {store}\n"
    assert _sql(store, "SELECT status, count(*) FROM run_state") == [("finished", 2)]
    assert _sql(store, "SELECT count(*) FROM metric_points") == [(8,)]
    assert main(["sync"]) == 0
    assert capsys.readouterr().out == f"nothing waits for {store}\n"
    assert main(["doctor"]) == 0


def test_sync_says_when_the_store_still_cannot_be_written(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train()
    _fill_spool(store, monkeypatch)
    monkeypatch.setenv("LAB_BUSY_TIMEOUT_S", "0")
    (before,) = spool.backlog(store)
    with _Locked(store):
        assert main(["sync"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"lab_logger: cannot use the store {store} (database is locked)")
    assert said.count("\n") == 1
    assert spool.backlog(store) == [before]


def test_sync_reports_what_the_store_refuses(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train()
    state = {"run_id": "x", "status": "dreaming", "finished_at": None, "duration_s": None, "error": None}
    ((run_id,),) = _sql(store, "SELECT run_id FROM manifests")
    spool.append(store, [("finish_state", {**state, "run_id": run_id})])
    spool.append(store, [("set_note", {"run_id": run_id, "note": "after"})])
    assert main(["sync"]) == 1
    output = capsys.readouterr()
    assert "brought 1 of 2 records" in output.out
    assert "the store refused 1 records" in output.err
    assert _sql(store, "SELECT note FROM manifests") == [("after",)]
    assert main(["doctor"]) == 1
    assert "1 records in" in capsys.readouterr().out


def test_sync_with_nothing_to_bring_in_makes_no_store(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync"]) == 0
    assert "nothing waits" in capsys.readouterr().out
    assert os.listdir(folder) == [".git"]


def test_doctor_finds_nothing_wrong_with_a_sound_store(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train()
    _fail()
    with start_run():
        assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "manifests.db (the default, under " in said
    assert "journal mode wal" in said
    assert "3: 1 running, 1 finished, 1 failed" in said
    assert "none stale" in said
    assert said.endswith("No problem found.\n")


def test_doctor_says_where_the_store_is_and_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_text("DB_PATH=deep/runs.db\nPROJECT_NAME=wines\n")
    (folder / "below").mkdir()
    os.chdir(folder / "below")
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert f"{folder / 'deep' / 'runs.db'} (DB_PATH in {folder / '.env'})" in said
    assert "no store yet: it is made by the first run" in said
    assert "wines" in said
    assert not (folder / "deep").exists()
    assert main(["doctor", "--store", "here.db"]) == 0
    assert f"{folder / 'below' / 'here.db'} (the store argument)" in capsys.readouterr().out


def test_doctor_marks_the_runs_of_processes_that_are_gone(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = _kill(store)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "1: 1 killed" in said
    assert f"these runs now read killed: {run_id}" in said
    assert _sql(store, "SELECT status FROM run_state") == [("killed",)]


def test_doctor_finds_damage(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        train()
    _close_recorders()
    _sql(store, "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA journal_mode = DELETE")
    ((page,),) = _sql(store, "SELECT rootpage FROM sqlite_master WHERE name = 'run_metrics_rank'")
    with store.open("r+b") as file:
        file.seek((page - 1) * 4096 + 8)
        file.write(b"\xff" * 2000)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "PROBLEM: the database is damaged (" in said
    assert ".recover | sqlite3 recovered.db" in said


def test_doctor_finds_runs_that_the_indexes_miss_and_its_remedy_works(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train()
    train()
    _sql(store, "DELETE FROM run_index")
    _sql(store, "DELETE FROM run_text WHERE rowid = 1")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "PROBLEM: 2 runs are missing from lists and search" in said
    remedy = said.partition('"')[2].partition('"')[0]
    _sql(store, remedy)
    assert main(["doctor"]) == 0
    assert _sql(store, "SELECT count(*) FROM run_text WHERE run_text MATCH 'iris'") == [(2,)]
    assert _sql(store, "SELECT status, count(*) FROM run_state") == [("finished", 2)]


def test_doctor_finds_a_damaged_search_index_and_its_remedy_works(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train()
    _sql(store, "DELETE FROM run_text_data WHERE id > 10")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "PROBLEM: the full-text index is damaged" in said
    _sql(store, said.partition('"')[2].partition('"')[0])
    assert main(["doctor"]) == 0


def test_doctor_finds_a_schema_that_is_too_new(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train()
    _sql(store, "INSERT INTO schema_versions VALUES (99, '2030-01-01T00:00:00.000000Z')")
    assert main(["doctor"]) == 1
    assert f"this lab_logger knows schema {schema.VERSION}; upgrade lab_logger" in capsys.readouterr().out
    assert main(["list"]) == 1
    assert "schema version 99" in capsys.readouterr().err


def test_doctor_finds_another_journal_mode(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = EmbeddedStore(store, busy_timeout_s=1)
    kept.write([])
    kept.close()
    _sql(store, "PRAGMA journal_mode = DELETE")
    assert main(["doctor"]) == 1
    assert "PROBLEM: the journal mode is delete" in capsys.readouterr().out


def test_doctor_finds_a_folder_that_cannot_be_written(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o555)
    examined = _run("doctor", "--store", "closed/runs.db")
    assert examined.returncode == 1
    assert f"PROBLEM: the folder {folder / 'closed'} cannot be written" in examined.stdout


def test_doctor_finds_a_folder_in_place_of_the_store(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--store", str(folder)]) == 1
    assert f"{folder} is not a file" in capsys.readouterr().out


def test_doctor_finds_a_spool_that_cannot_be_read(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train()
    spool.candidates(store)[0].write_text("no database " * 100)
    assert main(["doctor"]) == 1
    assert "PROBLEM: cannot read the spool" in capsys.readouterr().out


def test_a_setting_that_cannot_be_meant_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_BUSY_TIMEOUT_S", "soon")
    assert main(["list"]) == 1
    assert capsys.readouterr().err.startswith("lab_logger: LAB_BUSY_TIMEOUT_S is 'soon'")


@pytest.mark.parametrize(
    "arguments",
    [[], ["dance"], ["list", "--limit", "0"], ["list", "--limit", "x"], ["list", "--status", "x"], ["show"]],
)
def test_wrong_use_is_2(folder: Path, arguments: list[str]) -> None:
    ended = _run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("usage: python -m lab_logger")


@pytest.mark.parametrize("arguments", [["--help"], ["list", "--help"], ["doctor", "--help"]])
def test_help_explains(folder: Path, arguments: list[str]) -> None:
    ended = _run(*arguments)
    assert ended.returncode == 0
    assert "exit codes: 0 all is well, 1 there is a problem, 2 wrong use" in ended.stdout


def test_output_cut_short_is_no_problem(store: Path) -> None:
    train()
    environment = {**os.environ, "PYTHONPATH": str(LIBS)}
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "lab_logger", "list"]
    with os.fdopen(writer, "wb") as closed:
        ended = subprocess.run(command, env=environment, stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
