import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lab_logger import outboxes, start_run
from lab_logger.__main__ import main
from lab_logger.backlog import Backlog
from tests.lab_logger.conftest import Scripts
from tests.lab_logger.scripted_server import Fault, Record, ScriptedServer
from tests.live_server import unused_address

RECORDS = """
    from lab_logger import start_run
    with start_run() as run:
        run.log_metrics({"loss": 0.5})
    print(run.run_id)
"""
LOGS_AND_WAITS = """
    from lab_logger import start_run
    with start_run() as run:
        print(run.run_id, flush=True)
        input()
"""
UNSENT = {"LAB_FLUSH_TIMEOUT_S": "0"}


@pytest.fixture
def left(scripted: ScriptedServer, script: Scripts) -> str:
    """A run whose process has ended before anything was sent."""
    scripted.faults = [Fault(503)] * 1_000
    (run_id,) = script(RECORDS, env=UNSENT, check=False).lines
    scripted.wait_for_the_end_of_what_came()
    scripted.faults = []
    return run_id


def test_what_a_process_left_is_sent(left: str, scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync"]) == 0
    assert capsys.readouterr().out == f"sent 3 records to {scripted.url}\n"
    assert [record["kind"] for record in scripted.records] == ["start", "points", "finish"]
    assert main(["sync"]) == 0
    assert capsys.readouterr().out == f"nothing waits for {scripted.url}\n"


def test_a_server_that_fails_for_a_moment_is_asked_again(left: str, scripted: ScriptedServer) -> None:
    scripted.faults = [Fault(503, headers={"Retry-After": "0"}), Fault(is_handled=True, keep_bytes=9)]
    assert main(["sync"]) == 0
    assert len(scripted.records) == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [(Fault(401), "set LAB_API_TOKEN"), (Fault(404), "check LAB_SERVER_URL"), (Fault(301, {"Location": "/x"}), "/x")],
)
def test_what_cannot_be_sent_is_kept_and_the_reason_said(
    fault: Fault, words: str, left: str, scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.faults = [fault]
    assert main(["sync"]) == 1
    said = capsys.readouterr().err
    assert "3 records" in said
    assert words in said
    assert main(["sync"]) == 0


def test_what_the_server_refuses_does_not_hold_up_the_rest_and_is_told_of(
    left: str, scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(record: Record) -> tuple[int, str] | None:
        return (422, "no such points") if record["kind"] == "points" else None

    scripted.refuse = refuse
    assert main(["sync"]) == 1
    assert "no such points" in capsys.readouterr().err
    assert [record["kind"] for record in scripted.records] == ["start", "finish"]
    assert main(["doctor"]) == 1
    assert "1 records in" in capsys.readouterr().out


def test_a_run_that_the_server_does_not_know_is_named(
    left: str, scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(record: Record) -> tuple[int, str] | None:
        return (422, "not this start") if record["kind"] == "start" else None

    scripted.refuse = refuse
    assert main(["sync"]) == 1
    assert f"does not know the run {left}" in capsys.readouterr().err


def test_what_a_living_process_holds_is_left_to_it(
    scripted: ScriptedServer, script: Scripts, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.faults = [Fault(503)] * 1_000
    process = script.start(LOGS_AND_WAITS)
    assert process.stdout is not None
    process.stdout.readline()
    assert main(["sync"]) == 1
    assert "the process that recorded them still runs" in capsys.readouterr().err
    scripted.faults = []
    script.end(process, "go\n")
    assert [record["kind"] for record in scripted.records] == ["start", "finish"]


@pytest.mark.parametrize("command", [["list"], ["show", "abc"]])
def test_what_shows_the_local_store_says_that_runs_are_elsewhere(
    command: list[str], scripted: ScriptedServer, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"runs are recorded on {scripted.url} (LAB_SERVER_URL)" in said.err
    assert "dashboard" in said.err


def test_a_store_that_is_named_is_shown_all_the_same(
    scripted: ScriptedServer, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with start_run(store="mine.db"):
        pass
    assert main(["list", "--store", "mine.db"]) == 0
    assert "finished" in capsys.readouterr().out


def test_doctor_shows_the_way_to_the_server(scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert f"{scripted.url} (LAB_SERVER_URL)" in said
    assert "it takes records" in said
    assert "nothing waits" in said


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(401, body=b'{"detail": "who are you"}'), "set LAB_API_TOKEN"),
        (Fault(403, body=b'{"detail": "only reads"}'), "a token with the role write"),
        (Fault(404), "check LAB_SERVER_URL"),
        (Fault(200, body=b"<html>"), "another program"),
    ],
)
def test_doctor_says_what_is_wrong_with_the_way(
    fault: Fault, words: str, scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.faults = [fault]
    assert main(["doctor"]) == 1
    assert f"PROBLEM: {scripted.url}" in (said := capsys.readouterr().out)
    assert words in said


def test_doctor_says_that_nobody_answers(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    assert main(["doctor"]) == 1
    assert "does not answer" in capsys.readouterr().out


def test_doctor_shows_what_waits_and_where_and_what_to_do_when_it_waits_long(
    left: str, scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (waiting,) = outboxes.backlogs(outboxes.places(scripted.url, None))
    assert isinstance(waiting, Backlog)
    main(["doctor"])
    assert f"3 records (0.0 MB) wait in {waiting.path}, the oldest for" in capsys.readouterr().out
    with closing(sqlite3.connect(waiting.path)) as connection:
        connection.execute("UPDATE records SET kept_at = kept_at - 7200000")
        connection.commit()
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "the oldest for 2 hours" in said
    assert "python -m lab_logger sync" in said


def test_doctor_finds_an_outbox_that_cannot_be_read(
    scripted: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = outboxes.places(scripted.url, None)[0]
    folder.mkdir(parents=True)
    (folder / "1-broken.db").write_text("no database at all " * 100)
    assert main(["doctor"]) == 1
    assert "PROBLEM: cannot read the outbox" in capsys.readouterr().out
