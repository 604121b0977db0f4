"""Plans that find runs much like one.

Owns `similar_runs` and its measure: over numeric parameters the difference as a share of their range, over others
whether they are equal; a different dataset counts as much as two parameters, a different seed hardly.
"""

import math
from collections.abc import Sequence
from typing import Final

from agents.offline.plans.asking import MAX_LISTED, Plan, ask_details, list_scope, together
from agents.offline.plans.saying import draft, line, names_text, shown_metrics, value_text
from agents.offline.plans.targets import find_target
from agents.offline.reading.reading import Reading
from agents.offline.reading.scopes import Scope
from agents.offline.reading.values import flat, number_in
from agents.wording import run_label
from backend.models import RunSummary

_FOUND: Final = 5
_DATASET_WEIGHT: Final = 2.0
_SEED_WEIGHT: Final = 0.05
SEEDS: Final = frozenset({"random_state", "seed", "random_seed"})
"""Parameters that set chance alone: runs that differ in nothing else are the same experiment."""
_IGNORED: Final = ("output_dir", "out_dir", "log_dir", "save_dir", "path", "experiment_name", "run_name", "name")


def find_similar(reading: Reading) -> Plan:
    """Finds the runs whose parameters are nearest to those of one."""
    target, _ = yield from find_target(reading)
    if target is None:
        return draft(reading, "Similar to which run? Give its id or the beginning of it.")
    details = yield from ask_details(target)
    run = details.run
    same = Scope(datasets=(run.dataset_id,)) if run.dataset_id else Scope()
    batches = yield from together([list_scope(same, limit=MAX_LISTED), list_scope(Scope(), limit=MAX_LISTED)])
    others = {each.run_id: each for batch in batches for each in batch.runs if each.run_id != run.run_id}
    if not others:
        return draft(reading, f"There is no run beside {run_label(run)}.", used=[run.run_id])
    ranges = _ranges([run, *others.values()])
    nearest = sorted(others.values(), key=lambda other: distance(run, other, ranges))[: reading.top_k or _FOUND]
    names = shown_metrics(reading, [run, *nearest])
    lines = [f"{place}. {line(other, names)}; {_differing(run, other)}" for place, other in enumerate(nearest, 1)]
    return draft(
        reading,
        f"Nearest to {line(run, names)}:",
        "\n".join(lines),
        used=[*(other.run_id for other in nearest), run.run_id],
        read_as=["nearest by parameters, the same dataset preferred"],
    )


def distance(one: RunSummary, other: RunSummary, ranges: dict[str, tuple[float, float]]) -> float:
    """Gives how far apart two runs are, from 0 for the same parameters and dataset."""
    total = 0.0 if one.dataset_id == other.dataset_id else _DATASET_WEIGHT
    own, others = flat(one.params), flat(other.params)
    for name in {*own, *others} - {*_IGNORED}:
        weight = _SEED_WEIGHT if name in SEEDS else 1.0
        total += weight * _apart(own.get(name), others.get(name), ranges.get(name))
    return total


def _apart(one: object, other: object, ends: tuple[float, float] | None) -> float:
    first, second = number_in(one), number_in(other)
    if first is None or second is None or ends is None:
        return 0.0 if one == other else 1.0
    low, high = ends
    return (
        0.0
        if high == low
        else abs(_scaled(first, low) - _scaled(second, low)) / abs(_scaled(high, low) - _scaled(low, low))
    )


def _scaled(value: float, low: float) -> float:
    """Gives the logarithm where all values are above zero, since rates and sizes are tried by factors."""
    return math.log(value) if low > 0 else value


def _ranges(runs: Sequence[RunSummary]) -> dict[str, tuple[float, float]]:
    values: dict[str, list[float]] = {}
    for run in runs:
        for name, value in flat(run.params).items():
            if (number := number_in(value)) is not None:
                values.setdefault(name, []).append(number)
    return {name: (min(numbers), max(numbers)) for name, numbers in values.items()}


def _differing(run: RunSummary, other: RunSummary) -> str:
    own, others = flat(run.params), flat(other.params)
    names = [name for name in {**own, **others} if own.get(name) != others.get(name)]
    told = [name for name in names if name not in _IGNORED]
    dataset = "" if run.dataset_id == other.dataset_id else "another dataset; "
    if not told:
        return f"{dataset}the same parameters"
    if len(told) <= 3:  # noqa: PLR2004 - few enough to give their values
        return f"{dataset}differs in {', '.join(value_text(name, others.get(name)) for name in told)}"
    return f"{dataset}differs in {names_text(told, limit=5)}"
