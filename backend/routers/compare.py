"""Several runs side by side."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from backend import db_utils
from backend.contract import answer, only, problems
from backend.models import CompareRequest, RunComparison
from backend.queries import CompareQuery, NoQuery
from backend.service import Service, TheService

router = APIRouter(tags=["comparison"])


@router.get(
    "/runs/compare",
    operation_id="compare_runs",
    response_model=RunComparison,
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(CompareQuery))],
)
def compare_by_query(service: TheService, query: Annotated[CompareQuery, Query()]) -> Response:
    """Puts runs side by side, in the order asked; a run asked for twice comes once."""
    return _compare(service, query.ids)


@router.post(
    "/compare",
    operation_id="compare_runs_by_body",
    response_model=RunComparison,
    responses=problems(404, 409, 413, 503),
    dependencies=[Depends(only(NoQuery))],
)
def compare_by_body(service: TheService, request: CompareRequest) -> Response:
    """Puts runs side by side; the same as `GET /runs/compare` for more ids than an address can hold."""
    return _compare(service, request.run_ids)


def _compare(service: Service, run_ids: Sequence[str]) -> Response:
    with service.reading() as reading:
        runs = db_utils.get_runs_by_ids(reading, run_ids)
    return answer(
        {
            "run_ids": [run["run_id"] for run in runs],
            "metric_keys": sorted({name for run in runs for name in run["final_metrics"]}),
            "param_keys": sorted({name for run in runs for name in run["params"]}),
            "runs": runs,
        }
    )
