"""The table of models against metrics as it is shown: cells, headings, and which values are the best and the worst.

Owns pure functions from an answer to a styled data frame. It must not import Streamlit.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import pandas as pd

from backend.registry_models import Order
from backend.registry_views import Pivot, PivotColumn, PivotRow
from ui.formatting import cell_text, value_text
from ui.model_registry.words import cut

MODEL, RUN, SOURCE, PATH = "model", "run", "made by", "path"
"""The columns beside the metrics; `made by` is there where a run of the tracker made one of the models."""

BEST: Final = "background-color: rgba(22, 163, 74, 0.28); font-weight: 700"
WORST: Final = "background-color: rgba(220, 38, 38, 0.22)"
"""So light that text of either theme reads on it; the best is bold too, for those who see no green."""

_STEP: Final = "↳ step "


def metric_key(at: int) -> str:
    """Names the column of a metric by its place, since a metric may be called anything."""
    return f"metric-{at}"


def sort_of(key: str, columns: Sequence[PivotColumn]) -> tuple[str, Order] | None:
    """Gives the server's order by a column, and the usual way; None where there is none."""
    if key in (MODEL, RUN):
        return key, "asc"
    column = next((column for at, column in enumerate(columns) if metric_key(at) == key), None)
    return None if column is None else (f"metric:{column.family}/{column.metric_name}", column.order)


def labels(columns: Sequence[PivotColumn], *, sort: str, order: Order | None) -> dict[str, str]:
    """Gives the headings: a metric's bare name, its family before it where several are shown, an arrow at the order."""
    shows_family = len({column.family for column in columns}) > 1
    texts = {MODEL: MODEL, RUN: RUN}
    for at, column in enumerate(columns):
        name = f"{column.family} · {column.metric_name}" if shows_family else column.metric_name
        texts[metric_key(at)] = _unique(cut(name), texts.values())
    for key, text in texts.items():
        by = sort_of(key, columns)
        if by is not None and by[0] == sort:
            texts[key] = f"{text} {'↑' if (order or by[1]) == 'asc' else '↓'}"
    return texts


def help_text(column: PivotColumn) -> str:
    """Says what a metric is in full, and which way it is better."""
    way = "lowest" if column.order == "asc" else "highest"
    return f"{cell_text(column.family)} / {cell_text(column.metric_name)}, {way} is best"


def frame(pivot: Pivot) -> pd.DataFrame:
    """Gives the cells, a row for each model or checkpoint; metrics are numbers, missing where they were not logged."""
    names = {MODEL: [_name(row) for row in pivot.rows], RUN: [cell_text(row.run_name) for row in pivot.rows]}
    metrics = {
        metric_key(at): pd.Series([row.values[at] for row in pivot.rows], dtype="float64")
        for at in range(len(pivot.columns))
    }
    sources = [None if row.source_run_id is None else run_address(row.source_run_id) for row in pivot.rows]
    paths = [None if row.path is None else cell_text(row.path) for row in pivot.rows]
    extra = {name: cells for name, cells in ((SOURCE, sources), (PATH, paths)) if any(cells)}
    return pd.DataFrame({**names, **metrics, **extra})


def styled(pivot: Pivot) -> Any:
    """Gives the cells with the best value of each column green and bold, the worst red, as a pandas Styler."""
    cells = frame(pivot)
    keys = [metric_key(at) for at in range(len(pivot.columns))]
    styler = cells.style.format(dict.fromkeys(keys, value_text), na_rep="–")
    return styler.apply(lambda _: _styles(pivot, cells, keys), axis=None) if keys else styler


def run_address(run_id: str) -> str:
    """Gives the address of a run's page, as seen from any other page."""
    return f"run?id={quote(run_id, safe='')}"


def _styles(pivot: Pivot, cells: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    styles = pd.DataFrame("", index=cells.index, columns=cells.columns)
    for key, column in zip(keys, pivot.columns, strict=True):
        if column.best is None or column.worst is None:
            continue
        styles.loc[cells[key] == column.worst, key] = WORST
        styles.loc[cells[key] == column.best, key] = BEST
    return styles


def _name(row: PivotRow) -> str:
    return cell_text(row.model_name) if row.kind == "model" else f"{_STEP}{row.step:,}"


def _unique(text: str, others: Any) -> str:
    return f"{text} #{len(others) - 1}" if text in others else text
