"""The floors: what the same rows cost in SQLite when nothing else is done.

Owns plain `sqlite3` code that a person would write by hand. It must not use `lab_logger` beyond the names of columns.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from lab_logger.statements import MANIFEST_COLUMNS

MetricRow = tuple[int, int, int, float]
"""Series, step, milliseconds since 1970, value."""

_BUSY_TIMEOUT_S = 60.0


class RawManifests:
    """A table of the same 14 columns, written one durable row at a time.

    Args:
        path: The database file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_TIMEOUT_S)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        columns = ", ".join(f"{name} TEXT{' PRIMARY KEY' * (name == 'run_id')}" for name in MANIFEST_COLUMNS)
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS manifests ({columns})")
        self._insert = f"INSERT INTO manifests VALUES ({', '.join('?' * len(MANIFEST_COLUMNS))})"

    def insert(self, row: Sequence[str | None]) -> None:
        """Inserts one row; it is on the disk when this returns."""
        self._connection.execute(self._insert, row)

    def count(self) -> int:
        """Counts the rows."""
        (count,) = self._connection.execute("SELECT count(*) FROM manifests").fetchone()
        return int(count)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


class RawPoints:
    """A table of metric points of the same shape, written a few rows and a commit at a time.

    Args:
        path: The database file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(
            "CREATE TABLE metric_points (series INTEGER NOT NULL, step INTEGER NOT NULL, timestamp INTEGER NOT NULL, "
            "value REAL, PRIMARY KEY (series, step)) WITHOUT ROWID"
        )

    def insert(self, rows: Sequence[MetricRow]) -> None:
        """Inserts rows and commits them; they survive the end of the process when this returns."""
        self._connection.executemany("INSERT INTO metric_points VALUES (?, ?, ?, ?)", rows)
        self._connection.commit()

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
