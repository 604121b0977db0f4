"""Reads the per-sample scores that are stored with metrics.

Owns which scores a comparison gets, and what is said when there are none. It computes nothing.
"""

import json

from lightml.connections import Connection
from lightml.errors import ScoresError, UnknownNameError
from lightml.lookup import metrics_of_model
from lightml.models.metrics import MetricRecord
from lightml.models.registry import ModelRecord

_SHOWN = 8


def find_metric(connection: Connection, model: ModelRecord, family: str, metric_name: str) -> MetricRecord:
    """Gives a model's own metric.

    Raises:
        UnknownNameError: The model has none of this family and name; names those it has.
    """
    metrics = metrics_of_model(connection, model.id)
    for metric in metrics:
        if (metric.family, metric.metric_name) == (family, metric_name):
            return metric
    names = [f"{metric.family}/{metric.metric_name}" for metric in metrics]
    raise UnknownNameError(
        f"the model {model.model_name!r} has no metric {metric_name!r} in the family {family!r}; {said(names)}"
    )


def scores_of_model(connection: Connection, model: ModelRecord, family: str, metric_name: str) -> list[float]:
    """Gives the scores stored with a model's metric, one per sample, in the order they were logged.

    Raises:
        UnknownNameError: There is no such metric, or it was logged without scores.
    """
    metric = find_metric(connection, model, family, metric_name)
    row = connection.execute("SELECT scores FROM detailed_scores WHERE metric_id = ?", (metric.id,)).fetchone()
    scores = parsed_scores(row["scores"]) if row is not None else None
    if scores is None:
        raise UnknownNameError(
            f"the metric {family}/{metric_name} of the model {model.model_name!r} has no per-sample scores; log it"
            " again with scores=[...] and force=True"
        )
    return scores


def parsed_scores(stored: str | None) -> list[float] | None:
    """Gives the scores that a row of `detailed_scores` holds as JSON; None stays None.

    Raises:
        ScoresError: It is no JSON list of numbers, as another program may have written.
    """
    if stored is None:
        return None
    try:
        scores = json.loads(stored)
    except ValueError as error:
        raise ScoresError(f"the stored scores {stored[:40]!r} are no JSON; log them again with force=True") from error
    if not isinstance(scores, list):
        raise ScoresError(f"the stored scores {stored[:40]!r} are no JSON list; log them again with force=True")
    return scores


def said(names: list[str]) -> str:
    """Says which names there are, for the end of an error's message."""
    if not names:
        return "it has none so far"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"it has {', '.join(repr(name) for name in names[:_SHOWN])}{more}"
