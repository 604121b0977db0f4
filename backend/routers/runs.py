"""Listing and ranking runs, showing one, and its note."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from backend import activity, db_utils, facets
from backend.access import ThePrincipal
from backend.contract import answer, only, problems
from backend.models import DayActivity, Facets, NoteChange, NoteUpdate, RunDetail, RunSummary
from backend.queries import ActivityQuery, FacetsQuery, LeaderboardQuery, NoQuery, NotesQuery, RunQuery
from backend.routers.paths import RunId
from backend.service import TheService

router = APIRouter(tags=["runs"])
detail_router = APIRouter(tags=["runs"])


def _total(description: str) -> dict[str, Any]:
    """Documents the header that holds a total."""
    schema = {"type": "integer", "minimum": 0}
    return {"headers": {"X-Total-Count": {"description": description, "schema": schema, "example": 480}}}


@router.get(
    "/runs",
    operation_id="list_runs",
    response_model=list[RunSummary],
    responses={200: _total("How many runs fit the filters in all."), **problems(503)},
    dependencies=[Depends(only(RunQuery))],
)
def list_runs(service: TheService, query: Annotated[RunQuery, Query()]) -> Response:
    """Lists runs, newest first unless told otherwise. Every filter given must hold; the header counts all that fit."""
    with service.reading() as reading:
        runs, total = db_utils.list_runs(reading, query)
    return answer(runs, headers={"X-Total-Count": str(total)})


@router.get(
    "/runs/leaderboard",
    operation_id="leaderboard",
    response_model=list[RunSummary],
    responses={200: _total("How many runs rank in all; with `count` alone."), **problems(404, 503)},
    dependencies=[Depends(only(LeaderboardQuery))],
)
def leaderboard(service: TheService, query: Annotated[LeaderboardQuery, Query()]) -> Response:
    """Ranks runs by a final metric, whatever their status; among equals the newest is first.

    Runs without the metric, or with NaN or an infinity for it, do not rank. A metric that no run of the store has is
    unknown, unless no run has any.
    """
    with service.reading() as reading:
        runs = db_utils.leaderboard(reading, query)
        headers = {"X-Total-Count": str(db_utils.count_ranked(reading, query))} if query.count else None
    return answer(runs, headers=headers)


@router.get(
    "/runs/facets",
    operation_id="facets",
    response_model=Facets,
    responses=problems(503),
    dependencies=[Depends(only(FacetsQuery))],
)
def get_facets(service: TheService, query: Annotated[FacetsQuery, Query()]) -> Response:
    """Gives the store's own vocabulary: what there is to filter and rank by, and how many runs have it."""
    left_out = frozenset(query.leave_out)
    with service.reading() as reading:
        found = reading.recall(
            ("facets", left_out),
            lambda: facets.vocabulary(reading.connection, dead=reading.dead, leave_out=left_out),
        )
    return answer(found)


@router.get(
    "/runs/activity",
    operation_id="activity",
    response_model=list[DayActivity],
    responses=problems(503),
    dependencies=[Depends(only(ActivityQuery))],
)
def get_activity(service: TheService, query: Annotated[ActivityQuery, Query()]) -> Response:
    """Counts the runs of each day by status, in order of time; days without a run are left out."""
    with service.reading() as reading:
        found = reading.recall(
            ("activity", query.model_dump_json()),
            lambda: activity.count_by_day(reading.connection, query, dead=reading.dead),
        )
    return answer(found)


@detail_router.patch(
    "/runs/{run_id:text}/note",
    operation_id="update_note",
    response_model=RunDetail,
    responses=problems(404, 409, 413, 503),
    dependencies=[Depends(only(NoQuery))],
)
def update_note(service: TheService, principal: ThePrincipal, run_id: RunId, update: NoteUpdate) -> Response:
    """Sets or clears a run's note; it is on disk when the answer comes. What it was is kept in the note's history."""
    full_id = db_utils.update_run_note(service.store, run_id, update.note, changed_by=principal.user)
    with service.reading() as reading:
        run = db_utils.get_run(reading, full_id)
    return answer(run)


@detail_router.get(
    "/runs/{run_id:text}/notes",
    operation_id="note_history",
    response_model=list[NoteChange],
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(NotesQuery))],
)
def note_history(service: TheService, run_id: RunId, query: Annotated[NotesQuery, Query()]) -> Response:
    """Gives how a run's note was changed through this service and by whom, the newest change first."""
    with service.reading() as reading:
        full_id = db_utils.resolve_run_id(reading.connection, run_id)
        changes = db_utils.list_note_changes(reading.connection, full_id, limit=query.limit)
    return answer(changes)


@detail_router.get(
    "/runs/{run_id:text}",
    operation_id="get_run",
    response_model=RunDetail,
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(NoQuery))],
)
def get_run(service: TheService, run_id: RunId) -> Response:
    """Gives everything that is known of a run, its live metrics and the state of its artifacts aside."""
    with service.reading() as reading:
        run = db_utils.get_run(reading, run_id)
    return answer(run)
