"""The curves of a run: metric values by step, from its metrics file or from what it logged while it ran.

Owns reading both into one shape, and what is told of a curve in figures. A value that was not recorded is missing, not
guessed. It must not ask the server for anything or print.
"""

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from backend.models import MetricSeries

_STEP_NAMES: Final = ("step", "epoch", "global_step", "iteration")
_PHASE: Final = re.compile(r"(?<![A-Za-z])(train|training|val|valid|validation|test|eval)[_/.\-]", re.IGNORECASE)


@dataclass(frozen=True)
class Curve:
    """One metric, point by point.

    Attributes:
        name: The metric.
        steps: The step of each value.
        values: The values, NaN and infinities included; as many as steps.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[float]

    def finite(self) -> list[tuple[float, float]]:
        """Gives the points that can be drawn or ranked, as (step, value)."""
        return [(step, value) for step, value in zip(self.steps, self.values, strict=True) if math.isfinite(value)]

    def lowest(self) -> tuple[float, float] | None:
        """Gives the step and value of the lowest point, the earliest of several; None when no value is finite."""
        return min(self.finite(), key=lambda point: point[1], default=None)

    def highest(self) -> tuple[float, float] | None:
        """Gives the step and value of the highest point, the earliest of several; None when no value is finite."""
        return max(self.finite(), key=lambda point: point[1], default=None)


def curves_of_series(series: Mapping[str, MetricSeries]) -> list[Curve]:
    """Gives live series as curves, in the server's order."""
    return [Curve(name, found.steps, [float(value) for value in found.values]) for name, found in series.items()]


def curves_of_csv(file: TextIO) -> list[Curve]:
    """Reads the numeric columns of a CSV file with a heading as curves.

    A column called step, epoch, global_step or iteration gives the steps, else the rows count from 0. A cell that is
    empty has no point; a column with a cell that is no number is no curve.
    """
    reader = csv.reader(file)
    names = next(reader, [])
    rows = [row for row in reader if row]
    columns = {name: _column(row[at] if at < len(row) else "" for row in rows) for at, name in enumerate(names)}
    step_name = next((name for name in names if name.strip().lower() in _STEP_NAMES), None)
    steps = columns.pop(step_name) if step_name is not None else None
    steps = steps or [float(at) for at in range(len(rows))]
    return [curve for name, column in columns.items() if column and (curve := _curve(name, steps, column)).steps]


def _column(cells: Iterable[str]) -> list[float | None] | None:
    try:
        return [float(cell) if cell.strip() else None for cell in cells]
    except ValueError:
        return None


def _curve(name: str, steps: Sequence[float | None], column: Sequence[float | None]) -> Curve:
    pairs = zip(steps, column, strict=True)
    points = [(step, value) for step, value in pairs if step is not None and value is not None]
    return Curve(name, [step for step, _ in points], [value for _, value in points])


def together(curves: Iterable[Curve]) -> list[list[Curve]]:
    """Puts curves that belong in one plot together: train_loss with val_loss, each other one by itself."""
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(_PHASE.sub("", curve.name, count=1), []).append(curve)
    return list(groups.values())


def rows_by_step(curves: Sequence[Curve], *, max_rows: int) -> list[tuple[float, list[float | None]]]:
    """Gives the values of all curves step by step, None where a curve has no point.

    Args:
        curves: The curves.
        max_rows: How many rows at most; of more, the first, the last and evenly spaced ones between are given.
    """
    by_step: dict[float, list[float | None]] = {}
    for at, curve in enumerate(curves):
        for step, value in zip(curve.steps, curve.values, strict=True):
            by_step.setdefault(step, [None] * len(curves))[at] = value
    rows = sorted(by_step.items())
    if len(rows) <= max_rows:
        return rows
    picked = sorted({round(at * (len(rows) - 1) / (max_rows - 1)) for at in range(max_rows)})
    return [rows[at] for at in picked]
