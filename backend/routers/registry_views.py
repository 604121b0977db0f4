"""The models of the registry beside each other: table, comparison, significance, leaderboard, lineage, workbook."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from backend.contract import answer, only, problems
from backend.registry_queries import (
    ModelLeaderboardQuery,
    ModelPairQuery,
    PivotQuery,
    RegistryRunQuery,
    StatsQuery,
)
from backend.registry_views import Lineage, ModelComparison, ModelLeaderboard, ModelStats, Pivot
from backend.service import TheService

router = APIRouter()

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
"""The media type of an Excel workbook."""


@router.get(
    "/pivot",
    operation_id="pivot_models",
    response_model=Pivot,
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(PivotQuery))],
)
def get_pivot(service: TheService, query: Annotated[PivotQuery, Query()]) -> Response:
    """Gives models against metrics. A page counts models; their checkpoints come on top of it."""
    return answer(service.registry.pivot(query))


@router.get(
    "/compare",
    operation_id="compare_models",
    response_model=ModelComparison,
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(ModelPairQuery))],
)
def compare_models(service: TheService, query: Annotated[ModelPairQuery, Query()]) -> Response:
    """Compares the metrics of two models, not those of their checkpoints."""
    return answer(service.registry.compare(query))


@router.get(
    "/stats",
    operation_id="test_models",
    response_model=ModelStats,
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(StatsQuery))],
)
def get_stats(service: TheService, query: Annotated[StatsQuery, Query()]) -> Response:
    """Tells whether the difference of two models is real, from the scores stored with a metric of both."""
    return answer(service.registry.stats(query))


@router.get(
    "/leaderboard",
    operation_id="rank_models",
    response_model=ModelLeaderboard,
    responses=problems(404, 503),
    dependencies=[Depends(only(ModelLeaderboardQuery))],
)
def get_leaderboard(service: TheService, query: Annotated[ModelLeaderboardQuery, Query()]) -> Response:
    """Ranks models by a metric; those that the stored scores cannot tell apart share a rank."""
    return answer(service.registry.leaderboard(query))


@router.get(
    "/lineage",
    operation_id="model_lineage",
    response_model=Lineage,
    responses=problems(404, 503),
    dependencies=[Depends(only(RegistryRunQuery))],
)
def get_lineage(service: TheService, query: Annotated[RegistryRunQuery, Query()]) -> Response:
    """Gives the models of a run, or all, and which was made from which."""
    return answer(service.registry.lineage(query.run))


@router.get(
    "/export",
    operation_id="export_models",
    response_class=Response,
    responses={
        200: {
            "description": "An Excel workbook with a sheet per family, as an attachment.",
            "content": {XLSX: {"schema": {"type": "string", "format": "binary"}, "example": "PK"}},
        },
        **problems(404, 503),
    },
    dependencies=[Depends(only(RegistryRunQuery))],
)
def export_models(service: TheService, query: Annotated[RegistryRunQuery, Query()]) -> Response:
    """Sends every metric of a run, or of all, as an Excel workbook."""
    content = service.registry.workbook(query.run)
    headers = {"Content-Disposition": 'attachment; filename="registry.xlsx"'}
    return Response(content, media_type=XLSX, headers=headers)
