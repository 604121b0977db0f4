"""Which runs lead by a final metric.

Owns finding them quickly in a large store, whether few or many runs count and wherever they rank. It must not read the
wide `manifests`.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, select

from backend.dialects import indexed_name
from backend.queries import LeaderboardQuery
from backend.tables import run_index, run_metrics

Leader = tuple[str, float]
"""A run's id and its value."""

_WINDOW = 2_000
"""So many of the very best are looked through first; mostly the leaders that are asked for are among them."""


def find_leaders(connection: Connection, query: LeaderboardQuery) -> list[str]:
    """Gives the ids of the runs that rank highest, or lowest, by a final metric; the newest first among equals.

    Args:
        connection: An open read transaction.
        query: What was asked.

    Returns:
        At most `top_k` ids.
    """
    leaders = _leaders_in_window(connection, query)
    if leaders is None:
        leaders = _best_of(connection, _having(query.metric_name), query, run_index.c.dataset_id)
    return [run_id for run_id, _ in leaders]


def _leaders_in_window(connection: Connection, query: LeaderboardQuery) -> Sequence[Leader] | None:
    """Gives the leaders if the very best runs are sure to hold them all, else None."""
    value = run_metrics.c.value
    by_value = value.desc() if query.order == "desc" else value.asc()
    ranked = _having(query.metric_name).order_by(by_value)
    # The empty text keeps the database from starting at the dataset's index instead of at the window.
    leaders = _best_of(connection, ranked.limit(_WINDOW), query, run_index.c.dataset_id + "")
    edge = connection.execute(ranked.with_only_columns(value).offset(_WINDOW).limit(1)).scalar()
    if edge is None:
        return leaders
    is_full = len(leaders) == query.top_k
    # A run just outside the window may equal one inside and be newer.
    return leaders if is_full and leaders[-1][1] != edge else None


def _best_of(
    connection: Connection, ranked: Select[str, float], query: LeaderboardQuery, dataset: ColumnElement[str]
) -> Sequence[Leader]:
    best = ranked.subquery("best")
    value = best.c.value.desc() if query.order == "desc" else best.c.value.asc()
    statement = select(best.c.run_id, best.c.value).join(run_index, run_index.c.run_id == best.c.run_id)
    if query.dataset_id is not None:
        statement = statement.where(dataset == indexed_name(query.dataset_id))
    if query.has_artifacts is not None:
        statement = statement.where(run_index.c.has_artifacts == int(query.has_artifacts))
    newest_first = (run_index.c.started_at.desc(), run_index.c.run_id)
    rows = connection.execute(statement.order_by(value, *newest_first).limit(query.top_k))
    return [(run_id, number) for run_id, number in rows]


def _having(metric_name: str) -> Select[str, float]:
    return select(run_metrics.c.run_id, run_metrics.c.value).where(run_metrics.c.name == indexed_name(metric_name))
