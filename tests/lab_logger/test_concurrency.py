import os

import pytest

from lab_logger import schema
from tests.lab_logger.conftest import PATIENCE_S, Finished, Rows, Scripts

STARTS = 64
WAITS_FOR_THE_OTHERS = """
import os, sys
from lab_logger import log_metric, log_metrics, log_run, run
print("ready", flush=True)
os.read(int(sys.argv[2]), 1)  # of one pipe, which ends for all of them at once
"""
ONE_RUN = (
    WAITS_FOR_THE_OTHERS
    + """
@log_run
def train(worker):
    log_metric("worker", worker)
    return {"worker": worker}

train(int(sys.argv[1]))
"""
)


def start_together(script: Scripts, code: str, count: int) -> list[Finished]:
    """Starts processes that all wait on one pipe, lets go of them at once and gives what they leave behind."""
    waiting, starting_gun = os.pipe()
    patient = {"LAB_BUSY_TIMEOUT_S": PATIENCE_S}  # on a busy machine the last of a crowd waits long for its turn
    processes = [
        script.start(code, str(number), str(waiting), env=patient, pass_fds=[waiting]) for number in range(count)
    ]
    os.close(waiting)
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    os.close(starting_gun)
    return [script.end(process) for process in processes]


@pytest.mark.parametrize("time", range(5))
def test_64_processes_starting_at_once_on_a_missing_file(time: int, script: Scripts, rows: Rows) -> None:
    for finished in start_together(script, ONE_RUN, STARTS):
        assert (finished.stderr, finished.returncode) == ("", 0)
    assert rows("SELECT status, count(*) FROM run_state GROUP BY status") == [("finished", STARTS)]
    assert rows("SELECT value FROM run_metrics ORDER BY value") == [(float(worker),) for worker in range(STARTS)]
    assert rows("SELECT count(*) FROM metric_points") == [(STARTS,)]
    assert rows("SELECT max(version), count(*) FROM schema_versions") == [(schema.VERSION, schema.VERSION)]
    assert rows("PRAGMA integrity_check") == [("ok",)]


def test_processes_logging_at_once_lose_nothing(script: Scripts, rows: Rows) -> None:
    code = (
        WAITS_FOR_THE_OTHERS
        + """
@log_run
def train(seed):
    for step in range(10):
        log_metrics({"a": step, "b": seed}, step)
    return {"seed": seed}

for seed in range(10):
    train(seed)
"""
    )
    for finished in start_together(script, code, 6):
        assert (finished.stderr, finished.returncode) == ("", 0)
    assert rows("SELECT status, count(*) FROM run_state GROUP BY status") == [("finished", 60)]
    assert rows("SELECT count(*) FROM metric_points") == [(1200,)]
    assert rows("SELECT name, count(*) FROM run_metrics GROUP BY name") == [("a", 60), ("b", 60), ("seed", 60)]


def test_threads_starting_at_once_on_a_missing_file(script: Scripts, rows: Rows) -> None:
    script(
        """
        import threading
        from lab_logger import log_metric, log_run

        together = threading.Barrier(16)

        @log_run
        def train(worker):
            log_metric("worker", worker)

        def work(worker):
            together.wait()
            train(worker)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """
    )
    assert rows("SELECT status, count(*) FROM run_state GROUP BY status") == [("finished", 16)]
    assert rows("SELECT count(DISTINCT value) FROM metric_points") == [(16,)]
