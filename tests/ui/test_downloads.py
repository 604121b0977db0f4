import csv
import io
import math

import pyarrow.parquet as pq
from openpyxl import load_workbook

from ui.downloads import MAX_EXCEL_CHARS, Sheet, csv_bytes, excel_bytes, parquet_bytes

SHEET = Sheet(
    ["run_id", "=1+1", "metric:loss", "param:n", "param:mixed", "param:none"],
    [
        ["a", "=2+2", 0.5, 3, [1, "x"], None],
        ["b", None, "NaN", None, True, None],
        ["c", "bell \x07, line\nbreak, 🙂", "-Infinity", 2**40, 1.5, None],
    ],
)


def test_csv_holds_every_value_and_an_empty_cell_for_none() -> None:
    rows = list(csv.reader(io.StringIO(csv_bytes(SHEET).decode(), newline="")))
    assert rows[0] == list(SHEET.columns)
    assert rows[1] == ["a", "=2+2", "0.5", "3", '[1, "x"]', ""]
    assert rows[2] == ["b", "", "NaN", "", "true", ""]
    assert rows[3][1] == "bell \x07, line\nbreak, 🙂"


def test_parquet_keeps_numbers_and_tells_nan_from_missing() -> None:
    table = pq.read_table(io.BytesIO(parquet_bytes(SHEET)))
    assert [str(field.type) for field in table.schema] == ["string", "string", "double", "int64", "string", "string"]
    losses = table["metric:loss"].to_pylist()
    assert losses[0] == 0.5
    assert math.isnan(losses[1])
    assert losses[2] == -math.inf
    assert table["metric:loss"].null_count == 0
    assert table["param:n"].to_pylist() == [3, None, 2**40]
    assert table["param:mixed"].to_pylist() == ['[1, "x"]', "true", "1.5"]


def test_excel_takes_no_text_for_a_formula() -> None:
    page = load_workbook(io.BytesIO(excel_bytes(SHEET))).active
    assert page is not None
    assert (page["B1"].value, page["B1"].data_type) == ("=1+1", "s")
    assert (page["B2"].value, page["B2"].data_type) == ("=2+2", "s")
    assert (page["C2"].value, page["C2"].data_type) == (0.5, "n")
    assert page["B3"].value is None
    assert page["B4"].value == "bell �, line\nbreak, 🙂"


def test_excel_cuts_what_a_cell_cannot_hold() -> None:
    page = load_workbook(io.BytesIO(excel_bytes(Sheet(["note"], [["x" * 100_000]])))).active
    assert page is not None
    assert len(page["A2"].value) == MAX_EXCEL_CHARS


def test_a_table_without_rows_is_a_file_too() -> None:
    empty = Sheet(["run_id"], [])
    assert csv_bytes(empty) == b"run_id\r\n"
    assert pq.read_table(io.BytesIO(parquet_bytes(empty))).num_rows == 0
    assert load_workbook(io.BytesIO(excel_bytes(empty))).active is not None
