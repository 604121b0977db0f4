"""A registry in a SQLite file.

Owns connections and transactions of that kind, and what is specific to SQLite.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from lightml import schema
from lightml.connections.contract import Kind
from lightml.errors import (
    InvalidEntryError,
    NotARegistryError,
    RegistryMissingError,
    RegistryUnavailableError,
)

BUSY_TIMEOUT_S = 30.0

_SPOILED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_MISTAKES = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
"""Errors that say the statement or its values are wrong, not that the file does not answer."""


class FileConnection(sqlite3.Connection):
    """An open registry; see `contract.Connection`. Rows are `sqlite3.Row`."""

    def execute(self, statement: str, values: Any = (), /) -> sqlite3.Cursor:
        """Executes one statement; its values stand as `?` or `:name`."""
        return super().execute(schema.spell(statement) if "${" in statement else statement, values)

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Executes one statement for each of many rows of values."""
        self.executemany(schema.spell(statement), rows)

    def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Inserts many rows at once, ids in the order of the rows."""
        if not rows:
            return
        marks = ", ".join("?" * len(columns))
        self.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    def pattern(self, text: str | None) -> str | None:
        """Gives a pattern for GLOB, where a bracket would begin a set of characters."""
        return None if text is None else text.replace("[", "[[]")

    def tables(self) -> set[str]:
        """Gives the names of every table there is."""
        return self._names("table")

    def indexes(self) -> set[str]:
        """Gives the names of every index there is."""
        return self._names("index")

    def columns(self, table: str) -> list[str]:
        """Gives the names of a table's columns; none for a table that is not there."""
        return [row["name"] for row in self.execute(f"PRAGMA table_info({table})")]

    def _names(self, kind: str) -> set[str]:
        return {row["name"] for row in self.execute("SELECT name FROM sqlite_master WHERE type = ?", (kind,))}


class File:
    """A SQLite file that holds a registry, or may; see `contract.Holder`."""

    is_known = False

    def __init__(self, path: Path) -> None:
        self.place = path

    def check_there(self) -> None:
        """Makes sure that there is such a file."""
        if not self.place.is_file():
            raise RegistryMissingError(
                f"there is no registry at {self.place}; make one with `lightml init`, or correct the path"
            )

    def make_room(self) -> None:
        """Makes the file's folder."""
        try:
            self.place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegistryUnavailableError(f"cannot make the folder {self.place.parent}: {error.strerror}") from error

    @contextmanager
    def transaction(self, kind: Kind) -> Iterator[FileConnection]:
        """Opens a transaction; one that alters the tables leaves foreign keys unguarded."""
        with _reporting(self.place), closing(open_file(self.place)) as connection:
            connection.execute(f"PRAGMA foreign_keys = {'OFF' if kind == 'alter' else 'ON'}")
            connection.execute("BEGIN" if kind == "read" else "BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")


def open_file(path: Path | str) -> FileConnection:
    """Opens a file, outside any transaction, or ":memory:"."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, factory=FileConnection
    )
    connection.row_factory = sqlite3.Row
    return connection


@contextmanager
def _reporting(path: Path) -> Iterator[None]:
    try:
        yield
    except _MISTAKES:
        raise
    except UnicodeEncodeError as error:
        raise InvalidEntryError(f"{error.object!r} holds characters that no registry stores; correct it") from error
    except OverflowError as error:
        raise InvalidEntryError(f"a whole number is greater than a registry stores ({error}); correct it") from error
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        if name.startswith(_SPOILED) or "not a database" in str(error):
            raise NotARegistryError(f"{path} is no usable SQLite database ({error}); give a registry's file") from error
        raise RegistryUnavailableError(f"cannot use the registry {path} ({error})") from error
