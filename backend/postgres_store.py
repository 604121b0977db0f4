"""The store as a PostgreSQL database, which any number of server processes share.

Owns the pool of connections, transactions, and adding points. How a connection is opened is in `postgres_connection`.
It must not know what is asked of the store.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, cast

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.postgres_connection import Address, is_missing, is_mistake, schema_version
from backend.store import SeriesPoint
from lab_logger import StoreUnavailableError, statements

_POOL_SIZE = 8
_POOL_OVERFLOW = 12
_BRIEF_WAIT_MS = 20
_A_HANDFUL = 50
"""Up to so many points, preparing a COPY takes longer than it saves."""
_INCOMING = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_points
    (series BIGINT, step BIGINT, timestamp BIGINT, value DOUBLE PRECISION) ON COMMIT DELETE ROWS"""
_TAKE_IN = """
INSERT INTO metric_points (series, step, timestamp, value)
SELECT series, step, timestamp, value FROM incoming_points ORDER BY series, step
ON CONFLICT (series, step) DO UPDATE SET timestamp = excluded.timestamp, value = excluded.value"""


class PostgresStore:
    """The store of runs in PostgreSQL, reached at the first request that needs it.

    A server that cannot be reached fails the request, not the service; the next request tries again.

    Args:
        url: `postgresql://user:password@host:port/name`, with any parameter that libpq knows, such as `sslmode`.
        busy_timeout_s: How long a write waits for another writer, in seconds.
    """

    kind: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, url: str, *, busy_timeout_s: float) -> None:
        self._address = Address(url, busy_timeout_s=busy_timeout_s)
        self.place = self._address.place
        self._wait_ms = max(1, round(busy_timeout_s * 1000))  # 0 would mean for ever
        self._engine = create_engine(
            "postgresql+psycopg://",
            creator=self._address.connect,
            pool_size=_POOL_SIZE,
            max_overflow=_POOL_OVERFLOW,
            pool_timeout=max(1.0, busy_timeout_s),
            pool_pre_ping=True,  # the server may have been restarted since
        )
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._watcher = self._engine.execution_options(isolation_level="AUTOCOMMIT")

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
        with self._transaction(self._engine) as connection:
            wait_ms = self._wait_ms if patiently else _BRIEF_WAIT_MS
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms}")
            yield connection

    def add_points(self, connection: Connection, points: Sequence[SeriesPoint]) -> None:
        """Stores points in an open write transaction; a step that is there already takes the new value."""
        last = {(series, step): (at, value) for series, step, at, value in points}
        # In one order for every writer, so that no two wait for each other.
        rows = [(*key, *last[key]) for key in sorted(last)]
        with _driver_connection(connection).cursor() as cursor:
            if len(rows) <= _A_HANDFUL:
                cursor.executemany(_ADD_POINT, rows)
                return
            cursor.execute(_INCOMING)
            cursor.execute("DELETE FROM incoming_points")  # of an earlier call in the same transaction
            with cursor.copy("COPY incoming_points FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(_TAKE_IN)

    def change_mark(self) -> str:
        """Gives a mark that differs whenever the store has changed since an earlier mark.

        Raises:
            StoreError: The store cannot be read.
        """
        with self._transaction(self._watcher) as connection:
            # A restored server may count its transactions anew, but not without having been started.
            mark = "SELECT pg_current_snapshot()::text || ' ' || pg_postmaster_start_time()::text"
            return str(connection.exec_driver_sql(mark).scalar_one())

    def is_there(self) -> bool:
        """Tells that there is a store: a database that was named is there, or cannot be reached."""
        return True

    def schema_version(self) -> int:
        """Gives the schema version of the store.

        Raises:
            StoreError: The store cannot be read.
        """
        with self.read() as connection:
            return schema_version(_driver_connection(connection))

    def close(self) -> None:
        """Closes every connection; the next request opens them again."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with self._address.errors(), engine.connect() as connection, connection.begin():
                yield connection
        except PoolTimeoutError as error:
            raise StoreUnavailableError(
                f"the store {self.place} has more requests waiting than it can take; ask again shortly"
            ) from error
        except DBAPIError as error:
            cause = error.orig
            if is_mistake(cause):
                raise
            if is_missing(cause):
                self.close()  # new connections make what is missing
            raise self._address.error(cast(psycopg.Error, cause)) from error


_ADD_POINT = statements.ADD_POINT.replace("(:series, :step, :timestamp, :value)", "(%s, %s, %s, %s)")


def _driver_connection(connection: Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.dbapi_connection)
