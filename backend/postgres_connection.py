"""One connection to a PostgreSQL store: how it is opened and brought to the newest schema, and what its errors mean.

Owns the text of DATABASE_URL, which holds a password: it never leaves this module. It must not know pools, transactions
of the service, or what is asked of the store.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrDumper, StrDumperUnknown

from lab_logger import NotAStoreError, StoreError, StoreUnavailableError, schema, statements
from lab_logger.record import utc_now
from lab_logger.storage import newer_schema

UPGRADE_LOCK = 0x6C61625F6C6F67
"""The advisory lock of creation and upgrade, an arbitrary number: "lab_log" as bytes."""
_SCHEMES = ("postgresql+psycopg://", "postgresql://", "postgres://")
_LONGEST_CONNECT_S = 10
_REMEDIES = {
    "08": "check that the server runs and that host and port of DATABASE_URL are right",
    "25006": "it takes no writes; DATABASE_URL must name the primary server, not a standby",
    "28": "it refuses the user or the password; check DATABASE_URL and the server's pg_hba.conf",
    "3D000": "there is no such database; make it with createdb, or check DATABASE_URL",
    "40": "another transaction was in the way; ask again",
    "42501": "the user of DATABASE_URL lacks a right; make it the owner of the database",
    "53100": "the server's disk is full; free some space",
    "53300": "the server has too many connections; raise max_connections, or run fewer server processes",
    "53": "the server is short of something; look at its log",
    "54": "the server does not take something that large",
    "55P03": "another transaction holds a lock; raise LAB_BUSY_TIMEOUT_S or end that transaction",
    "57": "the server is being stopped or started; ask again shortly",
    "58": "the server's disk does not answer as it should; look at its log",
    "XX": "the server found its own files damaged; look at its log",
}
_UNREACHED = "check that the server runs, and host, port, user and password of DATABASE_URL"
_MISSING = (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn)
_MISTAKES = (psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError)
_OTHER_TABLES = (errors.DuplicateTable, errors.DuplicateFunction, errors.DuplicateObject, errors.UndefinedColumn)
_NO_MISTAKES = (errors.InsufficientPrivilege, errors.InvalidCatalogName)
_RECORD_VERSION = re.sub(r":(\w+)", r"%(\1)s", statements.RECORD_VERSION).encode()


class Address:
    """A database as DATABASE_URL names it, with whatever parameters libpq knows.

    Args:
        url: `postgresql://user:password@host:port/name?parameter=value`.
        busy_timeout_s: How long to wait for a server that does not answer, and for the lock of an upgrade, in seconds.

    Attributes:
        place: The database in words that hold no password.
    """

    def __init__(self, url: str, *, busy_timeout_s: float) -> None:
        self._lock_timeout_ms = max(1, math.ceil(busy_timeout_s * 1000))
        scheme = next((each for each in _SCHEMES if url.startswith(each)), "")
        try:
            self._parts: dict[str, Any] | None = conninfo_to_dict("postgresql://" + url.removeprefix(scheme))
        except psycopg.Error:  # its words may hold the password
            self._parts = None
            self.place = "the database at DATABASE_URL"
            return
        waits_s = min(_LONGEST_CONNECT_S, max(2, math.ceil(busy_timeout_s)))
        self._parts = {"connect_timeout": waits_s, "application_name": "lab server"} | self._parts
        self.place = _place(self._parts)

    def connect(self) -> psycopg.Connection[Any]:
        """Opens a connection whose database has the schema of this version, which is made or upgraded where needed.

        Raises:
            StoreUnavailableError: The server cannot be reached, or refuses.
            NotAStoreError: The database cannot hold a store.
            SchemaTooNewError: A later version of this package made the store.
        """
        if self._parts is None:
            raise StoreUnavailableError(
                "DATABASE_URL is no address of a PostgreSQL database; write postgresql://user:password@host:5432/name, "
                "with %40 for @, %3A for :, %2F for / and %25 for % within the user or the password"
            )
        with self.errors():
            connection: psycopg.Connection[Any] = psycopg.connect(
                make_conninfo(**self._parts), client_encoding="utf8", prepare_threshold=None
            )
            try:
                for dumper in (_StorableText, _StorableUnknown):
                    connection.adapters.register_dumper(str, dumper)
                connection.execute("SET jit = off")  # to compile a question takes longer than to answer it
                self._bring_up_to_date(connection)
            except BaseException:
                connection.close()
                raise
            return connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns what psycopg raises in the block into errors of this package, but for mistakes in a statement."""
        try:
            yield
        except psycopg.Error as error:
            if is_mistake(error):
                raise
            raise self.error(error) from error

    def error(self, error: psycopg.Error) -> StoreError:
        """Gives the error of this package that says what an error of psycopg means and what to do about it."""
        words = " ".join(str(error).split())
        password = (self._parts or {}).get("password")
        if password:
            words = words.replace(str(password), "***")
        code = error.sqlstate or ""
        remedy = next((text for prefix, text in _REMEDIES.items() if code.startswith(prefix)), None)
        if remedy is None:
            remedy = "see the error's cause" if code else _UNREACHED
        return StoreUnavailableError(f"cannot use the store {self.place} ({words}): {remedy}")

    def _bring_up_to_date(self, connection: psycopg.Connection[Any]) -> None:
        """In one transaction under one lock, so that any number of servers may start at once."""
        if self._checked_version(connection) < schema.VERSION:
            connection.execute(f"SET LOCAL lock_timeout = {self._lock_timeout_ms}".encode())
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (UPGRADE_LOCK,))
            for version in range(self._checked_version(connection) + 1, schema.VERSION + 1):
                self._upgrade(connection, version)
        connection.commit()

    def _upgrade(self, connection: psycopg.Connection[Any], version: int) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise NotAStoreError(
                f"{self.place} has the encoding {encoding}; make a database with createdb --encoding=UTF8 "
                "--template=template0, and name it in DATABASE_URL"
            )
        try:
            connection.execute(schema.migration(version, dialect="postgresql").encode())
        except _OTHER_TABLES as error:
            raise NotAStoreError(
                f"{self.place} holds other tables than a store has ({error}); name another database in DATABASE_URL"
            ) from error
        connection.execute(_RECORD_VERSION, {"version": version, "applied_at": utc_now()})

    def _checked_version(self, connection: psycopg.Connection[Any]) -> int:
        found = schema_version(connection)
        if found > schema.VERSION:
            raise newer_schema(found)
        return found


def schema_version(connection: psycopg.Connection[Any]) -> int:
    """Gives the schema version of an open database; 0 for one without a store."""
    row = connection.execute("SELECT to_regclass('schema_versions') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return 0
    row = connection.execute("SELECT max(version) FROM schema_versions").fetchone()
    return (row[0] if row else None) or 0


def is_mistake(error: BaseException | None) -> bool:
    """Tells whether an error says that a statement is wrong, not that the store does not answer."""
    if isinstance(error, (*_NO_MISTAKES, *_MISSING)):
        return False
    return isinstance(error, _MISTAKES) or not isinstance(error, psycopg.Error)


def is_missing(error: BaseException | None) -> bool:
    """Tells whether an error says that the schema has gone, as after a restore into an empty database."""
    return isinstance(error, _MISSING)


class _StorableText(StrDumper):
    """Text as PostgreSQL can hold it: without the character NUL, and without what UTF-8 cannot say."""

    def dump(self, obj: str) -> bytes:
        return _storable(obj)


class _StorableUnknown(StrDumperUnknown):
    """The same where PostgreSQL finds out for itself what type is meant."""

    def dump(self, obj: str) -> bytes:
        return _storable(obj)


def _storable(text: str) -> bytes:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace")


def _place(parts: dict[str, Any]) -> str:
    user, host, port, name = (str(parts.get(key) or "") for key in ("user", "host", "port", "dbname"))
    is_socket = host.startswith("/")
    server = f"{user and f'{user}@'}{'' if is_socket else host or 'localhost'}{port and f':{port}'}"
    return f"postgresql://{server}/{name or user}{f'?host={host}' if is_socket else ''}"
