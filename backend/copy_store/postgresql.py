"""A PostgreSQL database to copy from and to.

Owns what is specific to PostgreSQL: the snapshot, COPY, the triggers, the limits of an index. The schema is made by
`postgres_store`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
from psycopg.sql import SQL, Composed, Identifier
from psycopg.sql import Literal as Constant

from backend.copy_store.contents import DERIVED, REGISTRY, RUNS, UNDER_WAY, Column, Key, Row, Table
from backend.copy_store.places import CopyError
from backend.postgres_connection import Address
from lab_logger import schema
from lab_logger.record import utc_now
from lightml import connections

_BUSY_TIMEOUT_S = 30.0
_TYPES: dict[str, tuple[Literal["text", "integer", "float"], int]] = {
    "text": ("text", 0),
    "smallint": ("integer", 16),
    "integer": ("integer", 32),
    "bigint": ("integer", 64),
    "real": ("float", 0),
    "double precision": ("float", 0),
}
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity <> '',
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND a.attnum = ANY (i.indkey::int2[])),
       (SELECT array_position(i.indkey::int2[], a.attnum) - array_lower(i.indkey::int2[], 1) + 1 FROM pg_index i
        WHERE i.indrelid = a.attrelid AND i.indisprimary)
FROM pg_attribute a WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_TRIGGERED = """
SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS names (name)) ORDER BY 1"""

_DERIVE = (
    *(f"DELETE FROM {table}" for table in DERIVED),
    "SELECT count(*) FROM (SELECT lab_derive_index(m) FROM manifests AS m OFFSET 0) AS done",
    "SELECT count(*) FROM (SELECT lab_derive_metrics(m) FROM manifests AS m OFFSET 0) AS done",
    "SELECT count(*) FROM (SELECT lab_derive_params(m) FROM manifests AS m OFFSET 0) AS done",
    "SELECT count(*) FROM (SELECT lab_derive_text(m) FROM manifests AS m OFFSET 0) AS done",
)
"""The functions are those of the triggers, so that both make the same rows."""

Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresSource:
    """A PostgreSQL store, read in one REPEATABLE READ transaction.

    A database that holds a model registry alone is a source too.

    Raises:
        CopyError: The database cannot be reached, or holds neither runs nor a registry.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection = _connect(address)
        self.place = _place(self._connection, address)
        if _exists(self._connection, UNDER_WAY):
            raise CopyError(f"{self.place} is itself an unfinished copy; finish that first")
        if _exists(self._connection, "manifests"):
            _make_schema(address)
        elif not _exists(self._connection, "model"):
            raise CopyError(f"{self.place} holds neither runs nor a model registry; name the store to copy")
        self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._counts = self._count_all(self._connection)

    def columns(self, table: str) -> tuple[str, ...]:
        """Gives the names of a table's columns, none where there is no such table."""
        return tuple(row[0] for row in self._connection.execute(_COLUMNS, (table,)))

    def count(self, table: str) -> int:
        """Counts the rows of a table."""
        return _count(self._connection, table)

    def batches(self, table: Table, *, after: Key | None = None, up_to: Key | None = None) -> Iterator[list[Row]]:
        """Gives the rows in the order of their key."""
        key = _names(table.key)
        conditions = [
            SQL("({}) {} ({})").format(key, SQL(comparison), SQL(", ").join(map(Constant, bound)))
            for comparison, bound in ((">", after), ("<=", up_to))
            if bound is not None
        ]
        query = SQL("SELECT {} FROM {} WHERE {} ORDER BY {}").format(
            _names(table.names), Identifier(table.name), SQL(" AND ").join([SQL("true").format(), *conditions]), key
        )
        yield from _stream(self._connection, query, table.batch_rows)

    def last_number(self, table: Table) -> int:
        """Gives the highest number that the table's sequence has assigned, or that a row has."""
        assert table.serial is not None
        query = SQL(
            "SELECT greatest(coalesce(pg_sequence_last_value(pg_get_serial_sequence({name}, {serial})::regclass), 0), "
            "coalesce(max({column}), 0)) FROM {table}"
        ).format(
            name=Constant(table.name),
            serial=Constant(table.serial),
            column=Identifier(table.serial),
            table=Identifier(table.name),
        )
        return int(_one(self._connection, query))

    def orphans(self, table: str) -> list[str]:
        """Gives nothing: PostgreSQL guards what a row refers to."""
        return []

    def was_written(self) -> bool:
        """Tells whether rows came or went since the store was opened; changed rows are not noticed."""
        with _connect(self._address) as connection:
            return self._count_all(connection) != self._counts

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _count_all(self, connection: Connection) -> list[int]:
        return [_count(connection, table) for table in (*RUNS, *REGISTRY) if _exists(connection, table)]


class PostgresTarget:
    """A PostgreSQL database that is filled.

    Args:
        address: The database; it exists, its tables are made where they are missing.
        with_registry: Whether the tables of the model registry are made as well.
    """

    kind: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, address: str, *, with_registry: bool) -> None:
        self._connection = _connect(address)
        self.place = _place(self._connection, address)
        if not _exists(self._connection, UNDER_WAY):
            _make_schema(address)
            if with_registry:
                _make_registry(address)

    def describe(self, names: Sequence[str]) -> list[Table]:
        """Gives the tables of these names."""
        return [self._describe(name) for name in names]

    def progress(self) -> dict[str, str] | None:
        """Gives what was noted of a copy that is under way, None where none is."""
        if not _exists(self._connection, UNDER_WAY):
            return None
        return dict(self._connection.execute(f"SELECT part, state FROM {UNDER_WAY}").fetchall())

    def begin(self, notes: dict[str, str]) -> None:
        """Marks the database as unfinished and disables the triggers, which `finish` enables again."""
        with self.writing():
            self._switch_triggers("DISABLE")
            self._connection.execute(f"CREATE TABLE {UNDER_WAY} (part text PRIMARY KEY, state text NOT NULL)")
            for part, state in notes.items():
                self.note(part, state, former=None)
            self._connection.execute(
                "INSERT INTO schema_versions (version, applied_at) VALUES (%s, %s)", (schema.COPY_UNDER_WAY, utc_now())
            )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Opens a transaction for the calls in the block."""
        with self._connection.transaction():
            yield

    def note(self, part: str, state: str, *, former: str | None) -> None:
        """Changes a note inside a transaction; see `Target.note`."""
        if not self._changes_note(part, state, former):
            raise CopyError(f"another process goes on with the copy into {self.place}, or has finished it; let it")

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Adds rows inside a transaction, by COPY."""
        statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table.name), _names(table.names))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def refuses(self, table: Table, row: Row) -> str | None:
        """Says why no index takes a row: PostgreSQL alone knows, because it compresses what it indexes."""
        statement = SQL("INSERT INTO {} ({}) VALUES ({})").format(
            Identifier(table.name), _names(table.names), SQL(", ").join(SQL("%s") * len(row))
        )
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(statement, row)
        except psycopg.errors.ProgramLimitExceeded as error:
            return f"is too long: {error.diag.message_primary}"
        except psycopg.errors.IntegrityError:
            return None  # what it refers to is not there yet, or it is there already; its length was no hindrance
        return None

    def clear(self, table: Table) -> None:
        """Removes the rows of a table inside a transaction."""
        self._connection.execute(SQL("DELETE FROM {}").format(Identifier(table.name)))

    def rows(self, table: Table) -> Iterator[list[Row]]:
        """Gives the rows of a table as they are stored now."""
        query = SQL("SELECT {} FROM {}").format(_names(table.names), Identifier(table.name))
        with self._connection.transaction():
            yield from _stream(self._connection, query, table.batch_rows)

    def is_empty(self, table: str) -> bool:
        """Tells whether a table has no row."""
        return not _one(self._connection, SQL("SELECT EXISTS (SELECT 1 FROM {})").format(Identifier(table)))

    def continue_after(self, table: Table, number: int) -> None:
        """Makes the table's sequence go on beyond this number."""
        assert table.serial is not None
        if number > 0:
            statement = "SELECT setval(pg_get_serial_sequence(%s, %s), %s)"
            self._connection.execute(statement, (table.name, table.serial, number))

    def finish(self) -> None:
        """Makes the derived tables, enables the triggers and takes the mark away, in one transaction."""
        with self.writing():
            for statement in _DERIVE:
                self._connection.execute(statement)
            self._switch_triggers("ENABLE")
            self._connection.execute("DELETE FROM schema_versions WHERE version = %s", (schema.COPY_UNDER_WAY,))
            self._connection.execute(f"DROP TABLE {UNDER_WAY}")
        self._connection.execute("ANALYZE")

    def close(self) -> None:
        """Closes the connection; what is not committed is gone."""
        self._connection.close()

    def _changes_note(self, part: str, state: str, former: str | None) -> bool:
        if not _exists(self._connection, UNDER_WAY):
            return False
        if former is None:
            statement = f"INSERT INTO {UNDER_WAY} (state, part) VALUES (%s, %s) ON CONFLICT DO NOTHING"
            return self._connection.execute(statement, (state, part)).rowcount == 1
        statement = f"UPDATE {UNDER_WAY} SET state = %s WHERE part = %s AND state = %s"
        return self._connection.execute(statement, (state, part, former)).rowcount == 1

    def _switch_triggers(self, switch: Literal["ENABLE", "DISABLE"]) -> None:
        for (table,) in self._connection.execute(_TRIGGERED, (list(RUNS),)).fetchall():
            self._connection.execute(SQL("ALTER TABLE {} {} TRIGGER USER").format(Identifier(table), SQL(switch)))

    def _describe(self, name: str) -> Table:
        found = self._connection.execute(_COLUMNS, (name,)).fetchall()
        columns = []
        for column, declared, is_required, _, is_indexed, _ in found:
            kind, bits = _TYPES[declared]
            columns.append(Column(column, kind, bits, is_nullable=not is_required, is_indexed=is_indexed))
        key = tuple(row[0] for row in sorted(found, key=lambda row: row[5] or 0) if row[5])
        serial = next((row[0] for row in found if row[3]), None)
        return Table(name, tuple(columns), key, serial)


def _connect(address: str) -> Connection:
    place = Address(address, busy_timeout_s=_BUSY_TIMEOUT_S).place
    plain = "postgresql://" + address.partition("://")[2]
    try:
        return psycopg.connect(plain, autocommit=True, application_name="copy_store", client_encoding="utf8")
    except psycopg.OperationalError as error:
        raise CopyError(f"cannot reach {place}: {' '.join(str(error).split())}") from error
    except psycopg.Error:
        # Its words may hold the password, and so may the chain.
        raise CopyError("an address cannot be read; write postgresql://user@host:5432/name") from None


def _place(connection: Connection, address: str) -> str:
    place = Address(address, busy_timeout_s=_BUSY_TIMEOUT_S).place
    where = _one(connection, SQL("SELECT current_schema()"))
    return place if where == "public" else f"{place}, schema {where}"


def _make_schema(address: str) -> None:
    Address(address, busy_timeout_s=_BUSY_TIMEOUT_S).connect().close()


def _make_registry(address: str) -> None:
    connections.ensure(address)
    connections.close(address)


def _exists(connection: Connection, table: str) -> bool:
    return bool(_one(connection, SQL("SELECT to_regclass({}) IS NOT NULL").format(Constant(table))))


def _count(connection: Connection, table: str) -> int:
    return int(_one(connection, SQL("SELECT count(*) FROM {}").format(Identifier(table))))


def _one(connection: Connection, query: SQL | Composed) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def _stream(connection: Connection, query: SQL | Composed, batch_rows: int) -> Iterator[list[Row]]:
    with connection.cursor(name="copied_rows", binary=True) as cursor:
        cursor.execute(query)
        while batch := cursor.fetchmany(batch_rows):
            yield batch


def _names(names: Sequence[str]) -> SQL | Composed:
    return SQL(", ").join(map(Identifier, names))
