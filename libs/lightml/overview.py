"""Gives a registry in the pieces that a person looks through: its vocabulary, lists of models and metrics, one model.

Owns paging and counting. It reads in a fixed number of queries however much there is, and writes nothing. A value that
another program stored and that is no finite number is None here.
"""

from string import ascii_lowercase, ascii_uppercase
from typing import Any

from lab_logger.directions import better_order
from lightml.checkpoints import checkpoint_by_id
from lightml.connections import Connection, Database, reading
from lightml.errors import AmbiguousNameError, UnknownNameError
from lightml.lookup import find_models

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_VALUE = "CASE WHEN value BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308 THEN value END AS value"
"""SQLite takes text for greater than any number, and PostgreSQL NaN."""
_RUNS = """
    SELECT run.id, run_name, description, count(model.id) AS models
    FROM run LEFT JOIN model ON model.run_id = run.id GROUP BY run.id ORDER BY run_name
"""
_VOCABULARY = """
    WITH named AS (SELECT family, metric_name, count(*) AS metrics FROM metrics GROUP BY family, metric_name),
    of_checkpoints AS (
        SELECT family, metric_name, count(*) AS metrics,
            count(DISTINCT CASE WHEN NOT EXISTS (
                SELECT 1 FROM metrics AS own WHERE own.model_id = checkpoint.model_id
                    AND ${digest}(own.family) = ${digest}(metrics.family)
                    AND ${digest}(own.metric_name) = ${digest}(metrics.metric_name)
            ) THEN checkpoint.model_id END) AS more_models
        FROM checkpoint CROSS JOIN metrics WHERE checkpoint_id = checkpoint.id GROUP BY family, metric_name
    ),
    scored AS (
        SELECT DISTINCT family, metric_name FROM detailed_scores CROSS JOIN metrics
        WHERE metrics.id = metric_id AND model_id IS NOT NULL
    )
    SELECT family, metric_name, (family, metric_name) IN (SELECT * FROM scored) AS has_scores,
        named.metrics - coalesce(of_checkpoints.metrics, 0) + coalesce(more_models, 0) AS models
    FROM named LEFT JOIN of_checkpoints USING (family, metric_name) ORDER BY family, metric_name
"""
"""A model has a metric once, so its metrics are counted from the index alone; CROSS JOIN keeps the few rows outside."""

_SUMMARY = """
    SELECT model.id, model.model_name, model.path, model.parent_id, parent.model_name AS parent_name,
        model.run_id, run_name, model.source_run_id,
        (SELECT count(*) FROM checkpoint WHERE checkpoint.model_id = model.id) AS checkpoints,
        (SELECT count(*) FROM metrics WHERE metrics.model_id = model.id)
            + (SELECT count(*) FROM metrics JOIN checkpoint ON checkpoint.id = checkpoint_id
               WHERE checkpoint.model_id = model.id) AS metrics
    FROM model JOIN run ON run.id = model.run_id LEFT JOIN model AS parent ON parent.id = model.parent_id
"""
_FITS = f"""
    FROM model JOIN run ON run.id = model.run_id
    WHERE (:run IS NULL OR run_name = :run) AND (:source IS NULL OR source_run_id = :source)
        AND (:text IS NULL
            OR ${{instr}}(lower(model_name || '{chr(10)}' || coalesce(path, '') || '{chr(10)}' || run_name), :text) > 0)
"""
_MODELS = f"""
    {_SUMMARY} WHERE model.id IN (SELECT model.id {_FITS})
    ORDER BY run_name, model.model_name LIMIT :limit OFFSET :offset
"""
_ANCESTORS = """
    WITH RECURSIVE above (id, distance) AS (
        SELECT parent_id, 1 FROM model WHERE id = :id
        UNION ALL
        SELECT parent_id, distance + 1 FROM model JOIN above USING (id)
        WHERE distance < (SELECT count(*) FROM model)
    )
    SELECT model.id, model_name, run_name, min(distance) AS distance
    FROM above JOIN model USING (id) JOIN run ON run.id = run_id
    WHERE model.id <> :id GROUP BY model.id, run_name ORDER BY distance
"""
_CHILDREN = """
    SELECT model.id, model_name, run_name FROM model JOIN run ON run.id = run_id
    WHERE parent_id = :id ORDER BY run_name, model_name
"""
_CHECKPOINTS = """
    SELECT id, model_id, step, path, created_at FROM checkpoint
    WHERE model_id = :id ORDER BY step, path NULLS FIRST
"""
_OWN_METRICS = f"""
    SELECT metrics.id, metrics.model_id, checkpoint_id, family, metric_name, {_VALUE},
        coalesce(n_samples, 0) AS n_samples
    FROM metrics LEFT JOIN checkpoint ON checkpoint.id = checkpoint_id
        LEFT JOIN detailed_scores ON metric_id = metrics.id
    WHERE metrics.model_id = :id OR metrics.checkpoint_id IN (SELECT id FROM checkpoint WHERE model_id = :id)
    ORDER BY family, metric_name, step IS NOT NULL, step, checkpoint_id
"""
_METRICS = """
    FROM metrics JOIN model ON model.id = metrics.model_id JOIN run ON run.id = run_id
    WHERE (:model IS NULL OR model_name ${glob} :model) AND (:family IS NULL OR family ${glob} :family)
        AND (:metric IS NULL OR metric_name ${glob} :metric) AND (:run IS NULL OR run_name ${glob} :run)
"""


def facets(db: Database = None) -> dict[str, Any]:
    """Gives what there is to choose from.

    Returns:
        A dict of JSON types: `runs` by name, each with `id`, `run_name`, `description` and how many `models`;
        `families` by name, each a `family` with `metrics`, which say `name`, how many `models` have it (themselves or
        on a checkpoint), whether scores are stored with that of any model (`has_scores`) and which `order` is better;
        `total_models`, `total_checkpoints` and `total_metrics`.
    """
    with reading(db) as connection:
        runs = [dict(row) for row in connection.execute(_RUNS)]
        names = connection.execute(_VOCABULARY).fetchall()
        totals = {
            f"total_{name}": _count(connection, f"SELECT count(*) FROM {table}")
            for name, table in (("models", "model"), ("checkpoints", "checkpoint"), ("metrics", "metrics"))
        }
    families: dict[str, list[dict[str, Any]]] = {}
    for row in names:
        metric = {"name": row["metric_name"], "models": row["models"], "has_scores": bool(row["has_scores"])}
        families.setdefault(row["family"], []).append({**metric, "order": better_order(row["metric_name"])})
    listed = [{"family": family, "metrics": metrics} for family, metrics in families.items()]
    return {"runs": runs, "families": listed, **totals}


def find_summaries(
    db: Database = None,
    *,
    run_name: str | None = None,
    text: str | None = None,
    source_run_id: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[dict[str, Any]], int]:
    """Gives a page of models by run and name, and how many fit in all.

    Args:
        db: The registry's file.
        run_name: Only models of this run; None for every run.
        text: Only models that hold this text in name, path or run. Case does not count for ASCII letters.
        source_run_id: Only models that this run of the tracker made.
        limit: How many at most.
        offset: How many to leave out at the start.

    Returns:
        The models as dicts: the fields of `ModelRecord`, `parent_name` (None for no parent and for a deleted one), how
        many `checkpoints` it has, and how many `metrics`, those of its checkpoints included.
    """
    lowered = None if text is None else text.translate(_LOWER)
    values = {"run": run_name, "text": lowered, "source": source_run_id}
    with reading(db) as connection:
        total = _count(connection, f"SELECT count(*) {_FITS}", values)
        rows = connection.execute(_MODELS, {**values, "limit": limit, "offset": offset})
        return [dict(row) for row in rows], total


def model_details(db: Database, model_id: int) -> dict[str, Any]:
    """Gives everything about one model.

    Returns:
        The dict of `find_summaries`, where `metrics` is a list of dicts with the fields of `MetricRecord`, those of the
        checkpoints included, and `checkpoints` one of `CheckpointRecord`; and `lineage`, with `ancestors` (the parent
        first) and `children`, each with `id`, `model_name` and `run_name`.

    Raises:
        UnknownNameError: There is no such model.
    """
    with reading(db) as connection:
        row = connection.execute(f"{_SUMMARY} WHERE model.id = :id", {"id": model_id}).fetchone()
        if row is None:
            raise UnknownNameError(f"there is no model with the id {model_id}; look for its name in the list of models")
        found = {
            name: [dict(each) for each in connection.execute(statement, {"id": model_id})]
            for name, statement in (
                ("ancestors", _ANCESTORS),
                ("children", _CHILDREN),
                ("checkpoints", _CHECKPOINTS),
                ("metrics", _OWN_METRICS),
            )
        }
    for ancestor in found["ancestors"]:
        del ancestor["distance"]
    lineage = {name: found.pop(name) for name in ("ancestors", "children")}
    return {**dict(row), **found, "lineage": lineage}


def checkpoint(db: Database, checkpoint_id: int) -> dict[str, Any]:
    """Gives one checkpoint, as a dict with the fields of `CheckpointRecord`.

    Raises:
        UnknownNameError: There is no such checkpoint.
    """
    with reading(db) as connection:
        return checkpoint_by_id(connection, checkpoint_id).model_dump()


def find_metrics(
    db: Database = None,
    *,
    model: str | None = None,
    family: str | None = None,
    metric: str | None = None,
    run: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[dict[str, Any]], int]:
    """Gives a page of the metrics of models whose names fit patterns, and how many fit in all.

    The patterns and the order are those of `search.search`; so are the dicts, with the `model_id` beside the names.
    """
    asked = {"model": model, "family": family, "metric": metric, "run": run}
    columns = f"model_id, model_name AS model, family, metric_name AS metric, {_VALUE}, run_name AS run"
    page = "ORDER BY model_name, family, metric_name, run_name LIMIT :limit OFFSET :offset"
    with reading(db) as connection:
        values = {name: connection.pattern(text) for name, text in asked.items()}
        total = _count(connection, f"SELECT count(*) {_METRICS}", values)
        rows = connection.execute(f"SELECT {columns} {_METRICS} {page}", {**values, "limit": limit, "offset": offset})
        return [dict(row) for row in rows], total


def name_of(db: Database, model_id: int) -> str:
    """Gives a name that means this model and no other, for the functions that take one: `RUN/MODEL`.

    Raises:
        UnknownNameError: There is no such model.
        AmbiguousNameError: Its names mean other models too.
    """
    with reading(db) as connection:
        row = connection.execute(f"{_SUMMARY} WHERE model.id = :id", {"id": model_id}).fetchone()
        if row is None:
            raise UnknownNameError(f"there is no model with the id {model_id}; look for its name in the list of models")
        names = (f"{row['run_name']}/{row['model_name']}", str(row["model_name"]))
        for name in names:
            if [model.id for model in find_models(connection, name)] == [model_id]:
                return name
    raise AmbiguousNameError(
        f"the model {model_id} goes by {names[0]!r}, which is the name of another model too; ask for both by run"
    )


def _count(connection: Connection, statement: str, values: dict[str, Any] | None = None) -> int:
    return int(connection.execute(statement, values or {}).fetchone()[0])
