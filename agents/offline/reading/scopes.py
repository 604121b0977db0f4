"""Which runs a question is about.

Owns the shape of that, its arguments for `list_runs`, and its words. It must not read questions.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, Literal

from agents.offline.reading.values import is_spelled, param_of
from agents.wording import number_text
from backend.models import RunSummary, Status

MAX_CALLS: Final = 8
"""How many lists one question may need."""

A_DATASET: Final = "a dataset"

Target = Literal["metric", "param", "duration"]


@dataclass(frozen=True, slots=True)
class Bound:
    """A number that a metric, a parameter or the duration is held against.

    Attributes:
        target: What kind of number it is.
        name: The metric or parameter; `duration` for the time a run took.
        low: At least this; None for no bound.
        high: At most this.
        is_strict: Whether the bounds themselves are left out.
        text: The bound in the question's own words, where they are in another unit.
    """

    target: Target
    name: str
    low: float | None = None
    high: float | None = None
    is_strict: bool = False
    text: str | None = None

    def holds(self, value: object) -> bool:
        """Tells whether a value lies within."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        above = self.low is None or value > self.low or (value == self.low and not self.is_strict)
        below = self.high is None or value < self.high or (value == self.high and not self.is_strict)
        return above and below

    def said(self) -> str:
        """Says it as a comparison."""
        if self.low is not None and self.high is not None:
            return f"{self.name} between {number_text(self.low)} and {number_text(self.high)}"
        if self.low is not None:
            return f"{self.name} {'>' if self.is_strict else '>='} {self.text or number_text(self.low)}"
        return f"{self.name} {'<' if self.is_strict else '<='} {self.text or number_text(self.high)}"

    def arguments(self) -> dict[str, Any]:
        """Gives the arguments of `list_runs` for a metric's bound; a strict one as the next number beyond."""
        low, high = self.low, self.high
        if self.is_strict:
            low = None if low is None else math.nextafter(low, math.inf)
            high = None if high is None else math.nextafter(high, -math.inf)
        given = {"metric_name": self.name, "metric_min": low, "metric_max": high}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ParamIs:
    """That a parameter has one of some values, as the store spells them."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which runs: all that meet everything named.

    Attributes:
        datasets: On one of these.
        params: With all of these.
        statuses: In one of these.
        tags: With all of these.
        bounds: With numbers within all of these.
        since: Started then or later.
        until: Started then or earlier.
        period: How the question says that.
        note: The note holds this; begins with it, where it is a mark such as PUBLISH.
        has_note: With, or without, any note.
        has_artifacts: With, or without, artifacts.
        left_out: Values that were excluded by name, for the words alone.
        lacks: What is missing of them: a metric's name, or `a dataset`.
    """

    datasets: tuple[str, ...] = ()
    params: tuple[ParamIs, ...] = ()
    statuses: tuple[Status, ...] = ()
    tags: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()
    since: str | None = None
    until: str | None = None
    period: str | None = None
    note: str | None = None
    has_note: bool | None = None
    has_artifacts: bool | None = None
    left_out: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether nothing is named."""
        return self == Scope()

    def alternatives(self) -> list[dict[str, Any]]:
        """Gives the arguments of the lists that together hold these runs, none twice; at most `MAX_CALLS` lists.

        Where more would be needed, the names with the most alternatives are left to `keeps`.
        """
        choices = self._choices()
        while math.prod(map(len, choices)) > MAX_CALLS:
            choices.remove(max(choices, key=len))
        found: list[dict[str, Any]] = []
        for chosen in product(*choices):
            arguments = self._fixed()
            params = [text for kind, text in chosen if kind == "param"]
            arguments |= {kind: text for kind, text in chosen if kind == "dataset_id"}
            found.append(arguments | ({"param": params} if params else {}))
        return found

    @property
    def is_sifted(self) -> bool:
        """Whether `list_runs` gives more than these runs, so that they have to be gone through."""
        is_of_notes = self.has_note is not None or (self.note is not None and self.note.isupper())
        is_cut = math.prod(map(len, self._choices())) > MAX_CALLS
        return bool(self.leftover()) or bool(self.lacks) or is_of_notes or is_cut

    def leftover(self) -> list[Bound]:
        """Gives the bounds that `list_runs` cannot check."""
        metrics = [bound for bound in self.bounds if bound.target == "metric"]
        return [bound for bound in self.bounds if bound not in metrics[:1]]

    def keeps(self, run: RunSummary) -> bool:
        """Tells whether a run meets the bounds that `list_runs` cannot check, the duration's aside."""
        if self.note is not None and self.note.isupper() and not (run.note or "").upper().startswith(self.note):
            return False
        if self.has_note is not None and self.has_note != bool(run.note):
            return False
        if any(run.dataset_id if name == A_DATASET else name in run.final_metrics for name in self.lacks):
            return False
        if self.datasets and run.dataset_id not in self.datasets:
            return False
        if not all(any(is_spelled(param_of(run, each.name), text) for text in each.values) for each in self.params):
            return False
        return all(
            bound.holds(run.final_metrics.get(bound.name) if bound.target == "metric" else param_of(run, bound.name))
            for bound in self.leftover()
            if bound.target != "duration"
        )

    def spans(self, moment: str | None) -> bool:
        """Tells whether a moment lies within the time named."""
        if moment is None:
            return self.since is None and self.until is None
        return (self.since is None or moment >= self.since) and (self.until is None or moment <= self.until)

    def said(self) -> Iterator[str]:
        """Says each thing named, such as `dataset=wine`."""
        if self.datasets and not self.left_out:
            yield f"dataset={' or '.join(self.datasets)}"
        for param in self.params:
            if not self.left_out:
                yield f"{param.name}={' or '.join(param.values)}"
        yield from (f"without {name}" for name in self.left_out)
        if self.statuses:
            yield f"status={' or '.join(self.statuses)}"
        yield from (f"without {name}" for name in self.lacks)
        yield from (f"tag={tag}" for tag in self.tags)
        yield from (bound.said() for bound in self.bounds)
        yield from (text for text in (self.period,) if text)
        if self.note is not None:
            yield f'note with "{self.note}"'
        if self.has_note is not None:
            yield f"{'with' if self.has_note else 'without'} a note"
        if self.has_artifacts is not None:
            yield f"{'with' if self.has_artifacts else 'without'} artifacts"

    def over(self, other: "Scope") -> "Scope":
        """Gives this scope with what it does not name taken from another; a parameter named in both is this one's."""
        own = {param.name for param in self.params}
        return replace(
            self,
            datasets=self.datasets or other.datasets,
            params=(*self.params, *(param for param in other.params if param.name not in own)),
            statuses=self.statuses or other.statuses,
            tags=self.tags or other.tags,
            bounds=self.bounds or other.bounds,
            since=self.since if self.period else other.since,
            until=self.until if self.period else other.until,
            period=self.period or other.period,
            note=self.note or other.note,
            has_note=other.has_note if self.has_note is None else self.has_note,
            has_artifacts=other.has_artifacts if self.has_artifacts is None else self.has_artifacts,
            left_out=self.left_out or other.left_out,
            lacks=self.lacks or other.lacks,
        )

    def moved(self, other: "Scope") -> "Scope":
        """Gives this scope with what another names in the place of its own, its parameters kept."""
        return other.over(self) if not other.is_everything else self

    def _choices(self) -> list[list[tuple[str, str]]]:
        """Gives, for each thing named with alternatives, the argument of each."""
        choices = [[("dataset_id", name) for name in self.datasets]] if self.datasets else []
        return choices + [[("param", f"{each.name}:{value}") for value in each.values] for each in self.params]

    def _fixed(self) -> dict[str, Any]:
        metric = next((bound for bound in self.bounds if bound.target == "metric"), None)
        given: dict[str, Any] = {
            "status": list(self.statuses) or None,
            "tag": list(self.tags) or None,
            "from_timestamp": self.since,
            "to_timestamp": self.until,
            "note_substring": self.note,
            "has_artifacts": self.has_artifacts,
        }
        return {name: value for name, value in given.items() if value is not None} | (
            metric.arguments() if metric else {}
        )


EVERYTHING: Final = Scope()
"""All runs."""
