"""The model registry: its vocabulary, models, checkpoints and metrics."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Response

from backend.contract import answer, only, problems
from backend.queries import NoQuery
from backend.registry_entries import MAX_ID, AnyModelEntry, CheckpointEntry, MetricEntry
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
from backend.registry_queries import MetricsQuery, ModelsQuery
from backend.service import TheService

router = APIRouter()

ModelId = Annotated[int, Path(ge=1, le=MAX_ID, description="The model's id, `id` in the list of models.", examples=[7])]


def _counting(what: str) -> dict[int | str, dict[str, Any]]:
    """Documents the header that counts what fits in all."""
    total = {
        "description": f"How many {what} fit in all.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 12,
    }
    return {200: {"headers": {"X-Total-Count": total}}}


@router.get(
    "/facets",
    operation_id="registry_facets",
    response_model=RegistryFacets,
    responses=problems(503),
    dependencies=[Depends(only(NoQuery))],
)
def get_facets(service: TheService) -> Response:
    """Gives the registry's own vocabulary: its runs, and the families with their metrics. Empty without a registry."""
    return answer(service.registry.facets())


@router.get(
    "/models",
    operation_id="list_models",
    response_model=list[ModelSummary],
    responses={**_counting("models"), **problems(503)},
    dependencies=[Depends(only(ModelsQuery))],
)
def list_models(service: TheService, query: Annotated[ModelsQuery, Query()]) -> Response:
    """Lists models by run and name. Every filter given must hold; the header counts all that fit."""
    models, total = service.registry.models(query)
    return answer(models, headers={"X-Total-Count": str(total)})


@router.post(
    "/models",
    operation_id="register_model",
    response_model=RegisteredModel,
    responses={
        200: {"description": "The model was known already; what was given is updated."},
        201: {"model": RegisteredModel, "description": "The model is new."},
        **problems(404, 409, 413, 503),
    },
    dependencies=[Depends(only(NoQuery))],
)
def register_model(service: TheService, entry: Annotated[AnyModelEntry, Body()]) -> Response:
    """Registers a model: by name, or, with `from_run`, the one that a run of the tracker left, with its final metrics.

    The same request a second time changes nothing. The registry is made if there is none.
    """
    model, is_new = service.registry.register(entry)
    return _created(answer(model), is_new=is_new)


@router.get(
    "/models/{model_id}",
    operation_id="get_model",
    response_model=ModelDetail,
    responses=problems(404, 503),
    dependencies=[Depends(only(NoQuery))],
)
def get_model(service: TheService, model_id: ModelId) -> Response:
    """Gives everything that is known of a model, its per-sample scores aside."""
    return answer(service.registry.model(model_id))


@router.delete(
    "/models/{model_id}",
    operation_id="delete_model",
    response_model=DeletedModel,
    responses=problems(404, 503),
    dependencies=[Depends(only(NoQuery))],
)
def delete_model(service: TheService, model_id: ModelId) -> Response:
    """Deletes a model with its checkpoints and metrics. Its files stay, and so do the models made from it."""
    return answer(service.registry.delete(model_id))


@router.post(
    "/checkpoints",
    operation_id="register_checkpoint",
    status_code=201,
    response_model=Checkpoint,
    responses=problems(404, 413, 503),
    dependencies=[Depends(only(NoQuery))],
)
def register_checkpoint(service: TheService, entry: CheckpointEntry) -> Response:
    """Registers a checkpoint of a model; one of the same step and path is the same checkpoint."""
    return _created(answer(service.registry.register_checkpoint(entry)), is_new=True)


@router.get(
    "/metrics",
    operation_id="find_metrics",
    response_model=list[FoundMetric],
    responses={**_counting("metrics"), **problems(503)},
    dependencies=[Depends(only(MetricsQuery))],
)
def find_metrics(service: TheService, query: Annotated[MetricsQuery, Query()]) -> Response:
    """Lists the metrics of models whose names fit patterns, by model, family, metric and run."""
    metrics, total = service.registry.metrics(query)
    return answer(metrics, headers={"X-Total-Count": str(total)})


@router.post(
    "/metrics",
    operation_id="log_metric",
    response_model=LoggedMetric,
    responses=problems(404, 409, 413, 503),
    dependencies=[Depends(only(NoQuery))],
)
def log_metric(service: TheService, entry: MetricEntry) -> Response:
    """Logs a metric of a model or of a checkpoint. One that is there stays as it is, unless `force` is set."""
    return answer(service.registry.log_metric(entry))


def _created(response: Response, *, is_new: bool) -> Response:
    response.status_code = 201 if is_new else 200
    return response
