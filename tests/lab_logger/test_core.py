import asyncio
import contextvars
import inspect
import json
import pickle
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from lab_logger import (
    LabLoggerError,
    NoActiveRunError,
    ParameterError,
    child_of,
    current_run,
    log_artifact,
    log_metric,
    log_metrics,
    log_run,
    set_note,
    set_tags,
    start_run,
)
from tests.lab_logger.conftest import Rows, Scripts

pytestmark = pytest.mark.usefixtures("project")


def active_id() -> str:
    run = current_run()
    assert run is not None
    return run.run_id


@log_run
def module_level(a: int, b: str = "two") -> dict[str, Any]:
    """Trains nothing."""
    return {"final_metrics": {"a": a}}


@pytest.mark.parametrize(
    "decorate", [log_run, log_run(), log_run(dataset_id="iris", tags=["x"])], ids=["bare", "called", "told"]
)
def test_every_form_of_the_decorator_records(decorate: Callable[[Any], Any], rows: Rows) -> None:
    @decorate
    def train(rate: float) -> dict[str, float]:
        return {"accuracy": rate}

    assert train(0.5) == {"accuracy": 0.5}
    assert rows("SELECT params_json, final_metrics_json FROM manifests") == [('{"rate": 0.5}', '{"accuracy": 0.5}')]


def test_an_async_function_stays_one_and_records(rows: Rows) -> None:
    returned = {"final_metrics": {"loss": 1}}

    @log_run
    async def train(rate: float = 0.1) -> dict[str, Any]:
        await asyncio.sleep(0)
        log_metric("seen", 2)
        return returned

    assert inspect.iscoroutinefunction(train)
    assert asyncio.run(train()) is returned
    assert rows("SELECT params_json, final_metrics_json FROM manifests") == [
        ('{"rate": 0.1}', '{"seen": 2.0, "loss": 1}')
    ]


def test_what_is_returned_is_the_very_object(rows: Rows) -> None:
    for returned in (object(), None, {"final_metrics": {}}, [1], {"a": 1.0}):

        @log_run
        def train(result: object = returned) -> object:
            return result

        assert train() is returned
    assert rows("SELECT count(*) FROM run_state WHERE status = 'finished'") == [(5,)]


def test_what_is_raised_is_the_very_error(rows: Rows) -> None:
    class TrainingError(Exception):
        pass

    errors = [TrainingError("diverged"), StopIteration(3), SystemExit(2), TypeError("inside"), GeneratorExit()]
    for error in errors:

        @log_run
        def train(given: BaseException = error) -> None:
            raise given

        with pytest.raises(type(error)) as caught:
            train()
        assert caught.value is error
        assert error.__cause__ is None
        assert error.__context__ is None
    assert rows("SELECT status FROM run_state ORDER BY seq") == [("failed",)] * 4 + [("killed",)]


def test_the_traceback_is_stored_without_the_loggers_own_frames(rows: Rows) -> None:
    @log_run
    def train() -> float:
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        train()
    ((error,),) = rows("SELECT error FROM run_state")
    assert error.startswith("Traceback (most recent call last):")
    assert "return 1 / 0" in error
    assert error.endswith("ZeroDivisionError: division by zero\n")
    assert "record_call" not in error


def test_an_error_that_cannot_be_printed_is_still_the_one_raised(script: Scripts, rows: Rows) -> None:
    script(
        """
        from lab_logger import log_run

        class Unprintable(Exception):
            def __getattr__(self, name):
                raise RuntimeError("not even that")

        @log_run
        def train():
            raise Unprintable

        try:
            train()
        except Unprintable:
            pass
        """
    )
    ((status, error),) = rows("SELECT status, error FROM run_state")
    assert status == "failed"
    assert "Unprintable" in error


def test_the_functions_metadata_stays(project: Path) -> None:
    assert module_level.__name__ == "module_level"
    assert module_level.__doc__ == "Trains nothing."
    assert str(inspect.signature(module_level)) == "(a: int, b: str = 'two') -> dict[str, typing.Any]"
    assert module_level.__module__ == __name__
    assert sys.modules[__name__].module_level is module_level
    assert pickle.loads(pickle.dumps(log_run)) is log_run


@pytest.mark.parametrize("arguments", [{}, {"a": 1, "c": 2}, {"b": 1}])
def test_a_wrong_call_raises_what_it_always_raised_and_records_nothing(arguments: dict[str, Any], store: Path) -> None:
    def train(a: int, b: int = 1) -> None:
        raise AssertionError("not reached")

    with pytest.raises(TypeError) as plain:
        train(**arguments)
    with pytest.raises(TypeError) as recorded:
        log_run(train)(**arguments)
    assert str(recorded.value) == str(plain.value)
    assert not store.exists()


def test_a_wrong_call_of_an_async_function_records_nothing(store: Path) -> None:
    @log_run
    async def train(a: int) -> None:
        raise AssertionError("not reached")

    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        asyncio.run(train())  # type: ignore[call-arg]
    assert not store.exists()


def test_methods_of_every_kind(rows: Rows) -> None:
    class Trainer:
        @log_run
        def plain(self, rate: float) -> object:
            return self

        @classmethod
        @log_run
        def on_class(cls, rate: float) -> object:
            return cls

        @staticmethod
        @log_run
        def alone(rate: float) -> float:
            return rate

    trainer = Trainer()
    assert trainer.plain(0.1) is trainer
    assert Trainer.on_class(0.2) is Trainer
    assert trainer.alone(0.3) == 0.3
    assert rows("SELECT params_json FROM manifests ORDER BY rowid") == [
        ('{"rate": 0.1}',),
        ('{"rate": 0.2}',),
        ('{"rate": 0.3}',),
    ]


class NotTraining:
    pass


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    "thing", [NotTraining, generator, async_generator, "iris", 3, classmethod(print), property(len)]
)
def test_what_is_no_function_is_refused_where_it_is_decorated(thing: Any) -> None:
    with pytest.raises(ParameterError, match="log_run"):
        log_run(thing)


def test_a_wrapper_that_passes_arguments_of_its_own_is_recorded(rows: Rows) -> None:
    def with_seed(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, seed=7, **kwargs)

        return call

    @log_run
    @with_seed
    def train(rate: float, *, seed: int) -> int:
        return seed

    assert train(rate=0.5) == 7
    assert rows("SELECT params_json FROM manifests") == [('{"rate": 0.5}',)]


def test_a_nested_run_records_its_parent_and_leaves_it_current(rows: Rows) -> None:
    @log_run
    def inner() -> str:
        log_metric("depth", 2)
        return active_id()

    @log_run
    def outer() -> tuple[str, str]:
        child = inner()
        log_metric("depth", 1)
        return active_id(), child

    parent, child = outer()
    assert current_run() is None
    assert dict(rows("SELECT run_id, parent_run_id FROM run_state")) == {parent: None, child: parent}
    assert dict(rows("SELECT run_id, value FROM run_metrics")) == {parent: 1.0, child: 2.0}


def test_after_a_failed_inner_run_the_outer_one_is_current_again(rows: Rows) -> None:
    with start_run() as outer:
        with pytest.raises(KeyError), start_run():
            raise KeyError("inner")
        assert current_run() is outer
    assert dict(rows("SELECT status, count(*) FROM run_state GROUP BY status")) == {"failed": 1, "finished": 1}


def test_threads_each_have_their_own_run(rows: Rows) -> None:
    together = threading.Barrier(4)

    @log_run
    def train(worker: int) -> None:
        together.wait()
        for step in range(20):
            log_metric("worker", worker, step)
        together.wait()

    threads = [threading.Thread(target=train, args=(worker,)) for worker in range(4)]
    with start_run():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = rows(
        "SELECT json_extract(m.params_json, '$.worker'), min(p.value), max(p.value), count(*) "
        "FROM manifests m JOIN metric_series s USING (run_id) JOIN metric_points p USING (series) GROUP BY run_id"
    )
    assert sorted(found) == [(worker, worker, worker, 20) for worker in range(4)]


def test_a_new_thread_sees_no_run_and_is_told_what_to_do() -> None:
    seen: list[object] = []

    def look() -> None:
        seen.append(current_run())
        with pytest.raises(NoActiveRunError, match="in a thread of a run use the Run object"):
            log_metric("loss", 1)

    with start_run():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [None]


def test_a_run_handed_to_threads_takes_everything_they_log(rows: Rows) -> None:
    together = threading.Barrier(4)

    with start_run() as run:

        def work(worker: int) -> None:
            together.wait()
            for step in range(25):
                run.log_metric(f"m{worker}", step, step)
                run.log_artifact(f"{worker}-{step % 3}.txt")

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert rows("SELECT count(*) FROM metric_points") == [(100,)]
    assert rows("SELECT count(*), max(position) FROM artifacts") == [(12, 11)]
    assert rows("SELECT json_array_length(artifacts_json) FROM manifests") == [(12,)]


def test_gathered_tasks_do_not_mix(rows: Rows) -> None:
    @log_run
    async def train(worker: int) -> str:
        for step in range(5):
            log_metric("worker", worker, step)
            await asyncio.sleep(0)
        return active_id()

    async def all_of_them() -> list[str]:
        with start_run() as sweep:
            ids = await asyncio.gather(*(train(worker) for worker in range(8)))
            return [sweep.run_id, *ids]

    sweep, *ids = asyncio.run(all_of_them())
    assert len(set(ids)) == 8
    assert rows("SELECT run_id, value FROM run_metrics ORDER BY value") == list(
        zip(ids, map(float, range(8)), strict=True)
    )
    assert rows("SELECT DISTINCT parent_run_id FROM run_state WHERE parent_run_id IS NOT NULL") == [(sweep,)]


def test_a_cancelled_task_is_killed(rows: Rows) -> None:
    @log_run
    async def train() -> None:
        await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(train())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert rows("SELECT status FROM run_state") == [("killed",)]


def test_a_block_left_in_another_context_ends_its_run_without_an_error(rows: Rows) -> None:
    entered = start_run()
    contextvars.copy_context().run(entered.__enter__)
    contextvars.copy_context().run(entered.__exit__, None, None, None)
    assert rows("SELECT status FROM run_state") == [("finished",)]


def test_child_of_makes_children_only_inside_its_block(rows: Rows) -> None:
    with child_of("5f1d7a3e-0000-4000-8000-000000000000"), start_run() as child:
        pass
    with start_run() as orphan:
        pass
    assert dict(rows("SELECT run_id, parent_run_id FROM run_state")) == {
        child.run_id: "5f1d7a3e-0000-4000-8000-000000000000",
        orphan.run_id: None,
    }


@pytest.mark.parametrize(
    "call",
    [
        lambda: log_metrics({"a": 1}),
        lambda: log_metric("a", 1),
        lambda: log_artifact("a.txt"),
        lambda: set_note("x"),
        lambda: set_tags(["x"]),
    ],
)
def test_outside_a_run_logging_is_an_error_that_says_so(call: Callable[[], object], store: Path) -> None:
    assert current_run() is None
    with pytest.raises(NoActiveRunError, match="no run is active here") as caught:
        call()
    assert isinstance(caught.value, LabLoggerError)
    assert not store.exists()


def test_after_the_end_a_run_takes_nothing_more(rows: Rows) -> None:
    with start_run() as run:
        run.log_metric("a", 1)
    calls: list[Callable[[], object]] = [
        lambda: run.log_metric("a", 2),
        lambda: run.log_artifact("x"),
        lambda: run.set_note("x"),
        lambda: run.set_tags("x"),
    ]
    for late in calls:
        with pytest.raises(NoActiveRunError, match="has ended"):
            late()
    run.finish("failed")
    assert rows("SELECT status, (SELECT count(*) FROM metric_points) FROM run_state") == [("finished", 1)]


def test_start_run_says_everything_it_is_told(rows: Rows) -> None:
    with start_run(
        params={"lr": 0.1, "nested": {"depth": 3}}, dataset_id="wine", tags=("a", "b", "a"), project="vine", note="hm"
    ) as run:
        run.set_tags("c")
        run.set_note("better")
        run.log_metrics({"loss": 0.5})
    assert rows("SELECT params_json, dataset_id, note, final_metrics_json FROM manifests") == [
        ('{"lr": 0.1, "nested": {"depth": 3}}', "wine", "better", '{"loss": 0.5}')
    ]
    assert rows("SELECT tag FROM run_tags ORDER BY tag") == [("a",), ("b",), ("c",)]
    assert rows("SELECT project FROM run_state") == [("vine",)]
    assert rows("SELECT rowid FROM run_text WHERE run_text MATCH 'better AND wine AND c'") != []


def test_tags_given_as_an_iterator_count_for_every_call(rows: Rows) -> None:
    @log_run(tags=iter(["one", "two"]))
    def train() -> None:
        return

    train()
    train()
    assert rows("SELECT tag, count(*) FROM run_tags GROUP BY tag") == [("one", 2), ("two", 2)]


def test_the_store_argument_wins(project: Path) -> None:
    with start_run(store=project / "elsewhere" / "runs.db") as run:
        pass
    with closing(sqlite3.connect(project / "elsewhere" / "runs.db")) as connection:
        assert connection.execute("SELECT run_id FROM manifests").fetchall() == [(run.run_id,)]
    assert not (project / "manifests").exists()


def test_a_removed_current_folder_does_not_lose_the_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = project / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with start_run(store=project / "runs.db") as run:
        found = run.log_artifact("model.bin")
    assert found.kind == "missing"
    with closing(sqlite3.connect(project / "runs.db")) as connection:
        assert connection.execute("SELECT status FROM run_state").fetchall() == [("finished",)]


def test_the_row_is_the_users_fourteen_columns(rows: Rows) -> None:
    module_level(1)
    ((timestamp, version, device, packages, command),) = rows(
        "SELECT timestamp, python_version, device_info, pip_freeze, command FROM manifests"
    )
    assert timestamp[-1] == "Z"
    assert len(timestamp) == len("2026-11-21T10:00:00.123456Z")
    assert version == sys.version.split()[0]
    assert json.loads(device)["host"]
    assert "pytest==" in packages
    assert command
    assert [name for _, name, *_ in rows("PRAGMA table_info(manifests)")] == [
        *("run_id", "timestamp", "git_hash", "git_diff", "command", "python_version", "pip_freeze", "device_info"),
        *("dataset_id", "params_json", "final_metrics_json", "artifacts_json", "wandb_url", "note"),
    ]
