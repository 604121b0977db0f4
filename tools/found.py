"""What a tool found: the text for a model, and the data behind it.

Owns these shapes. The data never goes to a language model: whoever runs the tool keeps it, to build and to check
answers with.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from backend.models import Facets, MetricSeries, RunComparison, RunDetail, RunSummary
from backend.registry_models import ModelDetail, ModelSummary, RegistryFacets
from backend.registry_views import ModelComparison, ModelLeaderboard, ModelStats, PairedTest
from tools.calls import Order

ALPHA: Final = 0.05
"""The chance of even one difference called real that is not, among the tests made for one question."""


@dataclass(frozen=True, slots=True)
class RunsFound:
    """Runs of `list_runs`, `leaderboard` or `search_run_summaries`.

    Attributes:
        runs: The runs, in the order asked.
        total: How many runs fit in all; of a leaderboard, how many are in it.
        metric_name: The metric they are ordered by, if it is one.
        order: The order of that metric.
        is_partial: Whether the runs hold only some of the words searched for.
    """

    runs: list[RunSummary]
    total: int
    metric_name: str | None = None
    order: Order | None = None
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class DetailsFound:
    """Everything of one run.

    Attributes:
        run: The run.
        series: Its live curves, those that were asked for.
    """

    run: RunDetail
    series: dict[str, MetricSeries] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComparisonFound:
    """Runs side by side."""

    comparison: RunComparison


@dataclass(frozen=True, slots=True)
class NoteWritten:
    """A note that is in the store now.

    Attributes:
        run: The run as it is since.
        previous: The note it had before.
    """

    run: RunDetail
    previous: str | None


@dataclass(frozen=True, slots=True)
class StoreDescribed:
    """The store's own vocabulary."""

    facets: Facets


@dataclass(frozen=True, slots=True)
class RegistryDescribed:
    """The model registry's own vocabulary.

    Attributes:
        facets: Its runs, families and metrics, and how many models it holds.
        models: Its models by run and name; with very many, the first of them.
    """

    facets: RegistryFacets
    models: list[ModelSummary]


@dataclass(frozen=True, slots=True)
class ModelsRanked:
    """Registered models ranked by a metric, the best first."""

    leaderboard: ModelLeaderboard


@dataclass(frozen=True, slots=True)
class ModelsCompared:
    """The metrics of two registered models side by side."""

    comparison: ModelComparison


@dataclass(frozen=True, slots=True)
class ModelFound:
    """Everything about one registered model."""

    model: ModelDetail


@dataclass(frozen=True, slots=True)
class TestedMetric:
    """One metric of two models.

    Attributes:
        family: The metric's family.
        metric_name: Its name.
        stats: The test; None where it was not made.
        reason: Why it was not made; None where it was.
        p_adjusted: The p-value with Holm's correction for all the tests made with it; None where it was not made.
    """

    family: str
    metric_name: str
    stats: ModelStats | None
    reason: str | None = None
    p_adjusted: float | None = None

    @property
    def result(self) -> PairedTest | None:
        """What the test came to by itself."""
        return None if self.stats is None else self.stats.mcnemar or self.stats.permutation

    @property
    def is_significant(self) -> bool:
        """Whether the difference is real, with as many tests as were made."""
        return self.p_adjusted is not None and self.p_adjusted < ALPHA


@dataclass(frozen=True, slots=True)
class SignificanceFound:
    """Whether two registered models differ beyond chance.

    Attributes:
        model_a: The one, as its metrics stand.
        model_b: The other.
        tested: Every metric looked at, those that could be tested first; empty when the two share none that was asked.
        n_left_out: How many metrics that could be tested were not, because there are too many.
    """

    model_a: ModelDetail
    model_b: ModelDetail
    tested: list[TestedMetric]
    n_left_out: int = 0


@dataclass(frozen=True, slots=True)
class NameUnsettled:
    """A name that means nothing in the registry, or several things; nothing was answered.

    Attributes:
        kind: What it should name.
        asked: The name.
        candidates: What it may mean, each as it can be asked for; where it means nothing, the nearest there are.
        is_known: Whether it means several things, rather than nothing.
    """

    kind: Literal["model", "metric"]
    asked: str
    candidates: tuple[str, ...]
    is_known: bool


RegistryFound = RegistryDescribed | ModelsRanked | ModelsCompared | ModelFound | SignificanceFound | NameUnsettled
Found = RunsFound | DetailsFound | ComparisonFound | NoteWritten | StoreDescribed | RegistryFound


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a tool.

    Attributes:
        content: What a model reads: JSON, cut to a budget that says what it left out.
        found: The full data.
    """

    content: str
    found: Found
