"""Plans that propose what to try next.

Owns `suggest_params`. A proposal comes from runs that were made: it goes beyond an end where the best run lies at one,
and half way between the best and a better neighbour otherwise. It is a hint to try, not a prediction.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agents.offline.plans.asking import MAX_LISTED, Batch, Plan, Steps
from agents.offline.plans.rankings import ranked
from agents.offline.plans.saying import counted, draft, line, names_text, own_metrics, value_text
from agents.offline.reading.reading import Ranking, Reading
from agents.offline.reading.values import flat, number_in, param_of
from agents.wording import number_text, short_id
from backend.models import RunSummary

_ENOUGH: Final = 3
_MAX_PROPOSALS: Final = 6
_MAX_FACTOR: Final = 4.0
_IGNORED: Final = frozenset(
    {"random_state", "seed", "random_seed", "experiment_name", "run_name", "name", "task_name", "dataset",
     "dataset_name",      "output_dir", "test_size", "device", "num_workers", "n_jobs"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proposal:
    """One parameter's value to try, and why."""

    name: str
    text: str
    run_ids: tuple[str, ...]


def suggest(reading: Reading) -> Plan:
    """Proposes values to try next, from at least three runs that have the metric."""
    asked = replace(reading, ends=(), run_ids=())
    asked, ranking, batch, widened = yield from _enough(asked)
    runs = _comparable([run for run in batch.runs if run.status == "finished"] or batch.runs)
    if ranking is None or len(runs) < _ENOUGH:
        return draft(reading, _too_few(reading, ranking, runs), used=[run.run_id for run in runs])
    best = runs[0]
    proposals = list(_proposals(reading, runs, ranking))
    if not proposals:
        return draft(
            reading,
            f"The best so far: {line(best, [ranking.name])}.",
            f"All {len(runs)} runs that fit share their parameters, so nothing shows what to change; "
            "vary one and ask again.",
            used=[best.run_id],
            read_as=[ranking.said()],
        )
    # Of many runs only the best were listed, and what lies beyond them is not known.
    seen = counted(len(runs)) if len(batch.runs) < MAX_LISTED else f"the {len(runs)} best that were looked at"
    used = [best.run_id, *(run_id for proposal in proposals for run_id in proposal.run_ids)]
    return draft(
        reading,
        f"The best of {seen}: {line(best, [ranking.name, *_shown(reading, best)])}.",
        widened,
        "Worth trying next:",
        "\n".join(f"- {proposal.text}" for proposal in proposals),
        "These come from what was tried; they are no prediction.",
        used=used,
        read_as=[ranking.said()],
    )


def _enough(reading: Reading) -> Steps[tuple[Reading, Ranking | None, Batch, str]]:
    """Ranks the runs of a scope; of its dataset alone, where too few fit all that was named."""
    reading, ranking, batch = yield from ranked(reading, limit=MAX_LISTED)
    wider = replace(reading.scope, params=(), tags=(), bounds=(), period=None, since=None, until=None, statuses=())
    if len(batch.runs) >= _ENOUGH or wider == reading.scope or ranking is None:
        return reading, ranking, batch, ""
    fitted = len(batch.runs)
    _, ranking, batch = yield from ranked(replace(reading, scope=wider), limit=MAX_LISTED)
    said = f"Of what was named, only {counted(fitted)} fits; so this looks at all runs of the dataset."
    return reading, ranking, batch, said.replace("only no runs fits", "no run fits")


def _comparable(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Gives the runs on the dataset of the first; values on different datasets say nothing about each other."""
    return [run for run in runs if run.dataset_id == runs[0].dataset_id]


def _too_few(reading: Reading, ranking: Ranking | None, runs: Sequence[RunSummary]) -> str:
    what = f" with {ranking.name}" if ranking is not None else ""
    asked = f" for {names_text(list(reading.params))}" if reading.params else ""
    known = f" The best so far: {line(runs[0], [*own_metrics(runs)[:1], *_shown(reading, runs[0])])}." if runs else ""
    few = f"Too few runs to propose anything{asked}: {counted(len(runs))}{what} fit"
    return f"{few}, and fewer than three show no trend.{known}"


def _shown(reading: Reading, run: RunSummary) -> list[str]:
    return [name for name in reading.params if param_of(run, name) is not None]


def _proposals(reading: Reading, runs: Sequence[RunSummary], ranking: Ranking) -> Iterable[Proposal]:
    names = [name for name in dict.fromkeys(name for run in runs for name in flat(run.params)) if name not in _IGNORED]
    wanted = [name for name in reading.params if name in names]
    found = 0
    for name in wanted or names:
        proposal = _proposal(name, runs, ranking)
        if proposal is None and name in wanted:
            value = param_of(runs[0], name)
            proposal = Proposal(
                name, f"{name}: only {value_text(name, value)} was tried; another value would show its effect", ()
            )
        if proposal is not None and found < _MAX_PROPOSALS:
            found += 1
            yield proposal


def _proposal(name: str, runs: Sequence[RunSummary], ranking: Ranking) -> Proposal | None:
    having = [run for run in runs if param_of(run, name) is not None]
    numbers = {number for run in having if (number := number_in(param_of(run, name))) is not None}
    if len({str(param_of(run, name)) for run in having}) < 2:  # noqa: PLR2004 - one value shows nothing
        return None
    if len(numbers) > 1 and number_in(param_of(having[0], name)) is not None:
        return _numeric(name, having, sorted(numbers), ranking)
    return _categorical(name, having, ranking)


def _numeric(name: str, runs: Sequence[RunSummary], tried: list[float], ranking: Ranking) -> Proposal:
    best = runs[0]
    value = float(number_in(param_of(best, name)) or 0.0)
    place = tried.index(value)
    if place in {0, len(tried) - 1}:
        inner = tried[1] if place == 0 else tried[-2]
        beyond = _beyond(value, inner, is_whole=all(number == int(number) for number in tried))
        end = "lowest" if place == 0 else "highest"
        other = _with(runs, name, inner)
        return Proposal(
            name,
            f"{name}: try {number_text(beyond)}, since the best run {short_id(best.run_id)} has {number_text(value)}, "
            f"the {end} "
            f"among them; the next one among them is {number_text(inner)} in {short_id(other.run_id)}",
            (other.run_id,),
        )
    lower, upper = _with(runs, name, tried[place - 1]), _with(runs, name, tried[place + 1])
    nearer = min((lower, upper), key=runs.index)
    middle = _middle(
        value, float(number_in(param_of(nearer, name)) or 0.0), is_whole=all(number == int(number) for number in tried)
    )
    if middle is None:
        return Proposal(
            name, f"{name}: stay at {number_text(value)} of {short_id(best.run_id)}, between what did worse", ()
        )
    return Proposal(
        name,
        f"{name}: try the middle {number_text(middle)}, between {number_text(value)} of the best run "
        f"{short_id(best.run_id)} and "
        f"{number_text(param_of(nearer, name))} of {short_id(nearer.run_id)}, the better neighbour",
        (nearer.run_id,),
    )


def _categorical(name: str, runs: Sequence[RunSummary], ranking: Ranking) -> Proposal:
    best = runs[0]
    other = next(run for run in runs if str(param_of(run, name)) != str(param_of(best, name)))
    worth, less = (value_text(ranking.name, run.final_metrics.get(ranking.name)) for run in (best, other))
    return Proposal(
        name,
        f"{name}: stay with {_text(param_of(best, name))} of {short_id(best.run_id)} ({worth}); the best with "
        f"{_text(param_of(other, name))} is {short_id(other.run_id)} ({less})",
        (other.run_id,),
    )


def _text(value: object) -> str:
    return str(value)[:40]


def _with(runs: Sequence[RunSummary], name: str, value: float) -> RunSummary:
    """Gives the best run with a parameter's value."""
    return next(run for run in runs if number_in(param_of(run, name)) == value)


def _beyond(value: float, inner: float, *, is_whole: bool) -> float:
    """Goes as far beyond an end as its neighbour lies before it: by a factor where both are above zero."""
    if value > 0 and inner > 0 and value / inner <= _MAX_FACTOR:
        further = value * value / inner
        return further if not is_whole or further == int(further) else value + (value - inner)
    return value + (value - inner)


def _middle(value: float, other: float, *, is_whole: bool) -> float | None:
    if value > 0 and other > 0 and max(value, other) / min(value, other) > 3 and not is_whole:  # noqa: PLR2004 - by factors
        return math.sqrt(value * other)
    middle = (value + other) / 2
    return None if is_whole and middle != int(middle) else middle
