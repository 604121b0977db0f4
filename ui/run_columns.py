"""The columns of the Runs page: which there are, which are shown unless told otherwise, and what stands in them.

Owns pure functions. A column goes by `metric:NAME`, `param:NAME`, or the name of a field of a run. It must not import
Streamlit.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

import pandas as pd

from backend.models import Facets, ParamFacet, RunSummary
from ui.downloads import Sheet
from ui.formatting import cell_text, duration_text, moment_text, value_text
from ui.run_filters import MAX_NAME_CHARS
from ui.tables import METRIC, PARAM, column_name, param_value

LINK, STATUS = "run", "status"
"""The columns that are always there."""
TAGS, DURATION = "tags", "duration"

FIELDS: Final = {
    "started": "timestamp",
    DURATION: "duration_s",
    "dataset": "dataset_id",
    TAGS: "tags",
    "note": "note",
    "command": "command",
    "git hash": "git_hash",
}
"""The columns for fields of a run, and the fields."""

SORTS: Final = {
    "timestamp": "timestamp",
    "duration_s": "duration",
    "dataset_id": "dataset_id",
    "note": "note",
    "command": "command",
}
"""The fields that the server orders by, and what it calls the orders."""
DEFAULT_METRICS: Final = 4
DEFAULT_PARAMS: Final = 4
MISSING: Final = "–"
_HASH_CHARS: Final = 8
_PLACES: Final = ("dir", "folder", "path", "file")
_MAX_TAGS: Final = 20
_MAX_LABEL_CHARS: Final = 40


def column_options(facets: Facets) -> list[str]:
    """Gives every column that can be chosen."""
    metrics = [column_name(METRIC, metric.name) for metric in facets.metrics]
    params = [column_name(PARAM, param.name) for param in facets.params]
    return [*FIELDS, *(name for name in metrics + params if len(name) <= MAX_NAME_CHARS)]


def default_columns(facets: Facets) -> list[str]:
    """Gives the columns that tell runs apart: the metrics most runs have, and the parameters that vary."""
    varying = sorted(
        filter(_varies, facets.params),
        key=lambda param: (is_place(param.name), -param.runs, param.has_more_values, param.name),
    )
    chosen = ["started", "dataset"]
    chosen += [column_name(METRIC, name) for name in main_metrics(facets)[:DEFAULT_METRICS]]
    chosen += [column_name(PARAM, param.name) for param in varying[:DEFAULT_PARAMS]]
    return [name for name in [*chosen, "note"] if len(name) <= MAX_NAME_CHARS]


def is_place(param: str) -> bool:
    """Tells from a parameter's name whether it says where files are, which tells runs apart but explains nothing."""
    return param.lower().endswith(_PLACES)


def main_metrics(facets: Facets) -> list[str]:
    """Gives the metrics, the most used first; of equally used ones those of training last."""
    ranked = sorted(facets.metrics, key=lambda metric: (-metric.runs, metric.name.startswith("train"), metric.name))
    return [metric.name for metric in ranked]


def sort_of(column: str) -> str | None:
    """Gives the server's order by a column; None where there is none."""
    if column == STATUS or column.startswith((f"{METRIC}:", f"{PARAM}:")):
        return column
    return SORTS.get(FIELDS.get(column, ""))


def label(column: str, *, among: Iterable[str], sort: str = "", order: str = "") -> str:
    """Gives a column's heading: the bare name unless another column has it too, and an arrow where it is sorted by."""
    bare = _bare(column)
    text = bare if sum(_bare(other) == bare for other in among) <= 1 else column
    text = text if len(text) <= _MAX_LABEL_CHARS else f"{text[: _MAX_LABEL_CHARS - 1]}…"
    if sort and sort_of(column) == sort:
        return f"{text} {'↑' if order == 'asc' else '↓'}"
    return text


def raw_value(run: RunSummary, column: str) -> object:
    """Gives what the store holds for a column; None where it holds nothing."""
    kind, _, name = column.partition(":")
    if name and kind == METRIC:
        return run.final_metrics.get(name)
    if name and kind == PARAM:
        return param_value(run.params, name)
    if column == LINK:
        return run.run_id
    return run.status if column == STATUS else getattr(run, FIELDS[column])


def shown_frame(runs: Sequence[RunSummary], columns: Sequence[str]) -> pd.DataFrame:
    """Gives the table as it is shown: a row for each run in order, every cell a text that is short enough to be sent.

    The column `run` holds the address of a run's page, `status` a list of one, which is shown as a label, `tags` a list
    of texts.
    """
    rows = [{LINK: run_address(run.run_id), STATUS: [run.status], **_shown_cells(run, columns)} for run in runs]
    return pd.DataFrame(rows, columns=[LINK, STATUS, *columns])


def sheet(runs: Sequence[RunSummary], columns: Sequence[str]) -> Sheet:
    """Gives the same table for a file: full ids, full text, numbers as the store holds them."""
    names = [LINK, STATUS, *columns]
    return Sheet(["run_id", *names[1:]], [[raw_value(run, name) for name in names] for run in runs])


def run_address(run_id: str) -> str:
    """Gives the address of a run's page, as seen from any other page."""
    return f"run?id={quote(run_id, safe='')}"


def is_number_column(runs: Iterable[RunSummary], column: str) -> bool:
    """Tells whether a column is to be aligned as numbers are: a metric, a duration, a parameter with numbers alone."""
    if not column.startswith(f"{PARAM}:"):
        return column.startswith(f"{METRIC}:") or column == DURATION
    values = [value for run in runs if (value := raw_value(run, column)) is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _shown_cells(run: RunSummary, columns: Sequence[str]) -> dict[str, str | list[str]]:
    return {name: _shown_cell(raw_value(run, name), name) for name in columns}


def _shown_cell(value: object, column: str) -> str | list[str]:
    if value is None:
        return "" if column in FIELDS else MISSING
    if column == TAGS and isinstance(value, list):
        return [cell_text(tag) for tag in value[:_MAX_TAGS]]
    if column == DURATION and isinstance(value, float):
        return duration_text(value)
    if column == "started":
        return moment_text(str(value))
    if column == "git hash":
        return str(value)[:_HASH_CHARS]
    return cell_text(value) if column in FIELDS else value_text(value)


def _bare(column: str) -> str:
    kind, _, name = column.partition(":")
    return name if name and kind in (METRIC, PARAM) else column


def _varies(param: ParamFacet) -> bool:
    return param.has_more_values or len(param.values) > 1
