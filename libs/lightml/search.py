"""Tells what the registry holds: whether a model or metric exists, and which ones fit a pattern.

Owns the patterns. Metrics here are those of models; those of checkpoints are found through their model.
"""

from typing import Any

from lightml.connections import Database, reading

_MODEL_EXISTS = """
    SELECT EXISTS (
        SELECT 1 FROM model JOIN run ON run.id = run_id
        WHERE model_name = :model AND (:run IS NULL OR run_name = :run)
    )
"""
_METRIC_EXISTS = """
    SELECT EXISTS (
        SELECT 1 FROM metrics JOIN model ON model.id = model_id JOIN run ON run.id = run_id
        WHERE model_name = :model AND family = :family AND metric_name = :metric
            AND (:run IS NULL OR run_name = :run)
    )
"""
_MODELS = """
    SELECT DISTINCT model_name AS model FROM model JOIN run ON run.id = run_id
    WHERE (:model IS NULL OR model_name ${glob} :model) AND (:run IS NULL OR run_name ${glob} :run)
    ORDER BY model_name
"""
_METRICS = """
    SELECT model_name AS model, family, metric_name AS metric, value, run_name AS run
    FROM metrics JOIN model ON model.id = model_id JOIN run ON run.id = run_id
    WHERE (:model IS NULL OR model_name ${glob} :model) AND (:family IS NULL OR family ${glob} :family)
        AND (:metric IS NULL OR metric_name ${glob} :metric) AND (:run IS NULL OR run_name ${glob} :run)
    ORDER BY model_name, family, metric_name, run_name
"""


def model_exists(db: Database, model_name: str, run_name: str | None = None) -> bool:
    """Tells whether a model of exactly this name is in any run, or in the one given."""
    with reading(db) as connection:
        return bool(connection.execute(_MODEL_EXISTS, {"model": model_name, "run": run_name}).fetchone()[0])


def metric_exists(db: Database, model_name: str, family: str, metric_name: str, run_name: str | None = None) -> bool:
    """Tells whether a model of exactly this name, in any run or in the one given, has exactly this metric."""
    values = {"model": model_name, "family": family, "metric": metric_name, "run": run_name}
    with reading(db) as connection:
        return bool(connection.execute(_METRIC_EXISTS, values).fetchone()[0])


def search(
    db: Database,
    model: str | None = None,
    family: str | None = None,
    metric: str | None = None,
    run: str | None = None,
) -> list[dict[str, Any]]:
    """Finds models, or metrics of models, whose names fit patterns.

    In a pattern `*` stands for any characters or none and `?` for exactly one; everything else, brackets too, for
    itself. Upper and lower case differ.

    Args:
        db: The registry's file.
        model: A pattern for the model's name; None fits all, as everywhere below.
        family: A pattern for the metric's family.
        metric: A pattern for the metric's name.
        run: A pattern for the run's name.

    Returns:
        With a family or a metric, one dict per metric, with `model`, `family`, `metric`, `value` and `run`, ordered by
        model, family, metric and run. Without both, one dict `{"model": name}` per name of a model, in order. Empty
        when nothing fits.
    """
    asked = {"model": model, "family": family, "metric": metric, "run": run}
    statement = _MODELS if family is None and metric is None else _METRICS
    with reading(db) as connection:
        patterns = {name: connection.pattern(text) for name, text in asked.items()}
        return [dict(row) for row in connection.execute(statement, patterns)]
