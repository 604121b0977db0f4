"""Plans that rank runs: the best, the worst, the top few, the best of each.

Owns `best_run`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from agents.offline.language.names import headline_of
from agents.offline.plans.asking import MAX_LISTED, Batch, Plan, Steps, ask_comparison, list_scope, together
from agents.offline.plans.saying import (
    counted,
    draft,
    line,
    names_text,
    none_text,
    numbered,
    own_metrics,
    seconds_text,
    shown_metrics,
    value_text,
)
from agents.offline.reading.reading import Ranking, Reading
from agents.offline.reading.scopes import ParamIs, Scope
from agents.offline.reading.values import is_spelled, param_of, value_of
from agents.wording import number_text, run_label
from backend.models import RunSummary
from tools.directions import better_order, order_text

_MAX_EACH: Final = 8
_FEW: Final = 5
_CONTEXT: Final = 10
_MAX_EQUAL: Final = 3
NOTHING_TO_RANK: Final = "No run has a final metric yet, so none can be ranked."


def rank(reading: Reading) -> Plan:
    """Names the best runs, or those at another end."""
    if reading.per is not None:
        return (yield from _rank_each(reading, reading.per))
    wanted = wanted_runs(reading)
    reading, ranking, batch = yield from ranked(reading, limit=max(wanted, _CONTEXT) + reading.place - 1)
    if ranking is None or not batch.runs:
        return draft(reading, _nothing_ranked(ranking, batch), read_as=_read_as(reading, ranking))
    if reading.place > len(batch.runs):
        return draft(
            reading, f"Only {counted(len(batch.runs))} can be ranked.", used=[run.run_id for run in batch.runs]
        )
    if reading.place > 1:
        batch = replace(batch, runs=batch.runs[reading.place - 1 :])
    runs = batch.runs[:wanted]
    names = shown_metrics(reading, runs, ranking)
    if wanted == 1:
        said = _best_text(ranking, runs[0], batch, names, place=reading.place)
        next_ones = [run for run in batch.runs[1:] if run.run_id != runs[0].run_id]
        others = f"Next: {line(next_ones[0], names[:1])}." if next_ones else _no_other_text(ranking, batch)
        more, read_as, used = yield from _other_ends(reading, ranking, names)
        return draft(
            reading, said, others, more, used=[runs[0].run_id, *used], read_as=[*_read_as(reading, ranking), *read_as]
        )
    header = f"By {ranking.name}, {order_text(ranking.order)}:"
    return draft(
        reading,
        header,
        _lines(runs, names, batch),
        used=[run.run_id for run in runs],
        read_as=_read_as(reading, ranking),
    )


def _other_ends(reading: Reading, ranking: Ranking, names: Sequence[str]) -> Steps[tuple[str, list[str], list[str]]]:
    """Names the run at each other end that is asked for, how that was read, and the runs' ids."""
    if reading.top_k is not None or reading.place > 1:
        return "", [], []
    rankings = [each for each in reading.rankings() if each != ranking and each.kind == ranking.kind]
    batches = yield from together([list_scope(reading.scope, ranking=each, limit=_CONTEXT) for each in rankings])
    found = [(each, batch) for each, batch in zip(rankings, batches, strict=True) if batch.runs]
    texts = [_best_text(each, batch.runs[0], batch, names, place=1) for each, batch in found]
    return "\n".join(texts), [each.said() for each, _ in found], [batch.runs[0].run_id for _, batch in found]


def ranked(
    reading: Reading, *, limit: int, ranking: Ranking | None = None
) -> Steps[tuple[Reading, Ranking | None, Batch]]:
    """Ranks the runs of a reading; where none has the headline metric, by a metric that they have.

    Returns:
        The reading by the metric that was used, the ranking, and the runs.

    Raises:
        ToolFailedError: A tool failed.
    """
    ranking = ranking or reading.ranking()
    if ranking is None:
        return reading, None, Batch([], 0, is_counted=True, seconds={})
    batch = yield from list_scope(reading.scope, ranking=ranking, limit=limit)
    if batch.runs or reading.metrics or ranking.kind != "metric" or reading.scope.is_everything:
        return reading, ranking, batch
    metric = yield from _own_headline(reading.scope)
    if metric is None:
        return reading, ranking, batch
    reading = reading.with_metric(metric)
    ranking = reading.ranking()
    batch = yield from list_scope(reading.scope, ranking=ranking, limit=limit)
    return reading, ranking, batch


def _own_headline(scope: Scope) -> Steps[str | None]:
    """Gives the metric by which the runs of a scope are judged; None where they have none."""
    sample = yield from list_scope(scope, limit=50)
    return headline_of(own_metrics(sample.runs))


def wanted_runs(reading: Reading, *, several: int = _FEW) -> int:
    """Gives how many runs of a ranking are asked for."""
    return min(reading.top_k or (several if reading.is_plural else 1), MAX_LISTED)


def _no_other_text(ranking: Ranking, batch: Batch) -> str:
    if not batch.is_counted:
        return "No other one was found among the runs that were looked at."
    return "No other run fits." if ranking.kind == "duration" else f"No other run that fits has {ranking.name}."


def _nothing_ranked(ranking: Ranking | None, batch: Batch) -> str:
    """Says that no run can be ranked."""
    if not batch.is_counted:
        return none_text(batch)
    if ranking is None:
        return NOTHING_TO_RANK
    return f"No run that fits has {ranking.name}." if ranking.kind != "duration" else "No run fits."


def _read_as(reading: Reading, ranking: Ranking | None) -> list[str]:
    said = [ranking.said()] if ranking is not None else []
    return [*said, f"top {reading.top_k}"] if reading.top_k else said


def _best_text(ranking: Ranking, run: RunSummary, batch: Batch, names: Sequence[str], *, place: int) -> str:
    end = "In that place" if place > 1 else "Highest" if ranking.order == "desc" else "Lowest"
    if ranking.kind == "duration":
        return f"{end} duration: {seconds_text(batch.seconds.get(run.run_id))}, run {run_label(run)}."
    value = value_of(run, ranking.name)
    equal = [other for other in batch.runs[1:] if value_of(other, ranking.name) == value]
    others = [
        value_text(name, value_of(run, name))
        for name in names
        if name != ranking.name and value_of(run, name) is not None
    ]
    more = f" Also: {', '.join(others)}." if others else ""
    tie = f" Equal to it: {_equal_text(equal)}; the newest is named first." if equal else ""
    return f"{end} {ranking.name}: {number_text(value)}, run {line(run, [])}.{more}{tie}"


def _equal_text(runs: Sequence[RunSummary]) -> str:
    named = ", ".join(map(run_label, runs[:_MAX_EQUAL]))
    return f"{named} and others" if len(runs) > _MAX_EQUAL else named


def _lines(runs: Sequence[RunSummary], names: Sequence[str], batch: Batch) -> str:
    if not batch.seconds:
        return numbered(runs, names)
    return "\n".join(
        f"{place}. {line(run, names)}, duration {seconds_text(batch.seconds.get(run.run_id))}"
        for place, run in enumerate(runs, 1)
    )


def _rank_each(reading: Reading, per: str) -> Plan:
    """Names the best run of each dataset, model or other value."""
    ranking = reading.ranking()
    sides = _sides(reading, per)
    if ranking is None or not sides:
        return draft(reading, NOTHING_TO_RANK)
    best = {} if per == "dataset" else (yield from _leading_values(reading, per, ranking))
    left = [side for side in sides if side[0] not in best][: max(0, _MAX_EACH - len(best))]
    batches = yield from together([list_scope(scope, ranking=ranking, limit=1) for _, scope in left])
    best |= {label: batch.runs[0] for (label, _), batch in zip(left, batches, strict=True) if batch.runs}
    if per == "dataset" and not reading.metrics:
        best |= yield from _by_own_metric([side for side in sides if side[0] not in best])
    if not best and not reading.metrics and (metric := (yield from _own_headline(reading.scope))) is not None:
        return (yield from _rank_each(reading.with_metric(metric), per))
    if not best:
        return draft(reading, f"No run that fits has {ranking.name}.", read_as=_read_as(reading, ranking))
    labels = _ordered(best, ranking) if per != "dataset" else list(best)
    runs = [best[label] for label in labels]
    if per != "dataset" and len(runs) > 1:
        yield from ask_comparison([run.run_id for run in runs])
    lines = [
        f"{place}. {label}: {line(best[label], _names(reading, best[label], ranking))}"
        for place, label in enumerate(labels, 1)
    ]
    header = f"The best run of each {'dataset' if per == 'dataset' else per}:"
    winner = _winner_text(labels, best, ranking) if per != "dataset" and len(runs) > 1 else ""
    others = f"There are more of {per} than these." if has_more(reading, per, _MAX_EACH) else ""
    return draft(
        reading,
        winner,
        header,
        "\n".join(lines),
        others,
        used=[run.run_id for run in runs],
        read_as=_read_as(reading, ranking),
    )


def has_more(reading: Reading, per: str, listed: int) -> bool:
    """Tells whether the store has more datasets, or values of a parameter, than are listed."""
    if per == "dataset":
        return sum(each.dataset_id is not None for each in reading.facets.datasets) > listed
    facet = next((each for each in reading.facets.params if each.name == per), None)
    is_named = any(param.name == per for param in reading.scope.params)
    return facet is not None and not is_named and (facet.has_more_values or len(facet.values) > listed)


def _leading_values(reading: Reading, per: str, ranking: Ranking) -> Steps[dict[str, RunSummary]]:
    """Gives the values of a parameter that come first in a ranking of all runs, each with its best run.

    One list tells it: whichever value a run of it has first, that run is the value's best.
    """
    batch = yield from list_scope(reading.scope, ranking=ranking, limit=MAX_LISTED)
    facet = next((each for each in reading.facets.params if each.name == per), None)
    best: dict[str, RunSummary] = {}
    for run in batch.runs:
        value = param_of(run, per)
        if value is None or len(best) == _MAX_EACH:
            continue
        known = (each.name for each in facet.values if is_spelled(value, each.name)) if facet else iter(())
        best.setdefault(next(known, str(value)), run)
    return best


def _winner_text(labels: Sequence[str], best: dict[str, RunSummary], ranking: Ranking) -> str:
    first = value_of(best[labels[0]], ranking.name)
    equal = [label for label in labels if value_of(best[label], ranking.name) == first]
    return f"At the front{', equal' if len(equal) > 1 else ''}: {names_text(equal)}."


def _names(reading: Reading, run: RunSummary, ranking: Ranking) -> list[str]:
    return shown_metrics(reading, [run], ranking)


def _by_own_metric(sides: Sequence[tuple[str, Scope]]) -> Steps[dict[str, RunSummary]]:
    """Names the best run of datasets whose runs lack the headline metric, by a metric of their own."""
    samples = yield from together([list_scope(scope, limit=50) for _, scope in sides])
    found: dict[str, RunSummary] = {}
    for (label, scope), sample in zip(sides, samples, strict=True):
        metric = headline_of(own_metrics(sample.runs))
        if metric is not None:
            batch = yield from list_scope(scope, ranking=Ranking("metric", metric, better_order(metric)), limit=1)
            found |= dict.fromkeys([label], batch.runs[0]) if batch.runs else {}
    return found


def _sides(reading: Reading, per: str) -> list[tuple[str, Scope]]:
    if per == "dataset":
        names = reading.scope.datasets or [
            each.dataset_id
            for each in sorted(reading.facets.datasets, key=lambda each: -each.runs)
            if each.dataset_id is not None
        ]
        return [(name, replace(reading.scope, datasets=(name,))) for name in names[:_MAX_EACH]]
    asked = next((param.values for param in reading.scope.params if param.name == per), None)
    facet = next((each for each in reading.facets.params if each.name == per), None)
    values = asked or ([value.name for value in sorted(facet.values, key=lambda value: -value.runs)] if facet else [])
    others = tuple(param for param in reading.scope.params if param.name != per)
    return [(value, replace(reading.scope, params=(*others, ParamIs(per, (value,))))) for value in values[:_MAX_EACH]]


def _ordered(best: dict[str, RunSummary], ranking: Ranking) -> list[str]:
    sign = -1 if ranking.order == "desc" else 1
    return sorted(best, key=lambda label: sign * float(value_of(best[label], ranking.name) or 0))
