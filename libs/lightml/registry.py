"""Makes registries, runs and models.

Owns what is written about a run and a model, and that a model never descends from itself. Every function here is safe
from any number of processes at once: it looks and writes inside one write transaction, and the tables' constraints
stand behind that.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightml import schema
from lightml.connections import (
    Connection,
    Database,
    Place,
    altering,
    create_tables,
    ensure,
    locate,
    reading,
    tables_of,
    writing,
)
from lightml.entries import check_name, check_text
from lightml.errors import (
    InvalidEntryError,
    LineageError,
    RegistryExistsError,
    UnknownNameError,
)
from lightml.lookup import find_model, find_models
from lightml.migration import check_tables
from lightml.models.registry import ModelRecord, RegistryInit, RunRecord

_RUNS = """
    SELECT run.id, run_name, description, metadata, count(model.id) AS models
    FROM run LEFT JOIN model ON model.run_id = run.id GROUP BY run.id ORDER BY run_name
"""
_MODELS = """
    SELECT model.id, model_name, path, parent_id, run_id, run_name, source_run_id
    FROM model JOIN run ON run.id = model.run_id
    WHERE :run IS NULL OR run_name = :run ORDER BY run_name, model_name
"""
_IS_ANCESTOR = """
    WITH RECURSIVE above (id) AS (
        SELECT CAST(:parent AS BIGINT)
        UNION SELECT parent_id FROM model JOIN above USING (id) WHERE parent_id IS NOT NULL
    )
    SELECT EXISTS (SELECT 1 FROM above WHERE id = :model)
"""


def initialize_registry(registry: RegistryInit) -> Path:
    """Makes the registry `registry_path/registry_name.db` and gives its path.

    A SQLite database that holds no registry, such as the tracker's store, gains its tables and keeps everything else.

    Raises:
        RegistryExistsError: A registry is there, and `overwrite` is not set. With it, the registry's tables are
            replaced by empty ones; other tables in the file stay.
        NotARegistryError: A file is there that is no SQLite database, or whose tables of those names are not a
            registry's. It is never overwritten.
        RegistryUnavailableError: The file cannot be made or written.
    """
    path = Path(os.path.abspath(registry.registry_path / f"{registry.registry_name}.db"))
    make_registry(path, overwrite=registry.overwrite, metrics_schema=registry.metrics_schema)
    return path


def make_registry(
    db: Database, *, overwrite: bool = False, metrics_schema: Mapping[str, Sequence[str]] | None = None
) -> Place:
    """Makes a registry in a file or in a PostgreSQL database, and gives where it is; see `initialize_registry`.

    Args:
        db: The file, whose name may end in anything, or the address of the database, which is there already.
        overwrite: Whether the tables of a registry that is there are replaced by empty ones.
        metrics_schema: The only metrics allowed, as `{family: [metric_name, …]}`; None or empty allows all.

    Raises:
        RegistryError: As for `initialize_registry`.
    """
    place = locate(db)
    allowed = [(family, name) for family, names in (metrics_schema or {}).items() for name in names]
    for family, name in allowed:
        check_name("family", family)
        check_name("metric", name)
    with altering(place) as connection:
        _make_room(connection, place, overwrite=overwrite)
        create_tables(connection)
        connection.insert_many("registry_schema", ("family", "metric_name"), sorted(set(allowed)))
    return place


def create_run(
    db: Database, run_name: str, description: str | None = None, metadata: Mapping[str, Any] | None = None
) -> int:
    """Makes a run, or finds the one of this name, and gives its id.

    The registry is made if it is missing.

    Args:
        db: The registry's file.
        run_name: The run's name.
        description: A text; None leaves what the run has.
        metadata: What else to keep, as JSON types; None leaves what the run has.

    Raises:
        InvalidEntryError: The name is blank, or the metadata is not a mapping that JSON can hold.
    """
    check_name("run", run_name)
    stored = _json(metadata)
    ensure(db)
    with writing(db) as connection:
        return put_run(connection, run_name, description, stored)


def put_run(
    connection: Connection, run_name: str, description: str | None = None, metadata_json: str | None = None
) -> int:
    """Makes a run, or updates the one of this name, inside the caller's transaction; gives its id."""
    check_name("run", run_name)
    if description is not None:
        check_text("description", description)
    given = {"description": description, "metadata": metadata_json}
    return _put(connection, "run", {"run_name": run_name}, given)


def register_model(  # noqa: PLR0917 - existing code passes them in order
    db: Database,
    run_name: str,
    model_name: str,
    path: str | os.PathLike[str] | None = None,
    parent_name: str | None = None,
    parent_id: int | None = None,
) -> int:
    """Registers a model in a run and gives its id; the registry and the run are made if they are missing.

    A model that is there already keeps its id. A path or parent given again replaces the one it has; None leaves it.

    Args:
        db: The registry's file.
        run_name: The run's name.
        model_name: The model's name, once per run.
        path: Where its weights are.
        parent_name: The model it was made from: the one of that name in this run, else the only one of that name in
            other runs. A model may have its own name's model in another run as parent.
        parent_id: The same by id, in any run.

    Raises:
        UnknownNameError: There is no such parent; names the nearest.
        AmbiguousNameError: Several other runs have a model called `parent_name`.
        LineageError: The model would descend from itself.
        InvalidEntryError: A name is blank, or `parent_name` and `parent_id` are different models.
    """
    check_name("run", run_name)
    check_name("model", model_name)
    ensure(db)
    with writing(db) as connection:
        run_id = put_run(connection, run_name)
        parent = find_parent(connection, run_name, model_name, parent_name, parent_id)
        return put_model(connection, run_id, model_name, path, parent_id=parent)


def put_model(
    connection: Connection,
    run_id: int,
    model_name: str,
    path: str | os.PathLike[str] | None,
    *,
    parent_id: int | None = None,
    source_run_id: str | None = None,
) -> int:
    """Registers a model, or updates what is given of the one of this name, inside the caller's transaction.

    Returns:
        The model's id.

    Raises:
        UnknownNameError: There is no model `parent_id`.
        LineageError: The model would descend from itself.
        InvalidEntryError: The name is blank.
    """
    if parent_id is not None:
        _check_model_id(connection, parent_id)
    check_name("model", model_name)
    given = {"path": None if path is None else check_text("path", os.fspath(path)), "source_run_id": source_run_id}
    model_id = _put(connection, "model", {"run_id": run_id, "model_name": model_name}, given)
    if parent_id is not None:
        _set_parent(connection, model_id, model_name, parent_id)
    return model_id


def find_parent(
    connection: Connection,
    run_name: str,
    model_name: str,
    parent_name: str | None = None,
    parent_id: int | None = None,
) -> int | None:
    """Gives the id of the model that a name, an id or both say is the parent of `model_name`; None for neither.

    Raises:
        UnknownNameError: There is no such model.
        AmbiguousNameError: Several other runs have a model called `parent_name`.
        LineageError: The name is the model's own, and no other run has one of it.
        InvalidEntryError: The two are different models.
    """
    if parent_id is not None:
        _check_model_id(connection, parent_id)
    if parent_name is None:
        return parent_id
    if parent_id is not None:
        if parent_id not in [model.id for model in find_models(connection, parent_name)]:
            raise InvalidEntryError(
                f"parent_name {parent_name!r} and parent_id {parent_id} are different models; give one of them"
            )
        return parent_id
    if parent_name == model_name:
        return _namesake(connection, run_name, model_name)
    return find_model(connection, parent_name, prefer_run=run_name).id


def list_runs(db: Database = None) -> list[RunRecord]:
    """Gives every run with how many models it has, by name."""
    with reading(db) as connection:
        return [
            RunRecord(**{**dict(row), "metadata": json.loads(row["metadata"]) if row["metadata"] else None})
            for row in connection.execute(_RUNS)
        ]


def list_models(db: Database = None, run_name: str | None = None) -> list[ModelRecord]:
    """Gives every model, or those of one run, by run and name; an unknown run has none."""
    with reading(db) as connection:
        return [ModelRecord(**dict(row)) for row in connection.execute(_MODELS, {"run": run_name})]


def _make_room(connection: Connection, place: Place, *, overwrite: bool) -> None:
    if not tables_of(connection):
        return
    check_tables(connection, place)
    if not overwrite:
        raise RegistryExistsError(f"{place} is a registry already; use it as it is, or set overwrite to replace it")
    for table in reversed(schema.TABLES):
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def _json(metadata: Mapping[str, Any] | None) -> str | None:
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise InvalidEntryError(f"the run's metadata is a {type(metadata).__name__}; give a dict")
    try:
        return json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidEntryError(f"the run's metadata cannot be stored as JSON: {error}") from error


def _put(connection: Connection, table: str, key: Mapping[str, object], given: Mapping[str, object]) -> int:
    """Makes the row of a key, or changes what is given of it; what is None or as it was costs no write."""
    where = " AND ".join(f"{column} = :{column}" for column in key)
    row = connection.execute(f"SELECT * FROM {table} WHERE {where}", key).fetchone()
    if row is None:
        values = {**key, **given}
        names, marks = ", ".join(values), ", ".join(f":{column}" for column in values)
        made = connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id", values).fetchone()
        return int(made["id"])
    changed = {column: value for column, value in given.items() if value not in (None, row[column])}
    if changed:
        assignments = ", ".join(f"{column} = :{column}" for column in changed)
        connection.execute(f"UPDATE {table} SET {assignments} WHERE id = :id", {**changed, "id": row["id"]})
    return int(row["id"])


def _check_model_id(connection: Connection, model_id: int) -> None:
    if connection.execute("SELECT 1 FROM model WHERE id = ?", (model_id,)).fetchone() is None:
        rows = connection.execute("SELECT id, model_name FROM model ORDER BY abs(1.0 * id - ?) LIMIT 5", (model_id,))
        near = ", ".join(f"{row['id']} ({row['model_name']})" for row in rows)
        raise UnknownNameError(
            f"there is no model with the id {model_id}; "
            + (f"the nearest are {near}" if near else "there are no models")
        )


def _namesake(connection: Connection, run_name: str, model_name: str) -> int:
    """Gives the model of the same name in another run, so that registering it a second time means the same."""
    elsewhere = [model for model in find_models(connection, model_name) if model.run_name != run_name]
    if not elsewhere:
        raise LineageError(f"the model {model_name!r} cannot be its own parent; name the model it was made from")
    if len(elsewhere) > 1:
        find_model(connection, model_name)
    return elsewhere[0].id


def _set_parent(connection: Connection, model_id: int, model_name: str, parent_id: int) -> None:
    if connection.execute(_IS_ANCESTOR, {"parent": parent_id, "model": model_id}).fetchone()[0]:
        raise LineageError(
            f"the model {model_name!r} ({model_id}) cannot have the parent {parent_id}: that one descends from it"
        )
    connection.execute(
        "UPDATE model SET parent_id = :parent WHERE id = :id AND (parent_id IS NULL OR parent_id <> :parent)",
        {"parent": parent_id, "id": model_id},
    )
