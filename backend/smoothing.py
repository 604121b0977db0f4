"""Live series smoothed, on all of their points, before anything is thinned out.

Owns the moving average and reading a series for it, a part at a time.
"""

import sys
from collections.abc import Collection, Iterable, Iterator
from itertools import tee
from math import copysign, isfinite

from sqlalchemy import Connection, select

from backend.tables import metric_points

_FETCHED_AT_ONCE = 10_000
_LARGEST = sys.float_info.max


def moving_average(values: Iterable[float | None], *, weight: float) -> Iterator[float | None]:
    """Gives the debiased exponential moving average of some values, one for each.

    That of TensorBoard's scalar charts (`resmoothDataset` in its `line-chart.ts`) and of W&B before it went by time:
    s[n] = weight * s[n-1] + (1 - weight) * x[n] from s[0] = 0, divided by 1 - weight^n so that the start is not drawn
    to zero, which is the bias correction of Kingma and Ba, "Adam", 2015, section 3. It is computed as the same weighted
    mean step by step, whose terms stay as small as the values. Distances between steps do not count.

    Args:
        values: The values in step order; None stands for NaN.
        weight: How much of what was before is kept, from 0 (nothing) to below 1.

    Yields:
        The average so far. For a value that is not finite None: it is passed over, and the average goes on behind it as
        if it had not been logged.
    """
    mean, decay = 0.0, 1.0
    for value in values:
        if value is None or not isfinite(value):
            yield None
            continue
        decay *= weight
        share = (1 - weight) / (1 - decay)
        mean = (1 - share) * mean + share * value
        if not -_LARGEST <= mean <= _LARGEST:  # by rounding, of the largest numbers there are
            mean = copysign(_LARGEST, mean)
        yield mean


def smoothed_at(connection: Connection, series: int, steps: Collection[int], *, weight: float) -> list[float | None]:
    """Gives the moving average over all points of a series at some of its steps.

    Args:
        connection: An open read transaction.
        series: The number of the series.
        steps: Steps that the series has, ascending.
        weight: See `moving_average`.
    """
    wanted = set(steps)
    columns = metric_points.c
    statement = select(columns.step, columns.value).where(columns.series == series).order_by(columns.step)
    rows = connection.execute(statement.execution_options(yield_per=_FETCHED_AT_ONCE))
    points, same_points = tee(rows)
    averages = moving_average((value for _, value in same_points), weight=weight)
    return [average for (step, _), average in zip(points, averages, strict=True) if step in wanted]
