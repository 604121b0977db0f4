"""What the tools returned while one question was answered, kept so that the answer can be built and checked from it.

Owns the ids, numbers, texts and counts that an answer may hold. It must not judge a text: `guard` does.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agents.fence import is_mark
from agents.memory import Turn
from agents.truth.models import ModelEvidence
from agents.truth.registry_facts import facts_of
from backend.models import Facets, MetricSeries, NamedCount, RunDetail, RunSummary
from tools.found import (
    ComparisonFound,
    DetailsFound,
    Found,
    NoteWritten,
    RegistryFound,
    RunsFound,
    StoreDescribed,
)

_NUMBER: Final = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
MEAN_OF: Final = "mean "
"""What the name of a mean over a list of runs begins with."""

_MAX_TEXT_CHARS: Final = 200_000
_TELLING_APART: Final = ("dataset_id", "param")
"""Arguments of lists of which a run has one value alone."""
_MIN_PREFIX_CHARS: Final = 4
_TIME_NAME: Final = re.compile(
    r"time|duration|elapsed|latency|runtime|seconds|minutes|hours|(?:^|[_.])(?:s|ms|sec|secs|min|h)$"
)


@dataclass
class Evidence:
    """What may be said.

    Attributes:
        found: What the tools returned, in order.
        runs: The runs that were returned, by full id.
        values: Numbers by what they are about: a metric, a param, a duration. One list for each name.
        counts: How many of something there are.
        names: Texts of the store that name something: metrics, datasets, param values, tags, statuses, hashes.
        free_text: What people and programs wrote: notes, commands, diffs, errors.
        moments: Timestamps.
        bounds: Numbers and moments that tools were asked to filter by.
        param_names: Which of the names of `values` are parameters.
        known_ids: Full ids of the runs that were returned, in this question or before; in order, without values.
        marked_before: Ids of the runs that an earlier question of the conversation marked.
        models: What was returned of registered models.
    """

    found: list[Found] = field(default_factory=list)
    runs: dict[str, RunSummary] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)
    counts: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    free_text: list[str] = field(default_factory=list)
    moments: set[str] = field(default_factory=set)
    bounds: list[str] = field(default_factory=list)
    param_names: set[str] = field(default_factory=set)
    known_ids: dict[str, None] = field(default_factory=dict)
    marked_before: set[str] = field(default_factory=set)
    models: ModelEvidence = field(default_factory=ModelEvidence)
    _totals: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, found: Found, *, arguments: Mapping[str, Any]) -> None:
        """Takes in what a tool returned, and what it was asked."""
        self.found.append(found)
        self.bounds += _bounds(arguments)
        match found:
            case RunsFound():
                self._add_list(found)
                self._add_total(found.total, arguments)
            case DetailsFound():
                self._add_run(found.run)
                self._add_series(found.series)
            case ComparisonFound(comparison):
                for run in comparison.runs:
                    self._add_run(run)
                self._count_differences(comparison.runs)
            case NoteWritten(run, previous):
                self._add_run(run)
                self.free_text.append(previous or "")
            case StoreDescribed(facets):
                self._add_facets(facets)
            case _:
                self._add_of_registry(found)

    def remember(self, turn: Turn) -> None:
        """Takes in what an earlier answer of the conversation held, which was checked then."""
        self.known_ids.update(dict.fromkeys(turn.run_ids))
        self.values.setdefault("", []).extend(turn.facts.numbers)
        self.moments.update(turn.facts.moments)
        self.names.update(turn.facts.names)
        if turn.flagged_run_id is not None:
            self.marked_before.add(turn.flagged_run_id)

    def complete(self, run_id: str) -> str | None:
        """Gives the full id of the one returned run whose id is, or begins with, a text; None unless there is one."""
        if run_id in self.known_ids:
            return run_id
        fitting = [full for full in self.known_ids if full.lower().startswith(run_id.lower())]
        return fitting[0] if len(run_id) >= _MIN_PREFIX_CHARS and len(fitting) == 1 else None

    @property
    def marked(self) -> set[str]:
        """Ids of the runs whose note is a mark."""
        return self.marked_before | {run_id for run_id, run in self.runs.items() if is_mark(run.note)}

    @property
    def noted(self) -> set[str]:
        """Ids of the runs that have a note."""
        return {run_id for run_id, run in self.runs.items() if run.note}

    @property
    def written(self) -> NoteWritten | None:
        """The note that was written; None when none was."""
        return next((found for found in reversed(self.found) if isinstance(found, NoteWritten)), None)

    def _add_list(self, found: RunsFound) -> None:
        self.counts |= {found.total, len(found.runs)}
        for run in found.runs:
            self._add_run(run)
        self.counts |= _group_sizes(found.runs)
        for name in {name for run in found.runs for name in run.final_metrics}:
            numbers = [value for run in found.runs if (value := _number(run.final_metrics.get(name))) is not None]
            if numbers:
                self._add_value(f"{MEAN_OF}{name}", sum(numbers) / len(numbers))
                self.counts.add(len(numbers))

    def _add_total(self, total: int, arguments: Mapping[str, Any]) -> None:
        """Adds up the totals of lists that share no run: they differ in the dataset, or in a parameter's value."""
        own = {name: value for name, value in arguments.items() if name in _TELLING_APART}
        same = {name: value for name, value in arguments.items() if name not in {*_TELLING_APART, "limit"}}
        params = [str(each).partition(":")[0] for each in own.get("param") or ()]
        totals = self._totals.setdefault(json.dumps([same, sorted(own), params], default=str, sort_keys=True), {})
        totals[json.dumps(own, default=str, sort_keys=True)] = total
        self.counts.add(sum(totals.values()))

    def _add_run(self, run: RunSummary) -> None:
        self.runs[run.run_id] = run
        self.known_ids[run.run_id] = None
        self.names |= {run.status, run.dataset_id or "", run.git_hash or "", run.wandb_url or ""}
        for name, value in [*run.final_metrics.items(), *run.params.items()]:
            self._add_named(name, value)
        self.param_names.update(run.params)
        self.free_text += [text for text in (run.note, run.command) if text]
        self._add_moment(run.timestamp)
        if isinstance(run, RunDetail):
            self._add_detail(run)

    def _add_detail(self, run: RunDetail) -> None:
        for text in (run.git_diff, run.error, run.device_info, run.pip_freeze):
            if text:
                self.free_text.append(text[:_MAX_TEXT_CHARS])
        for moment in (run.started_at, run.finished_at):
            self._add_moment(moment)
        self.names |= {*run.tags, *run.artifacts, run.python_version or "", run.parent_run_id or "", run.project or ""}
        self.counts |= {len(run.artifacts), len(run.tags), len(run.params), len(run.final_metrics)}
        if run.parent_run_id:
            self.known_ids[run.parent_run_id] = None
        if run.duration_s is not None:
            self._add_value("duration", run.duration_s)

    def _add_named(self, name: str, value: object) -> None:
        self.names.add(name)
        number = _number(value)
        if number is not None:
            self._add_value(name, number)
        elif isinstance(value, str):
            self.names.add(value)
        elif isinstance(value, dict):
            for inner, item in value.items():
                self._add_named(f"{name}.{inner}", item)
        elif isinstance(value, list):
            self.counts.add(len(value))
            self.names.add(json.dumps(value))
            for item in value:
                self._add_named(name, item)

    def _add_series(self, series: Mapping[str, MetricSeries]) -> None:
        for name, points in series.items():
            self.names.add(name)
            self.counts.add(len(points.steps))
            for step, value in zip(points.steps, points.values, strict=True):
                self._add_value("step", step)
                if (number := _number(value)) is not None:
                    self._add_value(name, number)

    def _add_facets(self, facets: Facets) -> None:
        self.counts |= {facets.total, len(facets.datasets), len(facets.metrics), len(facets.params), len(facets.tags)}
        values: Iterable[NamedCount] = (value for param in facets.params for value in param.values)
        for counted in itertools.chain(facets.statuses, facets.tags, values):
            self.names.add(counted.name)
            self.counts.add(counted.runs)
        for dataset in facets.datasets:
            self.names.add(dataset.dataset_id or "")
            self.counts.add(dataset.runs)
        self._add_ranges((metric.name, metric.runs, metric.min, metric.max) for metric in facets.metrics)
        self._add_ranges((param.name, param.runs, param.min, param.max) for param in facets.params)
        for param in facets.params:
            self.param_names.add(param.name)
            self.counts.add(len(param.values))
            for value in param.values:
                if (number := _number_in(value.name)) is not None:
                    self._add_value(param.name, number)

    def _add_ranges(self, ranges: Iterable[tuple[str, int, float | None, float | None]]) -> None:
        for name, runs, *ends in ranges:
            self.names.add(name)
            self.counts.add(runs)
            for end in ends:
                if end is not None:
                    self._add_value(name, end)

    def _add_of_registry(self, found: RegistryFound) -> None:
        self.models.add(found)
        facts = facts_of(found)
        self.counts |= facts.counts
        self.names |= {*facts.names, *self.models.names.values(), *self.models.labels}
        self.free_text += [*facts.texts, *(name for name in self.models.names.values() if " " in name)]
        self.known_ids.update(facts.run_ids)
        for moment in facts.moments:
            self._add_moment(moment)
        for name, number in facts.values:
            self._add_value(name, number)

    def _count_differences(self, runs: Sequence[RunDetail]) -> None:
        self.counts.add(len(runs))
        for values in ([run.params for run in runs], [run.final_metrics for run in runs]):
            names = {name for each in values for name in each}
            differing = sum(1 for name in names if any(each.get(name) != values[0].get(name) for each in values))
            self.counts |= {len(names), differing, len(names) - differing}

    def _add_value(self, name: str, number: float) -> None:
        self.values.setdefault(name, []).append(float(number))

    def _add_moment(self, moment: str | None) -> None:
        if moment:
            self.moments.add(moment)


def unit_s_of(name: str) -> float | None:
    """Gives the seconds in the unit that a name says its values are in; None when it does not name a time.

    A name that tells no unit is taken to mean seconds, as `duration` and `runtime` do.
    """
    lower = name.lower()
    if not _TIME_NAME.search(lower):
        return None
    last = re.split(r"[_.]", lower)[-1]
    return {"ms": 1e-3, "min": 60.0, "minutes": 60.0, "h": 3600.0, "hours": 3600.0}.get(last, 1.0)


def _group_sizes(runs: Sequence[RunSummary]) -> set[int]:
    """Counts the runs of a list that share a status, a dataset, a param's value, or a note."""
    sizes: Counter[tuple[str, str]] = Counter()
    for run in runs:
        sizes.update([("status", run.status), ("dataset", str(run.dataset_id)), ("note", str(bool(run.note)))])
        sizes.update((name, str(value)) for name, value in run.params.items())
    distinct = Counter(name for name, _ in sizes)
    return {*sizes.values(), *distinct.values()}


def _bounds(arguments: Mapping[str, Any]) -> list[str]:
    return [str(item) for value in arguments.values() for item in _flat(value)]


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif value is not None:
        yield value


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number_in(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None
