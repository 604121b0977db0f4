"""Plans that rank runs: the best, the worst, the top few, the best of each.

Owns `best_run`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from agents.offline.language.names import headline_of
from agents.offline.plans.asking import MAX_LISTED, Batch, Plan, Steps, ask_comparison, list_scope, together
from agents.offline.plans.saying import (
    best_of,
    counted,
    draft,
    line,
    numbered,
    own_metrics,
    seconds_text,
    shown_metrics,
    value_text,
)
from agents.offline.reading.reading import Ranking, Reading
from agents.offline.reading.scopes import ParamIs, Scope
from agents.offline.reading.values import value_of
from agents.wording import number_text, run_label
from backend.models import RunSummary
from tools.directions import order_text

_MAX_EACH: Final = 8
_FEW: Final = 5
_CONTEXT: Final = 3


def rank(reading: Reading) -> Plan:
    """Names the best runs, or those at another end."""
    if reading.per is not None:
        return (yield from _rank_each(reading, reading.per))
    wanted = wanted_runs(reading)
    reading, ranking, batch = yield from ranked(reading, limit=max(wanted, _CONTEXT) + reading.place - 1)
    if ranking is None or not batch.runs:
        return draft(reading, nothing_ranked(reading, ranking), read_as=_read_as(reading, ranking))
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
        others = f"Next: {line(next_ones[0], names[:1])}." if next_ones else "No other run fits."
        return draft(reading, said, others, used=[runs[0].run_id], read_as=_read_as(reading, ranking))
    header = f"By {ranking.name}, {order_text(ranking.order)}:"
    return draft(
        reading,
        header,
        _lines(runs, names, batch),
        used=[run.run_id for run in runs],
        read_as=_read_as(reading, ranking),
    )


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


def nothing_ranked(reading: Reading, ranking: Ranking | None) -> str:
    """Says that no run can be ranked."""
    if ranking is None:
        return "No run has a final metric yet, so none can be ranked."
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
    tie = f" Equal to it: {', '.join(run_label(other) for other in equal)}; the newest is named first." if equal else ""
    return f"{end} {ranking.name}: {number_text(value)}, run {line(run, [])}.{more}{tie}"


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
        return draft(reading, nothing_ranked(reading, None))
    batches = yield from together(
        [list_scope(scope, ranking=ranking, limit=1 if per != "dataset" else _CONTEXT) for _, scope in sides]
    )
    best = {label: batch.runs[0] for (label, _), batch in zip(sides, batches, strict=True) if batch.runs}
    if per == "dataset" and not reading.metrics:
        best |= yield from _by_own_metric([side for side in sides if side[0] not in best])
    if not best and not reading.metrics and (metric := (yield from _own_headline(reading.scope))) is not None:
        return (yield from _rank_each(reading.with_metric(metric), per))
    if not best and not reading.metrics:
        sample = yield from list_scope(reading.scope, limit=50)
        metric = headline_of(own_metrics(sample.runs))
        if metric is not None:
            return (yield from _rank_each(reading.with_metric(metric), per))
    if not best:
        return draft(reading, nothing_ranked(reading, ranking), read_as=_read_as(reading, ranking))
    labels = _ordered(best, ranking) if per != "dataset" else list(best)
    runs = [best[label] for label in labels]
    if per != "dataset" and len(runs) > 1:
        yield from ask_comparison([run.run_id for run in runs])
    lines = [
        f"{place}. {label}: {line(best[label], _names(reading, best[label], ranking))}"
        for place, label in enumerate(labels, 1)
    ]
    header = f"The best run of each {'dataset' if per == 'dataset' else per}:"
    winner = f"At the front: {labels[0]}." if per != "dataset" and len(runs) > 1 else ""
    return draft(
        reading, winner, header, "\n".join(lines), used=[run.run_id for run in runs], read_as=_read_as(reading, ranking)
    )


def _names(reading: Reading, run: RunSummary, ranking: Ranking) -> list[str]:
    return shown_metrics(reading, [run], ranking)


def _by_own_metric(sides: Sequence[tuple[str, Scope]]) -> Steps[dict[str, RunSummary]]:
    """Names the best run of datasets whose runs lack the headline metric, by a metric of their own."""
    samples = yield from together([list_scope(scope, limit=50) for _, scope in sides])
    found: dict[str, RunSummary] = {}
    for (label, _), sample in zip(sides, samples, strict=True):
        metric = headline_of(own_metrics(sample.runs))
        if metric is not None:
            found[label] = best_of(sample.runs, metric)
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
