"""Activity over time: how many runs started on each day, by how they stand now.

Owns that one question. A run whose time is not known is on no day.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import get_args

from sqlalchemy import Connection, Row, func, select

from backend import filters
from backend.filters import Dead, status_of
from backend.models import Status
from backend.queries import ActivityQuery, RunQuery
from backend.shapes import Answer
from backend.tables import run_index, run_state

_DAY_CHARS = len("2025-12-01")


def count_by_day(connection: Connection, query: ActivityQuery, *, dead: Dead) -> list[Answer]:
    """Gives a `DayActivity` for each day with runs, in order of time.

    Args:
        connection: An open read transaction.
        query: Which days.
        dead: Runs to read as killed.
    """
    asked = RunQuery(from_timestamp=query.from_timestamp, to_timestamp=query.to_timestamp)
    within = [filters.has_time(), *(condition.where for condition in filters.conditions(asked, dead=dead))]
    day = func.substr(run_index.c.started_at, 1, _DAY_CHARS)
    all_runs = select(day, func.count()).where(*within).group_by(day)
    # The unfinished runs are few and have an index; looking up how each run stands would take ten times as long.
    status = status_of(dead).label("status")
    unfinished = (
        select(day, status, func.count())
        .select_from(run_state.join(run_index, run_index.c.run_id == run_state.c.run_id))
        .where(run_state.c.status != "finished", *within)
        .group_by(day, status)
    )
    return _days(connection.execute(all_runs).all(), connection.execute(unfinished).all())


def _days(all_runs: Sequence[Row[str, int]], unfinished: Sequence[Row[str, str, int]]) -> list[Answer]:
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for day, status, runs in unfinished:
        counts[day][status] = runs
    totals = dict(all_runs)
    for day, runs in totals.items():
        counts[day]["finished"] = runs - sum(counts[day].values())
    return [{"day": day} | {name: counts[day].get(name, 0) for name in get_args(Status)} for day in sorted(totals)]
