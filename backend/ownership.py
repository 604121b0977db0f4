"""Who may add what to which run.

Owns these checks, for many runs at once. It must not write.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from backend.access import Principal
from backend.errors import ForbiddenRunError, UnknownRunError, list_names
from backend.ingest_models import (
    AddedPoints,
    AddedTags,
    Finish,
    NewDataset,
    NewNote,
    NewUrl,
    RecordedArtifact,
    Start,
)
from backend.json_bodies import Loc, error_at
from backend.tables import run_state

Body = Start | AddedPoints | AddedTags | NewNote | NewDataset | NewUrl | RecordedArtifact | Finish
"""What is known of a run, apart from which run it is."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something to store.

    Attributes:
        run_id: The run it is about.
        body: What it says.
        loc: Where the run's id stands in the request, for problems.
    """

    run_id: str
    body: Body
    loc: Loc


def owners(connection: Connection, run_ids: Iterable[str]) -> dict[str, str | None]:
    """Gives who started each of the runs that are known; nobody else adds to them until the open transaction ends."""
    asked = run_state.c.run_id.in_(sorted(set(run_ids)))
    # Locked in one order for every request, so that no two wait for each other.
    statement = select(run_state.c.run_id, run_state.c.created_by).where(asked).order_by(run_state.c.run_id)
    found = connection.execute(statement.with_for_update())
    return {row.run_id: row.created_by for row in found}


def check_known(items: Sequence[Item], found: Mapping[str, str | None]) -> None:
    """Checks that each run is known, or started by an item before.

    Raises:
        UnknownRunError: Some are not; its errors name the first item of each.
    """
    started: set[str] = set()
    unknown: dict[str, Item] = {}
    for item in items:
        if isinstance(item.body, Start):
            started.add(item.run_id)
        elif item.run_id not in found and item.run_id not in started:
            unknown.setdefault(item.run_id, item)
    if unknown:
        errors = [error_at(item.loc, "no run has this id", run_id) for run_id, item in unknown.items()]
        raise UnknownRunError(
            f"no run has the id {list_names(unknown)}; send its start first, or again when that has arrived",
            errors=errors,
        )


def check_owners(items: Sequence[Item], found: Mapping[str, str | None], principal: Principal) -> None:
    """Checks that a user may add to runs.

    Raises:
        ForbiddenRunError: Some are other users'; its errors name the first item of each.
    """
    if principal.may("admin"):
        return
    foreign: dict[str, Item] = {}
    for item in items:
        if found.get(item.run_id) not in (None, principal.user):
            foreign.setdefault(item.run_id, item)
    if foreign:
        errors = [error_at(item.loc, "this run is another user's", run_id) for run_id, item in foreign.items()]
        raise ForbiddenRunError(
            f"another user started {list_names(foreign)}, and only that user and admins may add to it", errors=errors
        )
