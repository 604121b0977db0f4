"""The query layer: every question that the service asks of the store, and the one change it makes.

Owns `get_connection` and the functions below, which give answers ready to be sent. SQL for changes comes from
`lab_logger.statements`. It must not know HTTP.
"""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, bindparam, null, select, text

from backend import facets, filters, ordering, ranking, search, shapes
from backend.cache import AnswerCache
from backend.dialects import indexed_name, json_array
from backend.errors import (
    MAX_CANDIDATES,
    AmbiguousRunError,
    UnknownMetricError,
    UnknownRunError,
    close_names,
    list_names,
)
from backend.models import LongField
from backend.queries import LeaderboardQuery, RunQuery
from backend.shapes import Answer
from backend.store import Store
from backend.tables import manifests, note_changes, run_index, run_metrics, run_state, run_tags
from lab_logger import StoreError, leases, statements
from lab_logger.record import utc_now

_T = TypeVar("_T")

_LAST_CHARACTER = "\U0010ffff"
_PAGE_KEYS = {"sort", "order", "limit", "offset"}
# A second statement for the tags would add a twentieth to the time of a page.
_TAGS = (select(json_array(run_tags.c.tag)).where(run_tags.c.run_id == manifests.c.run_id)).scalar_subquery()
_BESIDE_COLUMNS = (
    run_index.c.started_at,
    run_state.c.finished_at,
    run_state.c.heartbeat_at,
    run_state.c.duration_s,
    _TAGS.label("tags_json"),
)
_SUMMARY_COLUMNS = (
    manifests.c.run_id,
    manifests.c.timestamp,
    manifests.c.git_hash,
    manifests.c.command,
    manifests.c.dataset_id,
    manifests.c.wandb_url,
    manifests.c.note,
    manifests.c.params_json,
    manifests.c.final_metrics_json,
    *_BESIDE_COLUMNS,
)
_DETAIL_COLUMNS = (
    *manifests.c,
    *_BESIDE_COLUMNS,
    run_state.c.error,
    run_state.c.project,
    run_state.c.parent_run_id,
    run_state.c.created_by,
)


@dataclass(frozen=True)
class Reading:
    """The store as it is at one moment.

    Attributes:
        connection: An open read transaction.
        dead: Runs whose process is gone and that could not be marked as killed; they are read as killed all the same.
        recall: Gives the answer kept under a key if the store has not changed, else computes and keeps it.
    """

    connection: Connection
    dead: frozenset[str]
    recall: Callable[[Hashable, Callable[[], Any]], Any]


@contextmanager
def get_connection(store: Store, *, kept: AnswerCache | None = None) -> Iterator[Reading]:
    """Opens the store for reading, after marking runs whose process is gone as killed.

    Args:
        store: The store.
        kept: Answers kept from earlier readings of the same store; none are kept unless given.

    Raises:
        StoreError: The store cannot be read.
    """
    cache, mark, dead = kept or AnswerCache(), store.change_mark(), frozenset[str]()
    with store.read() as connection:
        dead = _find_dead(connection)
        if not dead:
            yield Reading(connection, dead, lambda key, compute: cache.recall(key, compute, mark=mark))
            return
    dead, mark = _mark_killed(store, dead), store.change_mark()
    with store.read() as connection:
        yield Reading(connection, dead, lambda key, compute: cache.recall((key, dead), compute, mark=mark))


def list_runs(reading: Reading, query: RunQuery) -> tuple[list[Answer], int]:
    """Gives a page of run summaries, and how many runs fit the filters in all."""
    conditions = filters.conditions(query, dead=reading.dead)
    run_ids, total = search.find_page(
        reading.connection,
        conditions,
        legs=ordering.legs(query, dead=reading.dead),
        limit=query.limit,
        offset=query.offset,
    )
    if total is None:
        total = count(reading, query)
    return get_summaries(reading, run_ids), total


def count(reading: Reading, query: RunQuery) -> int:
    """Counts the runs that fit the filters of a query; its order and page do not matter."""
    conditions = filters.conditions(query, dead=reading.dead)
    key = ("count", query.model_dump_json(exclude=_PAGE_KEYS))
    return int(reading.recall(key, lambda: search.count_runs(reading.connection, conditions)))


def leaderboard(reading: Reading, query: LeaderboardQuery) -> list[Answer]:
    """Gives the summaries of the runs that rank highest, or lowest, by a final metric; the newest first among equals.

    Returns:
        At most `top_k` runs; none when the runs asked for lack the metric.

    Raises:
        UnknownMetricError: Runs of the store have final metrics, but none has this one.
    """
    key = ("leaderboard", query.model_dump_json(exclude={"count"}))
    run_ids: list[str] = reading.recall(key, lambda: ranking.find_leaders(reading.connection, query))
    if not run_ids:
        _check_metric(reading, query.metric_name)
    return get_summaries(reading, run_ids)


def count_ranked(reading: Reading, query: LeaderboardQuery) -> int:
    """Counts the runs that a leaderboard ranks, those beyond its `top_k` included."""
    fitting = RunQuery(metric_name=query.metric_name, dataset_id=query.dataset_id, has_artifacts=query.has_artifacts)
    return count(reading, fitting)


def get_summaries(reading: Reading, run_ids: Sequence[str]) -> list[Answer]:
    """Gives the summaries of runs by their full ids, in the order given."""
    rows = reading.connection.execute(_summaries(reading.dead), {"run_ids": run_ids}).mappings()
    by_id = {row["run_id"]: shapes.summary(row) for row in rows}
    return [by_id[run_id] for run_id in run_ids if run_id in by_id]


@lru_cache(maxsize=8)
def _summaries(dead: frozenset[str]) -> Select[Any]:
    """Gives the statement for the summaries of `run_ids`, which is made once rather than for every page."""
    return (
        select(*_SUMMARY_COLUMNS, filters.status_of(dead).label("status"))
        .join(run_state, run_state.c.run_id == manifests.c.run_id)
        .join(run_index, run_index.c.run_id == manifests.c.run_id)
        .where(manifests.c.run_id.in_(bindparam("run_ids", expanding=True)))
    )


def get_run(reading: Reading, run_id: str) -> Answer:
    """Gives everything that is known of a run.

    Args:
        reading: The store.
        run_id: The run's id, or a prefix that fits one run.

    Raises:
        UnknownRunError: No run fits.
        AmbiguousRunError: Several do.
    """
    return get_runs_by_ids(reading, [run_id])[0]


def get_runs_by_ids(reading: Reading, run_ids: Sequence[str], *, leave_out: Collection[LongField] = ()) -> list[Answer]:
    """Gives everything that is known of several runs, in the order asked, each once.

    Args:
        reading: The store.
        run_ids: Ids, or prefixes that fit one run each.
        leave_out: Long texts that are not read, and None.

    Raises:
        UnknownRunError: Some fit no run; the message names them all.
        AmbiguousRunError: One fits several.
    """
    full_ids = resolve_run_ids(reading.connection, run_ids)
    status = filters.status_of(reading.dead).label("status")
    statement = (
        select(*(null().label(one.name) if one.name in leave_out else one for one in _DETAIL_COLUMNS), status)
        .join(run_state, run_state.c.run_id == manifests.c.run_id)
        .join(run_index, run_index.c.run_id == manifests.c.run_id)
        .where(manifests.c.run_id.in_(full_ids))
    )
    rows = {row["run_id"]: row for row in reading.connection.execute(statement).mappings()}
    return [shapes.detail(rows[run_id]) for run_id in full_ids]


def update_run_note(store: Store, run_id: str, note: str | None, *, changed_by: str | None = None) -> str:
    """Sets or clears the note of a run, and keeps what it was; on disk when this returns.

    Args:
        store: The store.
        run_id: The run's id, or a prefix that fits one run.
        note: The note; None clears it.
        changed_by: The user who does so; None where no token says who it is.

    Returns:
        The run's full id.

    Raises:
        UnknownRunError: No run fits.
        AmbiguousRunError: Several do.
        StoreError: The store cannot be written; the note is as it was.
    """
    with store.write() as connection:
        full_id = resolve_run_id(connection, run_id)
        change_note(connection, full_id, note, changed_by=changed_by)
    return full_id


def change_note(connection: Connection, run_id: str, note: str | None, *, changed_by: str | None) -> None:
    """Sets the note of a run by its full id in an open write transaction; one that is the same already stays as it is.

    The row is locked, so that of two changes at once the later one says what the earlier one wrote.
    """
    current = select(manifests.c.note).where(manifests.c.run_id == run_id).with_for_update()
    if connection.execute(current).scalar_one() == note:
        return
    change = {"run_id": run_id, "note": note, "changed_at": utc_now(), "changed_by": changed_by}
    connection.execute(text(statements.ADD_NOTE_CHANGE), change)
    connection.execute(text(statements.SET_NOTE), {"run_id": run_id, "note": note})


def list_note_changes(connection: Connection, run_id: str, *, limit: int) -> list[Answer]:
    """Gives the last changes of the note of a run by its full id, the newest first."""
    columns = [note_changes.c[name] for name in ("changed_at", "changed_by", "former_note", "note")]
    newest = note_changes.c.change_id.desc()
    statement = select(*columns).where(note_changes.c.run_id == run_id).order_by(newest).limit(limit)
    return [
        {name: shapes.text(value) for name, value in row.items()} for row in connection.execute(statement).mappings()
    ]


def resolve_run_id(connection: Connection, run_id: str) -> str:
    """Gives the full id of the run that an id or a prefix names; a run with exactly this id comes first.

    Raises:
        UnknownRunError: No run fits.
        AmbiguousRunError: Several do; the message lists them.
    """
    return resolve_run_ids(connection, [run_id])[0]


def resolve_run_ids(connection: Connection, run_ids: Sequence[str]) -> list[str]:
    """Gives the full ids of several runs, in the order asked, each once; see `resolve_run_id`.

    Raises:
        UnknownRunError: Some fit no run; the message names them all.
        AmbiguousRunError: One fits several.
    """
    found = {run_id: _runs_like(connection, run_id) for run_id in run_ids}
    unknown = [run_id for run_id, fitting in found.items() if not fitting]
    if unknown:
        raise UnknownRunError(
            f"no run has the id {list_names(unknown, limit=len(unknown))}, or an id that starts like that; "
            "GET /runs lists the runs there are"
        )
    for run_id, fitting in found.items():
        if len(fitting) > 1:
            listed = list_names(fitting[:MAX_CANDIDATES])
            raise AmbiguousRunError(
                f"several runs have an id that starts with {run_id!r}, such as {listed}; give more of the id",
                candidates=fitting,
            )
    return list(dict.fromkeys(fitting[0] for fitting in found.values()))


def _runs_like(connection: Connection, prefix: str) -> list[str]:
    """Gives the run with exactly this id, else the runs whose id starts with it, one more than are ever shown."""
    column = run_index.c.run_id
    exact = connection.execute(select(column).where(column == prefix)).scalar()
    if exact is not None:
        return [exact]
    starting = select(column).where(column >= prefix, column < prefix + _LAST_CHARACTER).order_by(column)
    return list(connection.execute(starting.limit(MAX_CANDIDATES + 1)).scalars())


def _check_metric(reading: Reading, name: str) -> None:
    if reading.connection.execute(
        select(run_metrics.c.name).where(run_metrics.c.name == indexed_name(name)).limit(1)
    ).first():
        return
    known: list[str] = reading.recall(
        "metric names",
        lambda: facets.distinct(reading.connection, run_metrics.c.name),
    )
    if known:
        likely = close_names(name, known)
        raise UnknownMetricError(
            f"no run has a finite value for a final metric {name!r}; the store has {list_names(likely)}",
            candidates=likely,
        )


def _find_dead(connection: Connection) -> frozenset[str]:
    return frozenset(run_id for run_id, _, _ in leases.dead_runs(_execute_on(connection), now=utc_now()))


def _mark_killed(store: Store, dead: frozenset[str]) -> frozenset[str]:
    """Marks dead runs as killed in the store; gives those that could not be marked now."""
    try:
        with store.write(patiently=False) as connection:
            leases.reap(_execute_on(connection), now=utc_now())
    except StoreError:
        return dead
    return frozenset()


def _execute_on(connection: Connection) -> leases.Execute:
    def execute(statement: str, values: Mapping[str, object]) -> Sequence[Sequence[object]]:
        result = connection.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []

    return execute
