"""Deletes a model with everything that hangs on it.

Owns the deletion and the link to the model in the registry's `models` folder. Checkpoints, metrics and scores go by the
tables' own cascade.
"""

import os
from pathlib import Path

from lightml.connections import Connection, Database, locate, writing
from lightml.errors import RegistryUnavailableError
from lightml.lookup import find_model
from lightml.models.delete import DeleteResult

_METRICS = """
    SELECT count(*) FROM metrics
    WHERE model_id = :id OR checkpoint_id IN (SELECT id FROM checkpoint WHERE model_id = :id)
"""


def delete_model(db: Database, model_name: str, run_name: str | None = None) -> DeleteResult:
    """Deletes one model, its checkpoints, and the metrics and scores of both.

    Models made from it stay and keep their `parent_id`: they are orphans. The link `models/<model_name>` beside the
    registry's file is removed, unless another run has a model of that name; what the link points at is left alone. A
    PostgreSQL database has no such links.

    Args:
        db: The registry's file.
        model_name: The model's name.
        run_name: The run it is in; None deletes the only model of that name.

    Raises:
        UnknownNameError: There is no such model (a `ValueError`).
        AmbiguousNameError: Several runs have a model of that name, and none is given.
        RegistryUnavailableError: The registry cannot be written, or the link cannot be removed; nothing is deleted.
    """
    with writing(db) as connection:
        model = find_model(connection, model_name, run_name)
        result = DeleteResult(
            model_name=model.model_name,
            checkpoints_deleted=_count(connection, "SELECT count(*) FROM checkpoint WHERE model_id = :id", id=model.id),
            metrics_deleted=_count(connection, _METRICS, id=model.id),
        )
        connection.execute("DELETE FROM model WHERE id = ?", (model.id,))
        if not _count(connection, "SELECT count(*) FROM model WHERE model_name = :name", name=model.model_name):
            place = locate(db)
            if isinstance(place, Path):
                _remove_link(place.parent / "models", model.model_name)
    return result


def _count(connection: Connection, statement: str, **values: object) -> int:
    return int(connection.execute(statement, values).fetchone()[0])


def _remove_link(folder: Path, model_name: str) -> None:
    """Removes the link to a model, if it is a link and lies in the folder: a name such as `../x` reaches nothing."""
    link = folder / model_name
    inside = os.path.realpath(folder)
    holder = os.path.realpath(link.parent)
    if ".." in link.parts or not link.is_symlink() or os.path.commonpath([inside, holder]) != inside:
        return
    try:
        link.unlink()
    except OSError as error:
        raise RegistryUnavailableError(f"cannot remove the link {link}: {error.strerror}") from error
