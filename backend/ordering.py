"""The orders of `GET /runs`: what each `sort` means in SQL.

Owns the legs of an order: queries whose answers, one after the other, are the whole order. Runs without a value make up
the last leg, or the end of the only one. It must not execute anything.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, not_, true

from backend.dialects import indexed_name, relevance, text_matches
from backend.filters import Dead, has_metric, search_words, status_of
from backend.queries import Order, RunQuery
from backend.tables import run_index, run_metrics, run_params, run_state, run_text

Key = ColumnElement[Any]

_NEWEST_FIRST: tuple[Key, ...] = (run_index.c.started_at.desc(), run_index.c.run_id)


@dataclass(frozen=True)
class Leg:
    """One part of an order.

    Attributes:
        rows: `run_index`, joined with what the order needs.
        where: Which runs belong to this leg.
        keys: What to order by.
    """

    rows: FromClause
    where: ColumnElement[bool]
    keys: Sequence[Key]


def legs(query: RunQuery, *, dead: Dead) -> list[Leg]:
    """Gives the legs of the order that was asked for.

    Args:
        query: What was asked.
        dead: Runs to read as killed.
    """
    kind, _, name = query.sort.partition(":")
    if name:
        return _by_metric(name, query.order) if kind == "metric" else [_by_param(name, query.order)]
    return _SORTS[kind](query, dead)


def _by_metric(name: str, order: Order) -> list[Leg]:
    ranked = run_metrics.join(run_index, run_index.c.run_id == run_metrics.c.run_id)
    is_this = run_metrics.c.name == indexed_name(name)
    has_it = Leg(ranked, is_this, (_directed(run_metrics.c.value, order), *_NEWEST_FIRST))
    return [has_it, Leg(run_index, not_(has_metric(name).where), _NEWEST_FIRST)]


def _by_time(query: RunQuery, dead: Dead) -> list[Leg]:
    """A run without a known time has the empty text, which sorts last by itself when the newest come first."""
    started_at = run_index.c.started_at
    if query.order == "desc":
        return [Leg(run_index, true(), _NEWEST_FIRST)]
    return [
        Leg(run_index, started_at > "", (started_at, run_index.c.run_id)),
        Leg(run_index, started_at == "", (run_index.c.run_id,)),
    ]


def _by_column(name: str) -> Callable[[RunQuery, Dead], list[Leg]]:
    column = run_index.c[name]
    return lambda query, dead: [Leg(run_index, true(), (*_missing_last(column, query.order), *_NEWEST_FIRST))]


def _by_duration(query: RunQuery, dead: Dead) -> list[Leg]:
    return [Leg(_with_state(), true(), (*_missing_last(run_state.c.duration_s, query.order), *_NEWEST_FIRST))]


def _by_status(query: RunQuery, dead: Dead) -> list[Leg]:
    return [Leg(_with_state(), true(), (*_missing_last(status_of(dead), query.order), *_NEWEST_FIRST))]


def _by_param(name: str, order: Order) -> Leg:
    """Numbers come before texts when ascending, after them when descending; equal numbers are equal however spelled."""
    is_this = and_(run_params.c.run_id == run_index.c.run_id, run_params.c.name == indexed_name(name))
    keys = (
        run_params.c.run_id.is_(None),
        _directed(run_params.c.number.is_(None), order),
        _directed(run_params.c.number, order),
        _directed(case((run_params.c.number.is_(None), run_params.c.text)), order),
    )
    return Leg(run_index.outerjoin(run_params, is_this), true(), (*keys, *_NEWEST_FIRST))


def _by_relevance(query: RunQuery, dead: Dead) -> list[Leg]:
    words = search_words(query.q or "")
    if not words:
        return [Leg(run_index, true(), _NEWEST_FIRST)]
    rows = run_text.join(run_state, run_state.c.seq == run_text.c.rowid).join(
        run_index, run_index.c.run_id == run_state.c.run_id
    )
    best_first = "asc" if query.order == "desc" else "desc"
    return [Leg(rows, text_matches(words), (_directed(relevance(words), best_first), *_NEWEST_FIRST))]


def _with_state() -> FromClause:
    return run_index.outerjoin(run_state, run_state.c.run_id == run_index.c.run_id)


def _missing_last(key: Key, order: str) -> tuple[Key, Key]:
    return key.is_(None), _directed(key, order)


def _directed(key: Key, order: str) -> Key:
    return key.desc() if order == "desc" else key.asc()


_SORTS: Mapping[str, Callable[[RunQuery, Dead], list[Leg]]] = {
    "timestamp": _by_time,
    "duration": _by_duration,
    "status": _by_status,
    "dataset_id": _by_column("dataset_id"),
    "command": _by_column("command"),
    "note": _by_column("note"),
    "relevance": _by_relevance,
}
