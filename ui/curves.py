"""The curves of runs as one long table: live points, else the run's metrics file; and how they are smoothed.

Owns loading through the client and pure functions on the table. It must not import Streamlit.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from backend.models import MetricSeries
from tools.client import LabClient
from tools.errors import NotFoundError
from ui.metrics_file import read_metrics_file

COLUMNS: Final = ("run", "series", "step", "time", "value")
"""Of a curve table: run id, name of the series, step, seconds since the run's first point, value."""

Source = Literal["live", "file", "none"]

_AT_ONCE: Final = 8
"""So many runs are asked for at the same time."""
_FEWEST_POINTS: Final = 4
"""The least that the server thins a series out to."""


@dataclass(frozen=True, slots=True)
class RunCurves:
    """The curves of one run.

    Attributes:
        frame: A curve table; see `COLUMNS`.
        source: Where they come from: live points, a metrics file, or nowhere.
        file_name: The metrics file, when it is one.
    """

    frame: pd.DataFrame
    source: Source
    file_name: str | None = None


def load_curves(client: LabClient, run_ids: Sequence[str], names: Iterable[str], max_points: int) -> pd.DataFrame:
    """Gives the curves of runs as one table, a row for each point.

    Args:
        client: Where to ask.
        run_ids: The runs, in the order their rows come in.
        names: The series wanted, all of them when empty; a run without one of them has no rows for it.
        max_points: How many points a series may have at most, 4 or more; the server keeps the extremes.

    Returns:
        `COLUMNS`, steps ascending within a run and series. `time` is missing where the store does not know it; `value`
        is missing for NaN, and infinite as it was logged. Empty when no run has such a series.

    Raises:
        LabClientError: The server does not answer, or does not know one of the runs.
    """
    wanted = list(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda run_id: run_curves(client, run_id, wanted, max_points).frame, run_ids))
    return pd.concat([empty_curves(), *found], ignore_index=True) if found else empty_curves()


def run_curves(client: LabClient, run_id: str, names: Iterable[str], max_points: int) -> RunCurves:
    """Gives the curves of one run and where they come from; see `load_curves`."""
    wanted = list(names)
    series = _live_series(client, run_id, wanted, max_points)
    if series is not None:
        return RunCurves(curve_frame(run_id, series), "live")
    file = read_metrics_file(client, run_id, max_points=max_points)
    if file is None:
        return RunCurves(empty_curves(), "none")
    rows = file.points if not wanted else file.points[file.points["series"].isin(wanted)]
    return RunCurves(_typed(rows.assign(run=run_id, time=float("nan"))), "file", file.name)


def curve_frame(run_id: str, series: dict[str, MetricSeries]) -> pd.DataFrame:
    """Gives the live series of a run as a curve table."""
    parts = [
        pd.DataFrame({"series": name, "step": one.steps, "time": one.timestamps, "value": one.values})
        for name, one in series.items()
        if one.steps
    ]
    if not parts:
        return empty_curves()
    frame = pd.concat(parts, ignore_index=True)
    moments = pd.to_datetime(frame["time"], utc=True, format="ISO8601", errors="coerce")
    return _typed(frame.assign(run=run_id, time=(moments - moments.min()).dt.total_seconds()))


def empty_curves() -> pd.DataFrame:
    """Gives a curve table without rows."""
    return _typed(pd.DataFrame(columns=list(COLUMNS)))


def smoothed(frame: pd.DataFrame, weight: float) -> pd.Series:
    """Gives the values of a curve table smoothed, run by run and series by series, on the table's index.

    The exponential moving average of TensorBoard's scalar charts (`resmoothDataset` in its `line-chart.ts`):
    s[t] = weight * s[t-1] + (1 - weight) * x[t], divided by 1 - weight^t so that the start is not drawn to zero, which
    is the bias correction of Kingma and Ba, "Adam", 2015, section 3. Values that are not finite are passed over and are
    missing in the result too.

    Args:
        frame: A curve table.
        weight: How much of what was before is kept, from 0 (nothing: the values as they are) to below 1.

    Raises:
        ValueError: The weight is outside that range.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"a smoothing weight is from 0 to below 1, not {weight}")
    values = finite_values(frame)
    if weight == 0 or frame.empty:
        return values
    # With adjust=True pandas divides by the sum of the weights, which is that bias correction.
    groups = values.groupby([frame["run"], frame["series"]], sort=False, group_keys=False)
    means = groups.transform(lambda group: group.ewm(alpha=1 - weight, adjust=True, ignore_na=True).mean())
    return means.where(values.notna())


def finite_values(frame: pd.DataFrame) -> pd.Series:
    """Gives the values of a curve table, missing where they are not finite."""
    return frame["value"].where(frame["value"].abs() != float("inf"))


def panels(names: Iterable[str]) -> dict[str, list[str]]:
    """Groups series that belong in one chart: those that differ by the part of the data they were measured on.

    Returns:
        By the name they share, as `loss` for `train_loss` and `val_loss`, the series in the order given.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_shared_name(name), []).append(name)
    return {group[0] if len(group) == 1 else shared: group for shared, group in groups.items()}


_PARTS_OF_DATA: Final = ("train", "training", "val", "valid", "validation", "test", "eval", "dev")
_SEPARATORS: Final = "_/.-"


def _shared_name(name: str) -> str:
    for separator in _SEPARATORS:
        head, found, rest = name.partition(separator)
        if found and rest and head.lower() in _PARTS_OF_DATA:
            return rest
    return name


def _live_series(client: LabClient, run_id: str, wanted: list[str], max_points: int) -> dict[str, MetricSeries] | None:
    """Gives the live series wanted; None when the run has no live point at all."""
    try:
        found = client.metrics(run_id, names=wanted, max_points=max_points)
    except NotFoundError:
        # The run, or one of the names: few points are enough to learn which names it has.
        known = client.metrics(run_id, max_points=_FEWEST_POINTS)
        here = [name for name in wanted if name in known]
        found = client.metrics(run_id, names=here, max_points=max_points) if here else {}
        return found if known else None
    return found or None


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    types = {"run": "str", "series": "str", "step": "int64", "time": "float64", "value": "float64"}
    return frame[list(COLUMNS)].astype(types).reset_index(drop=True)
