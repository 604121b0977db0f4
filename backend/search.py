"""Finding runs: which ids make up a page, and how many runs fit in all.

Owns how a search is carried out so that it stays quick in a large store: ids come from narrow indexed tables, and the
search starts from the filter that few runs fit, where there is one. It must not read the wide `manifests`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Select, func, intersect, select, true

from backend.dialects import few_rows
from backend.filters import Condition
from backend.ordering import Leg
from backend.tables import run_index

_FEW_RUNS = 5_000
"""Up to so many runs it is quicker to collect and sort them than to walk all runs in order until a page is full."""


@dataclass(frozen=True)
class _Start:
    """The condition that a search starts from, the ids of the runs that fit it, and how many these are."""

    condition: Condition
    run_ids: Select[Any]
    runs: int


def find_page(
    connection: Connection, conditions: Sequence[Condition], *, legs: Sequence[Leg], limit: int, offset: int
) -> tuple[list[str], int | None]:
    """Finds the ids of one page.

    Args:
        connection: An open read transaction.
        conditions: What runs have to meet.
        legs: The order.
        limit: How many ids at most.
        offset: How many to leave out.

    Returns:
        The ids in order, and how many runs fit in all where that came to light on the way.
    """
    start = _best_start(connection, conditions)
    found: list[str] = []
    skip = offset
    for leg in legs:
        statement = _ids_of(connection, leg, conditions, start)
        page = statement.order_by(*leg.keys).limit(limit - len(found)).offset(skip)
        ids = connection.execute(page).scalars().all()
        found.extend(ids)
        if len(found) == limit:
            return found, None
        if leg is not legs[-1]:
            skip = 0 if ids or skip == 0 else skip - _count(connection, statement)
    return found, offset + len(found) if found or offset == 0 else None


def count_runs(connection: Connection, conditions: Sequence[Condition]) -> int:
    """Counts the runs that meet all conditions.

    Args:
        connection: An open read transaction.
        conditions: What runs have to meet; none counts every run.
    """
    start = _best_start(connection, conditions)
    if start is not None:
        return _count(connection, _ids_of(connection, Leg(run_index, true(), ()), conditions, start))
    # Many runs fit each condition: it is quicker to go through each one's index than to look every run up in all.
    others = [condition.where for condition in conditions if condition.run_ids is None]
    parts: list[Select[Any]] = [condition.run_ids for condition in conditions if condition.run_ids is not None]
    if others or not parts:
        parts.append(select(run_index.c.run_id).where(*others))
    return _count(connection, intersect(*parts) if len(parts) > 1 else parts[0])


def _ids_of(connection: Connection, leg: Leg, conditions: Sequence[Condition], start: _Start | None) -> Select[Any]:
    rows = leg.rows
    others = [condition.where for condition in conditions if start is None or condition is not start.condition]
    if start is not None:
        few = few_rows(connection, start.run_ids, n_rows=start.runs)
        rows = rows.join(few, few.c.run_id == run_index.c.run_id)
    return select(run_index.c.run_id).select_from(rows).where(leg.where, *others)


def _best_start(connection: Connection, conditions: Sequence[Condition]) -> _Start | None:
    """Gives the condition that the fewest runs fit, if those are few."""
    best, fewest = None, _FEW_RUNS + 1
    for condition in conditions:
        if condition.run_ids is None:
            continue
        runs = _count(connection, condition.run_ids.limit(fewest))
        if runs < fewest:
            best, fewest = _Start(condition, condition.run_ids, runs), runs
    return best


def _count(connection: Connection, statement: Select[Any] | CompoundSelect[Any]) -> int:
    return connection.execute(select(func.count()).select_from(statement.subquery())).scalar_one()
