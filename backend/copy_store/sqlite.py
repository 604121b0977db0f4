"""A SQLite file to copy from and to.

Owns what is specific to SQLite: reading values of any type, the triggers, the derived tables.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Literal

from backend.copy_store.contents import RUNS, UNDER_WAY, Column, Key, Row, Table, Undecodable, Value
from backend.copy_store.places import CopyError
from lab_logger import schema
from lab_logger.record import utc_now
from lab_logger.storage import open_database
from lightml import connections

_BUSY_TIMEOUT_S = 30.0
_TRIGGERS = "triggers"
_KINDS: tuple[tuple[str, Literal["text", "integer", "float"]], ...] = (
    ("INT", "integer"), ("REAL", "float"), ("FLOA", "float"), ("DOUB", "float"), ("", "text"),
)  # fmt: skip
_DERIVE = """
DELETE FROM run_index;
INSERT INTO run_index (run_id, started_at, dataset_id, has_artifacts, command, note)
    SELECT run_id, started_at, dataset_id, has_artifacts, command, note FROM derived_run_index;
DELETE FROM run_metrics;
INSERT INTO run_metrics (run_id, name, value)
    SELECT run_id, name, value FROM derived_run_metrics WHERE true
    ON CONFLICT (run_id, name) DO UPDATE SET value = excluded.value;
DELETE FROM run_params;
INSERT INTO run_params (run_id, name, text, number)
    SELECT run_id, name, text, number FROM derived_run_params WHERE true
    ON CONFLICT (run_id, name) DO UPDATE SET text = excluded.text, number = excluded.number;
DELETE FROM run_text;
INSERT INTO run_text (rowid, command, note, params, dataset_id, tags)
    SELECT seq, command, note, params, dataset_id, tags FROM derived_run_text;
"""


class SqliteSource:
    """A SQLite store, read in one transaction.

    A file that holds a model registry alone is a source too.

    Raises:
        CopyError: There is no such file, or it holds neither runs nor a registry.
    """

    def __init__(self, path: str) -> None:
        self.place = os.path.abspath(path)
        if not os.path.isfile(self.place):
            raise CopyError(f"there is no file {self.place}; name the store to copy")
        with closing(_connect(self.place)) as connection:
            names = _table_names(connection)
        if UNDER_WAY in names:
            raise CopyError(f"{self.place} is itself an unfinished copy; finish that first")
        if "manifests" in names:
            open_database(self.place, busy_timeout_s=_BUSY_TIMEOUT_S).close()
        elif "model" not in names:
            raise CopyError(f"{self.place} holds neither runs nor a model registry")
        self._connection = _connect(self.place)
        self._watcher = _connect(self.place)
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._version = self._data_version()

    def columns(self, table: str) -> tuple[str, ...]:
        """Gives the names of a table's columns, none where there is no such table."""
        return tuple(row[1] for row in self._connection.execute(f"PRAGMA table_info({table})"))

    def count(self, table: str) -> int:
        """Counts the rows of a table."""
        (count,) = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)

    def batches(self, table: Table, *, after: Key | None = None, up_to: Key | None = None) -> Iterator[list[Row]]:
        """Gives the rows in the order of their key; those without a key, which SQLite allows, last."""
        key = ", ".join(table.key)
        conditions = [f"{table.key[0]} IS NOT NULL"]
        for comparison, bound in ((">", after), ("<=", up_to)):
            if bound is not None:
                conditions.append(f"({key}) {comparison} ({', '.join(map(_placeholder, bound))})")
        query = f"SELECT {', '.join(table.names)} FROM {table.name}"
        values = [*(after or ()), *(up_to or ())]
        rows = self._connection.execute(f"{query} WHERE {' AND '.join(conditions)} ORDER BY {key}", values)
        while batch := rows.fetchmany(table.batch_rows):
            yield batch
        if up_to is None:
            keyless = self._connection.execute(f"{query} WHERE {table.key[0]} IS NULL").fetchall()
            if keyless:
                yield keyless

    def last_number(self, table: Table) -> int:
        """Gives the highest number that SQLite has assigned, to rows since deleted as well."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).fetchone()
        return 0 if row is None else int(row[0])

    def orphans(self, table: str) -> list[str]:
        """Gives the row numbers of rows that refer to a row that is not there."""
        found = self._connection.execute(f"PRAGMA foreign_key_check({table})")
        return [f"{row} (refers to no {parent})" for _, row, parent, _ in found]

    def was_written(self) -> bool:
        """Tells whether somebody wrote to the file since it was opened."""
        return self._data_version() != self._version

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
        self._watcher.close()

    def _data_version(self) -> int:
        (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
        return int(version)


class SqliteTarget:
    """A SQLite file that is filled.

    Args:
        path: The file; made where it is missing.
        with_registry: Whether the tables of the model registry are made as well.
    """

    kind: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: str, *, with_registry: bool) -> None:
        self.place = os.path.abspath(path)
        if not self._is_under_way():
            open_database(self.place, busy_timeout_s=_BUSY_TIMEOUT_S).close()
            if with_registry:
                connections.ensure(self.place)
        self._connection = _connect(self.place)

    def describe(self, names: Sequence[str]) -> list[Table]:
        """Gives the tables of these names."""
        return [self._describe(name) for name in names]

    def progress(self) -> dict[str, str] | None:
        """Gives what was noted of a copy that is under way, None where none is."""
        if UNDER_WAY not in _table_names(self._connection):
            return None
        return dict(self._connection.execute(f"SELECT part, state FROM {UNDER_WAY}"))

    def begin(self, notes: dict[str, str]) -> None:
        """Marks the file as unfinished and takes the triggers out, which are noted and come back in `finish`."""
        with self.writing():
            found = self._connection.execute(
                f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({_marks(RUNS)})", RUNS
            ).fetchall()
            for name, _ in found:
                self._connection.execute(f"DROP TRIGGER {name}")
            self._connection.execute(f"CREATE TABLE {UNDER_WAY} (part TEXT PRIMARY KEY, state TEXT NOT NULL)")
            rows = [*notes.items(), (_TRIGGERS, json.dumps([sql for _, sql in found]))]
            self._connection.executemany(f"INSERT INTO {UNDER_WAY} (part, state) VALUES (?, ?)", rows)
            self._connection.execute(
                "INSERT INTO schema_versions (version, applied_at) VALUES (?, ?)", (schema.COPY_UNDER_WAY, utc_now())
            )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Opens a transaction for the calls in the block."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def note(self, part: str, state: str, *, former: str | None) -> None:
        """Changes a note inside a transaction; see `Target.note`."""
        if not self._changes_note(part, state, former):
            raise CopyError(f"another process goes on with the copy into {self.place}, or has finished it; let it")

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Adds rows inside a transaction."""
        start = f"INSERT INTO {table.name} ({', '.join(table.names)}) VALUES "
        plain = [row for row in rows if not any(type(value) is Undecodable for value in row)]
        self._connection.executemany(f"{start} ({', '.join('?' * len(table.columns))})", plain)
        for row in rows if len(plain) < len(rows) else ():
            if any(type(value) is Undecodable for value in row):
                self._connection.execute(f"{start} ({', '.join(map(_placeholder, row))})", row)

    def refuses(self, table: Table, row: Row) -> str | None:
        """Says None: an index of SQLite takes texts of any length."""
        return None

    def clear(self, table: Table) -> None:
        """Removes the rows of a table inside a transaction."""
        self._connection.execute(f"DELETE FROM {table.name}")

    def rows(self, table: Table) -> Iterator[list[Row]]:
        """Gives the rows of a table as they are stored now."""
        rows = self._connection.execute(f"SELECT {', '.join(table.names)} FROM {table.name}")
        while batch := rows.fetchmany(table.batch_rows):
            yield batch

    def is_empty(self, table: str) -> bool:
        """Tells whether a table has no row."""
        return self._connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None

    def continue_after(self, table: Table, number: int) -> None:
        """Makes SQLite assign numbers beyond this one, inside a transaction."""
        if number == 0:
            return
        self._connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
        self._connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, number))

    def finish(self) -> None:
        """Makes the derived tables, puts the triggers back and takes the mark away, in one transaction."""
        with self.writing():
            for statement in _DERIVE.split(";\n"):
                self._connection.execute(statement)
            for sql in json.loads((self.progress() or {})[_TRIGGERS]):
                self._connection.execute(sql)
            self._connection.execute("DELETE FROM schema_versions WHERE version = ?", (schema.COPY_UNDER_WAY,))
            self._connection.execute(f"DROP TABLE {UNDER_WAY}")

    def close(self) -> None:
        """Closes the file; what is not committed is gone."""
        self._connection.close()

    def _changes_note(self, part: str, state: str, former: str | None) -> bool:
        if self.progress() is None:
            return False
        if former is None:
            statement = f"INSERT INTO {UNDER_WAY} (state, part) VALUES (?, ?) ON CONFLICT DO NOTHING"
            return self._connection.execute(statement, (state, part)).rowcount == 1
        statement = f"UPDATE {UNDER_WAY} SET state = ? WHERE part = ? AND state = ?"
        return self._connection.execute(statement, (state, part, former)).rowcount == 1

    def _is_under_way(self) -> bool:
        if not os.path.isfile(self.place):
            return False
        with closing(_connect(self.place)) as connection:
            return UNDER_WAY in _table_names(connection)

    def _describe(self, name: str) -> Table:
        info = self._connection.execute(f"PRAGMA table_info({name})").fetchall()
        columns = tuple(
            Column(column, _kind(declared), is_nullable=not is_required and (not place or name == "manifests"))
            for _, column, declared, is_required, _, place in info
        )
        key = tuple(row[1] for row in sorted(info, key=lambda row: row[5]) if row[5])
        (sql,) = self._connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        return Table(name, columns, key, serial=key[0] if "AUTOINCREMENT" in sql.upper() else None)


def _connect(path: str) -> sqlite3.Connection:
    address = f"{Path(path).as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    connection.text_factory = _text
    return connection


def _text(encoded: bytes) -> str | Undecodable:
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError:
        return Undecodable(encoded)


def _table_names(connection: sqlite3.Connection) -> set[str]:
    return set(chain.from_iterable(connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")))


def _placeholder(value: Value) -> str:
    return "CAST(? AS TEXT)" if type(value) is Undecodable else "?"


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _kind(declared: str) -> Literal["text", "integer", "float"]:
    return next(kind for word, kind in _KINDS if word in declared.upper())
