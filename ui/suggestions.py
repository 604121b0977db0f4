"""Questions that the store can answer, made of its own names.

Owns choosing them. It must not import Streamlit.
"""

from collections.abc import Sequence
from typing import Final

from backend.models import Facets, MetricFacet, ParamFacet
from tools.directions import better_order

MAX_SUGGESTIONS: Final = 6
_MAX_NAME_CHARS: Final = 40
_KNOWN_METRICS: Final = ("accuracy", "val_accuracy", "test_accuracy", "f1", "auc", "val_loss", "test_loss", "loss")
_MODEL_PARAMS: Final = ("model_name", "model", "model_type", "architecture", "arch", "classifier")
_MIN_GROUPS: Final = 2


def suggest_questions(facets: Facets) -> list[str]:
    """Gives questions about what the store holds, at most `MAX_SUGGESTIONS`; none about an empty store."""
    if not facets.total:
        return []
    metric, loss = _main_metric(facets.metrics), _loss(facets.metrics)
    dataset = _largest_dataset(facets)
    questions = [
        f"Which is the best run by {metric}?" if metric else "",
        f"Compare my best two runs by {metric}" + (f" on {dataset}" if dataset else "") if metric else "",
        _comparing_groups(facets.params, dataset),
        f"lowest {loss} on {dataset}" if loss and dataset else "",
        "Which runs failed?" if _has_failed(facets) else "",
        f"What should I try next to improve {metric}?" if metric else "",
        "Summarize my recent experiments",
    ]
    return [question for question in questions if question][:MAX_SUGGESTIONS]


def _main_metric(metrics: Sequence[MetricFacet]) -> str | None:
    """Gives a metric that people rank by: a well-known one, else the one that most runs have."""
    usable = {metric.name: metric.runs for metric in metrics if _is_sayable(metric.name)}
    known = next((name for name in _KNOWN_METRICS if name in usable), None)
    return known or max(usable, key=lambda name: usable[name], default=None)


def _loss(metrics: Sequence[MetricFacet]) -> str | None:
    """Gives a metric that is better low: a validation one where there is one."""
    names = [metric.name for metric in metrics if _is_sayable(metric.name) and better_order(metric.name) == "asc"]
    losses = [name for name in names if "loss" in name.lower()]
    return next((name for name in losses if "val" in name.lower()), losses[0] if losses else None)


def _largest_dataset(facets: Facets) -> str | None:
    named = {facet.dataset_id: facet.runs for facet in facets.datasets if facet.dataset_id is not None}
    sayable = {name: runs for name, runs in named.items() if _is_sayable(name)}
    return max(sayable, key=lambda name: sayable[name], default=None)


def _comparing_groups(params: Sequence[ParamFacet], dataset: str | None) -> str:
    """Gives a question that compares two values of what was trained, where there are two."""
    by_name = {param.name: param for param in params}
    for name in _MODEL_PARAMS:
        values = by_name[name].values if name in by_name else []
        sayable = sorted((value for value in values if _is_sayable(value.name)), key=lambda value: -value.runs)
        if len(sayable) >= _MIN_GROUPS:
            return f"Compare {sayable[0].name} with {sayable[1].name}" + (f" on {dataset}" if dataset else "")
    return ""


def _has_failed(facets: Facets) -> bool:
    return any(status.name == "failed" and status.runs for status in facets.statuses)


def _is_sayable(name: str) -> bool:
    """Tells whether a name reads well in a question: short, and of one piece."""
    return 0 < len(name) <= _MAX_NAME_CHARS and name.isprintable() and not any(c.isspace() for c in name)
