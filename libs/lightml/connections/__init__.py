"""The database a registry lives in: finding, opening and creating it.

Owns transactions, and when a registry is there and current. What is specific to a database is in `sqlite` and
`postgresql`; what is asked of the tables stands in the other modules of the package.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab_logger import settings, storage
from lightml import schema
from lightml.connections.contract import Address, Connection, Database, Holder, Place, is_address
from lightml.connections.sqlite import BUSY_TIMEOUT_S, File
from lightml.errors import RegistryMissingError, RegistryOutdatedError, RegistryUnavailableError

__all__ = [
    "Address",
    "Connection",
    "Database",
    "Place",
    "altering",
    "close",
    "create_tables",
    "ensure",
    "is_address",
    "is_current",
    "locate",
    "looking",
    "reading",
    "tables_of",
    "writing",
]

_COPY_UNDER_WAY = "copy_under_way"
"""A table that a database has as long as it is being filled from another."""
_WANTED_INDEXES = {"checkpoint_once", "metrics_once_per_model", "metrics_once_per_checkpoint"}


def locate(db: Database = None) -> Place:
    """Gives where a registry is: the absolute path of its file, or its address.

    None means the tracker's store, as the environment and `.env` name it: `DATABASE_URL`, else `DB_PATH`.
    """
    if db is None:
        found = settings.resolve()
        url = found.values.get("DATABASE_URL")
        return found.db_path if url is None else Address(url)
    if isinstance(db, Address):
        return db
    return Address(str(db)) if is_address(db) else Path(os.path.abspath(db))


def ensure(db: Database = None) -> Place:
    """Makes the registry's tables, and its file, where they are missing, and gives where it is.

    Safe from any number of processes at once. The tracker's store keeps everything else it holds.

    Raises:
        NotARegistryError: The file is no SQLite database.
        RegistryOutdatedError: An earlier version made the registry; `migrate` brings it up to date.
        RegistryUnavailableError: The database cannot be written.
    """
    holder = _holder(db)
    if db is None and isinstance(holder.place, Path):
        storage.open_database(holder.place, busy_timeout_s=BUSY_TIMEOUT_S).close()
    holder.make_room()
    with holder.transaction("read") as connection:
        is_empty = not tables_of(connection)
        if not is_empty:
            _check(holder, connection)
    if is_empty:
        with holder.transaction("write") as connection:
            create_tables(connection)
    return holder.place


@contextmanager
def reading(db: Database = None) -> Iterator[Connection]:
    """Opens one read transaction: every statement in it sees the registry at one moment.

    Raises:
        RegistryMissingError: There is no such file, or the database holds no registry.
        NotARegistryError: The file is no SQLite database.
        RegistryOutdatedError: An earlier version made it.
        RegistryUnavailableError: It cannot be read now.
    """
    holder = _holder(db)
    holder.check_there()
    with holder.transaction("read") as connection:
        _check(holder, connection)
        yield connection


@contextmanager
def writing(db: Database = None) -> Iterator[Connection]:
    """Opens one write transaction, committed at the end of the block, taken back whole if the block raises.

    One runs at a time, so that what was looked up in it is still so at its end.

    Raises:
        RegistryError: As for `reading`, or the registry cannot be written.
    """
    holder = _holder(db)
    holder.check_there()
    with holder.transaction("write") as connection:
        _check(holder, connection)
        yield connection


@contextmanager
def altering(db: Database = None) -> Iterator[Connection]:
    """Opens one write transaction over whatever the database holds, tables of any version or none.

    For what makes, replaces or rebuilds the tables themselves; foreign keys of a file are unguarded. A file that is
    missing is made, with its folder.

    Raises:
        NotARegistryError: The file is no SQLite database.
        RegistryUnavailableError: It cannot be written now.
    """
    holder = _holder(db)
    holder.make_room()
    with holder.transaction("alter") as connection:
        yield connection


@contextmanager
def looking(db: Database = None) -> Iterator[Connection]:
    """Opens one read transaction over whatever the database holds, a registry or not.

    Raises:
        RegistryMissingError: There is no such file.
        NotARegistryError: The file is no SQLite database.
        RegistryUnavailableError: It cannot be read now.
    """
    holder = _holder(db)
    holder.check_there()
    with holder.transaction("read") as connection:
        yield connection


def close(db: Database = None) -> None:
    """Closes the connections that are kept for a registry; the next use opens new ones. A file has none."""
    place = locate(db)
    if isinstance(place, Address):
        from lightml.connections.postgresql import server

        server(place, os.getpid()).close()


def tables_of(connection: Connection) -> set[str]:
    """Gives the names of the registry's tables that the database has."""
    return connection.tables() & set(schema.TABLES)


def create_tables(connection: Connection) -> None:
    """Makes every table and index that is missing, inside the caller's transaction."""
    for statement in _statements(schema.tables()):
        connection.execute(statement)


def is_current(connection: Connection) -> bool:
    """Tells whether the registry's tables are those that this version makes."""
    return (
        tables_of(connection) == set(schema.TABLES)
        and connection.indexes() >= _WANTED_INDEXES
        and "source_run_id" in connection.columns("model")
    )


def _holder(db: Database) -> Holder:
    place = locate(db)
    if isinstance(place, Path):
        return File(place)
    try:
        from lightml.connections.postgresql import server
    except ImportError as error:
        raise RegistryUnavailableError(
            f"the registry {place} needs psycopg, which cannot be imported ({error}); "
            "install it with: pip install 'lightml[postgresql]'"
        ) from error
    return server(place, os.getpid())


def _check(holder: Holder, connection: Connection) -> None:
    if holder.is_known:
        return
    if _COPY_UNDER_WAY in connection.tables():
        raise RegistryUnavailableError(
            f"{holder.place} is an unfinished copy of another store; finish it with `python -m backend.copy_store`"
        )
    if not tables_of(connection):
        raise RegistryMissingError(
            f"{holder.place} holds no registry yet; make one with `lightml init`, or register a first model"
        )
    if not is_current(connection):
        raise RegistryOutdatedError(
            f"an earlier version made the registry in {holder.place}; bring it up to date with:"
            f" lightml migrate --db {holder.place}"
        )
    holder.is_known = True


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
