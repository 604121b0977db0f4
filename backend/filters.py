"""The filters of `GET /runs` as a table: which query parameter becomes which condition.

Owns what each filter means in SQL. It must not execute anything, nor order or page: `search` does.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, or_, select

from backend.dialects import holds, indexed_name, indexed_value, text_matches
from backend.models import Status
from backend.queries import RunQuery
from backend.tables import run_index, run_metrics, run_params, run_state, run_tags, run_text
from backend.timestamps import SPELLED_LIKE, read_moment

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_EXACT_INTEGERS = 2**53
_WORD_BREAK = re.compile(r"[\s\x00]+")

Dead = Collection[str]
"""Runs that the store still calls running though their process is gone."""


@dataclass(frozen=True)
class Condition:
    """One filter at work.

    Attributes:
        where: What must hold of a row of `run_index`.
        run_ids: The ids of all runs that fit, each once, straight from an index; None where only looking at every run
            tells.
    """

    where: ColumnElement[bool]
    run_ids: Select[tuple[str]] | None = None


def conditions(query: RunQuery, *, dead: Dead) -> list[Condition]:
    """Gives the conditions that a run has to meet, all of them.

    Args:
        query: What was asked.
        dead: Runs to read as killed.
    """
    return [condition for build in FILTERS.values() for condition in build(query, dead)]


def has_metric(name: str, *, low: float | None = None, high: float | None = None) -> Condition:
    """The runs whose final metric is a finite number, within bounds where given, which are included."""
    fits = [run_metrics.c.name == indexed_name(name)]
    if low is not None:
        fits.append(run_metrics.c.value >= low)
    if high is not None:
        fits.append(run_metrics.c.value <= high)
    return Condition(
        _any_row(select(1).where(run_metrics.c.run_id == run_index.c.run_id, *fits)),
        select(run_metrics.c.run_id).where(*fits),
    )


def on_dataset(dataset_id: str) -> ColumnElement[bool]:
    """The condition that a run used a dataset."""
    return run_index.c.dataset_id == indexed_name(dataset_id)


def status_of(dead: Dead) -> ColumnElement[str]:
    """A run's status in a query over `run_state`, the dead read as killed."""
    if not dead:
        return run_state.c.status
    return case(
        (and_(run_state.c.status == "running", run_state.c.run_id.in_(dead)), "killed"), else_=run_state.c.status
    )


def search_words(query: str) -> list[str]:
    """Gives the words of a text that can be searched for: those with a letter or a digit in them."""
    return [word for word in _WORD_BREAK.split(query) if any(map(str.isalnum, word))]


def _dataset(query: RunQuery, dead: Dead) -> list[Condition]:
    return [] if query.dataset_id is None else [Condition(on_dataset(query.dataset_id))]


def _command(query: RunQuery, dead: Dead) -> list[Condition]:
    return [] if query.command_substring is None else [Condition(holds(run_index.c.command, query.command_substring))]


def _note(query: RunQuery, dead: Dead) -> list[Condition]:
    return [] if query.note_substring is None else [Condition(holds(run_index.c.note, query.note_substring))]


def _from(query: RunQuery, dead: Dead) -> list[Condition]:
    if query.from_timestamp is None:
        return []
    return [Condition(and_(run_index.c.started_at >= read_moment(query.from_timestamp).first, has_time()))]


def _to(query: RunQuery, dead: Dead) -> list[Condition]:
    if query.to_timestamp is None:
        return []
    return [Condition(and_(run_index.c.started_at <= read_moment(query.to_timestamp).last, has_time()))]


def _artifacts(query: RunQuery, dead: Dead) -> list[Condition]:
    if query.has_artifacts is None:
        return []
    return [Condition(run_index.c.has_artifacts == int(query.has_artifacts))]


def _metric(query: RunQuery, dead: Dead) -> list[Condition]:
    if query.metric_name is None:
        return []
    return [has_metric(query.metric_name, low=query.metric_min, high=query.metric_max)]


def _status(query: RunQuery, dead: Dead) -> list[Condition]:
    """Few runs are anything but finished, and those have an index; so `finished` means not among the others."""
    asked = set(query.status)
    if not asked:
        return []
    if "finished" not in asked:
        fitting = _unfinished(asked, dead)
        return [Condition(_any_row(fitting.where(run_state.c.run_id == run_index.c.run_id)), fitting)]
    others = set(get_args(Status)) - asked
    return [Condition(run_index.c.run_id.not_in(_unfinished(others, dead)))] if others else []


def _unfinished(statuses: Collection[str], dead: Dead) -> Select[tuple[str]]:
    return select(run_state.c.run_id).where(run_state.c.status != "finished", status_of(dead).in_(sorted(statuses)))


def _tags(query: RunQuery, dead: Dead) -> list[Condition]:
    return [_has_tag(tag) for tag in query.tag]


def _has_tag(tag: str) -> Condition:
    run_ids = select(run_tags.c.run_id).where(run_tags.c.tag == tag)
    return Condition(_any_row(run_ids.where(run_tags.c.run_id == run_index.c.run_id)), run_ids)


def _params(query: RunQuery, dead: Dead) -> list[Condition]:
    return [_has_param(*text.split(":", 1)) for text in query.param]


def _has_param(name: str, value: str) -> Condition:
    run_ids = select(run_params.c.run_id).where(run_params.c.name == indexed_name(name), _is_value(value))
    return Condition(_any_row(run_ids.where(run_params.c.run_id == run_index.c.run_id)), run_ids)


def _is_value(text: str) -> ColumnElement[bool]:
    """A number is compared as one, because its text in the store is rounded; integers are in there digit by digit."""
    number = _exact_number(text)
    same_text = run_params.c.text == indexed_value(text)
    if _INTEGER.fullmatch(text) and number is None:
        return same_text
    same_text = and_(run_params.c.number.is_(None), same_text)
    return same_text if number is None else or_(same_text, run_params.c.number == number)


def _exact_number(text: str) -> float | None:
    """Reads a number; None for other text and for integers that a float would confuse with their neighbours."""
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return None if _INTEGER.fullmatch(text) and abs(number) >= _EXACT_INTEGERS else number


def _words(query: RunQuery, dead: Dead) -> list[Condition]:
    if query.q is None:
        return []
    words = search_words(query.q)
    if not words:
        return [Condition(false())]
    matches = text_matches(words)
    rows = select(run_text.c.rowid).where(matches)
    state_row = run_state.c.run_id == run_index.c.run_id
    return [
        Condition(
            _any_row(select(1).where(state_row, run_state.c.seq.in_(rows))),
            select(run_state.c.run_id)
            .join_from(run_text, run_state, run_state.c.seq == run_text.c.rowid)
            .where(matches),
        )
    ]


def _any_row(rows: Select[Any]) -> ColumnElement[bool]:
    """The condition that a query about one row of `run_index` finds something."""
    return exists(rows.correlate(run_index))


def has_time() -> ColumnElement[bool]:
    """Rows of other programs may hold no time, or a text that is none; those are before and after nothing."""
    return run_index.c.started_at.like(SPELLED_LIKE)


FILTERS: Mapping[str, Callable[[RunQuery, Dead], Sequence[Condition]]] = {
    "dataset_id": _dataset,
    "command_substring": _command,
    "note_substring": _note,
    "from_timestamp": _from,
    "to_timestamp": _to,
    "has_artifacts": _artifacts,
    "metric_name": _metric,
    "status": _status,
    "tag": _tags,
    "param": _params,
    "q": _words,
}
"""What each query parameter means; `metric_min` and `metric_max` belong to `metric_name`."""
