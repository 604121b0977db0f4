"""Tells which model was made from which.

Owns the graph of models. It reads; that no model descends from itself is kept by `registry`, which writes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lightml.connections import Connection, Database, reading
from lightml.errors import UnknownNameError
from lightml.lookup import find_run_id
from lightml.models.lineage import LineageEdge, LineageGraph, LineageNode
from lightml.models.registry import ModelRecord

_MODEL = """
    SELECT model.id, model_name, path, parent_id, run_id, run_name, source_run_id
    FROM model JOIN run ON run.id = run_id WHERE model.id = ?
"""
_NODES = """
    SELECT model.id, model.model_name, model.path, model.parent_id, run_id, run_name, model.source_run_id,
        (SELECT count(*) FROM checkpoint WHERE model_id = model.id) AS checkpoints,
        model.parent_id IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM model AS parent WHERE parent.id = model.parent_id) AS is_orphan
    FROM model JOIN run ON run.id = run_id
    WHERE :run IS NULL OR run_id = :run ORDER BY run_name, model_name
"""
_BENCHMARKS = """
    SELECT model_id, family, metric_name FROM metrics
    WHERE model_id IS NOT NULL AND (:run IS NULL OR model_id IN (SELECT id FROM model WHERE run_id = :run))
    ORDER BY family, metric_name
"""


def graph(db: Database = None, run_name: str | None = None) -> LineageGraph:
    """Gives the models of a run, or all, and which was made from which.

    A parent in another run than the one given is no node, and the edge to it is left out; its child is no orphan.

    Raises:
        UnknownNameError: There is no such run.
    """
    with reading(db) as connection:
        values = {"run": None if run_name is None else find_run_id(connection, run_name)}
        models = connection.execute(_NODES, values).fetchall()
        metrics = connection.execute(_BENCHMARKS, values).fetchall()
    return build_graph([dict(row) for row in models], metrics)


def build_graph(models: Iterable[Mapping[str, Any]], metrics: Iterable[Sequence[Any]]) -> LineageGraph:
    """Puts rows together to a graph; opens nothing.

    Args:
        models: The fields of `LineageNode` without `benchmarks`, a row per model.
        metrics: `model_id`, `family` and `metric_name`, a row per metric of a model.
    """
    benchmarks: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for model_id, family, metric_name in metrics:
        benchmarks[model_id].append((family, metric_name))
    nodes = [LineageNode(**model, benchmarks=benchmarks[model["id"]]) for model in models]
    known = {node.id for node in nodes}
    edges = [LineageEdge(parent_id=node.parent_id, child_id=node.id) for node in nodes if node.parent_id in known]
    return LineageGraph(nodes=nodes, edges=edges)


def ancestors(db: Database, model_id: int) -> list[ModelRecord]:
    """Gives what a model was made from: its parent first, then that one's, up to the base or to a deleted model.

    Raises:
        UnknownNameError: There is no such model.
    """
    with reading(db) as connection:
        model = _find(connection, model_id)
        if model is None:
            raise UnknownNameError(f"there is no model with the id {model_id}; search for its name")
        found = [model]
        # A file that another program wrote may hold a circle.
        while (parent := _find(connection, found[-1].parent_id)) is not None and parent not in found:
            found.append(parent)
    return found[1:]


def _find(connection: Connection, model_id: int | None) -> ModelRecord | None:
    row = connection.execute(_MODEL, (model_id,)).fetchone()
    return None if row is None else ModelRecord(**dict(row))
