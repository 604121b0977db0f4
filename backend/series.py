"""The live metric series of a run, in columns, thinned out on request without losing an extremum.

Owns reading points and thinning. It must not keep a whole series in memory when only a part of it is asked for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite

from sqlalchemy import Connection, Select, func, select

from backend.errors import UnknownMetricError, close_names, list_names
from backend.queries import SeriesQuery
from backend.shapes import Answer
from backend.smoothing import smoothed_at
from backend.tables import metric_points, metric_series
from lab_logger.record import from_epoch_ms

Point = tuple[int, int, float | None]
"""Step, milliseconds since 1970, value (None stands for NaN)."""

_FETCHED_AT_ONCE = 10_000


def read_series(connection: Connection, run_id: str, query: SeriesQuery) -> dict[str, Answer]:
    """Gives the `MetricSeries` of a run by its full id, by name in the order first logged.

    Raises:
        UnknownMetricError: The run has no series of a name asked for.
    """
    known = _known(connection, [run_id])[run_id]
    unknown = [name for name in query.name if name not in known]
    if unknown:
        likely = close_names(unknown[0], known)
        has = f"it has {list_names(likely)}" if likely else "it has none"
        raise UnknownMetricError(f"run {run_id} has no live metric {list_names(unknown)}; {has}", candidates=likely)
    return _read(connection, known, query)


def read_curves(connection: Connection, run_ids: Sequence[str], query: SeriesQuery) -> dict[str, dict[str, Answer]]:
    """Gives the `MetricSeries` of several runs by full id and name, in the order asked; what a run lacks is absent."""
    known = _known(connection, run_ids)
    return {run_id: _read(connection, known[run_id], query) for run_id in run_ids}


def _known(connection: Connection, run_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Gives the numbers of the series of runs by run and name, in the order first logged."""
    statement = (
        select(metric_series.c.run_id, metric_series.c.name, metric_series.c.series)
        .where(metric_series.c.run_id.in_(run_ids))
        .order_by(metric_series.c.series)
    )
    known: dict[str, dict[str, int]] = {run_id: {} for run_id in run_ids}
    for row in connection.execute(statement):
        known[row.run_id][row.name] = row.series
    return known


def _read(connection: Connection, known: Mapping[str, int], query: SeriesQuery) -> dict[str, Answer]:
    wanted = query.name or known
    found = {
        name: _columns(_points(connection, series, query.max_points))
        for name, series in known.items()
        if name in wanted
    }
    if query.smoothing is not None:
        for name, columns in found.items():
            columns["smoothed"] = smoothed_at(connection, known[name], columns["steps"], weight=query.smoothing)
    return found


def thin_out(points: Iterable[Point], *, size: int, max_points: int, has_nan: bool) -> Iterator[Point]:
    """Gives at most `max_points` of some points, in their order, with every extremum and the ends among them.

    Kept are the first point, the last, and of each of the equally long stretches between them the lowest, the highest,
    and the first NaN where there are any and there is room. This is min-max decimation, as plotting programs do it.

    Args:
        points: The points in step order.
        size: How many there are.
        max_points: At least 4.
        has_nan: Whether one of them is NaN.
    """
    remaining = iter(points)
    if size <= max_points:
        yield from remaining
        return
    kept_per_stretch = 3 if has_nan and max_points > 4 else 2  # noqa: PLR2004 - 4 leaves room for two between the ends
    stretches = (max_points - 2) // kept_per_stretch
    yield from islice(remaining, 1)
    taken = 0
    for stretch in range(1, stretches + 1):
        until = (size - 2) * stretch // stretches
        yield from _extremes(list(islice(remaining, until - taken)), keeps_nan=kept_per_stretch > 2)  # noqa: PLR2004
        taken = until
    yield from remaining


def _extremes(stretch: Sequence[Point], *, keeps_nan: bool) -> list[Point]:
    """Gives the lowest and the highest of a stretch in their order; of nothing but NaN, the first."""
    values = [point[2] for point in stretch]
    numbers = [value for value in values if value is not None]
    chosen = {values.index(min(numbers)), values.index(max(numbers))} if numbers else set()
    if len(numbers) < len(values) and (keeps_nan or not numbers):
        chosen.add(values.index(None))
    return [stretch[at] for at in sorted(chosen)]


def _points(connection: Connection, series: int, max_points: int | None) -> Iterable[Point]:
    is_this = metric_points.c.series == series
    statement = (
        select(metric_points.c.step, metric_points.c.timestamp, metric_points.c.value)
        .where(is_this)
        .order_by(metric_points.c.step)
    )
    size, numbers = 0, 0
    if max_points is not None:
        size, numbers = connection.execute(select(func.count(), func.count(metric_points.c.value)).where(is_this)).one()
    points = _rows(connection, statement)
    if max_points is None:
        return points
    return thin_out(points, size=size, max_points=max_points, has_nan=numbers < size)


def _rows(connection: Connection, points: Select[int, int, float | None]) -> Iterator[Point]:
    """Gives the rows as the driver does: a row object for each would take longer than everything else."""
    step, page = metric_points.c.step, points.limit(_FETCHED_AT_ONCE)
    while True:
        result = connection.execute(page)
        rows: Sequence[Point] = result.cursor.fetchall()
        result.close()
        yield from rows
        if len(rows) < _FETCHED_AT_ONCE:
            return
        page = points.where(step > rows[-1][0]).limit(_FETCHED_AT_ONCE)


def _columns(points: Iterable[Point]) -> Answer:
    steps: list[int] = []
    timestamps: list[str | None] = []
    values: list[float | str] = []
    for step, timestamp, value in points:
        steps.append(step)
        timestamps.append(_moment(timestamp))
        values.append(_value(value))
    return {"steps": steps, "timestamps": timestamps, "values": values}


def _moment(milliseconds: int) -> str | None:
    try:
        return from_epoch_ms(milliseconds)
    except (OverflowError, TypeError):  # only another program could have put it there
        return None


def _value(value: float | None) -> float | str:
    if value is None:
        return "NaN"
    return value if isfinite(value) else "Infinity" if value > 0 else "-Infinity"
