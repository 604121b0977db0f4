"""Writes the registry into an Excel workbook: a sheet per family, models and their checkpoints on it.

Owns the layout and the look of the workbook. A name is always text there, whatever it begins with: no cell is a
formula.
"""

import contextlib
import io
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lab_logger.directions import better_order
from lightml.connections import Connection
from lightml.database import Database, locate, reading
from lightml.errors import InvalidEntryError
from lightml.lookup import find_run_id

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.formatting.rule import Rule

PHASE_MODEL: Final = "F"
"""What the column Phase says of a model: its final weights."""
PHASE_CHECKPOINT: Final = "S"
"""What the column Phase says of a checkpoint: a step of training."""

_COLUMNS: Final = ("Model", "Phase", "Run", "Step")
_RED, _YELLOW, _GREEN = "F8696B", "FFEB84", "63BE7B"  # Excel's own red-yellow-green scale
_MAX_TITLE: Final = 31
_FORBIDDEN_IN_TITLE: Final = re.compile(r"[\\/*?:\[\]]")
_ILLEGAL_IN_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MAX_METRICS: Final = 16384 - len(_COLUMNS)
_WIDTHS: Final = (10, 60)
_ROWS: Final = """
    SELECT family, metric_name, value, model_name, run_name, step, checkpoint.path AS checkpoint_path
    FROM metrics
    LEFT JOIN checkpoint ON checkpoint.id = checkpoint_id
    JOIN model ON model.id = coalesce(metrics.model_id, checkpoint.model_id)
    JOIN run ON run.id = run_id
    WHERE :run IS NULL OR run_name = :run
    ORDER BY family, run_name, model_name, step IS NOT NULL, step, checkpoint.id
"""

_Owner = tuple[str, str, int | None, str | None]
"""Model, run, step and path of the checkpoint; the last two are None for a model's own metrics."""


@dataclass(slots=True)
class _Family:
    metric_names: dict[str, None] = field(default_factory=dict)
    rows: dict[_Owner, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))


def export_excel(db_path: Database, output_path: str | os.PathLike[str], run_name: str | None = None) -> Path:
    """Writes every metric into an Excel workbook.

    Every family is a sheet: a row per model (phase F) and per checkpoint (phase S) that has a metric of the family, a
    column per metric with a colour scale, red to green, the other way round where less is better. The header row and
    the model column stay in view. A registry without metrics gives one sheet that says so.

    Args:
        db_path: The registry's file.
        output_path: The workbook, named `….xlsx`. One that is there is replaced once the new one is complete.
        run_name: The only run to write; None writes every run.

    Returns:
        The absolute path of the workbook.

    Raises:
        InvalidEntryError: The file cannot be written, is not named `.xlsx`, or a family has more metrics than a sheet
            has columns.
        UnknownNameError: There is no such run.
        RegistryError: The registry cannot be read.
    """
    path = Path(os.path.abspath(output_path))
    if path.suffix.lower() != ".xlsx":
        raise InvalidEntryError(f"a report is an Excel file, and {path.name!r} does not end in .xlsx; rename it")
    with reading(db_path) as connection:
        if run_name is not None:
            find_run_id(connection, run_name)
        families = _read(connection, run_name)
    workbook = _workbook(families, f"No metric is logged in {locate(db_path)}" + (f", run {run_name}" * bool(run_name)))
    _save(workbook, path)
    return path


def _read(connection: Connection, run_name: str | None) -> dict[str, _Family]:
    families: dict[str, _Family] = defaultdict(_Family)
    for row in connection.execute(_ROWS, {"run": run_name}):
        family = families[row["family"]]
        owner = (row["model_name"], row["run_name"], row["step"], row["checkpoint_path"])
        family.metric_names[row["metric_name"]] = None
        family.rows[owner][row["metric_name"]] = row["value"]
    for name, family in families.items():
        if len(family.metric_names) > _MAX_METRICS:
            raise InvalidEntryError(
                f"the family {name!r} has {len(family.metric_names)} metrics, and a sheet holds {_MAX_METRICS}"
            )
        family.metric_names = dict.fromkeys(sorted(family.metric_names))
    return families


def _workbook(families: dict[str, _Family], nothing: str) -> "Workbook":
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    if not families:
        sheet = workbook.create_sheet("No metrics")
        sheet.append([_text(sheet, nothing)])
    for title, family in zip(_titles(families), families.values(), strict=True):
        _add_sheet(workbook, title, family)
    return workbook


def _add_sheet(workbook: "Workbook", title: str, family: _Family) -> None:
    from openpyxl.utils import get_column_letter

    sheet = workbook.create_sheet(title)
    names = list(family.metric_names)
    sheet.freeze_panes = "B2"
    widths = [max(len(model) for model, *_ in family.rows), 0, max(len(run) for _, run, *_ in family.rows), 0]
    for column, width in enumerate([*widths, *map(len, names)], 1):
        sheet.column_dimensions[get_column_letter(column)].width = min(max(width + 4, _WIDTHS[0]), _WIDTHS[1])
    # A write-only sheet takes everything but its cells before the first row.
    last_row = len(family.rows) + 1
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(_COLUMNS) + len(names))}{last_row}"
    for column, name in enumerate(names, len(_COLUMNS) + 1):
        letter = get_column_letter(column)
        sheet.conditional_formatting.add(f"{letter}2:{letter}{last_row}", _scale(name))
    sheet.append([_text(sheet, name, is_header=True) for name in [*_COLUMNS, *names]])
    for (model, run, step, _), values in family.rows.items():
        phase = PHASE_MODEL if step is None else PHASE_CHECKPOINT
        facts = [_text(sheet, model), phase, _text(sheet, run), step]
        sheet.append([*facts, *(values.get(name) for name in names)])


def _scale(metric_name: str) -> "Rule":
    from openpyxl.formatting.rule import ColorScaleRule

    low, high = (_GREEN, _RED) if better_order(metric_name) == "asc" else (_RED, _GREEN)
    return ColorScaleRule(
        start_type="min",
        start_color=low,
        mid_type="percentile",
        mid_value=50,
        mid_color=_YELLOW,
        end_type="max",
        end_color=high,
    )


def _text(sheet: Any, text: str, *, is_header: bool = False) -> Any:
    """Gives a cell that holds text and nothing else, with what XML cannot hold shown as a replacement character."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font

    cell = WriteOnlyCell(sheet, value=_ILLEGAL_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text))
    cell.data_type = "s"
    if is_header:
        cell.font = Font(bold=True)
        cell.alignment = Alignment(horizontal="center", vertical="top", wrap_text=True)
    return cell


def _titles(families: Iterable[str]) -> Iterator[str]:
    """Gives each family a title that Excel takes: short, without its special characters, unlike any other."""
    taken: set[str] = {"history"}  # Excel keeps this one for itself
    for family in families:
        plain = _ILLEGAL_IN_XML.sub("_", _FORBIDDEN_IN_TITLE.sub("_", family)).strip("'").strip() or "_"
        title, count = plain[:_MAX_TITLE].rstrip("'"), 1
        while title.lower() in taken:
            count += 1
            title = f"{plain[: _MAX_TITLE - len(f' ({count})')]} ({count})"
        taken.add(title.lower())
        yield title


def _save(workbook: "Workbook", path: Path) -> None:
    content = io.BytesIO()  # in memory, because a save that breaks off leaves openpyxl's writers open
    workbook.save(content)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content.getbuffer())
        os.replace(unfinished, path)
    except OSError as error:
        raise InvalidEntryError(f"cannot write the report {path} ({error.strerror}); give another path") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
