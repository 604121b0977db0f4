"""What the service asks of the database behind it, whichever that is.

Owns the shape that a store has. The databases are in `sqlite_store` and `postgres_store`; `opening` chooses one.
"""

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from sqlalchemy import Connection

SeriesPoint = tuple[int, int, int, float | None]
"""A row of `metric_points`: series, step, milliseconds since 1970 in UTC, value (None stands for NaN)."""


class Store(Protocol):
    """The store of runs, opened at the first request that needs it; safe to share between threads.

    A store that cannot be reached fails the request, not the service; the next request tries again. Whatever goes wrong
    with the database is raised as a `StoreError` of `lab_logger`.

    Attributes:
        kind: The database.
        place: Where it is, in words that hold no password.
    """

    kind: Literal["sqlite", "postgresql"]
    place: str

    def read(self) -> AbstractContextManager[Connection]:
        """Opens a read-only transaction: every statement in it sees the store at one moment."""

    def write(self, *, patiently: bool = True) -> AbstractContextManager[Connection]:
        """Opens a transaction that may write, committed durably at the end of the block unless it raises.

        Args:
            patiently: Whether to wait for another writer, or to give up almost at once.
        """

    def add_points(self, connection: Connection, points: Sequence[SeriesPoint]) -> None:
        """Stores points in an open write transaction; a step that is there already takes the new value.

        Args:
            connection: The transaction, from `write`.
            points: Rows whose series are in `metric_series`; of several with the same series and step, the last counts.
        """

    def change_mark(self) -> Hashable:
        """Gives a mark that differs whenever the store has changed since an earlier mark."""

    def is_there(self) -> bool:
        """Tells whether there is a store; reading one that is not there would make it."""

    def schema_version(self) -> int:
        """Gives the schema version of the store."""

    def close(self) -> None:
        """Closes every connection; the next request opens them again."""
