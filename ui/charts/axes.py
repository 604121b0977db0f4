"""Axes side by side: where the values of a column lie on an axis from 0 to 1, and what its ticks say.

Owns pure functions from values to places. It must not import Altair.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ui.comparing import Column, fact_text
from ui.formatting import value_text

Scale = Literal["linear", "log", "category"]

MISSING_PLACE: Final = -0.12
"""Where a run is drawn that has no value."""
_DECADES: Final = 2
_MAX_TICKS: Final = 12
_FEW_NUMBERS: Final = 6
_EVEN_TICKS: Final = 5
_LEAST_GAP: Final = 0.05


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of parallel coordinates.

    Attributes:
        label: The column's label.
        scale: How values lie on it.
        places: For each run a place from 0 to 1, or `MISSING_PLACE`.
        texts: For each run its value as text.
        ticks: Places and what stands there, from low to high.
    """

    label: str
    scale: Scale
    places: tuple[float, ...]
    texts: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]


def spans_decades(numbers: Sequence[float | None]) -> bool:
    """Tells whether numbers are all above zero and the highest is a hundred times the lowest, or more."""
    known = [number for number in numbers if number is not None]
    return bool(known) and min(known) > 0 and math.log10(max(known)) - math.log10(min(known)) >= _DECADES


def axis_of(column: Column) -> Axis:
    """Lays a column out on an axis: numbers by size, or by powers of ten where they span decades, others by name."""
    texts = tuple(fact_text(column, value) for value in column.values)
    if column.is_numeric:
        scale: Scale = "log" if spans_decades(column.numbers) else "linear"
        places, ticks = _numeric(column.numbers, is_log=scale == "log")
    else:
        scale = "category"
        places, ticks = _categorical(column)
    if None in places:
        ticks = [(MISSING_PLACE, "none"), *ticks]
    kept = tuple(MISSING_PLACE if place is None else place for place in places)
    return Axis(column.label, scale, kept, texts, tuple(ticks))


def _numeric(numbers: Sequence[float | None], *, is_log: bool) -> tuple[list[float | None], list[tuple[float, str]]]:
    known = sorted({number for number in numbers if number is not None})
    low, high = known[0], known[-1]

    def place(number: float) -> float:
        if low == high:
            return 0.5
        if is_log:
            return (math.log10(number) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return (number / 2 - low / 2) / (high / 2 - low / 2)  # halves: the whole width may be more than a float holds

    if len(known) <= _FEW_NUMBERS:
        marks = known
    else:
        steps = [step / (_EVEN_TICKS - 1) for step in range(_EVEN_TICKS)]
        marks = [low ** (1 - step) * high**step if is_log else low * (1 - step) + high * step for step in steps]
    ticks = [(place(mark), value_text(float(f"{mark:.3g}") if mark not in known else mark)) for mark in marks]
    return [None if number is None else place(number) for number in numbers], _spaced(ticks)


def _categorical(column: Column) -> tuple[list[float | None], list[tuple[float, str]]]:
    identities = column.identities
    texts = {
        identity: value_text(value)
        for identity, value in zip(identities, column.values, strict=True)
        if value is not None
    }
    order = sorted(
        texts,
        key=lambda identity: (
            isinstance(identity, str),
            identity if isinstance(identity, float) else 0.0,
            texts[identity],
        ),
    )
    last = len(order) - 1
    places = {identity: 0.5 if last == 0 else at / last for at, identity in enumerate(order)}
    every = math.ceil(len(order) / _MAX_TICKS)
    ticks = [(places[identity], texts[identity]) for identity in order[::every]]
    return [places.get(identity) for identity in identities], ticks


def _spaced(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Leaves out ticks that would be written over the one below; the highest stays."""
    kept: list[tuple[float, str]] = []
    for tick in ticks:
        if not kept or tick[0] - kept[-1][0] >= _LEAST_GAP:
            kept.append(tick)
    if kept[-1] != ticks[-1]:
        kept[-1] = ticks[-1]
    return kept
