"""Two models side by side: which metrics went up, which went down, by how much.

Owns what a difference of two values means. The shapes of the answer are in `models.compare`, its text in `tables`.
"""

import math
from typing import Final

from lab_logger.directions import better_order
from lightml.connections import Connection, Database, reading
from lightml.errors import UnknownNameError
from lightml.lookup import find_model, metrics_of_model
from lightml.models.compare import CompareResult, MetricDelta, Verdict
from lightml.models.metrics import MetricRecord
from lightml.samples import said

__all__ = ["CompareResult", "MetricDelta", "compare_models", "metrics_by_key"]

_SAME: Final = 1e-9
"""Values whose difference is a smaller share of them are equal: less is what arithmetic in another order leaves."""

Key = tuple[str, str]
"""A metric's family and name."""


def compare_models(
    db: Database, model_a: str, model_b: str, run_name: str | None = None, family: str | None = None
) -> CompareResult:
    """Compares the metrics of two models, not those of their checkpoints.

    Args:
        db: The registry.
        model_a: The baseline.
        model_b: The candidate.
        run_name: The run both are in; None looks in every run.
        family: The only family to compare; None compares all.

    Returns:
        Every metric that either has, by family, and in the order they were logged: first A's, then those only B has.
        Whether B is better, the metric's name tells: less is better for losses, errors and times.

    Raises:
        UnknownNameError: There is no such run or model, or neither has a metric in the family.
        AmbiguousNameError: Several runs have a model of a name.
    """
    with reading(db) as connection:
        metrics_a, metrics_b = metrics_by_key(connection, (model_a, model_b), run_name, family)
    keys = sorted(dict.fromkeys([*metrics_a, *metrics_b]), key=lambda key: key[0])
    deltas = [_delta(key, metrics_a.get(key), metrics_b.get(key)) for key in keys]
    return CompareResult(model_a=model_a, model_b=model_b, run_name=run_name, family=family, deltas=deltas)


def metrics_by_key(
    connection: Connection, model_names: tuple[str, ...], run_name: str | None, family: str | None
) -> list[dict[Key, float]]:
    """Gives the values of each model's own metrics, in the order they were logged.

    Raises:
        UnknownNameError: There is no such run or model, or none of them has a metric in the family; names the families
            they have.
        AmbiguousNameError: Several runs have a model of a name.
    """
    models = [find_model(connection, name, run_name) for name in model_names]
    metrics = [metrics_of_model(connection, model.id) for model in models]
    families = sorted({metric.family for of_model in metrics for metric in of_model})
    if family is not None and family not in families:
        names = ", ".join(repr(name) for name in model_names)
        raise UnknownNameError(f"no metric of {names} is in the family {family!r}; {said(families)}")
    return [_values(of_model, family) for of_model in metrics]


def _values(metrics: list[MetricRecord], family: str | None) -> dict[Key, float]:
    return {
        (metric.family, metric.metric_name): metric.value
        for metric in sorted(metrics, key=lambda metric: metric.id)
        if family in (None, metric.family)
    }


def _delta(key: Key, value_a: float | None, value_b: float | None) -> MetricDelta:
    delta = pct_change = None
    if value_a is not None and value_b is not None:
        delta = value_b - value_a
        pct_change = _finite(100 * (delta / abs(value_a))) if value_a else None
    return MetricDelta(
        family=key[0],
        metric_name=key[1],
        value_a=value_a,
        value_b=value_b,
        delta=_finite(delta),
        pct_change=pct_change,
        verdict=_verdict(key[1], value_a, value_b),
    )


def _verdict(metric_name: str, value_a: float | None, value_b: float | None) -> Verdict:
    if value_a is None or value_b is None:
        return "missing"
    if math.isclose(value_a, value_b, rel_tol=_SAME):
        return "unchanged"
    return "improved" if (value_b > value_a) == (better_order(metric_name) == "desc") else "regressed"


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
