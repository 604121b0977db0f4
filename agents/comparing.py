"""The comparison of an answer, made of what the store returned.

Owns values, differences and which run is better. No language model has a word in it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import JsonValue

from agents.agents import ComparedMetric, ComparedParam, ComparisonResult, RunSummaryView
from backend.models import RunComparison, RunDetail
from tools.directions import better_order


def compare(found: RunComparison) -> ComparisonResult:
    """Makes the comparison of runs that the store put side by side."""
    return ComparisonResult(
        run_ids=found.run_ids,
        metric_keys=found.metric_keys,
        param_keys=found.param_keys,
        metrics={name: _metric(name, found.runs) for name in found.metric_keys},
        params={name: _param(name, found.runs) for name in found.param_keys},
        runs=[
            RunSummaryView(
                run_id=run.run_id, dataset_id=run.dataset_id, status=run.status, timestamp=run.timestamp, note=run.note
            )
            for run in found.runs
        ],
    )


def finite(values: Mapping[str, JsonValue]) -> dict[str, float]:
    """Gives the finite numbers among values, by their name."""
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _metric(name: str, runs: Sequence[RunDetail]) -> ComparedMetric:
    values = {run.run_id: run.final_metrics.get(name) for run in runs}
    numbers = finite(values)
    direction: Literal["higher", "lower"] = "lower" if better_order(name) == "asc" else "higher"
    return ComparedMetric(
        values=values,
        direction=direction,
        difference=_difference(list(numbers.values()), n_runs=len(runs)),
        better=_better(numbers, direction),
    )


def _difference(numbers: Sequence[float], *, n_runs: int) -> float | None:
    if len(numbers) < 2:  # noqa: PLR2004 - a difference is between two
        return None
    return numbers[0] - numbers[1] if n_runs == 2 else max(numbers) - min(numbers)  # noqa: PLR2004


def _better(numbers: Mapping[str, float], direction: str) -> str | None:
    if len(numbers) < 2:  # noqa: PLR2004 - one alone is not better than another
        return None
    best = min(numbers.values()) if direction == "lower" else max(numbers.values())
    holders = [run_id for run_id, value in numbers.items() if value == best]
    return holders[0] if len(holders) == 1 else None


def _param(name: str, runs: Sequence[RunDetail]) -> ComparedParam:
    values = {run.run_id: run.params.get(name) for run in runs}
    first = next(iter(values.values()))
    return ComparedParam(values=values, differs=any(value != first for value in values.values()))
