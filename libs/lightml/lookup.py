"""Finds runs, models, checkpoints and metrics by name in an open registry.

Owns what a name means: within a run it is unique, without a run it must be unique in the whole registry, and
`RUN/MODEL` names the model of one run. It writes nothing.
"""

from collections.abc import Sequence
from difflib import get_close_matches

from lightml.connections import Connection
from lightml.errors import AmbiguousNameError, UnknownNameError
from lightml.models.metrics import MetricRecord
from lightml.models.registry import ModelRecord

_SHOWN = 5
_MODELS = """
    SELECT model.id, model_name, path, parent_id, run_id, run_name, source_run_id
    FROM model JOIN run ON run.id = model.run_id
"""
_METRICS = """
    SELECT metrics.id, metrics.model_id, metrics.checkpoint_id, family, metric_name, value,
           coalesce(n_samples, 0) AS n_samples
    FROM metrics LEFT JOIN detailed_scores ON metric_id = metrics.id
"""


def find_run_id(connection: Connection, run_name: str) -> int:
    """Gives the id of a run.

    Raises:
        UnknownNameError: There is no such run; names the nearest.
    """
    row = connection.execute("SELECT id FROM run WHERE run_name = ?", (run_name,)).fetchone()
    if row is None:
        names = [name for (name,) in connection.execute("SELECT run_name FROM run ORDER BY run_name")]
        raise UnknownNameError(f"there is no run {run_name!r} in the registry; {_nearest(run_name, names)}")
    return int(row["id"])


def find_models(connection: Connection, model_name: str, run_name: str | None = None) -> list[ModelRecord]:
    """Gives every model of this name, at most one per run, oldest first; empty when there is none.

    Where no model has the name itself, `RUN/MODEL` is understood.
    """
    for name in ("model_name", "run_name || '/' || model_name"):
        rows = connection.execute(
            f"{_MODELS} WHERE {name} = :name AND ${{digest}}({name}) = ${{digest}}(:name)"
            " AND (:run IS NULL OR run_name = :run) ORDER BY model.id",
            {"name": model_name, "run": run_name},
        ).fetchall()
        if rows:
            break
    return [ModelRecord(**dict(row)) for row in rows]


def find_model(
    connection: Connection, model_name: str, run_name: str | None = None, *, prefer_run: str | None = None
) -> ModelRecord:
    """Gives the one model of this name.

    Args:
        connection: An open registry.
        model_name: The exact name.
        run_name: The run it must be in; None looks in every run.
        prefer_run: The run whose model is meant when several runs have one of this name.

    Raises:
        UnknownNameError: There is none; names the nearest.
        AmbiguousNameError: Several runs have one; names them.
    """
    found = find_models(connection, model_name, run_name)
    preferred = [model for model in found if model.run_name == prefer_run] or found
    if len(preferred) == 1:
        return preferred[0]
    if preferred:
        runs = ", ".join(model.run_name for model in preferred)
        example = f"{preferred[0].run_name}/{model_name}"
        raise AmbiguousNameError(f"the model {model_name!r} is in several runs ({runs}); name the run, as in {example}")
    if run_name is not None:
        find_run_id(connection, run_name)
    where = f" in the run {run_name!r}" if run_name is not None else ""
    names = [name for (name,) in connection.execute("SELECT DISTINCT model_name FROM model ORDER BY model_name")]
    raise UnknownNameError(f"there is no model {model_name!r}{where}; {_nearest(model_name, names)}")


def metrics_of_model(connection: Connection, model_id: int, family: str | None = None) -> list[MetricRecord]:
    """Gives a model's own metrics, without those of its checkpoints, by family and name."""
    rows = connection.execute(
        f"{_METRICS} WHERE metrics.model_id = :id AND (:family IS NULL OR family = :family)"
        " ORDER BY family, metric_name",
        {"id": model_id, "family": family},
    )
    return [MetricRecord(**dict(row)) for row in rows]


def _nearest(name: str, names: Sequence[str]) -> str:
    if not names:
        return "it holds none so far"
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    shown = ", ".join(repr(each) for each in close or names[:_SHOWN])
    return f"did you mean {shown}?" if close else f"it has {shown}" + (" and more" if len(names) > _SHOWN else "")
