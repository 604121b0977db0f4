"""What the Runs page asks the server for: the filters that a person set, as the query of `GET /runs`.

Owns pure functions from filters to a request, to what is wrong with them, and to how many are set. It must not import
Streamlit.
"""

from dataclasses import dataclass, fields
from datetime import date
from typing import Final, get_args

from backend.models import Facets, Status
from tools.calls import RunFilters

PLAIN_SORTS: Final = ("timestamp", "duration", "status", "dataset_id", "command", "note")
"""What runs may be ordered by, beside `metric:NAME`, `param:NAME` and, where words are searched, `relevance`."""

RELEVANCE: Final = "relevance"
STATUSES: Final[tuple[str, ...]] = get_args(Status)
MAX_NAME_CHARS: Final = 200
"""Longer names and values are not offered; they can be searched by words."""


@dataclass(frozen=True, slots=True)
class ChosenFilters:
    """The filters of a person; what is empty does not count.

    Attributes:
        words: Words to search.
        dataset: The dataset.
        statuses: Any of these statuses.
        tags: All of these tags.
        params: All of these parameters, as `name:value`.
        metric: A final metric that a run has to have.
        low: The least value of `metric`.
        high: The greatest value of `metric`.
        first_day: The day of the earliest runs, in UTC.
        last_day: The day of the latest runs, in UTC, which counts whole.
    """

    words: str = ""
    dataset: str | None = None
    statuses: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    metric: str | None = None
    low: float | None = None
    high: float | None = None
    first_day: date | None = None
    last_day: date | None = None

    def count(self) -> int:
        """Says how many of the filters are set."""
        return sum(getattr(self, field.name) not in ("", None, ()) for field in fields(self))

    def problems(self) -> list[str]:
        """Says what is wrong with the filters, and what to do about it; such a filter is not sent."""
        found = [
            f"The parameter filter “{text}” has no value: write it as name:value." for text in self._broken_params()
        ]
        if self.metric is None and (self.low is not None or self.high is not None):
            found.append("The metric range says nothing of which metric: choose one.")
        if self.low is not None and self.high is not None and self.low > self.high:
            found.append(f"No value is at least {self.low:g} and at most {self.high:g}: swap the two.")
        if self.first_day and self.last_day and self.first_day > self.last_day:
            found.append(f"No day is from {self.first_day} on and up to {self.last_day}: swap the two.")
        return found

    def request(self) -> RunFilters:
        """Gives the filters as the server takes them."""
        asked = RunFilters()
        if self.words.strip():
            asked["q"] = self.words.strip()
        if self.dataset is not None:
            asked["dataset_id"] = self.dataset
        if self.statuses:
            asked["status"] = [name for name in get_args(Status) if name in self.statuses]
        if self.tags:
            asked["tag"] = list(self.tags)
        if params := [text for text in self.params if text not in self._broken_params()]:
            asked["param"] = params
        if self.metric is not None:
            asked |= RunFilters(metric_name=self.metric, metric_min=self.low, metric_max=self.high)
        if self.first_day is not None:
            asked["from_timestamp"] = self.first_day.isoformat()
        if self.last_day is not None:
            asked["to_timestamp"] = self.last_day.isoformat()
        return asked

    def _broken_params(self) -> list[str]:
        return [text for text in self.params if not text.partition(":")[0] or ":" not in text]


def sort_options(facets: Facets, *, words: str) -> list[str]:
    """Gives what runs may be ordered by, as `sort` takes it; by relevance only where words are searched."""
    by_name = [f"metric:{metric.name}" for metric in facets.metrics] + [
        f"param:{param.name}" for param in facets.params
    ]
    relevance = [RELEVANCE] if words.strip() else []
    return [*PLAIN_SORTS, *relevance, *(name for name in by_name if len(name) <= MAX_NAME_CHARS)]


def usable_sort(sort: str, *, words: str) -> str:
    """Gives the order to ask for: by relevance only where there are words to be relevant to."""
    return "timestamp" if sort == RELEVANCE and not words.strip() else sort


def param_options(facets: Facets) -> list[str]:
    """Gives the parameters of the store with the values listed for them, as `name:value`."""
    found = [f"{param.name}:{value.name}" for param in facets.params for value in param.values]
    return [text for text in found if len(text) <= MAX_NAME_CHARS]


def dataset_options(facets: Facets) -> list[str]:
    """Gives the datasets that have a name."""
    return [dataset.dataset_id for dataset in facets.datasets if dataset.dataset_id]


def running(facets: Facets) -> int:
    """Says how many runs are under way."""
    return next((status.runs for status in facets.statuses if status.name == "running"), 0)
