"""The REST contract of the model registry as values: what to send for each endpoint, and how to read the answer.

Owns one function per endpoint of `/registry`, as `calls` does for the runs. It must not send anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypedDict

import httpx

from backend.registry_models import (
    Checkpoint,
    DeletedModel,
    FoundMetric,
    LoggedMetric,
    ModelDetail,
    ModelSummary,
    RegisteredModel,
    RegistryFacets,
)
from backend.registry_views import Lineage, ModelComparison, ModelLeaderboard, ModelStats, Pivot
from tools.calls import Call, Order, query_of, reader, sendable, total_of
from tools.errors import LabClientError


class ModelFilters(TypedDict, total=False):
    """What `GET /registry/models` filters and pages by; what is left out, or None, does not count."""

    run: str | None
    q: str | None
    source_run_id: str | None
    limit: int | None
    offset: int | None


class MetricPatterns(TypedDict, total=False):
    """What `GET /registry/metrics` filters and pages by; `*` and `?` are patterns."""

    model: str | None
    family: str | None
    metric: str | None
    run: str | None
    limit: int | None
    offset: int | None


class PivotOptions(TypedDict, total=False):
    """What `GET /registry/pivot` takes; `sort` is `model`, `run` or `metric:FAMILY/METRIC`."""

    run: str | None
    family: str | None
    models: Sequence[str] | None
    checkpoints: bool | None
    measured: bool | None
    q: str | None
    sort: str | None
    order: Order | None
    limit: int | None
    offset: int | None


class RankingOptions(TypedDict, total=False):
    """What `GET /registry/leaderboard` takes beside the metric."""

    run: str | None
    order: Order | None
    top_k: int | None


class ModelOptions(TypedDict, total=False):
    """What a model to register may have beside its names."""

    path: str | None
    parent_name: str | None
    parent_id: int | None


class RunModelOptions(TypedDict, total=False):
    """What may be said of a model to register from a run of the tracker."""

    run_name: str | None
    model_name: str | None
    artifact: str | None
    parent_name: str | None
    allow_failed: bool
    force: bool


class MetricOptions(TypedDict, total=False):
    """What a metric to log has beside its value: its model or its checkpoint, and per-sample scores."""

    model_name: str | None
    checkpoint_id: int | None
    run_name: str | None
    scores: Iterable[float] | None
    force: bool


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A page of models.

    Attributes:
        models: The models of the page, by run and name.
        total: How many models fit the filters, those beyond the page included.
    """

    models: list[ModelSummary]
    total: int


@dataclass(frozen=True, slots=True)
class MetricPage:
    """A page of metrics.

    Attributes:
        metrics: The metrics of the page, by model, family, metric and run.
        total: How many metrics fit the patterns, those beyond the page included.
    """

    metrics: list[FoundMetric]
    total: int


def facets() -> Call[RegistryFacets]:
    """`GET /registry/facets`."""
    return Call("GET", "/registry/facets", reader(RegistryFacets))


def models(filters: ModelFilters) -> Call[ModelPage]:
    """`GET /registry/models`."""
    return Call("GET", "/registry/models", _read_models, query_of(filters))


def model(model_id: int) -> Call[ModelDetail]:
    """`GET /registry/models/{model_id}`."""
    return Call("GET", _model_path(model_id), reader(ModelDetail))


def register_model(run_name: str, model_name: str, options: ModelOptions) -> Call[RegisteredModel]:
    """`POST /registry/models` by name."""
    body = _body({"run_name": run_name, "model_name": model_name, **options})
    return Call("POST", "/registry/models", reader(RegisteredModel), body=body)


def register_run_model(run_id: str, options: RunModelOptions) -> Call[RegisteredModel]:
    """`POST /registry/models` with `from_run`."""
    return Call("POST", "/registry/models", reader(RegisteredModel), body=_body({"from_run": run_id, **options}))


def delete_model(model_id: int) -> Call[DeletedModel]:
    """`DELETE /registry/models/{model_id}`."""
    return Call("DELETE", _model_path(model_id), reader(DeletedModel))


def register_checkpoint(run_name: str, model_name: str, *, step: int, path: str | None) -> Call[Checkpoint]:
    """`POST /registry/checkpoints`."""
    body = _body({"run_name": run_name, "model_name": model_name, "step": step, "path": path})
    return Call("POST", "/registry/checkpoints", reader(Checkpoint), body=body)


def metrics(patterns: MetricPatterns) -> Call[MetricPage]:
    """`GET /registry/metrics`."""
    return Call("GET", "/registry/metrics", _read_metrics, query_of(patterns))


def log_metric(family: str, metric_name: str, value: float, options: MetricOptions) -> Call[LoggedMetric]:
    """`POST /registry/metrics`."""
    scores = options.get("scores")
    body = _body({"family": family, "metric_name": metric_name, **options, "value": _finite(value)})
    if scores is not None:
        body = {**body, "scores": [_finite(score) for score in scores]}
    return Call("POST", "/registry/metrics", reader(LoggedMetric), body=body)


def pivot(options: PivotOptions) -> Call[Pivot]:
    """`GET /registry/pivot`."""
    return Call("GET", "/registry/pivot", reader(Pivot), query_of(options))


def compare(model_a: str, model_b: str, *, run: str | None, family: str | None) -> Call[ModelComparison]:
    """`GET /registry/compare`."""
    query = query_of({"model_a": model_a, "model_b": model_b, "run": run, "family": family})
    return Call("GET", "/registry/compare", reader(ModelComparison), query)


def stats(model_a: str, model_b: str, *, family: str, metric: str, run: str | None) -> Call[ModelStats]:
    """`GET /registry/stats`."""
    query = query_of({"model_a": model_a, "model_b": model_b, "family": family, "metric": metric, "run": run})
    return Call("GET", "/registry/stats", reader(ModelStats), query)


def leaderboard(family: str, metric: str, options: RankingOptions) -> Call[ModelLeaderboard]:
    """`GET /registry/leaderboard`."""
    query = query_of({"family": family, "metric": metric, **options})
    return Call("GET", "/registry/leaderboard", reader(ModelLeaderboard), query)


def lineage(run: str | None) -> Call[Lineage]:
    """`GET /registry/lineage`."""
    return Call("GET", "/registry/lineage", reader(Lineage), query_of({"run": run}))


def export(run: str | None) -> Call[bytes]:
    """`GET /registry/export`."""
    return Call("GET", "/registry/export", lambda response: response.content, query_of({"run": run}))


def _read_models(response: httpx.Response) -> ModelPage:
    return ModelPage(reader(list[ModelSummary])(response), total_of(response))


def _read_metrics(response: httpx.Response) -> MetricPage:
    return MetricPage(reader(list[FoundMetric])(response), total_of(response))


def _model_path(model_id: int) -> str:
    return f"/registry/models/{int(model_id)}"


def _body(values: Mapping[str, object]) -> Mapping[str, object]:
    """Gives values as a JSON object, in text that UTF-8 can say; None is left out."""
    return {
        name: sendable(value) if isinstance(value, str) else value
        for name, value in values.items()
        if value is not None
    }


def _finite(number: float) -> float:
    if not isfinite(number):
        raise LabClientError(f"{number!r} is not finite; a metric and its scores are finite numbers")
    return float(number)
