"""Activity over time: how many runs started on each day.

Owns counting by asking how many runs there are between two days, which an index of the store answers; no run is loaded.
It must not import Streamlit.
"""

from collections.abc import Callable
from datetime import date, timedelta

CountRuns = Callable[[date, date], int]
"""Says how many runs started from one day to another, both included."""


def count_by_day(first: date, last: date, *, count: CountRuns) -> dict[date, int]:
    """Counts the runs of each day from `first` to `last`, both included, in order of time.

    A span without runs is asked for once; of two halves the second follows from the whole and the first. So there are
    never more questions than days, and few where runs are few.
    """
    return _split(first, last, count(first, last), count)


def _split(first: date, last: date, runs: int, count: CountRuns) -> dict[date, int]:
    n_days = (last - first).days + 1
    if runs <= 0 or n_days == 1:
        return {first + timedelta(days=at): max(runs, 0) if n_days == 1 else 0 for at in range(n_days)}
    middle = first + timedelta(days=n_days // 2 - 1)
    early = count(first, middle)
    # A run that starts while this is asked may be missing from the whole; it is there the next time.
    return _split(first, middle, early, count) | _split(middle + timedelta(days=1), last, runs - early, count)
