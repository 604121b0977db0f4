"""The curves of runs as one long table: live points, else the run's metrics file.

Owns loading through the client and pure functions on the table. It must not import Streamlit.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from backend.models import MetricSeries
from tools.client import LabClient
from tools.errors import NotFoundError
from ui.metrics_file import read_metrics_file
from ui.smoothing import finite_values

COLUMNS: Final = ("run", "series", "step", "time", "value", "smoothed")
"""Of a curve table: run id, name of the series, step, seconds since the run's first point, value, and the moving
average of all values up to it, also of those that were thinned out."""

Source = Literal["live", "file", "none"]

_AT_ONCE: Final = 8
"""So many runs are asked for at the same time."""
FEWEST_POINTS: Final = 4
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


def load_curves(
    client: LabClient, run_ids: Sequence[str], names: Iterable[str], max_points: int, *, smoothing: float = 0
) -> pd.DataFrame:
    """Gives the curves of runs as one table, a row for each point.

    Args:
        client: Where to ask.
        run_ids: The runs, in the order their rows come in.
        names: The series wanted, all of them when empty; a run without one of them has no rows for it.
        max_points: How many points a series may have at most, 4 or more; the server keeps the extremes.
        smoothing: The weight of the moving average, from 0 (none: the finite values as they are) to below 1.

    Returns:
        `COLUMNS`, steps ascending within a run and series. `time` is missing where the store does not know it; `value`
        is missing for NaN, and infinite as it was logged; `smoothed` is missing for both. Empty when no run has such a
        series.

    Raises:
        LabClientError: The server does not answer, or does not know one of the runs.
    """
    if not run_ids:
        return empty_curves()
    wanted = list(names)
    live = client.curves(run_ids, names=wanted, max_points=max_points, smoothing=smoothing or None)
    without = [run_id for run_id, series in live.items() if not series]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = pool.map(lambda one: run_curves(client, one, wanted, max_points, smoothing=smoothing).frame, without)
        filed = list(asked)
    found = pd.concat([curve_frame(live), *filed], ignore_index=True)
    places = {run_id: place for place, run_id in enumerate(live)}
    return found.sort_values("run", key=lambda runs: runs.map(places), kind="stable", ignore_index=True)


def run_curves(
    client: LabClient, run_id: str, names: Iterable[str], max_points: int, *, smoothing: float = 0
) -> RunCurves:
    """Gives the curves of one run and where they come from; see `load_curves`."""
    wanted = list(names)
    series = _live_series(client, run_id, wanted, {"max_points": max_points, "smoothing": smoothing or None})
    if series is not None:
        return RunCurves(curve_frame({run_id: series}), "live")
    file = read_metrics_file(client, run_id, max_points=max_points, smoothing=smoothing)
    if file is None:
        return RunCurves(empty_curves(), "none")
    rows = file.points if not wanted else file.points[file.points["series"].isin(wanted)]
    return RunCurves(_typed(rows.assign(run=run_id, time=float("nan"))), "file", file.name)


def curve_frame(curves: Mapping[str, Mapping[str, MetricSeries]]) -> pd.DataFrame:
    """Gives the live series of runs, by run and name, as a curve table."""
    parts = [(run_id, name, one) for run_id, series in curves.items() for name, one in series.items() if one.steps]
    if not parts:
        return empty_curves()
    sizes = [len(one.steps) for _, _, one in parts]
    smoothed = [one.values if one.smoothed is None else one.smoothed for _, _, one in parts]
    frame = pd.DataFrame(
        {
            "run": np.repeat(np.array([run_id for run_id, _, _ in parts], dtype=object), sizes),
            "series": np.repeat(np.array([name for _, name, _ in parts], dtype=object), sizes),
            "step": list(chain.from_iterable(one.steps for _, _, one in parts)),
            "time": list(chain.from_iterable(one.timestamps for _, _, one in parts)),
            "value": list(chain.from_iterable(one.values for _, _, one in parts)),
            "smoothed": list(chain.from_iterable(smoothed)),
        }
    )
    moments = pd.to_datetime(frame["time"], utc=True, format="ISO8601", errors="coerce")
    begun = moments.groupby(frame["run"], sort=False).transform("min")
    return _typed(frame.assign(time=(moments - begun).dt.total_seconds()))


def empty_curves() -> pd.DataFrame:
    """Gives a curve table without rows."""
    return _typed(pd.DataFrame(columns=list(COLUMNS)))


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


def _live_series(
    client: LabClient, run_id: str, wanted: list[str], options: dict[str, Any]
) -> dict[str, MetricSeries] | None:
    """Gives the live series wanted; None when the run has no live point at all."""
    try:
        found = client.metrics(run_id, names=wanted, **options)
    except NotFoundError:
        # The run, or one of the names: few points are enough to learn which names it has.
        known = client.metrics(run_id, max_points=FEWEST_POINTS)
        here = [name for name in wanted if name in known]
        found = client.metrics(run_id, names=here, **options) if here else {}
        return found if known else None
    return found or None


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    types = {"run": "str", "series": "str", "step": "int64", "time": "float64", "value": "float64"}
    typed = frame[list(COLUMNS)].astype({**types, "smoothed": "float64"}).reset_index(drop=True)
    return typed.assign(smoothed=finite_values(typed["smoothed"]))
