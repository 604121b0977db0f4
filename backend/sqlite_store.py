"""The store as one SQLite file, which the logger of this machine writes to as well.

Owns connections, transactions, and what is specific to SQLite. It must not know what is asked of the store.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from backend.store import SeriesPoint
from lab_logger import StoreUnavailableError, statements
from lab_logger.storage import open_database, schema_version, store_error

_POOL_SIZE = 8
_POOL_OVERFLOW = 56
_BRIEF_WAIT_MS = 20
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_MISTAKES = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)
"""Errors that say the statement is wrong, not that the store does not answer."""


class SqliteStore:
    """The SQLite store of runs, opened at the first request that needs it.

    A store that cannot be opened fails the request, not the service; the next request tries again. A file that was
    replaced is opened anew.

    Args:
        path: The database file.
        busy_timeout_s: How long a write waits for another writer, in seconds.
    """

    kind: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self.path = Path(os.path.abspath(path))
        self.place = str(self.path)
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.Lock()
        self._files: tuple[tuple[int, int] | None, ...] | None = None
        self._reader = self._engine("PRAGMA query_only = ON", begin="BEGIN")
        # A note that was acknowledged survives a power cut, as a finished run does.
        self._writer = self._engine("PRAGMA synchronous = FULL", begin="BEGIN IMMEDIATE")
        self._watcher: sqlite3.Connection | None = None
        self._generation = 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Opens a read-only transaction: every statement in it sees the store at one moment.

        Raises:
            StoreError: The store cannot be read.
        """
        with self._transaction(self._reader) as connection:
            yield connection

    @contextmanager
    def write(self, *, patiently: bool = True) -> Iterator[Connection]:
        """Opens a transaction that may write, committed at the end of the block unless it raises.

        Args:
            patiently: Whether to wait the busy timeout for another writer, or to give up almost at once.

        Raises:
            StoreError: The store cannot be written; nothing was.
        """
        with self._transaction(self._writer, waits_ms=None if patiently else _BRIEF_WAIT_MS) as connection:
            yield connection

    def change_mark(self) -> tuple[int, int]:
        """Gives a mark that differs whenever the store has changed since an earlier mark.

        Raises:
            StoreError: The store cannot be read.
        """
        with self._lock:
            self._notice_new_file()
            if self._watcher is None:
                self._watcher = self._open()
                self._generation += 1
            try:
                (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error as error:
                self._drop_connections()
                raise store_error(error, self.path) from error
        return self._generation, version

    def add_points(self, connection: Connection, points: Sequence[SeriesPoint]) -> None:
        """Stores points in an open write transaction; a step that is there already takes the new value."""
        _driver_connection(connection).executemany(
            statements.ADD_POINT,
            [{"series": series, "step": step, "timestamp": at, "value": value} for series, step, at, value in points],
        )

    def is_there(self) -> bool:
        """Tells whether there is a store; one that cannot be looked at counts as there."""
        try:
            os.stat(self.path)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def schema_version(self) -> int:
        """Gives the schema version of the store.

        Raises:
            StoreError: The store cannot be read.
        """
        with self.read() as connection:
            return schema_version(_driver_connection(connection))

    def close(self) -> None:
        """Closes every connection; the next request opens the file again."""
        with self._lock:
            self._drop_connections()

    def _engine(self, pragma: str, *, begin: str) -> Engine:
        engine = create_engine(
            "sqlite://",
            creator=self._connector(pragma),
            poolclass=QueuePool,
            pool_size=_POOL_SIZE,
            max_overflow=_POOL_OVERFLOW,
            pool_timeout=max(1.0, self._busy_timeout_s),
        )
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine

    def _connector(self, pragma: str) -> Callable[[], sqlite3.Connection]:
        def connect() -> sqlite3.Connection:
            connection = self._open()
            # Text that is no UTF-8, which other programs may have written, must not hide the other rows.
            connection.text_factory = _text
            connection.execute(pragma)
            return connection

        return connect

    @contextmanager
    def _transaction(self, engine: Engine, *, waits_ms: int | None = None) -> Iterator[Connection]:
        with self._lock:
            self._notice_new_file()
        try:
            with engine.connect() as connection, _waiting(connection, waits_ms), connection.begin():
                yield connection
        except PoolTimeoutError as error:
            raise StoreUnavailableError(
                f"the store {self.path} has more requests waiting than it can take; ask again shortly"
            ) from error
        except DBAPIError as error:
            cause = error.orig
            if not isinstance(cause, sqlite3.Error) or isinstance(cause, _MISTAKES):
                raise
            if not cause.sqlite_errorname.startswith(_BUSY):
                self.close()
            raise store_error(cause, self.path) from error

    def _notice_new_file(self) -> None:
        """Drops the connections when the path no longer leads to the files they were opened on."""
        if self._files is not None and self._files != self._found_files():
            self._drop_connections()

    def _found_files(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_identity(f"{self.path}{suffix}") for suffix in ("", "-wal"))

    def _open(self) -> sqlite3.Connection:
        connection = open_database(self.path, busy_timeout_s=self._busy_timeout_s)
        self._files = self._found_files()
        return connection

    def _drop_connections(self) -> None:
        self._reader.dispose()
        self._writer.dispose()
        watcher, self._watcher, self._files = self._watcher, None, None
        if watcher is not None:
            watcher.close()


@contextmanager
def _waiting(connection: Connection, waits_ms: int | None) -> Iterator[None]:
    if waits_ms is None:
        yield
        return
    driver_connection = _driver_connection(connection)
    (usual_ms,) = driver_connection.execute("PRAGMA busy_timeout").fetchone()
    driver_connection.execute(f"PRAGMA busy_timeout = {waits_ms}")
    try:
        yield
    finally:
        driver_connection.execute(f"PRAGMA busy_timeout = {usual_ms}")


def _driver_connection(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.dbapi_connection)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _text(encoded: bytes) -> str:
    return encoded.decode("utf-8", "replace")
