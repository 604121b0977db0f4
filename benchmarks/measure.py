"""Taking turns, taking times, and what came out.

Owns timing and the shape of a result. It must not know what is measured.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Task = Callable[[], object]

_TENTHS: Final = 10
_HUNDREDTHS: Final = 100
_FRACTION_OF_MS: Final = 1e-3


class BenchmarkError(Exception):
    """Something could not be measured; the message says what and why."""


@dataclass(frozen=True)
class Sample:
    """How long one task took, each time it was done.

    Attributes:
        seconds: The times, at least one.
    """

    seconds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The middle time."""
        return statistics.median(self.seconds)

    @property
    def p99_s(self) -> float:
        """The time that a hundredth of all lie above."""
        return statistics.quantiles(self.seconds, n=_HUNDREDTHS, method="inclusive")[-1]

    @property
    def spread(self) -> str:
        """The times that a tenth of all lie below and above, in words."""
        if len(self.seconds) == 1:
            return time_text(self.seconds[0])
        tenths = statistics.quantiles(self.seconds, n=_TENTHS, method="inclusive")
        return f"{time_text(tenths[0])} to {time_text(tenths[-1])}"


@dataclass(frozen=True)
class Finding:
    """One promise and what came out.

    Attributes:
        what: What is promised about.
        limit: The promise in words.
        measured: What was measured, with its unit.
        is_met: Whether the promise holds; None when nothing is promised.
        floor: What it is held against, with its unit; None when it is held against nothing.
        ratio: Measured over floor; None when that says nothing.
        spread: How the single times lie, in words.
        remark: What a reader should know beside the figures.
    """

    what: str
    limit: str
    measured: str
    is_met: bool | None
    floor: str | None = None
    ratio: float | None = None
    spread: str = ""
    remark: str = ""


def take_turns(
    tasks: Mapping[str, Task], *, rounds: int, warm_ups: int = 1, before: Mapping[str, Task] | None = None
) -> dict[str, Sample]:
    """Does each task in turn, round after round (A B A B …), and times each.

    Args:
        tasks: The tasks by name.
        rounds: How often each is timed.
        warm_ups: How many rounds go before and do not count.
        before: What is done right before a task each time, by the task's name, and not timed.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(warm_ups + rounds):
        for name, task in tasks.items():
            if before and name in before:
                before[name]()
            started_s = time.perf_counter()
            task()
            times[name].append(time.perf_counter() - started_s)
    return {name: Sample(tuple(seconds[warm_ups:])) for name, seconds in times.items()}


def time_text(seconds: float) -> str:
    """Gives a time in seconds, milliseconds or microseconds, to three digits."""
    if abs(seconds) >= 1:
        return f"{seconds:.2f} s"
    if abs(seconds) >= _FRACTION_OF_MS:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds * 1e6:.3g} µs"
