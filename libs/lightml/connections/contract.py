"""What the registry asks of the database behind it, whichever that is.

Owns the shape of an open registry and the names of places. The SQL that is sent through it is that of SQLite and
PostgreSQL both; where the two differ stands a word such as `${glob}`, which `schema.spell` fills in.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Kind = Literal["read", "write", "alter"]
"""What a transaction is for: reading, writing rows, or making and replacing the tables themselves."""

_SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """The address of a PostgreSQL database that holds a registry. As text it shows no password.

    Attributes:
        url: `postgresql://user:password@host:5432/name`, or any other URI that libpq reads.
    """

    url: str

    def __str__(self) -> str:
        """Gives the address without password and options."""
        rest = self.url.partition("://")[2].partition("?")[0]
        credentials, at, where = rest.rpartition("@")
        return f"postgresql://{credentials.partition(':')[0]}{at}{where}"

    __repr__ = __str__


Place = Path | Address
"""Where a registry is: an absolute path, or an address."""

Database = str | os.PathLike[str] | Address | None
"""A registry as callers name it: a file, a `postgresql://` address, or None for the tracker's own store."""


class Rows(Protocol):
    """The rows that a statement gave; each can be read by name, by position, and as a whole by `dict`."""

    def fetchone(self) -> Any:
        """Gives the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Gives the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Goes through the rows that are left."""


class Connection(Protocol):
    """An open transaction on a registry."""

    def execute(self, statement: str, values: Sequence[object] | Mapping[str, object] = (), /) -> Rows:
        """Executes one statement; its values stand as `?` or `:name`."""

    def execute_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Executes one statement for each of many rows of values, which stand as `?`."""

    def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Inserts many rows at once, ids in the order of the rows."""

    def pattern(self, text: str | None) -> str | None:
        """Gives a pattern of `*`, `?` and plain characters as `${glob}` takes it; None stays None."""

    def tables(self) -> set[str]:
        """Gives the names of every table there is, the registry's or not."""

    def indexes(self) -> set[str]:
        """Gives the names of every index there is."""

    def columns(self, table: str) -> list[str]:
        """Gives the names of a table's columns; none for a table that is not there."""


class Holder(Protocol):
    """A database that holds a registry, or may.

    Attributes:
        place: Where it is.
        is_known: Whether its tables were found to be those of this version, and need not be looked at again.
    """

    is_known: bool

    @property
    def place(self) -> Place:
        """Where it is."""

    def check_there(self) -> None:
        """Makes sure that there is something to open.

        Raises:
            RegistryMissingError: There is not.
        """

    def make_room(self) -> None:
        """Makes what a registry needs before it can be opened, such as a file's folder.

        Raises:
            RegistryUnavailableError: It cannot be made.
        """

    def transaction(self, kind: Kind) -> AbstractContextManager[Connection]:
        """Opens a transaction, committed at the end of the block, taken back whole if the block raises.

        Of all transactions that are not for reading, one runs at a time; one for reading sees a single moment.

        Raises:
            RegistryError: The database cannot be used.
        """


def is_address(db: Database) -> bool:
    """Tells whether a registry is named by the address of a PostgreSQL database."""
    return isinstance(db, Address) or (isinstance(db, str) and db.startswith(_SCHEMES))
