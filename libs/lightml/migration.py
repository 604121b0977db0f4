"""Brings a registry that an earlier version made up to date.

Owns how the old tables of a SQLite file become today's: they are rebuilt from `schema`, in one transaction, ids kept.
Other tables in the file are never touched. In a PostgreSQL database no earlier version made any.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from lightml import schema
from lightml.connections import (
    Connection,
    Database,
    Place,
    altering,
    create_tables,
    is_current,
    locate,
    reading,
    tables_of,
)
from lightml.connections.sqlite import open_file
from lightml.errors import NotARegistryError, RegistryMissingError
from lightml.models.migrate import MigrateResult

_WITHOUT_SCORES, _WITHOUT_CONSTRAINTS = 1, 2
_NEEDED = {
    "run": {"id", "run_name"},
    "model": {"id", "model_name", "run_id", "parent_id"},
    "checkpoint": {"id", "model_id", "step", "path"},
    "metrics": {"id", "model_id", "checkpoint_id", "family", "metric_name", "value"},
}
_ALSO = {
    "detailed_scores": {"metric_id", "scores", "n_samples"},
    "registry_schema": {"family", "metric_name"},
}
_KEPT = {
    "run": "SELECT id, max(id) OVER (PARTITION BY run_name) AS kept FROM old_run",
    "model": """
        SELECT model.id, max(model.id) OVER (PARTITION BY model_name, run.kept) AS kept, run.kept AS run_id
        FROM old_model AS model JOIN kept_run AS run ON run.id = model.run_id""",
    "checkpoint": """
        SELECT one.id, max(one.id) OVER (PARTITION BY model.kept, step, coalesce(one.path, '')) AS kept,
            model.kept AS model_id
        FROM old_checkpoint AS one JOIN kept_model AS model ON model.id = one.model_id""",
    # A metric with both owners, as other programs may write it, is the checkpoint's, which is the nearer one.
    "metrics": """
        SELECT one.id, max(one.id) OVER (PARTITION BY model.kept, holder.kept, family, metric_name) AS kept,
            model.kept AS model_id, holder.kept AS checkpoint_id
        FROM old_metrics AS one
        LEFT JOIN kept_checkpoint AS holder ON holder.id = one.checkpoint_id
        LEFT JOIN kept_model AS model ON model.id = one.model_id AND one.checkpoint_id IS NULL
        WHERE model.kept IS NOT NULL OR holder.kept IS NOT NULL""",
    "detailed_scores": """
        SELECT metric_id AS id, metric_id AS kept
        FROM old_detailed_scores JOIN kept_metrics ON id = metric_id AND id = kept""",
}
"""For each table, which of its rows can be kept under which id, doubles under that of the newest, with what they hang
on. A row that hangs on nothing is not among them."""

_OWNERS = {"model": {"run_id"}, "checkpoint": {"model_id"}, "metrics": {"model_id", "checkpoint_id"}}
"""The columns that come from `_KEPT` rather than from the old table."""


def migrate(db: Database = None) -> MigrateResult:
    """Brings a registry up to date; one that is needs nothing, and `changes` is empty.

    Ids stay. Where older versions stored something twice, the newest row stays, and what hangs on the older ones moves
    to it; rows that hang on nothing go. Before anything is dropped, the file is copied to `<name>.before-migrate.db`.

    Raises:
        RegistryMissingError: There is no such file, or it holds no registry.
        NotARegistryError: The file is no SQLite database, its tables of those names are not a registry's, or a row
            does not fit, such as a metric without a value.
        RegistryUnavailableError: The file cannot be written now.
    """
    path = locate(db)
    if not isinstance(path, Path):
        with reading(path):  # which refuses what is not current
            return _nothing_to_do()
    if not path.is_file():
        raise RegistryMissingError(f"there is no registry at {path}; make one with `lightml init`, or correct the path")
    with altering(db) as connection:
        found = tables_of(connection)
        if not found:
            raise RegistryMissingError(f"{path} holds no registry; make one with `lightml init`, or correct the path")
        check_tables(connection, path)
        if is_current(connection):
            return _nothing_to_do()
        version = _WITHOUT_CONSTRAINTS if "detailed_scores" in found else _WITHOUT_SCORES
        _set_aside(connection, found)
        losses = [*_lost_rows(connection, found), *_lost_columns(connection, found)]
        backup = _back_up(path) if losses else None
        try:
            _rebuild(connection, found)
        except sqlite3.IntegrityError as error:
            raise NotARegistryError(f"{path} stays as it was: a row does not fit today's tables ({error})") from error
        _check_references(connection, path)
    changes = [f"added the table {table}" for table in schema.TABLES if table not in found]
    changes.append("rebuilt the tables, with constraints against storing anything twice")
    return MigrateResult(from_version=version, to_version=schema.VERSION, changes=[*changes, *losses], backup=backup)


def check_tables(connection: Connection, path: Place) -> None:
    """Makes sure that the database's tables of the registry's names are a registry's, of whatever version.

    Raises:
        NotARegistryError: They are another program's; names what is missing.
    """
    found = tables_of(connection)
    for table, needed in {**_NEEDED, **{name: _ALSO[name] for name in _ALSO if name in found}}.items():
        missing = needed - set(connection.columns(table))
        if missing:
            what = f"no column {', '.join(sorted(missing))} in the table {table}" if table in found else f"no {table}"
            raise NotARegistryError(
                f"{path} has tables called {', '.join(sorted(found))}, but they are no registry's: there is {what};"
                " give another place"
            )


def _nothing_to_do() -> MigrateResult:
    return MigrateResult(from_version=schema.VERSION, to_version=schema.VERSION, changes=[])


def _set_aside(connection: Connection, found: set[str]) -> None:
    """Copies the old tables into temporary ones, and finds out which rows can be kept."""
    for table in schema.TABLES:
        if table in found:
            connection.execute(f"CREATE TEMP TABLE old_{table} AS SELECT * FROM main.{table}")
    for table, query in _KEPT.items():
        if table in found:
            connection.execute(f"CREATE TEMP TABLE kept_{table} AS {query}")
            connection.execute(f"CREATE INDEX temp.kept_{table}_id ON kept_{table} (id)")


def _lost_rows(connection: Connection, found: set[str]) -> list[str]:
    losses = []
    for table in _KEPT:
        if table not in found:
            continue
        (doubles,) = connection.execute(f"SELECT count(*) FROM kept_{table} WHERE id <> kept").fetchone()
        if doubles:
            losses.append(f"dropped {doubles} older {_plural(doubles, 'double', 'doubles')} of {table}")
        (total,) = connection.execute(f"SELECT count(*) FROM old_{table}").fetchone()
        (placed,) = connection.execute(f"SELECT count(*) FROM kept_{table}").fetchone()
        if total > placed:
            count = total - placed
            losses.append(f"dropped {count} {_plural(count, 'row', 'rows')} of {table} that belonged to nothing left")
    return losses


def _lost_columns(connection: Connection, found: set[str]) -> list[str]:
    with closing(open_file(":memory:")) as fresh:
        create_tables(fresh)
        return [
            f"dropped the column {column} of {table}, which no version of the registry knows"
            for table in schema.TABLES
            if table in found
            for column in connection.columns(table)
            if column not in fresh.columns(table)
        ]


def _back_up(path: Path) -> Path:
    """Copies the file under a free name; the caller's transaction keeps writers out, and has written nothing yet."""
    target = path.with_name(f"{path.stem}.before-migrate.db")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.stem}.before-migrate-{number}.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    return target


def _rebuild(connection: Connection, found: set[str]) -> None:
    given_out = _sequences(connection)
    for table in found:
        connection.execute(f"DROP TABLE main.{table}")
    create_tables(connection)
    for table in schema.TABLES:
        if table in found:
            _fill(connection, table)
    for table, last in given_out.items():
        connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))


def _fill(connection: Connection, table: str) -> None:
    old = connection.columns(f"old_{table}")
    columns = [column for column in connection.columns(table) if column in old]
    values = [f"{'kept' if column in _OWNERS.get(table, ()) else 'old'}.{column}" for column in columns]
    source = f"temp.old_{table} AS old"
    if table in _KEPT:
        key = "metric_id" if table == "detailed_scores" else "id"
        source += f" JOIN temp.kept_{table} AS kept ON kept.id = old.{key} AND kept.id = kept.kept"
    connection.execute(f"INSERT INTO main.{table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {source}")


def _sequences(connection: Connection) -> dict[str, int]:
    """Gives the last id each table gave out, so that none is given out again."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        return {}
    rows = connection.execute("SELECT name, seq FROM main.sqlite_sequence")
    return {row["name"]: row["seq"] for row in rows if row["name"] in schema.TABLES}


def _check_references(connection: Connection, path: Path) -> None:
    broken = [dict(row) for table in schema.TABLES for row in connection.execute(f"PRAGMA foreign_key_check({table})")]
    if broken:
        raise NotARegistryError(f"{path} stays as it was: rows of it would hang on nothing after the change ({broken})")


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
