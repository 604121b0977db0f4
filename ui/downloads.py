"""Tables as files: CSV, Parquet and Excel.

Owns pure functions from a table to a file's bytes. Text is written as text: what looks like a formula is none in Excel.
It must not import Streamlit.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

EXCEL_MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_EXCEL_CHARS: Final = 32_767
"""What a cell of Excel holds; longer text is cut there, and only there."""

_INT64: Final = 2**63
_EXACT_INTEGERS: Final = 2**53
_NOT_FINITE: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table.

    Attributes:
        columns: The names of the columns, each once.
        rows: A list of values for each row, as long as `columns`; None where a value is missing.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


def csv_bytes(sheet: Sheet) -> bytes:
    """Gives a table as CSV in UTF-8; a missing value is an empty cell, an object or list is JSON."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(sheet.columns)
    writer.writerows([["" if value is None else _plain(value) for value in row] for row in sheet.rows])
    return file.getvalue().encode("utf-8", "replace")


def parquet_bytes(sheet: Sheet) -> bytes:
    """Gives a table as Parquet; columns of numbers alone are numbers, NaN and missing stay apart, others are text."""
    columns = [_arrow_column([row[at] for row in sheet.rows]) for at in range(len(sheet.columns))]
    file = io.BytesIO()
    pq.write_table(pa.table(columns, names=list(sheet.columns)), file)
    return file.getvalue()


def excel_bytes(sheet: Sheet) -> bytes:
    """Gives a table as an Excel file of one sheet, its first row fixed."""
    book = Workbook()
    page = book.create_sheet("runs", 0)
    for row_number, row in enumerate([sheet.columns, *sheet.rows], start=1):
        for column_number, value in enumerate(row, start=1):
            if value is not None:
                _fill(page.cell(row_number, column_number), value)
    for cell in page[1]:
        cell.font = Font(bold=True)
    page.freeze_panes = "A2"
    del book["Sheet"]
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _fill(cell: Any, value: object) -> None:
    """Writes a value; text never becomes a formula, not even when a person edits the cell."""
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _EXACT_INTEGERS:
        text = ILLEGAL_CHARACTERS_RE.sub("�", str(value).encode("utf-8", "replace").decode("utf-8"))
        cell.value, cell.data_type = text[:MAX_EXCEL_CHARS], "s"
        cell.quotePrefix = text.startswith(("=", "+", "-", "@"))
    else:
        cell.value = value


def _plain(value: object) -> object:
    """Gives numbers and text as they are, everything else as JSON."""
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _arrow_column(values: Sequence[object]) -> "pa.Array":
    numbers = [_NOT_FINITE.get(value, value) if isinstance(value, str) else value for value in values]
    known = [value for value in numbers if value is not None]
    if known and all(isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INT64 for value in known):
        return pa.array(numbers, pa.int64())
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return pa.array([None if value is None else float(value) for value in numbers], pa.float64(), from_pandas=False)  # type: ignore[arg-type]
    return pa.array([None if value is None else str(_plain(value)) for value in values], pa.string())
