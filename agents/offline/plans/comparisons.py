"""Plans that set runs side by side: named ones, the best few, or the best of two groups.

Owns `compare_runs`.
"""

import re
from collections.abc import Sequence
from typing import Final

from agents.offline.language.cues import names_both_times
from agents.offline.language.names import headline_of
from agents.offline.plans.asking import Batch, Plan, Steps, ask_comparison, list_scope, sample, together
from agents.offline.plans.rankings import NOTHING_TO_RANK, rank, ranked, wanted_runs
from agents.offline.plans.saying import draft, line, mean_text, numbered, own_metrics, shown_metrics, value_text
from agents.offline.reading.reading import Group, Ranking, Reading
from agents.offline.reading.values import flat, number_in, param_of, value_of
from agents.wording import number_text, short_id
from backend.models import RunDetail, RunSummary
from tools.directions import better_order

_NEWEST_RUN: Final = re.compile(r"\b(?:latest|last|newest|most recent) (?:[A-Z]+ )*(?:run|one|experiment)\b")
_MAX_METRICS: Final = 6
_MAX_PARAMS: Final = 8
_TWO: Final = 2


def compare(reading: Reading) -> Plan:
    """Compares the runs that a question names, the best of its groups, or its best few."""
    if len(reading.groups) > 1 and len(reading.run_ids) < _TWO:
        return (yield from _compare_groups(reading))
    if reading.per is not None and not reading.run_ids:
        return (yield from rank(reading))
    run_ids, ranking = yield from find_pair(reading)
    if len(run_ids) < _TWO:
        return draft(reading, "There are not two runs to compare: fewer fit.", used=run_ids)
    runs = yield from ask_comparison(run_ids)
    names = shown_metrics(reading, runs, ranking)
    read_as = [ranking.said(), f"top {len(runs)}"] if ranking is not None else ["the runs named"]
    return draft(
        reading,
        numbered(runs, names),
        "\n".join(metric_lines(runs, first=names)),
        params_text(runs),
        used=[run.run_id for run in runs],
        read_as=read_as,
    )


def find_pair(reading: Reading) -> Steps[tuple[list[str], Ranking | None]]:
    """Finds the runs to set side by side, and the ranking they come from, if it is one.

    Raises:
        ToolFailedError: A tool failed.
    """
    named = list(reading.run_ids)
    if len(named) >= _TWO:
        return named, None
    rankings = reading.rankings() if reading.ends else []
    if len(rankings) > 1 and reading.top_k is None:
        found = yield from together([list_scope(reading.scope, ranking=each, limit=1) for each in rankings])
        return list(dict.fromkeys([*named, *(each.runs[0].run_id for each in found if each.runs)])), rankings[0]
    if names_both_times(reading.masked) and not named:
        ends = [list_scope(reading.scope, limit=1, oldest=is_oldest) for is_oldest in (False, True)]
        found = yield from together(ends)
        return list(dict.fromkeys(each.runs[0].run_id for each in found if each.runs)), None
    if reading.recency is not None and not reading.ends and not named:
        batch = yield from list_scope(reading.scope, limit=reading.top_k or _TWO, oldest=reading.recency == "oldest")
        return [run.run_id for run in batch.runs], None
    if _NEWEST_RUN.search(reading.masked) and reading.ends and not named:
        newest = yield from list_scope(reading.scope, limit=1)
        named = [run.run_id for run in newest.runs]
    wanted = 1 if named else max(_TWO, wanted_runs(reading, several=_TWO))
    _, ranking, batch = yield from ranked(reading, limit=wanted + len(named))
    others = [run.run_id for run in batch.runs if not any(run.run_id.startswith(name.lower()) for name in named)]
    if named and reading.recency is not None and not reading.ends:
        newest = yield from list_scope(reading.scope, limit=_TWO)
        others = [run.run_id for run in newest.runs if not any(run.run_id.startswith(name.lower()) for name in named)]
    return [*named, *others[:wanted]], ranking


def metric_lines(runs: Sequence[RunDetail], *, first: Sequence[str] = ()) -> list[str]:
    """Says of each metric that two runs or more have which of them is better, and by how much."""
    names = [*first, *(name for name in own_metrics(runs) if name not in first)]
    lines = [_metric_line(runs, name) for name in names]
    return [line for line in lines if line][:_MAX_METRICS]


def params_text(runs: Sequence[RunDetail]) -> str:
    """Says in which parameters runs differ."""
    names = list(dict.fromkeys(name for run in runs for name in flat(run.params)))
    differing = [name for name in names if any(param_of(run, name) != param_of(runs[0], name) for run in runs)]
    if not differing:
        return "Their parameters are the same."
    parts = [f"{name} ({' vs '.join(_param_value(run, name) for run in runs[:5])})" for name in differing[:_MAX_PARAMS]]
    more = " and others" if len(differing) > _MAX_PARAMS else ""
    return f"They differ in: {', '.join(parts)}{more}."


def _param_value(run: RunDetail, name: str) -> str:
    value = param_of(run, name)
    text = number_text(value) if number_in(value) is not None else str(value)
    return f"{text[:40]}…" if len(text) > 40 else text  # noqa: PLR2004 - a column's worth


def _metric_line(runs: Sequence[RunDetail], name: str) -> str:
    having = [(number, run) for run in runs if (number := number_in(run.final_metrics.get(name))) is not None]
    if len(having) < _TWO:
        return ""
    sign = -1 if better_order(name) == "desc" else 1
    ordered = sorted(having, key=lambda pair: sign * pair[0])
    (best, run), (worst, other) = ordered[0], ordered[-1]
    if best == worst:
        return f"{name}: all equal at {number_text(best)}."
    word = "higher" if best > worst else "lower"
    return (
        f"{name}: {short_id(run.run_id)} is better with {number_text(best)}, {word} by "
        f"{number_text(abs(best - worst))} than "
        f"{short_id(other.run_id)} with {number_text(worst)}."
    )


def _compare_groups(reading: Reading) -> Plan:
    """Compares the best run of each group, and the groups' means."""
    ranking = reading.ranking()
    if ranking is None:
        return draft(reading, NOTHING_TO_RANK)
    batches = yield from together([list_scope(group.scope, ranking=ranking, limit=_TWO) for group in reading.groups])
    if not any(batch.runs for batch in batches) and not reading.metrics:
        samples = yield from together([list_scope(group.scope, limit=20) for group in reading.groups])
        metric = headline_of(own_metrics([run for sample in samples for run in sample.runs]))
        if metric is not None:
            return (yield from _compare_groups(reading.with_metric(metric)))
    sides = [(group, batch) for group, batch in zip(reading.groups, batches, strict=True) if batch.runs]
    texts = yield from _group_texts(sides, ranking)
    missing = [group.label for group, batch in zip(reading.groups, batches, strict=True) if not batch.runs]
    absent = f"No run that fits has {ranking.name} for: {', '.join(missing)}." if missing else ""
    best = list({batch.runs[0].run_id: batch.runs[0] for _, batch in _by_best(sides, ranking)}.values())
    if len(best) < _TWO:
        return draft(reading, absent, *texts, used=[run.run_id for run in best])
    runs = yield from ask_comparison([run.run_id for run in best])
    return draft(
        reading,
        _verdict(_by_best(sides, ranking), ranking),
        "\n".join(texts),
        absent,
        "\n".join(metric_lines(runs, first=[ranking.name, *reading.metrics[1:]])[1:]),
        params_text(runs),
        used=[run.run_id for run in runs],
        read_as=[ranking.said(), f"comparing {' with '.join(group.label for group in reading.groups)}"],
    )


def _by_best(sides: Sequence[tuple[Group, Batch]], ranking: Ranking) -> list[tuple[Group, Batch]]:
    sign = -1 if ranking.order == "desc" else 1
    return sorted(sides, key=lambda side: sign * (_value(side[1].runs[0], ranking) or 0.0))


def _value(run: RunSummary, ranking: Ranking) -> float | None:
    return number_in(value_of(run, ranking.name))


def _verdict(sides: Sequence[tuple[Group, Batch]], ranking: Ranking) -> str:
    (first, one), (second, other) = sides[0], sides[1]
    best, next_best = _value(one.runs[0], ranking), _value(other.runs[0], ranking)
    if best is None or next_best is None:
        return ""
    if best == next_best:
        return f"{first.label} and {second.label} are equal at their best: {value_text(ranking.name, best)}."
    word = "higher" if best > next_best else "lower"
    return (
        f"{first.label} is ahead: its best {ranking.name} is {number_text(best)}, {word} by "
        f"{number_text(abs(best - next_best))} than the best of {second.label}, {number_text(next_best)}."
    )


def _group_texts(sides: Sequence[tuple[Group, Batch]], ranking: Ranking) -> Steps[list[str]]:
    """Says of each group its best run and, of a metric, the mean over its runs."""
    means = [""] * len(sides)
    if ranking.kind == "metric":
        samples = yield from together([sample(group.scope, ranking.name) for group, _ in sides])
        means = [mean_text(batch, ranking.name) for batch in samples]
    return [
        f"- {group.label}: best {line(batch.runs[0], [ranking.name])}{f'; with {mean}' if mean else ''}."
        for (group, batch), mean in zip(sides, means, strict=True)
    ]
