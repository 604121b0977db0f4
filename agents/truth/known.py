"""The evidence, laid out for looking things up.

Owns the lists and texts that a claim is held against, each made when first needed. It must not judge a claim.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from agents.truth.evidence import MEAN_OF, Evidence, unit_s_of
from backend.models import RunSummary
from tools.found import DetailsFound

_MAX_COMPARABLE: Final = 60


class Known:
    """What is known.

    Args:
        evidence: What the tools returned; nothing is added to it any more.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    @cached_property
    def numbers(self) -> list[float]:
        """Every finite number that was returned, ascending; no mean of a list."""
        return sorted(
            value for name, values in self.by_name.items() if not name.startswith(MEAN_OF) for value in values
        )

    @cached_property
    def by_name(self) -> dict[str, list[float]]:
        """The finite numbers by name in lower case; what earlier answers held stands under none."""
        found: dict[str, list[float]] = {}
        for name, values in self._evidence.values.items():
            finite = [value for value in values if math.isfinite(value)]
            if finite:
                found.setdefault(name.lower(), []).extend(finite)
        return found

    @cached_property
    def times_s(self) -> list[float]:
        """The numbers that are times, in seconds."""
        return [
            value * unit_s
            for name, values in self._evidence.values.items()
            if (unit_s := unit_s_of(name)) is not None
            for value in values
            if math.isfinite(value)
        ]

    @cached_property
    def names(self) -> str:
        """The store's names, in lower case, one a line."""
        return "\n".join(sorted(self._evidence.names)).lower()

    @cached_property
    def written(self) -> list[str]:
        """What people and programs wrote, white space folded."""
        return [plain(text) for text in self._evidence.free_text]

    def means(self, named: str | None) -> list[float]:
        """Gives the means of what was listed, those of one name if given."""
        of_name = [name for name in self.by_name if name.startswith(MEAN_OF) and named in (None, name[len(MEAN_OF) :])]
        return [mean for name in of_name for mean in self.by_name[name]]

    def values_of(self, prefix: str | None, name: str) -> list[float] | None:
        """Gives what one run has under a name, its curve included; None when the run or its value is not known.

        Args:
            prefix: The beginning of the run's id; None for no run.
            name: The metric or param, in lower case.
        """
        run_id = self._evidence.complete(prefix) if prefix else None
        run = self._evidence.runs.get(run_id) if run_id is not None else None
        if run is None:
            return None
        own = [number for key, number in _numbers_of(run) if key.lower() == name]
        for found in self._evidence.found:
            if isinstance(found, DetailsFound) and found.run.run_id == run_id:
                points = (series.values for key, series in found.series.items() if key.lower() == name)
                own += [float(value) for values in points for value in values if isinstance(value, int | float)]
        return own or None

    def comparable(self, focus: Sequence[str]) -> Iterator[tuple[str, list[float]]]:
        """Gives, name by name, the numbers that may be set against each other: those of some runs, means, and ends."""
        runs = [run for run_id in focus if (run := self._evidence.runs.get(run_id)) is not None]
        own: dict[str, list[float]] = {}
        for run in runs:
            for name, number in _numbers_of(run):
                own.setdefault(name, []).append(number)
        for name, values in self._evidence.values.items():
            if not name or name.startswith(MEAN_OF):
                continue
            means = self._evidence.values.get(f"{MEAN_OF}{name}", [])
            ends = [values[0], values[-1], min(values), max(values)] if values else []
            distinct = list(dict.fromkeys([*own.get(name, ()), *means, *ends]))
            if len(distinct) > 1:
                yield name, distinct[:_MAX_COMPARABLE]


def plain(text: str) -> str:
    """Gives text on one line, its white space folded."""
    return " ".join(text.split())


def _numbers_of(run: RunSummary) -> Iterator[tuple[str, float]]:
    for name, value in [*run.final_metrics.items(), *run.params.items()]:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value)
