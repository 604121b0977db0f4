"""What a database must offer to be copied from and to, and choosing one by a path or an address.

Owns the shape of a place. The two databases are in `sqlite` and `postgresql`.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from backend.copy_store.contents import Key, Row, Table


class CopyError(Exception):
    """A copy that cannot be begun or finished, and what to do."""


class Source(Protocol):
    """A store that is read as it was at one moment, however long that takes.

    Attributes:
        place: Where it is, in words that hold no password.
    """

    place: str

    def columns(self, table: str) -> tuple[str, ...]:
        """Gives the names of a table's columns, none where there is no such table."""

    def count(self, table: str) -> int:
        """Counts the rows of a table."""

    def batches(self, table: Table, *, after: Key | None = None, up_to: Key | None = None) -> Iterator[list[Row]]:
        """Gives the rows of a table in the order of their key, those without a key last and in one batch.

        Args:
            table: The table, with the columns that are wanted.
            after: Only rows beyond this key.
            up_to: Only rows up to this key.
        """

    def last_number(self, table: Table) -> int:
        """Gives the highest number that the database has assigned in a table, 0 where it has assigned none."""

    def orphans(self, table: str) -> list[str]:
        """Gives the keys of rows that refer to a row that is not there, where the source does not guard against it."""

    def was_written(self) -> bool:
        """Tells whether somebody wrote to the store since it was opened, where that can be told."""

    def close(self) -> None:
        """Lets go of the store."""


class Target(Protocol):
    """A store that is filled. Until `finish` it is marked as unfinished, and no logger or server opens it.

    Attributes:
        kind: The database.
        place: Where it is, in words that hold no password.
    """

    kind: Literal["sqlite", "postgresql"]
    place: str

    def describe(self, names: Sequence[str]) -> list[Table]:
        """Gives the tables of these names, in the order of the names."""

    def progress(self) -> dict[str, str] | None:
        """Gives what was noted of a copy that is under way, None where none is."""

    def begin(self, notes: dict[str, str]) -> None:
        """Marks the store as unfinished, holds the triggers back and notes what is under way, all at once."""

    def writing(self) -> AbstractContextManager[None]:
        """Opens a transaction for the calls in the block."""

    def note(self, part: str, state: str, *, former: str | None) -> None:
        """Changes a note inside a transaction.

        Raises:
            CopyError: The note is no longer the former one: another process goes on with this copy.
        """

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Adds rows inside a transaction."""

    def refuses(self, table: Table, row: Row) -> str | None:
        """Says why no index takes a row with long texts, None where all do; the row is not kept."""

    def clear(self, table: Table) -> None:
        """Removes the rows of a table inside a transaction."""

    def rows(self, table: Table) -> Iterator[list[Row]]:
        """Gives the rows of a table as they are stored now."""

    def is_empty(self, table: str) -> bool:
        """Tells whether a table has no row."""

    def continue_after(self, table: Table, number: int) -> None:
        """Makes the database assign numbers beyond this one, inside a transaction."""

    def finish(self) -> None:
        """Makes the derived tables, lets the triggers work again and takes the mark away, in one transaction.

        From then on it is a store as any other.
        """

    def close(self) -> None:
        """Lets go of the store; what is not committed is gone."""


def is_address(text: str) -> bool:
    """Tells whether a place is named by an address of PostgreSQL, not by a path."""
    return text.startswith(("postgresql://", "postgres://"))


def open_source(text: str) -> Source:
    """Opens a store to read from, bringing it up to the current schema first as every opening does.

    Raises:
        CopyError: There is no store.
        StoreError: It cannot be read.
    """
    if is_address(text):
        from backend.copy_store.postgresql import PostgresSource

        return PostgresSource(text)
    from backend.copy_store.sqlite import SqliteSource

    return SqliteSource(text)


def open_target(text: str, *, with_registry: bool) -> Target:
    """Opens a store to fill, making it where there is none.

    Args:
        text: A path, or an address of PostgreSQL.
        with_registry: Whether the tables of the model registry are made as well.

    Raises:
        StoreError: It cannot be written.
    """
    if is_address(text):
        from backend.copy_store.postgresql import PostgresTarget

        return PostgresTarget(text, with_registry=with_registry)
    from backend.copy_store.sqlite import SqliteTarget

    return SqliteTarget(text, with_registry=with_registry)
