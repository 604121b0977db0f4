"""Plans that list, count and search runs.

Owns `list_runs`, `count_runs` and `search_runs`.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

from agents.offline.language.names import is_number
from agents.offline.plans.asking import MAX_LISTED, Batch, Call, Plan, Steps, ask, list_scope, order_said, together
from agents.offline.plans.rankings import has_more, rank
from agents.offline.plans.saying import (
    counted,
    draft,
    more_text,
    names_text,
    none_text,
    numbered,
    quoted,
    seconds_text,
    shown_metrics,
    total_text,
)
from agents.offline.reading.reading import Reading
from agents.offline.reading.scopes import ParamIs, Scope
from agents.offline.reading.values import is_spelled, param_of, value_of
from agents.wording import short_id
from backend.models import RunSummary, Status
from tools.found import RunsFound

_LISTED: Final = 20
_SHOWN: Final = 10
_MAX_EACH: Final = 8
_SHARE: Final = re.compile(r"\b(?:portion|share|fraction|percentage|proportion|percent|ratio)\b")
_ENDINGS: Final = ("ting", "ning", "ing", "ions", "ion", "ed", "es", "s")


def list_runs(reading: Reading) -> Plan:
    """Lists the runs of a scope, the newest first."""
    if reading.unknown:
        return (yield from search(replace(reading, words=" ".join(each.text for each in reading.unknown), unknown=())))
    if reading.ends:
        return (yield from rank(reading))
    limit = reading.top_k or (1 if reading.recency and not reading.is_plural else _LISTED)
    batch = yield from list_scope(reading.scope, limit=limit, oldest=reading.recency == "oldest")
    if not batch.runs:
        return draft(reading, none_text(batch))
    is_few = reading.recency is not None or reading.top_k is not None
    order = [order_said(reading.scope, oldest=reading.recency == "oldest")]
    header = f"{total_text(batch)} {'fits' if batch.total == 1 else 'fit'}."
    if is_few:
        end = "oldest" if reading.recency == "oldest" else "newest"
        header = f"The {end} run:" if len(batch.runs) == 1 else f"The {end} {len(batch.runs)} runs:"
    names = shown_metrics(reading, batch.runs)
    return draft(
        reading,
        header[:1].upper() + header[1:],
        _with_times(batch, names),
        "" if is_few else more_text(batch, min(_SHOWN, len(batch.runs))),
        used=[run.run_id for run in batch.runs],
        read_as=order,
    )


def count(reading: Reading) -> Plan:
    """Counts the runs of a scope."""
    things = _things(reading)
    if things is not None:
        yield from ()
        return draft(reading, things)
    if reading.per is not None:
        return (yield from _count_each(reading, reading.per))
    if reading.scope.is_everything:
        yield from ()
        return draft(reading, f"There {'is' if reading.facets.total == 1 else 'are'} {counted(reading.facets.total)}.")
    is_sifted = reading.scope.is_sifted
    batch = yield from list_scope(reading.scope, limit=MAX_LISTED if is_sifted else 1)
    fit = "fits" if batch.total == 1 else "fit"
    used = [run.run_id for run in batch.runs] if is_sifted else []
    share = f", of {reading.facets.total} in all" if _SHARE.search(reading.masked) else ""
    if not batch.total and not batch.is_counted:
        return draft(reading, none_text(batch))
    return draft(reading, f"{total_text(batch)} {fit}{share}.".capitalize(), used=used, fits=batch.total > 0)


def search(reading: Reading) -> Plan:
    """Finds runs by words in their notes, commands, parameters, datasets and tags."""
    words = reading.words or ""
    found = yield from _search(words, limit=_SHOWN if reading.scope.is_everything else MAX_LISTED)
    fitting = [run for run in found.runs if _fits(run, reading.scope, words)]
    runs, is_cut = fitting[:_SHOWN], found.total > len(found.runs) or len(fitting) > _SHOWN
    read_as = [f"words={quoted(words)}"]
    if not runs:
        scope = "" if not found.runs else " among the runs that fit" + (", of those looked at" if is_cut else "")
        return draft(reading, f"No run mentions {quoted(words)}{scope}.", read_as=read_as, intent="search_runs")
    partial = "No run holds all of the words; these hold some." if found.is_partial else ""
    header = f"{counted(len(runs)).capitalize()} found{', and there may be more' if is_cut else ''}:"
    return draft(
        reading,
        partial,
        header,
        numbered(runs, shown_metrics(reading, runs)),
        used=[run.run_id for run in runs],
        read_as=read_as,
        intent="search_runs",
    )


def _search(words: str, *, limit: int) -> Steps[RunsFound]:
    """Searches for words; where they are in no run, for their stems."""
    found = yield from ask(Call("search_run_summaries", {"query": words, "limit": limit}))
    stems = " ".join(_stem(word) for word in words.split())
    if isinstance(found, RunsFound) and (not found.runs or found.is_partial) and stems != words:
        again = yield from ask(Call("search_run_summaries", {"query": stems, "limit": limit}))
        found = again if isinstance(again, RunsFound) and again.runs else found
    return found if isinstance(found, RunsFound) else RunsFound([], 0)


def _stem(word: str) -> str:
    ending = next((each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) > 3), "")  # noqa: PLR2004
    return word[: len(word) - len(ending)] if ending else word


def _fits(run: RunSummary, scope: Scope, words: str) -> bool:
    """Tells whether a run is of a scope; a name that is itself searched for does not count."""
    searched = set(re.findall(r"\w+", words.lower()))
    others = replace(scope, datasets=(), params=(), note=None)
    values = [(bound, value_of(run, bound.name)) for bound in scope.bounds if bound.target != "duration"]
    if not (others.keeps(run) and others.spans(run.timestamp) and all(bound.holds(value) for bound, value in values)):
        return False
    datasets = [name for name in scope.datasets if not set(re.findall(r"\w+", name.lower())) <= searched]
    return (
        (not datasets or run.dataset_id in datasets)
        and (not scope.statuses or run.status in scope.statuses or bool(searched & set(scope.statuses)))
        and all(
            any(is_spelled(param_of(run, param.name), value) for value in param.values)
            for param in scope.params
            if not any(value.lower() in searched for value in param.values)
        )
    )


def _with_times(batch: Batch, names: Sequence[str]) -> str:
    text = numbered(batch.runs, names)
    if not batch.seconds:
        return text
    times = [f"{short_id(run.run_id)} {seconds_text(batch.seconds.get(run.run_id))}" for run in batch.runs[:_SHOWN]]
    return f"{text}\nDurations: {', '.join(times)}."


def _things(reading: Reading) -> str | None:
    """Says how many datasets, metrics, tags or models there are, where that is asked."""
    match = re.search(
        r"\b(?:how many|number of|count)(?: the| of)?(?: \w+)? (datasets?|metrics?|tags?|models|params|"
        r"parameters|PARAM)(?: |$)",
        reading.masked,
    )
    if (
        match is None
        or not reading.scope.is_everything
        or re.search(r"\bruns?\b.{0,20}\bper\b|\bruns per\b", reading.masked)
    ):
        return None
    facets = reading.facets
    named: dict[str, list[str]] = {
        "dataset": [each.dataset_id for each in facets.datasets if each.dataset_id],
        "metric": [each.name for each in facets.metrics],
        "tag": [each.name for each in facets.tags],
        "param": [each.name for each in facets.params],
        "parameter": [each.name for each in facets.params],
    }
    names = named.get(match[1].rstrip("s"))
    if names is None:
        param = reading.params[0] if reading.params else reading.per
        facet = next((each for each in facets.params if each.name == param), None)
        if facet is None or (facet.has_more_values and facet.values):
            return None
        names = [value.name for value in facet.values]
    return f"There are {len(names)}: {names_text(names, limit=20)}."


def _count_each(reading: Reading, per: str) -> Plan:
    scopes = each_of(reading, per)
    if reading.scope.is_everything:
        yield from ()
        counts = {label: runs for label, _, runs in scopes}
    else:
        batches = yield from together([list_scope(scope, limit=1) for _, scope, _ in scopes])
        counts = {label: batch.total for (label, _, _), batch in zip(scopes, batches, strict=True)}
    counts = dict(sorted(counts.items(), key=lambda each: -each[1]))
    lines = [f"{label}: {counted(runs)}" for label, runs in counts.items()]
    is_cut = len(scopes) == _MAX_EACH and has_more(reading, per, _MAX_EACH)
    total = f"There are {counted(reading.facets.total)} in all." if reading.scope.is_everything else ""
    others = f"Only the {len(lines)} with the most runs are listed; there are others." if is_cut else ""
    return draft(reading, total, "\n".join(lines), others, read_as=[f"per {per}"], fits=any(counts.values()))


def each_of(reading: Reading, per: str) -> list[tuple[str, Scope, int]]:
    """Gives the datasets, statuses or values with the most runs: each one's label, scope, and runs in all."""
    facets = reading.facets
    if per == "dataset":
        datasets = sorted(facets.datasets, key=lambda each: -each.runs)
        return [
            (each.dataset_id, replace(reading.scope, datasets=(each.dataset_id,)), each.runs)
            for each in datasets
            if each.dataset_id
        ][:_MAX_EACH]
    if per == "status":
        return [
            (status.name, replace(reading.scope, statuses=(cast(Status, status.name),)), status.runs)
            for status in facets.statuses
            if status.runs
        ]
    facet = next((each for each in facets.params if each.name == per), None)
    values = sorted(facet.values, key=lambda value: -value.runs) if facet else []
    return [
        (
            f"{per} {value.name}" if is_number(value.name) else value.name,
            _with(reading.scope, per, value.name),
            value.runs,
        )
        for value in values[:_MAX_EACH]
    ]


def _with(scope: Scope, param: str, value: str) -> Scope:
    others = tuple(each for each in scope.params if each.name != param)
    return replace(scope, params=(*others, ParamIs(param, (value,))))
