import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab_logger import leases
from lab_logger.record import from_epoch_ms, utc_now
from lab_logger.storage import EmbeddedStore
from tests.lab_logger.conftest import Rows, Scripts

STATE = "SELECT status, error, finished_at IS NOT NULL FROM run_state ORDER BY seq"

LOGS_AND_WAITS = """
    import sys
    from lab_logger import log_metrics, log_run

    @log_run
    def train(rate=0.5):
        for step in range(int(sys.argv[1])):
            log_metrics({"loss": step / 4, "nan": float("nan")}, step=step)
            print(step, flush=True)
        input()

    train()
"""


def reap(store: Path) -> list[str]:
    reader = EmbeddedStore(store, busy_timeout_s=10)
    try:
        return leases.reap(lambda sql, values: reader.execute(sql, dict(values)), now=utc_now())
    finally:
        reader.close()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_run_reads_as_running_while_its_function_runs(script: Scripts, rows: Rows, store: Path) -> None:
    process = script.start(
        """
        from lab_logger import current_run, log_run

        @log_run
        def train(rate):
            print(current_run().run_id, flush=True)
            input()
            return {"accuracy": 1}

        train(0.1)
        """
    )
    run_id = said(process)
    assert rows("SELECT run_id, status, finished_at, params_json FROM run_state JOIN manifests USING (run_id)") == [
        (run_id, "running", None, '{"rate": 0.1}')
    ]
    assert reap(store) == []
    assert script.end(process, "go\n").returncode == 0
    assert rows(STATE) == [("finished", None, 1)]
    assert rows("SELECT duration_s >= 0, heartbeat_at = finished_at, finished_at >= started_at FROM run_state") == [
        (1, 1, 1)
    ]


@pytest.mark.parametrize("calls", [1, 10, 500])
def test_after_kill_9_everything_acknowledged_is_there(calls: int, script: Scripts, rows: Rows, store: Path) -> None:
    process = script.start(LOGS_AND_WAITS, str(calls))
    for step in range(calls):
        assert said(process) == str(step)
    process.kill()
    assert script.end(process).returncode == -signal.SIGKILL

    highest = calls - 1
    ((stored, last_at),) = rows("SELECT count(*), max(timestamp) FROM metric_points")
    assert stored == 2 * calls
    assert rows("SELECT status, final_metrics_json FROM run_state JOIN manifests USING (run_id)") == [("running", "{}")]
    assert len(reap(store)) == 1
    assert rows("SELECT status, finished_at FROM run_state") == [("killed", from_epoch_ms(last_at))]
    ((metrics,),) = rows("SELECT final_metrics_json FROM manifests")
    assert json.loads(metrics) == {"loss": highest / 4, "nan": "NaN"}
    assert rows("SELECT value FROM run_metrics") == [(highest / 4,)]
    assert reap(store) == []


def test_killed_before_its_first_metric_a_run_is_there(script: Scripts, rows: Rows, store: Path) -> None:
    answer = script(
        """
        import os, signal
        from lab_logger import start_run
        with start_run():
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        check=False,
    )
    assert answer.returncode == -signal.SIGKILL
    reap(store)
    assert rows("SELECT status, finished_at = started_at, duration_s FROM run_state") == [("killed", 1, 0.0)]


def test_a_reader_that_dies_between_two_writes_leaves_the_rest_to_the_next(
    script: Scripts, rows: Rows, store: Path
) -> None:
    process = script.start(LOGS_AND_WAITS, "1")
    said(process)
    process.kill()
    script.end(process)
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:

        def die_at_the_second_write(sql: str, values: Any) -> list[Any]:
            if sql.lstrip().startswith("UPDATE") and connection.total_changes:
                raise KeyboardInterrupt
            return connection.execute(sql, values).fetchall()

        with pytest.raises(KeyboardInterrupt):
            leases.reap(die_at_the_second_write, now=utc_now())
    assert len(reap(store)) == 1
    assert rows("SELECT status, final_metrics_json <> '{}' FROM run_state JOIN manifests USING (run_id)") == [
        ("killed", 1)
    ]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, "killed"), (signal.SIGTERM, "killed"), (signal.SIGHUP, "killed")]
)
def test_signals(number: signal.Signals, status: str, script: Scripts, rows: Rows, store: Path) -> None:
    process = script.start(
        """
        from lab_logger import log_metric, log_run

        @log_run
        def train():
            log_metric("loss", 0.5)
            print("ready", flush=True)
            input()

        train()
        """
    )
    assert said(process) == "ready"
    process.send_signal(number)
    answer = script.end(process)
    assert answer.returncode != 0
    reap(store)
    assert rows("SELECT status, final_metrics_json FROM run_state JOIN manifests USING (run_id)") == [
        (status, '{"loss": 0.5}')
    ]
    assert (number is signal.SIGINT) == ("KeyboardInterrupt" in answer.stderr)


def test_ctrl_c_in_the_middle_of_a_write_takes_the_write_back_and_ends_the_run(script: Scripts, rows: Rows) -> None:
    answer = script(
        """
        import sqlite3
        from functools import partial

        class Interrupted(sqlite3.Connection):
            armed = False

            def execute(self, sql, *values):
                answer = super().execute(sql, *values)
                if Interrupted.armed and sql.startswith("BEGIN"):
                    Interrupted.armed = False
                    raise KeyboardInterrupt
                return answer

        sqlite3.connect = partial(sqlite3.connect, factory=Interrupted)
        from lab_logger import log_metric, log_run

        @log_run
        def train():
            log_metric("loss", 1)
            Interrupted.armed = True
            log_metric("loss", 2)

        try:
            train()
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert answer.lines == ["interrupted"]
    assert rows("SELECT status, (SELECT count(*) FROM metric_points) FROM run_state") == [("killed", 1)]


@pytest.mark.parametrize(
    ("leaving", "ending"),
    [
        ("sys.exit(0)", ("finished", 0)),
        ("sys.exit()", ("finished", 0)),
        ("sys.exit(3)", ("failed", 3)),
        ("sys.exit('no data')", ("failed", 1)),
        ("raise RuntimeError('diverged')", ("failed", 1)),
        ("raise KeyboardInterrupt", ("killed", -signal.SIGINT)),
        ("os._exit(0)", ("killed", 0)),
        ("os.abort()", ("killed", -signal.SIGABRT)),
    ],
)
def test_every_way_out(leaving: str, ending: tuple[str, int], script: Scripts, rows: Rows, store: Path) -> None:
    status, code = ending
    answer = script(
        f"""
        import os, sys
        from lab_logger import log_metric, log_run

        @log_run
        def train():
            log_metric("loss", 0.5)
            {leaving}

        train()
        """,
        check=False,
    )
    assert answer.returncode == code
    reap(store)
    ((found, error, ended, metrics),) = rows(
        "SELECT status, error, finished_at IS NOT NULL, final_metrics_json FROM run_state JOIN manifests USING (run_id)"
    )
    assert (found, ended, metrics) == (status, 1, '{"loss": 0.5}')
    if status == "failed":
        assert "SystemExit" in error or error.splitlines()[-1] == answer.stderr.splitlines()[-1]


FORKED = """
    import os, sys
    from lab_logger import current_run, log_metric, log_run, start_run

    with start_run() as run:
        log_metric("parent", 1)
        child = os.fork()
        if child == 0:
            log_metric("child", 2)
            {leaving}
        os.waitpid(child, 0)
        log_metric("parent", 3)
    print(run.status)
"""


@pytest.mark.parametrize("leaving", ["os._exit(0)", "sys.exit(0)", "sys.exit(5)", "raise ValueError('in the child')"])
def test_a_fork_that_ends_inside_a_run_does_not_end_it(leaving: str, script: Scripts, rows: Rows, store: Path) -> None:
    answer = script(FORKED.format(leaving=leaving), check=False)
    assert answer.lines == ["finished"]
    assert answer.returncode == 0
    assert rows(STATE) == [("finished", None, 1)]
    assert rows("SELECT name, value FROM metric_points JOIN metric_series USING (series) ORDER BY name, step") == [
        ("child", 2.0),
        ("parent", 1.0),
        ("parent", 3.0),
    ]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing(
    method: str, script: Scripts, project: Path, rows: Rows, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "sweep.py").write_text(
        """
import multiprocessing
import sys
from lab_logger import child_of, current_run, log_metrics, log_run, start_run

@log_run
def train(seed):
    for step in range(5):
        log_metrics({"loss": seed}, step)
    return {"seed": seed}

def work(parent, seed):
    with child_of(parent):
        train(seed)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with start_run() as sweep:
        work(sweep.run_id, 0)
        workers = [context.Process(target=work, args=(sweep.run_id, seed)) for seed in (1, 2, 3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print(sweep.run_id, [worker.exitcode for worker in workers])
"""
    )
    answer = script(
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path('sweep.py', run_name='__main__')"
        if method == "fork"
        else "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-S', *sys.argv[1:]]).returncode)",
        "sweep.py",
        method,
        # The fork server's socket is made there, whose path may have a hundred characters.
        env={"TMPDIR": str(tmp_path_factory.mktemp("t"))},
    )
    sweep = answer.stdout.split()[0]
    assert answer.stdout.strip().endswith("[0, 0, 0]")
    assert rows("SELECT status, count(*) FROM run_state GROUP BY status") == [("finished", 5)]
    assert rows(f"SELECT count(*) FROM run_state WHERE parent_run_id = '{sweep}'") == [(4,)]
    assert rows("SELECT count(*) FROM metric_points") == [(20,)]


def test_a_child_that_outlives_its_parent_loses_nothing_to_those_who_read(
    script: Scripts, rows: Rows, store: Path
) -> None:
    # The parent's open store is copied by a fork together with SQLite's memory of locks that only the parent holds.
    process = script.start(
        """
        import os, sys
        from lab_logger import log_metric, start_run

        with start_run():
            pass
        if os.fork():
            os._exit(0)
        with start_run():
            for step in range(40):
                log_metric("loss", step)
                if step % 10 == 9:
                    print(step, flush=True)
                    sys.stdin.readline()
        print("end", flush=True)
        """
    )
    for step in (9, 19, 29, 39):
        assert said(process) == str(step)
        with closing(sqlite3.connect(store)) as reader:  # the last to close, as far as the locks say
            assert reader.execute("SELECT count(*) FROM metric_points").fetchall() == [(step + 1,)]
        assert process.stdin is not None
        process.stdin.write("on\n")
        process.stdin.flush()
    assert said(process) == "end"
    assert rows("SELECT status, count(*) FROM run_state GROUP BY status") == [("finished", 2)]
    assert rows("PRAGMA integrity_check") == [("ok",)]


def test_forks_in_the_middle_of_other_threads_writes(script: Scripts, rows: Rows) -> None:
    answer = script(
        """
        import os, threading
        from lab_logger import start_run

        with start_run() as run:
            stop = threading.Event()

            def log(name):
                while not stop.is_set():
                    run.log_metric(name, 1)

            threads = [threading.Thread(target=log, args=(f"thread {n}",)) for n in range(3)]
            for thread in threads:
                thread.start()
            for n in range(20):
                child = os.fork()
                if child == 0:
                    run.log_metric("child", n, step=n)
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
            stop.set()
            for thread in threads:
                thread.join()
        """
    )
    assert answer.stdout == ""
    assert rows(
        "SELECT count(*), sum(value) FROM metric_points JOIN metric_series USING (series) WHERE name = 'child'"
    ) == [(20, 190.0)]
    assert rows(STATE) == [("finished", None, 1)]


def test_a_run_started_while_the_interpreter_leaves_is_recorded(script: Scripts, rows: Rows) -> None:
    script(
        """
        import atexit
        from lab_logger import log_metric, log_run

        @log_run
        def save():
            log_metric("saved", 1)

        atexit.register(save)
        """
    )
    assert rows("SELECT status, (SELECT count(*) FROM metric_points) FROM run_state") == [("finished", 1)]


def test_a_run_left_open_in_a_daemon_thread_reads_as_killed(script: Scripts, rows: Rows, store: Path) -> None:
    script(
        """
        import threading
        from lab_logger import start_run

        started = threading.Event()

        def work():
            with start_run():
                started.set()
                threading.Event().wait()

        threading.Thread(target=work, daemon=True).start()
        started.wait()
        """
    )
    reap(store)
    assert rows("SELECT status FROM run_state") == [("killed",)]


def test_a_signal_handler_may_log_in_the_middle_of_a_write(script: Scripts, rows: Rows) -> None:
    finished = script(
        """
        import signal
        from lab_logger import current_run, log_metrics, log_run, set_note

        handled = 0

        def on_alarm(*_):
            global handled
            handled += 1
            set_note(f"alarm {handled}")
            log_metrics({"alarms": handled})

        @log_run
        def train():
            signal.signal(signal.SIGALRM, on_alarm)
            for step in range(300):
                signal.setitimer(signal.ITIMER_REAL, 0.000001 * (step + 1))  # at every point of a write
                log_metrics({"loss": 1.0}, step)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(handled)

        train()
        """
    )
    handled = int(finished.stdout)
    assert handled > 0
    points = "SELECT count(*) FROM metric_points JOIN metric_series USING (series) WHERE name = "
    assert rows(points + "'loss'") == [(300,)]
    assert rows(points + "'alarms'") == [(handled,)]
    assert rows("SELECT note, status FROM manifests JOIN run_state USING (run_id)") == [
        (f"alarm {handled}", "finished")
    ]


def test_ctrl_c_while_a_returned_artifact_is_read_loses_no_metric(script: Scripts, rows: Rows) -> None:
    finished = script(
        """
        import os, signal
        from lab_logger import artifacts, log_run

        def interrupted(path):
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the signal comes first")

        artifacts.describe = interrupted

        @log_run
        def train():
            return {"final_metrics": {"accuracy": 0.9}, "artifacts": ["model.bin"]}

        try:
            train()
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert finished.lines == ["interrupted"]
    assert rows("SELECT status, final_metrics_json FROM manifests JOIN run_state USING (run_id)") == [
        ("finished", '{"accuracy": 0.9}')
    ]
