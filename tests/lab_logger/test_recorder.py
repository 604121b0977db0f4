"""What becomes of a run whose store cannot be written: training goes on, and nothing is lost."""

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab_logger import spool
from lab_logger.storage import EmbeddedStore
from tests.lab_logger.conftest import Rows, Scripts

TRAINS = """
    import math
    from lab_logger import log_artifact, log_metrics, log_run, set_note, set_tags

    @log_run(dataset_id="iris", tags=["first"])
    def train(rate=0.5):
        for step in range(5):
            log_metrics({"loss": 1 / (step + 1), "odd": [0.0, math.nan, math.inf, -math.inf, 1.5][step]}, step)
        set_note("näher")
        set_tags(["second"])
        log_artifact("gone.bin")
        return {"accuracy": rate}

    print(train())
"""
RESULT = "{'accuracy': 0.5}"
ONE_RUN = """
    from lab_logger import log_run

    @log_run
    def another():
        return {"one": 1}

    another()
"""
DRAINS = """
    import sys
    from pathlib import Path
    from lab_logger import spool
    from lab_logger.storage import EmbeddedStore
    print(spool.drain(EmbeddedStore(Path(sys.argv[1]), busy_timeout_s=10)))
"""


@contextmanager
def locked(store: Path) -> Iterator[None]:
    with closing(sqlite3.connect(store, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def impatient(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_BUSY_TIMEOUT_S", "0.2")


def waiting(store: Path) -> int:
    return sum(backlog.waiting for backlog in spool.backlog(store))


def is_whole(rows: Rows) -> None:
    """The run of TRAINS is in the store as if nothing had happened."""
    run = "(SELECT run_id FROM manifests WHERE dataset_id = 'iris')"
    assert rows(
        "SELECT status, note, params_json, artifacts_json, final_metrics_json "
        "FROM manifests JOIN run_state USING (run_id) WHERE dataset_id = 'iris'"
    ) == [
        ("finished", "näher", '{"rate": 0.5}', '["gone.bin"]', '{"loss": 0.2, "odd": 1.5, "accuracy": 0.5}'),
    ]
    assert rows(f"SELECT tag FROM run_tags WHERE run_id = {run}") == [("first",), ("second",)]
    assert rows(f"SELECT name, value FROM run_metrics WHERE run_id = {run}") == [
        ("accuracy", 0.5),
        ("loss", 0.2),
        ("odd", 1.5),
    ]
    points = "SELECT step, value FROM metric_points JOIN metric_series USING (series) WHERE name = '{}' ORDER BY step"
    assert rows(points.format("loss")) == [(step, 1 / (step + 1)) for step in range(5)]
    assert rows(points.format("odd")) == [
        (0, 0.0),
        (1, None),
        (2, float("inf")),
        (3, float("-inf")),
        (4, 1.5),
    ]
    assert rows("SELECT count(*) FROM artifacts") == [(1,)]
    assert rows("PRAGMA integrity_check") == [("ok",)]


def spool_warnings(stderr: str) -> list[str]:
    """The warnings, but for that of the artifact that is missing on purpose."""
    return [line for line in stderr.splitlines() if "gone.bin" not in line]


@pytest.mark.usefixtures("impatient")
def test_a_store_locked_for_long(script: Scripts, store: Path, rows: Rows) -> None:
    script(ONE_RUN)
    with locked(store):
        answer = script(TRAINS, check=False)
        assert (answer.lines, answer.returncode) == ([RESULT], 0)
        (warning,) = spool_warnings(answer.stderr)
        assert "another process holds its lock" in warning
        assert f"kept in {store}.spool.db until" in warning
        assert waiting(store) == 10
    assert rows("SELECT count(*) FROM manifests") == [(1,)]
    script(ONE_RUN)
    assert waiting(store) == 0
    assert rows("SELECT count(*) FROM manifests") == [(3,)]
    is_whole(rows)


def exchange(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("on\n")
    process.stdin.flush()
    assert process.stdout.readline().strip() == word


@pytest.mark.usefixtures("impatient")
def test_locked_in_the_middle_and_free_again_at_the_end(script: Scripts, store: Path, rows: Rows) -> None:
    script(ONE_RUN)
    process = script.start(
        """
        from lab_logger import log_metric, log_run

        @log_run(dataset_id="iris")
        def train():
            for word in ("stored", "spooled", "free again"):
                input()
                for _ in range(3):
                    log_metric("loss", train.count)
                    train.count += 1
                print(word, flush=True)
            input()
            return {"final_metrics": {"done": 1}}

        train.count = 0
        train()
        """
    )
    exchange(process, "stored")
    with locked(store):
        exchange(process, "spooled")
    exchange(process, "free again")
    answer = script.end(process, "on\n")
    assert answer.returncode == 0
    assert len(answer.warnings) == 1
    assert waiting(store) == 0
    assert rows("SELECT step, value FROM metric_points ORDER BY step") == [(step, float(step)) for step in range(9)]
    assert rows(
        "SELECT status, final_metrics_json FROM run_state JOIN manifests USING (run_id) WHERE dataset_id IS NOT NULL"
    ) == [("finished", '{"loss": 8.0, "done": 1}')]


def in_a_file(store: Path) -> None:
    store.parent.write_text("a file where the folder should be")


def in_a_text_file(store: Path) -> None:
    store.parent.mkdir()
    store.write_text("run,loss\n" * 1000)


def in_a_folder(store: Path) -> None:
    store.mkdir(parents=True)


@pytest.mark.parametrize("spoil", [in_a_file, in_a_text_file, in_a_folder])
def test_a_place_that_cannot_be_written(spoil: Any, script: Scripts, store: Path, rows: Rows, tmp_path: Path) -> None:
    spoil(store)
    answer = script(TRAINS, check=False)
    assert (answer.lines, answer.returncode) == ([RESULT], 0)
    (warning,) = spool_warnings(answer.stderr)
    (backlog,) = spool.backlog(store)
    assert str(backlog.path) in warning
    assert backlog.waiting == 10
    if spoil is in_a_file:
        assert backlog.path.parent == tmp_path / "xdg_state_home" / "lab_logger"
        store.parent.unlink()
    elif spoil is in_a_folder:
        store.rmdir()
    else:
        store.rename(store.with_name("what was there"))
    assert script(DRAINS, str(store)).lines == ["10"]
    is_whole(rows)


def test_the_temporary_folder_is_the_last_place(
    script: Scripts, store: Path, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_file(store)
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/state")
    answer = script(TRAINS, check=False)
    assert answer.lines == [RESULT]
    assert f"kept in {tmp_path / 'tmpdir'}/lab_logger-" in answer.stderr
    store.parent.unlink()
    script(ONE_RUN)
    is_whole(rows)


def test_with_no_place_at_all_training_goes_on_and_says_what_is_lost(
    script: Scripts, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_file(store)
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/state")
    monkeypatch.setenv("TMPDIR", "/dev/null/tmp")
    answer = script(TRAINS, check=False)
    assert (answer.lines, answer.returncode) == ([RESULT], 0)
    (warning,) = spool_warnings(answer.stderr)
    assert "this record is lost: no place for the records" in warning


FULL_DISK = """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""


@pytest.mark.parametrize("size", [0, 4096, 60_000])
def test_a_full_disk(size: int, script: Scripts, store: Path, rows: Rows) -> None:
    """The limit counts for each file: the store grows into it, while the small spool has room or has none either."""
    script(ONE_RUN)
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    answer = script(FULL_DISK.format(size=size) + TRAINS, check=False)
    assert (answer.lines, answer.returncode) == ([RESULT], 0)
    warnings = spool_warnings(answer.stderr)
    assert len(warnings) == 1
    assert ("this record is lost" in warnings[0]) == (size < 60_000)
    script(ONE_RUN)
    if size == 60_000:
        assert f"kept in {store}.spool.db until" in warnings[0]
        is_whole(rows)
    assert rows("PRAGMA integrity_check") == [("ok",)]


def test_a_damaged_store(script: Scripts, store: Path, rows: Rows) -> None:
    script(ONE_RUN)
    whole = store.read_bytes()
    store.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    answer = script(TRAINS, check=False)
    assert (answer.lines, answer.returncode) == ([RESULT], 0)
    (warning,) = spool_warnings(answer.stderr)
    assert "is not a usable SQLite database" in warning
    for leftover in store.parent.glob("manifests.db-*"):
        leftover.unlink()
    store.write_bytes(whole)
    script(ONE_RUN)
    is_whole(rows)


def test_a_newer_store_is_not_touched(script: Scripts, store: Path, rows: Rows) -> None:
    script(ONE_RUN)
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("INSERT INTO schema_versions VALUES (99, 'later')")
        connection.commit()
    answer = script(TRAINS, check=False)
    assert (answer.lines, answer.returncode) == ([RESULT], 0)
    assert "upgrade lab_logger" in answer.stderr
    assert rows("SELECT count(*) FROM manifests") == [(1,)]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_store_deleted_in_the_middle_of_a_run(what: str, script: Scripts, store: Path, rows: Rows) -> None:
    process = script.start(
        """
        from lab_logger import log_metric, log_run

        @log_run(dataset_id="iris")
        def train():
            log_metric("loss", 3)
            print("started", flush=True)
            input()
            log_metric("loss", 2)
            return {"final_metrics": {"done": 1}}

        print(train())
        """
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    for leftover in store.parent.iterdir():
        leftover.unlink()
    if what == "folder":
        store.parent.rmdir()
    answer = script.end(process, "on\n")
    assert (answer.stderr, answer.returncode) == ("", 0)
    assert rows("SELECT status, dataset_id, final_metrics_json FROM run_state JOIN manifests USING (run_id)") == [
        ("finished", "iris", '{"loss": 2.0, "done": 1}')
    ]
    assert rows("SELECT step, value FROM metric_points") == [(1, 2.0)]  # the first went with the file


def spooled(script: Scripts, store: Path) -> None:
    script(ONE_RUN)
    with locked(store):
        script(TRAINS, check=False, env={"LAB_BUSY_TIMEOUT_S": "0"})
    assert waiting(store) == 10


def test_two_processes_bringing_in_at_once_count_everything_once(script: Scripts, store: Path, rows: Rows) -> None:
    spooled(script, store)
    processes = [
        script.start("input()\n" + "\n".join(line[4:] for line in DRAINS.splitlines()), str(store)) for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        answer = script.end(process)
        assert (answer.stderr, answer.returncode) == ("", 0)
    assert waiting(store) == 0
    assert sum(backlog.rejected for backlog in spool.backlog(store)) == 0
    is_whole(rows)


@pytest.mark.parametrize("batches", [1, 4, 10])
def test_bringing_in_killed_between_the_two_files_counts_everything_once(
    batches: int, script: Scripts, store: Path, rows: Rows
) -> None:
    spooled(script, store)
    answer = script(
        """
        import os, signal, sys
        from pathlib import Path
        from lab_logger import spool
        from lab_logger.storage import EmbeddedStore

        class Dies(EmbeddedStore):
            left = int(sys.argv[2])

            def bring_in(self, *batch):
                super().bring_in(*batch)
                self.left -= 1
                if not self.left:
                    os.kill(os.getpid(), signal.SIGKILL)

        spool.drain(Dies(Path(sys.argv[1]), busy_timeout_s=10))
        """,
        str(store),
        str(batches),
        check=False,
    )
    assert answer.returncode == -signal.SIGKILL
    assert waiting(store) == 10
    with closing(sqlite3.connect(store)) as connection:  # what is brought in again would undo this
        connection.execute("UPDATE metric_points SET value = 77 WHERE step = 0")
        changed = connection.total_changes
        connection.commit()
    script(DRAINS, str(store))
    assert waiting(store) == 0
    assert rows("SELECT count(*) FROM metric_points WHERE value = 77") == [(changed,)]
    assert rows("SELECT status FROM run_state JOIN manifests USING (run_id) WHERE dataset_id = 'iris'") == [
        ("finished",)
    ]
    assert rows("SELECT count(*) FROM metric_points") == [(10,)]


def test_a_later_write_of_the_same_process_brings_in_what_was_kept(script: Scripts, store: Path, rows: Rows) -> None:
    script(ONE_RUN)
    process = script.start(
        "from lab_logger import start_run\n"
        "with start_run(dataset_id='locked'): pass\n"
        "print('kept', flush=True)\n"
        "input()\n"
        "with start_run(dataset_id='free'): pass\n",
        env={"LAB_BUSY_TIMEOUT_S": "0"},
    )
    with locked(store):
        assert process.stdout is not None
        assert process.stdout.readline() == "kept\n"
    answer = script.end(process, "on\n")
    assert len(answer.warnings) == 1
    assert waiting(store) == 0
    assert rows("SELECT dataset_id, status FROM manifests JOIN run_state USING (run_id) ORDER BY seq")[1:] == [
        ("locked", "finished"),
        ("free", "finished"),
    ]


def test_everything_kept_for_a_run_that_was_then_killed_comes_in(script: Scripts, store: Path, rows: Rows) -> None:
    script(ONE_RUN)
    with locked(store):
        script(
            """
            import os, signal
            from lab_logger import start_run
            with start_run(dataset_id="iris") as run:
                run.log_metric("loss", 0.5)
                os.kill(os.getpid(), signal.SIGKILL)
            """,
            check=False,
            env={"LAB_BUSY_TIMEOUT_S": "0"},
        )
    EmbeddedStore(store, busy_timeout_s=1).close()
    script(DRAINS, str(store))
    assert rows("SELECT status, (SELECT count(*) FROM metric_points) FROM run_state WHERE status = 'running'") == [
        ("running", 1)
    ]
