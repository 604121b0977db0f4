"""Registers and finds checkpoints: snapshots of a model in training.

Owns what tells one checkpoint from another: its model, its step and its path.
"""

import os
from numbers import Integral

from lightml.connections import Connection, Database, reading, writing
from lightml.entries import check_text
from lightml.errors import AmbiguousNameError, InvalidEntryError, UnknownNameError
from lightml.lookup import find_model, find_run_id
from lightml.models.checkpoints import CheckpointRecord

_MAX_STEP = 2**63 - 1
_COLUMNS = "checkpoint.id, model_id, step, checkpoint.path, created_at"
_FIND = f"""
    SELECT {_COLUMNS} FROM checkpoint
    WHERE model_id = :model AND step = :step AND (:hint IS NULL OR ${{instr}}(coalesce(path, ''), :hint) > 0)
    ORDER BY id
"""


def register_checkpoint(
    db: Database, run_name: str, model_name: str, step: int, path: str | os.PathLike[str] | None = None
) -> int:
    """Registers a checkpoint of a model and gives its id; the same step with the same path has the same id.

    Args:
        db: The registry's file.
        run_name: The run the model is in.
        model_name: The model's name.
        step: The training step, 0 or more.
        path: Where its weights are. Several checkpoints of one step, as a grid search makes them, differ by it.

    Raises:
        UnknownNameError: There is no such run, or no such model in it.
        InvalidEntryError: The step is no whole number of 0 or more.
    """
    values = {"step": _check_step(step), "path": None if path is None else check_text("path", os.fspath(path))}
    with writing(db) as connection:
        values["model"] = find_model(connection, model_name, run_name).id
        row = connection.execute(
            "SELECT id FROM checkpoint WHERE model_id = :model AND step = :step"
            " AND coalesce(path, '') = coalesce(:path, '')",
            values,
        ).fetchone()
        row = (
            row
            or connection.execute(
                "INSERT INTO checkpoint (model_id, step, path) VALUES (:model, :step, :path) RETURNING id", values
            ).fetchone()
        )
    return int(row["id"])


def find_checkpoint(
    db: Database, run_name: str | None, model_name: str, step: int, path_hint: str | None = None
) -> int | None:
    """Gives the id of a model's checkpoint at a step.

    Args:
        db: The registry's file.
        run_name: The run the model is in; None takes the only model of that name.
        model_name: The model's name.
        step: The training step.
        path_hint: A part of the checkpoint's path, to tell checkpoints of one step apart.

    Returns:
        The id, or None when the model has no such checkpoint.

    Raises:
        AmbiguousNameError: Several checkpoints fit; names their paths.
        UnknownNameError: There is no such run, or no such model in it.
        InvalidEntryError: The step is no whole number of 0 or more.
    """
    values = {"step": _check_step(step), "hint": path_hint}
    with reading(db) as connection:
        values["model"] = find_model(connection, model_name, run_name).id
        found = [CheckpointRecord(**dict(row)) for row in connection.execute(_FIND, values)]
    if len(found) > 1:
        paths = ", ".join(str(checkpoint.path) for checkpoint in found)
        raise AmbiguousNameError(
            f"the model {model_name!r} has {len(found)} checkpoints at step {step} that fit ({paths});"
            " give a path_hint that only one path holds"
        )
    return found[0].id if found else None


def list_checkpoints(db: Database, model_name: str, run_name: str | None = None) -> list[CheckpointRecord]:
    """Gives a model's checkpoints by step and path.

    Raises:
        UnknownNameError: There is no such run, or no such model in it.
        AmbiguousNameError: Several runs have a model of that name, and none is given.
    """
    with reading(db) as connection:
        model = find_model(connection, model_name, run_name)
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM checkpoint WHERE model_id = ? ORDER BY step, path NULLS FIRST", (model.id,)
        )
        return [CheckpointRecord(**dict(row)) for row in rows]


def checkpoint_by_id(connection: Connection, checkpoint_id: int, run_name: str | None = None) -> CheckpointRecord:
    """Gives the checkpoint of an id.

    Raises:
        UnknownNameError: There is none, or no such run.
        InvalidEntryError: It belongs to a model of another run than the one given.
    """
    row = connection.execute(
        f"SELECT {_COLUMNS}, run_id FROM checkpoint JOIN model ON model.id = model_id WHERE checkpoint.id = ?",
        (checkpoint_id,),
    ).fetchone()
    if row is None:
        raise UnknownNameError(f"there is no checkpoint with the id {checkpoint_id}; register it first")
    if run_name is not None and row["run_id"] != find_run_id(connection, run_name):
        raise InvalidEntryError(f"the checkpoint {checkpoint_id} is not of the run {run_name!r}; leave out the run")
    return CheckpointRecord(**{name: row[name] for name in CheckpointRecord.model_fields})


def _check_step(step: object) -> int:
    if isinstance(step, bool) or not isinstance(step, Integral) or not 0 <= int(step) <= _MAX_STEP:
        raise InvalidEntryError(f"the step {step!r} is no training step; give a whole number of 0 or more")
    return int(step)
