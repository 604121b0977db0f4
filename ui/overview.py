"""What Home tells of the whole store: the best value of each dataset and metric, why runs failed, runs over time.

Owns pure functions from answers of the server to tables. It must not import Streamlit.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import pandas as pd

from backend.models import DayActivity, Facets, RunDetail, RunSummary
from tools.directions import better_order
from ui.formatting import cell_text, duration_text, value_text
from ui.run_columns import MISSING, main_metrics, run_address
from ui.run_filters import MAX_NAME_CHARS, dataset_options

BEST_DATASETS: Final = 8
BEST_METRICS: Final = 5
RECENT_METRICS: Final = 3
OTHER, FAILED = "finished or running", "failed or killed"

Best = Mapping[tuple[str, str], RunSummary]
"""The best run of a dataset by a metric."""


def best_datasets(facets: Facets) -> list[str]:
    """Gives the datasets to show the best runs of: those with the most runs."""
    runs = {dataset.dataset_id: dataset.runs for dataset in facets.datasets}
    names = [name for name in dataset_options(facets) if len(name) <= MAX_NAME_CHARS]
    return sorted(names, key=lambda name: (-runs[name], name))[:BEST_DATASETS]


def best_metrics(facets: Facets) -> list[str]:
    """Gives the metrics to show the best runs by: the most used ones."""
    return [name for name in main_metrics(facets) if len(name) <= MAX_NAME_CHARS][:BEST_METRICS]


def best_frame(best: Best, *, datasets: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Gives a row for each dataset and a column for each metric.

    A cell is the address of the best run, with the value after a `#`, which is what is shown; None where no run of the
    dataset has the metric.
    """
    rows = [[dataset, *(_best_cell(best.get((dataset, metric)), metric) for metric in metrics)] for dataset in datasets]
    return pd.DataFrame(rows, columns=["dataset", *_metric_columns(metrics)])


def best_labels(metrics: Sequence[str]) -> dict[str, str]:
    """Gives the headings of the columns of `best_frame` that hold metrics, each with an arrow to where it is better."""
    arrows = {"asc": "↓", "desc": "↑"}
    labels = [f"{cell_text(metric)} {arrows[better_order(metric)]}" for metric in metrics]
    return dict(zip(_metric_columns(metrics), labels, strict=True))


def recent_frame(runs: Sequence[RunSummary], *, metrics: Sequence[str], started: Sequence[str]) -> pd.DataFrame:
    """Gives a row for each run, with some metrics and the given words for when it started."""
    rows = [
        [
            run_address(run.run_id),
            [run.status],
            when,
            duration_text(run.duration_s),
            cell_text(run.dataset_id or ""),
            *(value_text(run.final_metrics.get(name)) for name in metrics),
            cell_text(run.note or ""),
        ]
        for run, when in zip(runs, started, strict=True)
    ]
    return pd.DataFrame(
        rows, columns=["run", "status", "started", "duration", "dataset", *_metric_columns(metrics), "note"]
    )


def recent_labels(metrics: Sequence[str]) -> dict[str, str]:
    """Gives the headings of the columns of `recent_frame` that hold metrics."""
    return dict(zip(_metric_columns(metrics), map(cell_text, metrics), strict=True))


def failure_reason(run: RunDetail) -> str:
    """Gives the last line of a run's traceback; what its status says where there is none."""
    lines = [line.strip() for line in (run.error or "").splitlines() if line.strip()]
    if lines:
        return cell_text(lines[-1])
    return "its process ended without a word" if run.status == "killed" else "no error was recorded"


def activity_frame(days: Iterable[DayActivity], *, first: date, last: date) -> pd.DataFrame:
    """Gives how many runs of each kind started on each day, with columns `day`, `kind` and `runs`.

    Args:
        days: The days with runs.
        first: The first day shown.
        last: The last day shown.
    """
    known = {one.day: one for one in days}
    rows = [
        {"day": day, "kind": kind, "runs": runs}
        for day in _days_between(first, last)
        for kind, runs in _kinds(known.get(day))
    ]
    return pd.DataFrame(rows, columns=["day", "kind", "runs"])


def since_first_run(activity: pd.DataFrame, *, days: int) -> pd.DataFrame:
    """Leaves the days before the first run out of what `activity_frame` gives; so many days stay in any case."""
    busy = activity.loc[activity["runs"] > 0, "day"]
    first = min([*busy, sorted(activity["day"].unique())[-days:][0]])
    shown: pd.DataFrame = activity[activity["day"] >= first]
    return shown


def _days_between(first: date, last: date) -> list[str]:
    return [(first + timedelta(days=at)).isoformat() for at in range((last - first).days + 1)]


def _kinds(day: DayActivity | None) -> list[tuple[str, int]]:
    if day is None:
        return [(OTHER, 0), (FAILED, 0)]
    return [(OTHER, day.finished + day.running), (FAILED, day.failed + day.killed)]


def _best_cell(run: RunSummary | None, metric: str) -> str | None:
    if run is None:
        return None
    return f"{run_address(run.run_id)}#{value_text(run.final_metrics.get(metric)) or MISSING}"


def _metric_columns(metrics: Sequence[str]) -> list[str]:
    """Names columns so that no metric is mistaken for another column."""
    return [f"metric:{name}" for name in metrics]
