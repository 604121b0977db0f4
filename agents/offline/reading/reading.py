"""What a question was read as.

Owns that shape. How it is read stands in `reader`, and `reader` alone makes one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from agents.agents import Intent
from agents.offline.language.cues import End
from agents.offline.language.names import is_runtime
from agents.offline.language.notes import NoteAsked
from agents.offline.reading.scopes import EVERYTHING, Scope
from backend.models import Facets
from tools.calls import Order
from tools.directions import better_order, order_text


@dataclass(frozen=True, slots=True)
class Group:
    """One side of a comparison: a name, and the runs it stands for."""

    label: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Unknown:
    """Words that stand where a name of the store belongs, and are none.

    Attributes:
        text: The words.
        kind: What they were taken for.
        close: Names of that kind which are alike.
    """

    text: str
    kind: Literal["dataset", "metric", "value"]
    close: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranking:
    """By what runs are ranked, and from which end.

    Attributes:
        kind: A metric, a parameter, or the time a run took.
        name: The metric or parameter.
        order: Which end first.
    """

    kind: Literal["metric", "param", "duration"]
    name: str
    order: Order

    @property
    def sort(self) -> str:
        """What `list_runs` sorts by."""
        return "duration" if self.kind == "duration" else f"{self.kind}:{self.name}"

    def said(self) -> str:
        """Says it in words."""
        return f"{self.kind}={self.name}, {order_text(self.order)}" if self.kind != "duration" else (
            f"duration, {order_text(self.order)}"
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """What a question was read as.

    Attributes:
        question: The question.
        facets: The store's own vocabulary.
        headline: The metric that runs are judged by when none is named.
        runtime: The metric that says how long a run took.
        model_param: The parameter that names what was trained.
        intent: The kind of answer.
        metrics: The metrics named, in order.
        metric_choices: Of the first metric, every one that its words may mean.
        params: Parameters named without a value.
        ends: The ends of a ranking named, in order.
        ranked_param: The parameter that is ranked by.
        recency: Whether the newest or the oldest runs are asked for.
        top_k: How many runs are asked for; None where no number is.
        place: Which place of a ranking is asked for, the first unless said.
        is_plural: Whether several runs are asked for.
        scope: Which runs.
        groups: The sides of a comparison, where names stand against each other.
        per: What the best of each is asked for: a parameter, or `dataset`.
        run_ids: Runs named, or pointed at.
        note: What is to be written.
        writing: The writing tools that are offered.
        words: What to search for.
        unknown: Words that should be names of the store and are none.
        unread: Other words that were not understood.
        spelled: Words as written, and the names they were taken for.
        was_phrased: Whether a phrase of the question says which kind of answer.
        masked: The question with a word such as `METRIC` for each name.
        last_ids: Runs of the answer before.
    """

    question: str
    facets: Facets
    headline: str | None
    runtime: str | None
    model_param: str | None = None
    intent: Intent = "unanswerable"
    metrics: tuple[str, ...] = ()
    metric_choices: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    ends: tuple[End, ...] = ()
    ranked_param: str | None = None
    recency: Literal["latest", "oldest"] | None = None
    top_k: int | None = None
    place: int = 1
    is_plural: bool = False
    scope: Scope = EVERYTHING
    groups: tuple[Group, ...] = ()
    per: str | None = None
    run_ids: tuple[str, ...] = ()
    note: NoteAsked | None = None
    writing: frozenset[str] = frozenset()
    words: str | None = None
    unknown: tuple[Unknown, ...] = ()
    unread: tuple[str, ...] = ()
    spelled: tuple[tuple[str, str], ...] = ()
    was_phrased: bool = False
    masked: str = ""
    last_ids: tuple[str, ...] = ()

    @property
    def metric(self) -> str | None:
        """The metric that the question is about: the first named, else the headline metric."""
        return self.metrics[0] if self.metrics else self.headline

    def rankings(self) -> list[Ranking]:
        """Gives the rankings asked for, in order; best first by the metric where none is named."""
        found = [self._ranking(end) for end in self.ends or ("best",)]
        return [ranking for ranking in dict.fromkeys(found) if ranking is not None]

    def ranking(self) -> Ranking | None:
        """Gives the ranking that the question is about; None for a store without metrics."""
        definite = [end for end in self.ends if end in {"highest", "lowest"} and self.metrics]
        return self._ranking(next(iter([*definite, *self.ends]), "best"))

    def with_metric(self, metric: str) -> "Reading":
        """Gives the same reading by another metric."""
        return replace(self, metrics=(metric, *self.metrics[1:]))

    def said(self) -> Iterator[str]:
        """Says which runs were read, and how words were understood."""
        yield from self.scope.said()
        yield from (f'"{written}" as {name}' for written, name in self.spelled)

    def _ranking(self, end: End) -> Ranking | None:
        if end in {"fastest", "slowest"}:
            order: Order = "asc" if end == "fastest" else "desc"
            name = next(filter(is_runtime, self.metrics), self.runtime)
            return Ranking("metric", name, order) if name else Ranking("duration", "duration", order)
        if self.ranked_param is not None:
            return Ranking("param", self.ranked_param, "asc" if end in {"lowest", "worst", "fastest"} else "desc")
        if self.metric is None:
            return None
        better = better_order(self.metric)
        other: Order = "desc" if better == "asc" else "asc"
        orders: dict[End, Order] = {
            "best": better, "worst": other, "highest": "desc", "lowest": "asc", "fastest": "asc", "slowest": "desc",
        }  # fmt: skip
        return Ranking("metric", self.metric, orders[end])
