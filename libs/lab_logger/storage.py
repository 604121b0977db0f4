"""The embedded store: one SQLite file, written by any number of processes at once.

Owns opening, creating and upgrading the file, and executing batches of writes in transactions. It must not decide what
happens when a write fails: it raises a `StoreError` that says what and why, and `recorder` decides.
"""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from lab_logger import schema, statements
from lab_logger.errors import (
    NotAStoreError,
    RejectedBatchError,
    SchemaTooNewError,
    StoreError,
    StoreUnavailableError,
)
from lab_logger.record import utc_now
from lab_logger.statements import Write

Point = tuple[str, int, int, float | None]
"""One metric value: name, step, milliseconds since 1970 in UTC, value (None stands for NaN)."""

_SWITCH_RETRY_S = 0.005
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_REMEDIES = {
    "SQLITE_BUSY": "another process holds its lock; raise LAB_BUSY_TIMEOUT_S or end that process",
    "SQLITE_LOCKED": "another connection holds its lock; raise LAB_BUSY_TIMEOUT_S",
    "SQLITE_READONLY": "it is read-only; make the file and its folder writable, or set DB_PATH to another place",
    "SQLITE_CANTOPEN": "it cannot be opened; check that the folder exists and is writable, or set DB_PATH",
    "SQLITE_FULL": "the disk is full; free some space",
    "SQLITE_IOERR": "the disk does not answer as it should; check free space, quota and the disk itself",
    "SQLITE_PERM": "access is denied; check the file's permissions",
    "SQLITE_AUTH": "access is denied; check the file's permissions",
}
_NOT_SQL = (LookupError, OverflowError, TypeError, ValueError)
_NEVER_ACCEPTED = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, *_NOT_SQL)
_NOT_A_STORE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")


def open_database(path: str | os.PathLike[str], *, busy_timeout_s: float) -> sqlite3.Connection:
    """Opens a store, creating or upgrading it first where needed.

    Safe from any number of processes at once: creation and upgrade are one locked transaction.

    Args:
        path: The database file; its folder is made if missing.
        busy_timeout_s: How long to wait for another writer, in seconds.

    Returns:
        A connection in autocommit mode that may be used from any thread, one at a time.

    Raises:
        StoreUnavailableError: The file cannot be reached or written now.
        NotAStoreError: The file is no SQLite database, or a damaged one.
        SchemaTooNewError: A later version of this package made the file.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailableError(
            f"cannot make the folder {path.parent}: {error.strerror}; create it, or set DB_PATH to another place"
        ) from error
    try:
        connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise store_error(error, path) from error
    try:
        _bring_up_to_date(connection, busy_timeout_s)
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        connection.close()
        raise store_error(error, path) from error
    except StoreError:
        connection.close()
        raise
    return connection


def schema_version(connection: sqlite3.Connection) -> int:
    """Gives the schema version of an open database; 0 for an empty file or one that holds `manifests` alone."""
    try:
        row = connection.execute("SELECT max(version) FROM schema_versions").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return 0
        raise
    return row[0] or 0


def store_error(error: Exception, path: str | os.PathLike[str]) -> StoreError:
    """Gives the error of this package that says what an error of a statement means and what to do about it."""
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith(_NOT_A_STORE) or (isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error)):
        return NotAStoreError(
            f"{path} is not a usable SQLite database ({error}); move it away or restore a copy, or set DB_PATH"
        )
    remedy = next((text for prefix, text in _REMEDIES.items() if name.startswith(prefix)), "see the error's cause")
    return StoreUnavailableError(f"cannot use the store {path} ({error}): {remedy}")


def newer_schema(found: int) -> SchemaTooNewError:
    """Gives the error about a store whose schema version is beyond the one that this package writes."""
    if found == schema.COPY_UNDER_WAY:
        return SchemaTooNewError(
            "the store is an unfinished copy of another; finish it with `python -m backend.copy_store SOURCE TARGET`"
        )
    return SchemaTooNewError(
        f"the store has schema version {found}, this lab_logger knows {schema.VERSION}; upgrade lab_logger"
    )


def _bring_up_to_date(connection: sqlite3.Connection, busy_timeout_s: float) -> None:
    found = schema_version(connection)
    if found == schema.VERSION:
        return
    if found > schema.VERSION:
        raise newer_schema(found)
    _switch_to_wal(connection, time.monotonic() + busy_timeout_s)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in range(schema_version(connection) + 1, schema.VERSION + 1):
            for statement in _split(schema.migration(version)):
                connection.execute(statement)
            connection.execute(statements.RECORD_VERSION, {"version": version, "applied_at": utc_now()})
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _execute_spooled(connection: sqlite3.Connection, batch: Sequence[Write]) -> None:
    try:
        for name, values in batch:
            connection.execute(statements.WRITES[name], values)
    except _NEVER_ACCEPTED as error:
        raise RejectedBatchError(f"{type(error).__name__}: {error}") from error


def _switch_to_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """SQLite answers 'locked' at once here, without waiting its busy timeout, when two processes switch together."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.split("_SNAPSHOT")[0] not in _BUSY and "locked" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise
            time.sleep(_SWITCH_RETRY_S)


def _split(script: str) -> Iterable[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


class EmbeddedStore:
    """A store that this process writes to, one transaction at a time; safe to share between threads and over a fork.

    Args:
        path: The database file; opened at the first write, and again after an error or when the file was replaced.
        busy_timeout_s: How long a write waits for another writer, in seconds.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._waits_s = busy_timeout_s
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._series: dict[str, dict[str, int]] = {}
        self._lock = threading.RLock()
        self._writing_thread = 0
        self._path_text = os.fspath(path)
        self._close_on_error = _CloseOnError(self)
        close_in_forks(self)

    def write(self, batch: Sequence[Write], *, durable: bool = False) -> int:
        """Executes a batch in one transaction.

        Args:
            batch: The writes, in order.
            durable: Whether the commit must survive a power cut; every commit survives the end of the process.

        Returns:
            How many rows the first write changed.

        Raises:
            StoreError: The store could not be written; nothing of the batch was.
        """
        with self._lock:
            connection = self._open()
            with self._close_on_error:
                if durable:
                    connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                changed = [connection.execute(statements.WRITES[name], values).rowcount for name, values in batch]
                connection.execute("COMMIT")
                if durable:
                    connection.execute("PRAGMA synchronous = NORMAL")
            return changed[0] if changed else 0

    def add_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Appends metric values in one transaction; a step that is there already takes the new value.

        Raises:
            StoreError: The store could not be written; nothing of the points was.
        """
        with self._lock:
            connection = self._open()
            known = self._series.setdefault(run_id, {})
            with self._close_on_error:
                connection.execute("BEGIN IMMEDIATE")
                fresh = {name: self._find_series(run_id, name) for name, _, _, _ in points if name not in known}
                connection.executemany(
                    statements.ADD_POINT,
                    [
                        {"series": known.get(name) or fresh[name], "step": step, "timestamp": at, "value": value}
                        for name, step, at, value in points
                    ],
                )
                connection.execute("COMMIT")
            if fresh:
                known.update(fresh)

    def bring_in(self, spool_id: str, position: int, batch: Sequence[Write]) -> None:
        """Executes a batch from a spool, unless this or a later one of that spool is in the store already.

        Raises:
            StoreError: The store could not be written.
            RejectedBatchError: The store does not accept the batch, now or ever.
        """
        with self._lock:
            connection = self._open()
            with self._close_on_error:
                connection.execute("BEGIN IMMEDIATE")
                applied = connection.execute(statements.SPOOL_POSITION, {"spool_id": spool_id}).fetchone()
                if applied is None or applied[0] < position:
                    _execute_spooled(connection, batch)
                    mark = {"spool_id": spool_id, "position": position, "applied_at": utc_now()}
                    connection.execute(statements.ADVANCE_SPOOL, mark)
                connection.execute("COMMIT")

    def execute(self, statement: str, values: dict[str, object]) -> list[tuple[object, ...]]:
        """Executes one statement by itself and gives its rows.

        Raises:
            StoreError: The store could not be read or written.
        """
        with self._lock:
            connection = self._open()
            with self._close_on_error:
                return connection.execute(statement, values).fetchall()

    def is_writing_here(self) -> bool:
        """Tells whether the calling thread is in the middle of a write, as a signal handler's thread may be."""
        return self._writing_thread == threading.get_ident()

    def forget_run(self, run_id: str) -> None:
        """Drops what is kept in memory for a run that has ended."""
        self._series.pop(run_id, None)

    def wait_for_writers(self, *, patiently: bool) -> None:
        """Sets whether the next writes wait the busy timeout for another writer, or give up at once."""
        with self._lock:
            waits_s = self._busy_timeout_s if patiently else 0.0
            if waits_s != self._waits_s and self._connection is not None:
                self._connection.execute(f"PRAGMA busy_timeout = {int(waits_s * 1000)}")
            self._waits_s = waits_s

    def close(self) -> None:
        """Closes the file; the next write opens it again."""
        with self._lock:
            self._close()

    def before_fork(self) -> None:
        """Waits for the write in progress, holds back the next and closes the file.

        SQLite keeps the locks it holds in memory, which a child copies without holding any: a connection open across a
        fork would make the child write to a log that others take for abandoned, and delete.
        """
        self._lock.acquire()
        self._close()

    def after_fork(self) -> None:
        """Lets writes go on, in the parent and in the child."""
        self._lock.release()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._file_now() != self._file:
            self._close()  # deleted or replaced: what is written there would be lost
        if self._connection is None:
            self._connection = open_database(self.path, busy_timeout_s=self._waits_s)
            self._file = self._file_now()
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._series = {}
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _file_now(self) -> tuple[int, int] | None:
        try:
            stat = os.stat(self._path_text)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def _find_series(self, run_id: str, name: str) -> int:
        assert self._connection is not None
        self._connection.execute(statements.ADD_SERIES, {"run_id": run_id, "name": name})
        found = self._connection.execute(statements.FIND_SERIES, {"run_id": run_id, "name": name}).fetchone()
        return int(found[0])


class _CloseOnError:
    """Takes back what is not committed, also when Ctrl-C comes in the middle, and says what was wrong.

    A class, because entering a generator costs a tenth of what storing a metric does.
    """

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store

    def __enter__(self) -> None:
        """Notes whose transaction this is."""
        self._store._writing_thread = threading.get_ident()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._store._writing_thread = 0
        if error is None:
            return
        self._store._close()
        if isinstance(error, sqlite3.Error | UnicodeError | OverflowError):
            raise store_error(error, self._store.path) from error


class Forkable(Protocol):
    """What holds an SQLite file open, and closes it while the process forks."""

    def before_fork(self) -> None:
        """Waits for what is being done with the file, holds back what comes next and closes the file."""

    def after_fork(self) -> None:
        """Lets it go on, in the parent and in the child."""

    def close(self) -> None:
        """Closes the file."""


_open_stores: "weakref.WeakSet[Forkable]" = weakref.WeakSet()
_forking = threading.Lock()
_held_for_fork: list[Forkable] = []


def close_in_forks(store: Forkable) -> None:
    """Has an open file closed whenever the process forks, for as long as it is used."""
    _open_stores.add(store)


def _before_fork() -> None:
    _forking.acquire()  # one fork at a time; the other end of it is in _after_fork
    for store in list(_open_stores):
        store.before_fork()
        _held_for_fork.append(store)


def _after_fork() -> None:
    while _held_for_fork:
        _held_for_fork.pop().after_fork()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
