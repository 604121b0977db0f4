"""Several runs side by side."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from backend import db_utils, series, series_names
from backend.contract import answer, only, problems
from backend.models import CompareRequest, LongField, MetricSeries, RunComparison, SeriesNames
from backend.queries import CompareInFullQuery, CompareQuery, CurvesQuery, NoQuery
from backend.service import Service, TheService

router = APIRouter(tags=["comparison"])


@router.get(
    "/runs/compare",
    operation_id="compare_runs",
    response_model=RunComparison,
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(CompareInFullQuery))],
)
def compare_by_query(service: TheService, query: Annotated[CompareInFullQuery, Query()]) -> Response:
    """Puts runs side by side, in the order asked; a run asked for twice comes once."""
    return _compare(service, query.ids, leave_out=query.leave_out)


@router.post(
    "/compare",
    operation_id="compare_runs_by_body",
    response_model=RunComparison,
    responses=problems(404, 409, 413, 503),
    dependencies=[Depends(only(NoQuery))],
)
def compare_by_body(service: TheService, request: CompareRequest) -> Response:
    """Puts runs side by side; the same as `GET /runs/compare` for more ids than an address can hold."""
    return _compare(service, request.run_ids, leave_out=request.leave_out)


@router.get(
    "/runs/series",
    operation_id="name_series",
    response_model=SeriesNames,
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(CompareQuery))],
)
def name_series(service: TheService, query: Annotated[CompareQuery, Query()]) -> Response:
    """Names the live series of runs and says how many of the runs have each, without reading a point."""
    with service.reading() as reading:
        full_ids = db_utils.resolve_run_ids(reading.connection, query.ids)
        found = series_names.name_series(reading.connection, full_ids)
    return answer(found)


@router.get(
    "/runs/curves",
    operation_id="get_curves",
    response_model=dict[str, dict[str, MetricSeries]],
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(CurvesQuery))],
)
def get_curves(service: TheService, query: Annotated[CurvesQuery, Query()]) -> Response:
    """Gives the live series of several runs by run id and name; a series that a run does not have is absent."""
    with service.reading() as reading:
        full_ids = db_utils.resolve_run_ids(reading.connection, query.ids)
        found = series.read_curves(reading.connection, full_ids, query)
    return answer(found)


def _compare(service: Service, run_ids: Sequence[str], *, leave_out: Sequence[LongField]) -> Response:
    with service.reading() as reading:
        runs = db_utils.get_runs_by_ids(reading, run_ids, leave_out=leave_out)
    return answer(
        {
            "run_ids": [run["run_id"] for run in runs],
            "metric_keys": sorted({name for run in runs for name in run["final_metrics"]}),
            "param_keys": sorted({name for run in runs for name in run["params"]}),
            "runs": runs,
        }
    )
