"""Tables of runs: a row for each run, a column for what is known of it.

Owns pure functions from runs to data frames. It must not import Streamlit.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from backend.models import RunDetail, RunSummary
from ui.formatting import cell_text, moment_text

METRIC, PARAM = "metric", "param"


def column_name(kind: str, name: str) -> str:
    """Names the column of a metric or a parameter, so that both may be called alike."""
    return f"{kind}:{name}"


def runs_frame(runs: Sequence[RunSummary], *, metrics: Iterable[str], params: Iterable[str]) -> pd.DataFrame:
    """Gives a table of runs, in their order; a missing value is missing there too.

    Args:
        runs: The runs.
        metrics: The metrics to show, as columns `metric:NAME`.
        params: The parameters to show, as columns `param:NAME`; one inside an object goes by its dotted path.
    """
    metrics, params = list(metrics), list(params)
    rows = [
        {
            "run_id": run.run_id,
            "status": run.status,
            "started": moment_text(run.timestamp),
            "dataset": run.dataset_id,
            "note": run.note,
            **{column_name(METRIC, name): number_or_none(run.final_metrics.get(name)) for name in metrics},
            **{column_name(PARAM, name): param_cell(run, name) for name in params},
        }
        for run in runs
    ]
    columns = ["run_id", "status", "started", "dataset", "note"]
    columns += [column_name(METRIC, name) for name in metrics] + [column_name(PARAM, name) for name in params]
    return pd.DataFrame(rows, columns=columns)


def number_or_none(value: object) -> float | None:
    """Gives a finite number, or None for anything else, such as an integer beyond what a float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def param_cell(run: RunSummary | RunDetail, name: str) -> object:
    """Gives a parameter's value for a cell: numbers as they are, everything else as text."""
    value = param_value(run.params, name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return cell_text(value)


def param_value(params: dict[str, Any], name: str) -> Any:
    """Gives a parameter by its name, or by its dotted path where it lies inside an object; None where it is not."""
    if name in params:
        return params[name]
    head, dot, rest = name.partition(".")
    inner = params.get(head)
    return param_value(inner, rest) if dot and isinstance(inner, dict) else None
