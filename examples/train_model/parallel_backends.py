"""Where the trainings of a sweep run: processes or threads of this machine, or the workers of a dask cluster.

Owns the choice and the life of what runs them. It must not know what is run.
"""

import asyncio
import contextlib
import functools
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import BrokenProcessPool

from training_errors import BackendError

if TYPE_CHECKING:
    from distributed import Client

BACKENDS: Final = ("loky", "threading", "dask")
"""Processes, threads, or a dask cluster."""

Item = dict[str, Any]
Work = Callable[[Item], Item]
RunAll = Callable[[Work, Iterable[Item]], Iterator[Item]]
"""Calls a function on every item and gives each result as soon as it is there. Items and results are plain data."""

_CONNECT_TIMEOUT_S: Final = 10
_JOIN_TIMEOUT_S: Final = 30


@contextlib.contextmanager
def parallel_backend(
    name: str, *, n_jobs: int, scheduler: str | None = None, on_interrupt: Callable[[], None]
) -> Iterator[RunAll]:
    """Starts a backend, yields what runs a function on it, and takes its workers down at the end of the `with` block.

    Args:
        name: One of `BACKENDS`.
        n_jobs: How many trainings run at once; negative as in joblib, -1 for one per core. A cluster that was already
            there decides by itself.
        scheduler: Address of a running dask scheduler, such as `tcp://10.0.0.5:8786`. With dask and no address, a
            cluster of `n_jobs` processes is started on this machine for the time being.
        on_interrupt: Asks the trainings of this process to stop, because a thread cannot be stopped from outside.

    Raises:
        BackendError: dask is not installed, no scheduler answers, no worker joins it, or worker processes died.
    """
    if name == "dask":
        with _dask_client(scheduler, n_jobs=n_jobs) as client:
            yield functools.partial(_run_on_cluster, client)
        return
    with joblib.parallel_config(backend=name, n_jobs=n_jobs):
        if name == "threading":
            with _stopping_threads(on_interrupt) as run_all:
                yield run_all
        else:
            with _ending_processes():
                yield lambda work, items: _run_all(_UntilInterrupted(work), items)


def _run_all(work: Work, items: Iterable[Item]) -> Iterator[Item]:
    # One item a batch: joblib would otherwise group short trainings, and the progress bar would jump.
    parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
    results: Iterator[Item] = parallel(joblib.delayed(work)(item) for item in items)
    return results


def _run_on_cluster(client: "Client", work: Work, items: Iterable[Item]) -> Iterator[Item]:
    # Not joblib's own way to dask: with one worker, or none yet, it does all the work in this process.
    from distributed import KilledWorker, as_completed

    futures = client.map(_ByValue(work), list(items), key="training", pure=False)
    try:
        for future in as_completed(futures):
            yield future.result()
    except KilledWorker as error:
        raise BackendError(f"workers died over one training, out of memory perhaps: {error}") from error


@contextlib.contextmanager
def _ending_processes() -> Iterator[None]:
    """Ends the processes, which would wait minutes for more work; after an interrupt they would go on with theirs."""
    is_done = False
    try:
        yield
        is_done = True
    except BrokenProcessPool as error:
        raise BackendError(f"a worker process died, out of memory perhaps: {error}") from error
    finally:
        # One whose work is done leaves by itself: it may still have runs to send to a server.
        get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=not is_done)


class _UntilInterrupted:
    """A function that a worker process calls no more once it was interrupted: it is given its next item before it ends.

    Attributes:
        is_interrupted: Whether this process was.
    """

    is_interrupted = False

    def __init__(self, work: Work) -> None:
        self._work = work

    def __call__(self, item: Item) -> Item:
        if _UntilInterrupted.is_interrupted:
            raise KeyboardInterrupt
        try:
            return self._work(item)
        except KeyboardInterrupt:
            _UntilInterrupted.is_interrupted = True
            raise


@contextlib.contextmanager
def _stopping_threads(on_interrupt: Callable[[], None]) -> Iterator[RunAll]:
    """Waits for the threads after an interrupt: the interpreter must not end under one that still trains."""
    calls = _Calls()
    try:
        yield lambda work, items: _run_all(calls.counted(work), items)
    except KeyboardInterrupt:
        on_interrupt()
        calls.refuse_and_wait()
        raise


class _Calls:
    """The calls that are under way in the threads of this process."""

    def __init__(self) -> None:
        self._under_way = 0
        self._is_refusing = False
        self._changed = threading.Condition()

    def counted(self, work: Work) -> Work:
        """Gives a function that does the same and is counted while it does."""

        def call(item: Item) -> Item:
            with self._changed:
                if self._is_refusing:
                    raise KeyboardInterrupt
                self._under_way += 1
            try:
                return work(item)
            finally:
                with self._changed:
                    self._under_way -= 1
                    self._changed.notify_all()

        return call

    def refuse_and_wait(self) -> None:
        """Lets no further call begin, and returns when the last one has ended."""
        with self._changed:
            self._is_refusing = True
            self._changed.wait_for(lambda: self._under_way == 0)


@contextlib.contextmanager
def _dask_client(scheduler: str | None, *, n_jobs: int) -> "Iterator[Client]":
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise BackendError("--backend dask needs dask: pip install distributed") from error
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            n_workers = joblib.effective_n_jobs(n_jobs)
            # Quieter than the default: an interrupt takes busy workers down, and dask would log a traceback of each.
            cluster = LocalCluster(
                n_workers=n_workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
            )
            scheduler = stack.enter_context(cluster).scheduler_address
        client = stack.enter_context(_connect(Client, scheduler))
        _wait_for_a_worker(client, scheduler)
        yield client


def _connect(client_class: "type[Client]", scheduler: str) -> "Client":
    try:
        # A client that cannot connect leaves its thread behind, and may lock itself up when it is collected.
        asyncio.run(_knock(scheduler))
        return client_class(scheduler, timeout=_CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise BackendError(
            f"no dask scheduler answers at {scheduler!r} ({error}); start one with `dask scheduler`, and workers with "
            "`dask worker ADDRESS`"
        ) from error


async def _knock(scheduler: str) -> None:
    from distributed.comm.core import connect
    from distributed.security import Security

    connection_args = Security().get_connection_args("client")
    connection = await connect(scheduler, timeout=_CONNECT_TIMEOUT_S, **connection_args)
    await connection.close()


def _wait_for_a_worker(client: "Client", scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_JOIN_TIMEOUT_S)
    except TimeoutError as error:
        raise BackendError(
            f"no worker has joined the scheduler at {scheduler!r} in {_JOIN_TIMEOUT_S} s; start one on each machine "
            f"with `dask worker {scheduler}`"
        ) from error


class _ByValue:
    """A function that takes its code along, with that of the modules beside this one.

    A cluster's workers need no copy of these modules then, and never run an older one that they happen to have loaded.
    """

    def __init__(self, work: Work) -> None:
        import cloudpickle  # dask brings it

        modules = _modules_beside_this_one()
        for module in modules:
            cloudpickle.register_pickle_by_value(module)
        try:
            self._pickled: bytes = cloudpickle.dumps(work)
        finally:
            for module in modules:
                cloudpickle.unregister_pickle_by_value(module)
        self._work = work
        self._load: Callable[[bytes], Work] = cloudpickle.loads

    def __call__(self, item: Item) -> Item:
        return self._work(item)

    def __reduce__(self) -> tuple[Callable[[bytes], Work], tuple[bytes]]:
        return self._load, (self._pickled,)


def _modules_beside_this_one() -> list[ModuleType]:
    folder = Path(__file__).resolve().parent
    # Not the script that was started: it is there under two names, and travels by value anyway.
    imported = [module for name, module in sys.modules.items() if "main__" not in name]
    return [module for module in imported if _folder_of(module) == folder]


def _folder_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve().parent if file else None
