"""The metrics file of a run: the CSV artifact that stands in where no live points were logged.

Owns finding it among the artifacts and reading it. It must not import Streamlit.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

import pandas as pd

from backend.models import ArtifactInfo
from tools.client import LabClient
from tools.errors import FileTooLargeError
from ui.smoothing import smoothed

MAX_FILE_BYTES: Final = 5_000_000
"""A larger file is not read: a page does not load more than it shows."""

STEP_NAMES: Final = ("step", "global_step", "epoch", "iteration", "iter", "round", "batch")
"""What the column of steps is called, the likeliest first; without one, rows are counted from 0."""


@dataclass(frozen=True, slots=True)
class MetricsFile:
    """What a metrics file holds.

    Attributes:
        name: The file's name.
        points: Columns `series`, `step`, `value` and `smoothed`, steps ascending within a series.
    """

    name: str
    points: pd.DataFrame


def read_metrics_file(client: LabClient, run_id: str, *, max_points: int, smoothing: float = 0) -> MetricsFile | None:
    """Reads the metrics file of a run; None where there is none that can be read, or it has grown too large.

    Raises:
        LabClientError: The server does not answer.
    """
    chosen = metrics_artifact(client.artifacts(run_id))
    if chosen is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.csv"
        try:
            client.download_artifact(run_id, chosen.index, to=path, max_bytes=MAX_FILE_BYTES)
        except FileTooLargeError:
            return None
        points = csv_points(path, max_points=max_points, needs_steps=not _is_named(chosen), smoothing=smoothing)
    return None if points.empty else MetricsFile(PurePath(chosen.path).name, points)


def metrics_artifact(artifacts: list[ArtifactInfo]) -> ArtifactInfo | None:
    """Gives the artifact that may hold a run's metrics: a CSV file, rather one with "metric" in its name."""
    readable = [one for one in artifacts if _is_readable(one)]
    return next(iter(sorted(readable, key=_is_named, reverse=True)), None)


def csv_points(path: Path, *, max_points: int, needs_steps: bool = False, smoothing: float = 0) -> pd.DataFrame:
    """Reads the numeric columns of a CSV file as series, thinned out to the extremes of equally long stretches.

    Args:
        path: The file.
        max_points: How many points a series may have at most, 4 or more.
        needs_steps: Whether a file without a column of steps is taken for another kind of table, such as predictions.
        smoothing: The weight of the moving average, which goes over all rows before any is thinned out.

    Returns:
        Columns `series`, `step`, `value` and `smoothed`; empty when the file is no such table.
    """
    try:
        table = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError):  # pandas' own errors are ValueErrors: nothing in it, or no table
        return _points([])
    step_name = next((name for wanted in STEP_NAMES for name in map(str, table) if name.lower() == wanted), None)
    if step_name is None and needs_steps:
        return _points([])
    steps = _steps(table, step_name)
    numbers = [name for name in map(str, table.select_dtypes("number")) if name != step_name]
    series = [pd.DataFrame({"series": name, "step": steps, "value": table[name]}) for name in numbers]
    ordered = [one.dropna(subset="step").sort_values("step") for one in series]
    return _points([_thinned(one.assign(smoothed=smoothed(one["value"], smoothing)), max_points) for one in ordered])


def _is_named(artifact: ArtifactInfo) -> bool:
    return "metric" in PurePath(artifact.path).name.lower()


def _is_readable(artifact: ArtifactInfo) -> bool:
    is_csv = artifact.media_type == "text/csv" or artifact.path.lower().endswith(".csv")
    size = artifact.current_size_bytes
    return is_csv and artifact.kind == "file" and artifact.downloadable and size is not None and size <= MAX_FILE_BYTES


def _steps(table: pd.DataFrame, name: str | None) -> pd.Series:
    """Gives whole steps; the rows' numbers where the column does not hold such."""
    if name is not None:
        steps = pd.to_numeric(table[name], errors="coerce")
        if steps.notna().any() and (steps.dropna() % 1 == 0).all():
            return steps
    return pd.Series(range(len(table)), index=table.index, dtype="float64")


def _thinned(points: pd.DataFrame, max_points: int) -> pd.DataFrame:
    """Keeps the lowest and the highest of each stretch, and both ends."""
    if len(points) <= max_points:
        return points
    points = points.reset_index(drop=True)
    stretch = points.index * ((max_points - 2) // 2) // len(points)
    values = points["value"].dropna().groupby(stretch[points["value"].notna()])
    kept = {0, len(points) - 1, *values.idxmin(), *values.idxmax()}
    return points.loc[sorted(kept)]


def _points(series: list[pd.DataFrame]) -> pd.DataFrame:
    return (
        pd.concat(series, ignore_index=True)
        if series
        else pd.DataFrame(columns=["series", "step", "value", "smoothed"])
    )
