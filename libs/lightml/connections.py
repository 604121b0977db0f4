"""The file a registry lives in: finding, opening and creating it.

Owns connections and transactions, and what is specific to SQLite. What is asked of the tables stands in the other
modules.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from lab_logger import settings, storage
from lightml import schema
from lightml.errors import (
    InvalidEntryError,
    NotARegistryError,
    RegistryMissingError,
    RegistryOutdatedError,
    RegistryUnavailableError,
)

Database = str | os.PathLike[str] | None
"""Where a registry is: a file, or None for the tracker's own store."""

_BUSY_TIMEOUT_S = 30.0
_SPOILED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_MISTAKES = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
"""Errors that say the statement or its values are wrong, not that the file does not answer."""


def locate(db: Database = None) -> Path:
    """Gives the absolute path of a registry; None means the tracker's store, as `DB_PATH` and `.env` name it."""
    return settings.resolve().db_path if db is None else Path(os.path.abspath(db))


def ensure(db: Database = None) -> Path:
    """Makes the registry's file and tables where they are missing, and gives the file's path.

    Safe from any number of processes at once. The tracker's store keeps everything else it holds.

    Raises:
        NotARegistryError: The file is no SQLite database.
        RegistryOutdatedError: An earlier version made the registry; `migrate` brings it up to date.
        RegistryUnavailableError: The file cannot be written.
    """
    path = locate(db)
    if db is None:
        storage.open_database(path, busy_timeout_s=_BUSY_TIMEOUT_S).close()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryUnavailableError(f"cannot make the folder {path.parent}: {error.strerror}") from error
    with _reporting(path), closing(_open(path)) as connection:
        _check(connection, path, may_be_empty=True)
        if not tables_of(connection):
            connection.execute("BEGIN IMMEDIATE")
            create_tables(connection)
            connection.execute("COMMIT")
    return path


@contextmanager
def reading(db: Database = None) -> Iterator[sqlite3.Connection]:
    """Opens one read transaction: every statement in it sees the registry at one moment. Rows are `sqlite3.Row`.

    Raises:
        RegistryMissingError: There is no such file, or it holds no registry.
        NotARegistryError: The file is no SQLite database.
        RegistryOutdatedError: An earlier version made it.
        RegistryUnavailableError: It cannot be read now.
    """
    with _transaction(db, "BEGIN") as connection:
        yield connection


@contextmanager
def writing(db: Database = None) -> Iterator[sqlite3.Connection]:
    """Opens one write transaction, committed at the end of the block, taken back whole if the block raises.

    Raises:
        RegistryError: As for `reading`, or the registry cannot be written.
    """
    with _transaction(db, "BEGIN IMMEDIATE") as connection:
        yield connection


@contextmanager
def altering(db: Database = None) -> Iterator[sqlite3.Connection]:
    """Opens one write transaction over whatever the file holds, tables of any version or none, foreign keys unguarded.

    For what makes, replaces or rebuilds the tables themselves. The file is made if it is missing, its folder is not.

    Raises:
        NotARegistryError: The file is no SQLite database.
        RegistryUnavailableError: It cannot be written now.
    """
    path = locate(db)
    with _reporting(path), closing(_open(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        with _committing(connection, "BEGIN IMMEDIATE"):
            yield connection


def tables_of(connection: sqlite3.Connection) -> set[str]:
    """Gives the names of the registry's tables that the file has."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows} & set(schema.TABLES)


def create_tables(connection: sqlite3.Connection) -> None:
    """Makes every table and index that is missing, inside the caller's transaction."""
    for statement in _statements(schema.tables()):
        connection.execute(statement)


def is_current(connection: sqlite3.Connection) -> bool:
    """Tells whether the registry's tables are those that this version makes."""
    return tables_of(connection) == set(schema.TABLES) and _has_constraints(connection)


@contextmanager
def _transaction(db: Database, begin: str) -> Iterator[sqlite3.Connection]:
    path = locate(db)
    if not path.is_file():
        raise RegistryMissingError(f"there is no registry at {path}; make one with `lightml init`, or correct the path")
    with _reporting(path), closing(_open(path)) as connection:
        _check(connection, path, may_be_empty=False)
        with _committing(connection, begin):
            yield connection


@contextmanager
def _committing(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _check(connection: sqlite3.Connection, path: Path, *, may_be_empty: bool) -> None:
    found = tables_of(connection)
    if not found and may_be_empty:
        return
    if not found:
        raise RegistryMissingError(
            f"{path} holds no registry yet; make one with `lightml init`, or register a first model"
        )
    if not is_current(connection):
        raise RegistryOutdatedError(
            f"an earlier version made the registry in {path}; bring it up to date with: lightml migrate --db {path}"
        )


def _has_constraints(connection: sqlite3.Connection) -> bool:
    indexes = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    columns = {row["name"] for row in connection.execute("PRAGMA table_info(model)")}
    wanted = {"checkpoint_once", "metrics_once_per_model", "metrics_once_per_checkpoint"}
    return wanted <= indexes and "source_run_id" in columns


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


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
