"""The decorator, the context manager and the logging functions: how a training script records a run.

Owns entering and leaving a run, and how the way a function ends becomes a status. What a run records is `run`'s, which
is imported with the first run: a script that only defines its functions does not wait for it.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from lab_logger.context import active_run, child_of, current_run, enter, leave
from lab_logger.errors import ParameterError

if TYPE_CHECKING:
    from lab_logger.artifacts import Artifact
    from lab_logger.run import Run

_OWN_FILES = {__file__, contextmanager.__code__.co_filename}

P = ParamSpec("P")
R = TypeVar("R")

__all__ = [
    "child_of",
    "current_run",
    "log_artifact",
    "log_metric",
    "log_metrics",
    "log_run",
    "set_note",
    "set_tags",
    "start_run",
]


@overload
def log_run(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def log_run(
    *,
    dataset_id: str | None = None,
    tags: str | Iterable[str] = (),
    project: str | None = None,
    store: str | os.PathLike[str] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def log_run(
    function: Callable[..., Any] | None = None,
    /,
    *,
    dataset_id: str | None = None,
    tags: str | Iterable[str] = (),
    project: str | None = None,
    store: str | os.PathLike[str] | None = None,
) -> Callable[..., Any]:
    """Records every call of a function as a run. Write `@log_run`, `@log_run()` or `@log_run(dataset_id="iris")`.

    The parameters of the call, defaults included, are the run's params. What the function returns and raises passes
    through unchanged; a mapping it returns is read: `final_metrics`, `artifacts`, `dataset_id` and `note`, or, when it
    holds numbers alone, as final metrics.

    Args:
        function: A function or a coroutine function.
        dataset_id: The dataset's name; unless given, the parameter `dataset_id`, `dataset_name` or `task_name`, else
            the setting `DATASET_ID`.
        tags: Tags of every run.
        project: The project's name; `PROJECT_NAME` unless given.
        store: The store's file; unless given, the server at `LAB_SERVER_URL` if one is set, else `DB_PATH`.

    Raises:
        ParameterError: What is decorated is no function, a class or a generator function.
    """
    tags = tags if isinstance(tags, str | Mapping) else tuple(tags or ())  # read once, used by every call
    options: dict[str, Any] = {"dataset_id": dataset_id, "tags": tags, "project": project, "store": store}
    if function is None:
        return lambda decorated: _decorate(decorated, options)
    return _decorate(function, options)


@contextmanager
def start_run(
    params: Mapping[str, object] | None = None,
    *,
    dataset_id: str | None = None,
    tags: str | Iterable[str] = (),
    project: str | None = None,
    store: str | os.PathLike[str] | None = None,
    note: str | None = None,
    parent_run_id: str | None = None,
) -> Iterator["Run"]:
    """Records what happens in a with block as a run, for notebooks and loops.

    Args:
        params: The run's params.
        dataset_id: The dataset's name; see `log_run`.
        tags: The run's tags.
        project: The project's name; `PROJECT_NAME` unless given.
        store: The store's file; unless given, the server at `LAB_SERVER_URL` if one is set, else `DB_PATH`.
        note: The run's note.
        parent_run_id: The run that this one belongs to; the current run unless given.

    Yields:
        The run, which is the current run of the block. Its final metrics are the last values of what it logs.
    """
    from lab_logger.run import Run

    run = Run(
        params=params or {},
        dataset_id=dataset_id,
        tags=tags,
        project=project,
        store=store,
        note=note,
        parent_run_id=parent_run_id,
        code_folder=None,
    )
    with _living(run):
        yield run


def log_metrics(metrics: Mapping[str, object], step: int | None = None) -> None:
    """Records metric values of the current run; see `Run.log_metrics`."""
    active_run().log_metrics(metrics, step)


def log_metric(name: str, value: object, step: int | None = None) -> None:
    """Records one metric value of the current run; see `Run.log_metrics`."""
    active_run().log_metrics({name: value}, step)


def log_artifact(path: str | os.PathLike[str], *, upload: bool = True) -> "Artifact":
    """Records a file or a folder of the current run; see `Run.log_artifact`."""
    return active_run().log_artifact(path, upload=upload)


def set_note(note: str | None) -> None:
    """Sets the note of the current run; see `Run.set_note`."""
    active_run().set_note(note)


def set_tags(tags: str | Iterable[str]) -> None:
    """Adds tags to the current run; see `Run.set_tags`."""
    active_run().set_tags(tags)


def _check_decorable(function: Callable[..., Any]) -> None:
    import inspect

    if not callable(function):
        raise ParameterError(
            f"log_run got {function!r}, which is not a function; write @log_run or @log_run(dataset_id=...), "
            "and put it below @staticmethod, @classmethod and @property"
        )
    if inspect.isclass(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        kind = "a class" if inspect.isclass(function) else "a generator function"
        raise ParameterError(
            f"{function.__qualname__} is {kind}; log_run takes functions and coroutine functions, "
            "use `with start_run(...)` inside it instead"
        )


def _decorate(function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
    import inspect

    _check_decorable(function)
    signature = inspect.signature(function)

    def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Run | None":
        from lab_logger import calls, capture
        from lab_logger.run import Run

        params = calls.params_of_call(function, signature, args, kwargs)
        if params is None:
            return None  # the call itself raises the error, in its own words
        return Run(params=params, code_folder=capture.source_directory(function), **options)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def record_coroutine(*args: Any, **kwargs: Any) -> Any:
            run = begin(args, kwargs)
            if run is None:
                return await function(*args, **kwargs)
            with _living(run) as keep:
                return keep(await function(*args, **kwargs))

        return record_coroutine

    @functools.wraps(function)
    def record_call(*args: Any, **kwargs: Any) -> Any:
        run = begin(args, kwargs)
        if run is None:
            return function(*args, **kwargs)
        with _living(run) as keep:
            return keep(function(*args, **kwargs))

    return record_call


@contextmanager
def _living(run: "Run") -> Iterator[Callable[[Any], Any]]:
    """Keeps a run current for a with block and ends it the way the block ends; yields what takes the result."""
    from lab_logger.calls import Outcome, read_outcome

    outcome = Outcome()

    def keep(result: Any) -> Any:
        nonlocal outcome
        outcome = read_outcome(result)
        return result

    tokens = enter(run)
    try:
        yield keep
    except BaseException as error:
        run.finish(_status_of(error), error=_traceback_of(error))
        raise
    else:
        run.finish("finished", outcome=outcome)
    finally:
        leave(tokens)


def _status_of(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "failed" if error.code else "finished"
    asyncio = sys.modules.get("asyncio")
    is_cancelled = asyncio is not None and isinstance(error, asyncio.CancelledError)
    return "killed" if is_cancelled or isinstance(error, KeyboardInterrupt | GeneratorExit) else "failed"


def _traceback_of(error: BaseException) -> str:
    """The traceback as the training code would print it, without this package's own frames at its head."""
    import traceback

    start = error.__traceback__
    while start is not None and start.tb_next is not None and start.tb_frame.f_code.co_filename in _OWN_FILES:
        start = start.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, start))
    except Exception:  # noqa: BLE001 - an exception's own methods may raise anything, and must not replace it
        return "".join(traceback.format_tb(start)) + f"{type(error).__qualname__} without a readable form\n"
