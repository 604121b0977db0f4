"""What a tool found: the text for a model, and the data behind it.

Owns these shapes. The data never goes to a language model: whoever runs the tool keeps it, to build and to check
answers with.
"""

from dataclasses import dataclass, field

from backend.models import Facets, MetricSeries, RunComparison, RunDetail, RunSummary
from tools.calls import Order


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


Found = RunsFound | DetailsFound | ComparisonFound | NoteWritten | StoreDescribed


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a tool.

    Attributes:
        content: What a model reads: JSON, cut to a budget that says what it left out.
        found: The full data.
    """

    content: str
    found: Found
