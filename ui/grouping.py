"""Groups of compared runs: those alike in some parameters, with the mean and the spread of a metric over their seeds.

Owns pure functions from `ui.comparing.Compared` to groups and their tables. It must not import Streamlit.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from tools.directions import better_order
from ui.comparing import Column, Compared, category_text, telling_columns

NOT_SET: Final = "not set"
"""What a group is called whose runs lack the parameter."""


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that are alike in the parameters grouped by.

    Attributes:
        key: Their values, as text, one for each parameter.
        places: The runs, as places in the comparison.
        values: The metric of each.
        mean: The mean of the metric.
        spread: Its sample standard deviation (divided by n - 1); None for a single run.
    """

    key: tuple[str, ...]
    places: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    spread: float | None

    @property
    def name(self) -> str:
        """What the group is called."""
        return " · ".join(self.key) or "all runs"

    @property
    def size(self) -> int:
        """How many runs are in it."""
        return len(self.values)


def grouped(by: Sequence[Column], metric: Column) -> list[Group]:
    """Groups runs by the values of some columns, the best mean first; runs without a finite metric are in no group.

    Args:
        by: What the runs of a group are alike in; all runs are one group when empty.
        metric: What is averaged. Its name says which mean is best, see `tools.directions`.
    """
    places: dict[tuple[object, ...], list[int]] = {}
    numbers = metric.numbers
    identities = [column.identities for column in by]
    for place, number in enumerate(numbers):
        if number is not None:
            places.setdefault(tuple(column[place] for column in identities), []).append(place)
    groups = [_group(by, members, [numbers[place] for place in members]) for members in places.values()]
    groups.sort(key=lambda group: group.mean, reverse=better_order(metric.name) == "desc")
    return groups


def default_grouping(compared: Compared) -> list[str]:
    """Gives the labels of what to group by at first: what tells the runs apart, seeds aside.

    Where no two runs would share a group, the one of them with the fewest values.
    """
    telling = telling_columns(compared, seeds=False)
    if not telling:
        return []
    groups = len(set(zip(*(column.identities for column in telling), strict=True)))
    if groups < len(compared.run_ids):
        return [column.label for column in telling]
    return [min(telling, key=lambda column: len(set(column.identities))).label]


def groups_frame(groups: Sequence[Group], by: Sequence[Column], metric: Column) -> pd.DataFrame:
    """Gives the table of groups: what they are alike in, the number of runs, mean, spread, lowest and highest value."""
    names = [column.label for column in by]
    rows = [
        [*group.key, group.size, group.mean, group.spread, min(group.values), max(group.values)] for group in groups
    ]
    numbers = ["n", f"mean {metric.label}", "std", "min", "max"]
    frame = pd.DataFrame(rows, columns=[*names, *numbers])
    return frame.astype(dict.fromkeys(numbers[1:], "float64"))


def _group(by: Sequence[Column], places: list[int], values: Sequence[float | None]) -> Group:
    numbers = [value for value in values if value is not None]
    key = tuple(category_text(column.values[places[0]]) or NOT_SET for column in by)
    return Group(key, tuple(places), tuple(numbers), statistics.mean(numbers), _spread(numbers))


def _spread(numbers: Sequence[float]) -> float | None:
    try:
        return statistics.stdev(numbers)
    except statistics.StatisticsError:  # a single run has none
        return None
    except OverflowError:  # beyond what a float holds
        return None
