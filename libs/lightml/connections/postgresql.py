"""A registry in a PostgreSQL database.

Owns connections and transactions of that kind, and what is specific to PostgreSQL. Connections are kept for the next
transaction, because making one takes longer than most transactions. Whoever writes holds one lock, as in a SQLite file:
what was looked up is still so when it is written.
"""

import atexit
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, ClassVar, Final

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from lightml import schema
from lightml.connections.contract import Address, Kind, Rows
from lightml.errors import InvalidEntryError, RegistryMissingError, RegistryUnavailableError

MOST_CONNECTIONS: Final = 32
_MOST_IDLE: Final = 8
_WAIT_S: Final = 30.0
_CONNECT_TIMEOUT_S: Final = "10"
_LOCK: Final = int.from_bytes(b"lightml")
_WRITE: Final = f"""
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL lock_timeout = '{_WAIT_S:.0f}s';
    SELECT pg_advisory_xact_lock({_LOCK})
""".encode()
_BEGIN: Final[dict[Kind, bytes]] = {
    "read": b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "write": _WRITE,
    "alter": _WRITE,
}
_GREATEST: Final = 2**63 - 1
_PLACEHOLDER: Final = re.compile(r"'[^']*'|\?|:([a-z_]+)|%")
_WILD: Final = {"*": "%", "?": "_", "%": r"\%", "_": r"\_", "\\": r"\\"}
_MISTAKES: Final = (
    psycopg.IntegrityError, psycopg.DataError, psycopg.InterfaceError, psycopg.NotSupportedError, errors.SyntaxError,
    errors.UndefinedColumn, errors.UndefinedFunction, errors.DatatypeMismatch, errors.IndeterminateDatatype,
)  # fmt: skip
"""Errors that say the statement or its values are wrong, not that the database does not answer."""


class Row(tuple[Any, ...]):
    """A row that can be read by position and by name, as `sqlite3.Row`."""

    __slots__ = ()
    _places: ClassVar[dict[str, int]] = {}

    def keys(self) -> Iterable[str]:
        """Gives the names of the columns, in order."""
        return self._places.keys()

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self._places[key] if isinstance(key, str) else key)


class ServerConnection:
    """An open registry; see `contract.Connection`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[object] | Mapping[str, object] = (), /) -> Rows:
        """Executes one statement; its values stand as `?` or `:name`."""
        _check_values(values.values() if isinstance(values, Mapping) else values)
        return self._connection.execute(_translated(statement), values)

    def execute_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Executes one statement for each of many rows of values, without waiting for one before the next."""
        for row in rows:
            _check_values(row)
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(_translated(statement), rows)

    def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Inserts many rows at once, ids in the order of the rows."""
        if not rows:
            return
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                _check_values(row)
                copy.write_row(row)

    def pattern(self, text: str | None) -> str | None:
        """Gives a pattern for LIKE."""
        return None if text is None else "".join(_WILD.get(character, character) for character in text)

    def tables(self) -> set[str]:
        """Gives the names of every table there is in the schema that tables are made in."""
        return self._names("r")

    def indexes(self) -> set[str]:
        """Gives the names of every index there is in that schema."""
        return self._names("i")

    def columns(self, table: str) -> list[str]:
        """Gives the names of a table's columns; none for a table that is not there."""
        rows = self.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped"
            " ORDER BY attnum",
            (table,),
        )
        return [name for (name,) in rows]

    def _names(self, kind: str) -> set[str]:
        rows = self.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace AS space ON space.oid = relnamespace"
            " WHERE nspname = current_schema() AND relkind = ?",
            (kind,),
        )
        return {name for (name,) in rows}


class Server:
    """A PostgreSQL database that holds a registry, or may; see `contract.Holder`. Threads may share it."""

    def __init__(self, address: Address) -> None:
        self.place = address
        self.is_known = False
        self._options = _options(address)
        self._process = os.getpid()
        self._idle: list[psycopg.Connection[Any]] = []
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def check_there(self) -> None:
        """Does nothing: opening a database tells."""

    def make_room(self) -> None:
        """Does nothing: the database is made by whoever runs the server."""

    @contextmanager
    def transaction(self, kind: Kind) -> Iterator[ServerConnection]:
        """Opens a transaction."""
        if not self._free.acquire(timeout=_WAIT_S):
            raise RegistryUnavailableError(f"the registry {self.place} has more requests than it can take; ask again")
        try:
            with self._reporting():
                connection = self._begin(_BEGIN[kind])
                try:
                    yield ServerConnection(connection)
                    connection.execute(b"COMMIT")
                finally:
                    self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Closes the connections that nobody uses. A forked process leaves alone those of the one it came from."""
        if self._process != os.getpid():
            return
        with self._lock:
            idle, self._idle, self.is_known = self._idle, [], False
        for connection in idle:
            connection.close()

    def _begin(self, statement: bytes) -> psycopg.Connection[Any]:
        """Gives a connection with a transaction begun. A kept one may have been closed by the server meanwhile."""
        while (connection := self._kept()) is not None:
            try:
                connection.execute(statement)
            except psycopg.OperationalError:
                is_lost = connection.broken
                connection.close()
                if not is_lost:
                    raise
            else:
                return connection
        connection = psycopg.connect(**self._options, autocommit=True, cursor_factory=psycopg.ClientCursor)
        try:
            connection.row_factory = _named_rows
            self._check_encoding(connection)
            connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_encoding(self, connection: psycopg.Connection[Any]) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise RegistryUnavailableError(
                f"the database {self.place} has the encoding {encoding}, which does not hold every text;"
                " make one with createdb --encoding=UTF8 --template=template0"
            )

    def _kept(self) -> psycopg.Connection[Any] | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: psycopg.Connection[Any]) -> None:
        with suppress(psycopg.Error):
            if connection.info.transaction_status != TransactionStatus.IDLE:
                connection.execute(b"ROLLBACK")
        is_usable = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        with self._lock:
            if is_usable and len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except errors.UndefinedTable as error:
            self.is_known = False
            raise RegistryMissingError(f"{self.place} holds no registry any more ({_first_line(error)})") from error
        except _MISTAKES:
            raise
        except UnicodeEncodeError as error:
            raise InvalidEntryError(f"{error.object!r} holds characters that no registry stores; correct it") from error
        except OverflowError as error:
            raise InvalidEntryError(
                f"a whole number is greater than a registry stores ({error}); correct it"
            ) from error
        except psycopg.Error as error:
            raise RegistryUnavailableError(f"cannot use the registry {self.place} ({_first_line(error)})") from error


@lru_cache(maxsize=64)
def server(address: Address, process: int) -> Server:
    """Gives the one `Server` of an address in a process; a forked process must not use its parent's connections."""
    made = Server(address)
    atexit.register(made.close)
    return made


def _options(address: Address) -> dict[str, Any]:
    """Gives what to connect with.

    Raises:
        RegistryUnavailableError: The address cannot be read. Nothing of it is said, because where it holds an unescaped
            `@` or `/`, what looks like a host may be the end of a password.
    """
    rest = address.url.partition("://")[2].partition("?")[0]
    unclear = rest.count("@") > 1 or "@" in rest.partition("/")[2]
    with suppress(psycopg.Error):
        if not unclear:
            options = conninfo_to_dict(address.url)
            defaults = {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "lightml"}
            return {**defaults, **options, "client_encoding": "utf8"}
    raise RegistryUnavailableError(
        "the address of the registry is no PostgreSQL address; give postgresql://user:password@host:5432/name, with"
        " @ : / ? # % and spaces in user and password percent-encoded, such as %40 for @"
    )


def _named_rows(cursor: Any) -> Any:
    description = cursor.description
    return tuple if description is None else _row_type(tuple(column.name for column in description))


@lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...]) -> type[Row]:
    return type("Row", (Row,), {"__slots__": (), "_places": {name: place for place, name in enumerate(names)}})


@lru_cache(maxsize=512)
def _translated(statement: str) -> bytes:
    """Gives a statement in PostgreSQL's words and the driver's placeholders."""
    return _PLACEHOLDER.sub(_placeholder, schema.spell(statement, "postgresql")).encode()


def _placeholder(found: re.Match[str]) -> str:
    if found[1] is not None:
        return f"%({found[1]})s"
    return "%s" if found[0] == "?" else found[0].replace("%", "%%")


def _check_values(values: Iterable[object]) -> None:
    for value in values:
        if isinstance(value, str):
            if "\0" in value:
                raise InvalidEntryError(f"{value!r} holds characters that no registry stores; correct it")
        elif isinstance(value, int) and not -_GREATEST <= value <= _GREATEST:
            raise OverflowError(f"{value} has more than 64 bits")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
