"""The store's own vocabulary: its datasets, metrics, parameters, tags and statuses, and how many runs have each.

Owns these questions, asked so that an index answers them even in a large store: names are found by leaping through an
index from one to the next, not by reading every row.
"""

import math
import sys
from collections.abc import Callable, Collection
from typing import Any, get_args

from sqlalchemy import Column, ColumnElement, Connection, case, func, select

from backend.filters import Dead, status_of
from backend.models import FacetPart, Status
from backend.shapes import Answer
from backend.tables import run_index, run_metrics, run_params, run_state, run_tags

MAX_VALUES = 50
"""How many values of a parameter are listed."""


def vocabulary(connection: Connection, *, dead: Dead, leave_out: Collection[FacetPart] = ()) -> Answer:
    """Gives the `Facets` of the store.

    Args:
        connection: An open read transaction.
        dead: Runs to read as killed.
        leave_out: Lists that are not asked for, and empty.
    """
    total = _count(connection, run_index.c.run_id)
    parts: dict[FacetPart, Callable[[], list[Answer]]] = {
        "statuses": lambda: _statuses(connection, total, dead),
        "datasets": lambda: _datasets(connection, total),
        "metrics": lambda: [_metric(connection, name) for name in distinct(connection, run_metrics.c.name)],
        "params": lambda: [_param(connection, name) for name in distinct(connection, run_params.c.name)],
        "tags": lambda: [_tag(connection, tag) for tag in distinct(connection, run_tags.c.tag)],
    }
    return {"total": total} | {name: [] if name in leave_out else ask() for name, ask in parts.items()}


def distinct(
    connection: Connection, column: Column[str], *where: ColumnElement[bool], limit: int | None = None
) -> list[str]:
    """Gives the distinct values of a column in text order, leaping through the index that starts with it.

    Args:
        connection: An open read transaction.
        column: The column; after columns that `where` fixes, the next of an index.
        where: What rows must hold.
        limit: How many values at most.
    """
    lowest = select(func.min(column).label("value")).where(*where)
    found = lowest.cte("found", recursive=True)
    following = select(func.min(column)).where(*where, column > found.c.value).scalar_subquery()
    found = found.union_all(select(following).where(found.c.value.is_not(None)))
    statement = select(found.c.value).where(found.c.value.is_not(None)).limit(limit)
    return list(connection.execute(statement).scalars())


def _statuses(connection: Connection, total: int, dead: Dead) -> list[Answer]:
    """Counts the unfinished runs, which are few and have an index; the others are finished."""
    status = status_of(dead).label("status")
    statement = select(status, func.count()).where(run_state.c.status != "finished").group_by(status)
    runs = {row[0]: row[1] for row in connection.execute(statement)}
    runs["finished"] = total - sum(runs.values())
    return [{"name": name, "runs": runs.get(name, 0)} for name in get_args(Status)]


def _datasets(connection: Connection, total: int) -> list[Answer]:
    column = run_index.c.dataset_id
    found: list[Answer] = [
        {"dataset_id": name, "runs": _count(connection, run_index.c.run_id, column == name)}
        for name in distinct(connection, column)
    ]
    without = total - sum(dataset["runs"] for dataset in found)
    return [*found, {"dataset_id": None, "runs": without}] if without else found


def _metric(connection: Connection, name: str) -> Answer:
    value, is_this = run_metrics.c.value, run_metrics.c.name == name
    # Asked one by one, because only then the index gives lowest and highest without reading all between.
    return {
        "name": name,
        "runs": _count(connection, run_metrics.c.run_id, is_this),
        "min": connection.execute(select(func.min(value)).where(is_this)).scalar_one(),
        "max": connection.execute(select(func.max(value)).where(is_this)).scalar_one(),
    }


def _param(connection: Connection, name: str) -> Answer:
    text, number, is_this = run_params.c.text, run_params.c.number, run_params.c.name == name
    texts = distinct(connection, text, is_this, limit=MAX_VALUES + 1)
    has_more = len(texts) > MAX_VALUES
    listed = texts[:MAX_VALUES]
    values = connection.execute(
        select(text, func.count(), func.min(number)).where(is_this, text.in_(listed)).group_by(text).order_by(text)
    ).all()
    if has_more:
        # Another program may have stored what no float holds, which SQLite keeps as an infinity.
        finite = number.between(-sys.float_info.max, sys.float_info.max)
        statement = select(func.count(), func.min(case((finite, number))), func.max(case((finite, number))))
        runs, lowest, highest = connection.execute(statement.where(is_this)).one()
    else:
        numbers = [value for _, _, value in values if value is not None and math.isfinite(value)]
        runs = sum(count for _, count, _ in values)
        lowest, highest = min(numbers, default=None), max(numbers, default=None)
    return {
        "name": name,
        "runs": runs,
        "values": [{"name": value, "runs": count} for value, count, _ in values],
        "has_more_values": has_more,
        "min": lowest,
        "max": highest,
    }


def _tag(connection: Connection, tag: str) -> Answer:
    return {"name": tag, "runs": _count(connection, run_tags.c.run_id, run_tags.c.tag == tag)}


def _count(connection: Connection, column: Column[Any], *where: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(column.table).where(*where)).scalar_one()
