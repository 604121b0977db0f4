import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from lightml.database import Database
from lightml.errors import InvalidEntryError, RegistryMissingError, UnknownNameError
from lightml.export import export_excel
from lightml.handle import LightMLHandle
from lightml.registry import create_run

RED, YELLOW, GREEN = "00F8696B", "00FFEB84", "0063BE7B"


@pytest.fixture
def handle(place: Database) -> LightMLHandle:
    return LightMLHandle(place, "first")


def _report(handle: LightMLHandle, tmp_path: Path, **options: Any) -> Any:
    return load_workbook(export_excel(handle.db, tmp_path / "report.xlsx", **options))


def _rows(sheet: Any) -> list[tuple[Any, ...]]:
    return [tuple(cell.value for cell in row) for row in sheet.iter_rows()]


def test_every_family_is_a_sheet_with_models_and_their_checkpoints(handle: LightMLHandle, tmp_path: Path) -> None:
    handle.register_model("base", "/models/base")
    handle.register_model("sft", "/models/sft", parent_name="base")
    step = handle.register_checkpoint("base", 5000, "/checkpoints/5000")
    handle.log_metrics("base", {"eng": {"mmlu": 0.5, "arc": 0.25}, "ita": {"mmlu": 0.125}})
    handle.log_model_metric("sft", "eng", "mmlu", 0.289)
    handle.log_checkpoint_metric(step, "eng", "arc", 0.75)
    book = _report(handle, tmp_path)
    assert book.sheetnames == ["eng", "ita"]
    assert _rows(book["eng"]) == [
        ("Model", "Phase", "Run", "Step", "arc", "mmlu"),
        ("base", "F", "first", None, 0.25, 0.5),
        ("base", "S", "first", 5000, 0.75, None),
        ("sft", "F", "first", None, None, 0.289),
    ]
    assert _rows(book["ita"]) == [("Model", "Phase", "Run", "Step", "mmlu"), ("base", "F", "first", None, 0.125)]


def test_header_and_model_stay_in_view_and_columns_fit_their_names(handle: LightMLHandle, tmp_path: Path) -> None:
    handle.register_model("a-model-with-a-long-name", "/m")
    handle.log_model_metric("a-model-with-a-long-name", "eng", "acc", 0.5)
    sheet = _report(handle, tmp_path)["eng"]
    assert sheet.freeze_panes == "B2"
    assert sheet.column_dimensions["A"].width >= len("a-model-with-a-long-name")
    assert sheet["A1"].font.bold
    assert sheet.auto_filter.ref == "A1:E2"


def test_colours_run_from_red_to_green_and_the_other_way_where_less_is_better(
    handle: LightMLHandle, tmp_path: Path
) -> None:
    for name, value in {"a": 0.5, "b": 0.75, "c": 0.25}.items():
        handle.register_model(name, "/m")
        handle.log_metrics_flat(name, {"acc": value, "val_loss": value}, family="eng")
    sheet = _report(handle, tmp_path)["eng"]
    rules = {str(where.sqref): rule.colorScale for where in sheet.conditional_formatting for rule in where.rules}
    assert {where: [color.rgb for color in scale.color] for where, scale in rules.items()} == {
        "E2:E4": [RED, YELLOW, GREEN],
        "F2:F4": [GREEN, YELLOW, RED],
    }
    assert [point.type for point in rules["E2:E4"].cfvo] == ["min", "percentile", "max"]


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(1)", "#N/A", "'quoted", "=cmd|' /C x'!A1"]
)
def test_a_name_is_text_whatever_it_begins_with(handle: LightMLHandle, tmp_path: Path, name: str) -> None:
    handle.register_model(name, "/m")
    handle.log_model_metric(name, "eng", name, 0.5)
    sheet = _report(handle, tmp_path)["eng"]
    assert (sheet["A2"].value, sheet["E1"].value) == (name, name)
    assert {sheet["A2"].data_type, sheet["E1"].data_type} == {"s"}
    with zipfile.ZipFile(tmp_path / "report.xlsx") as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


def test_what_xml_cannot_hold_is_shown_as_a_replacement(handle: LightMLHandle, tmp_path: Path) -> None:
    handle.register_model("bell\x07\x1b[31m<b>&", "/m")
    handle.log_model_metric("bell\x07\x1b[31m<b>&", "fam\x01ily", "ac\x02c", 0.5)
    sheet = _report(handle, tmp_path)["fam_ily"]
    assert sheet["A2"].value == "bell\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m<b>&"
    assert sheet["E1"].value == "ac\N{REPLACEMENT CHARACTER}c"


def test_sheet_titles_are_short_allowed_and_unlike_each_other(handle: LightMLHandle, tmp_path: Path) -> None:
    families = ["eng", "ENG", "a/b:c*d?e[f]\\g", "x" * 40, "x" * 41, "history", "'quoted'", "///", "ж" * 35]
    handle.register_model("m", "/m")
    handle.log_metrics("m", {family: {"acc": number} for number, family in enumerate(families)})
    book = _report(handle, tmp_path)
    titles = book.sheetnames
    assert len({title.lower() for title in titles}) == len(families)
    assert all(0 < len(title) <= 31 and not set(title) & set("\\/*?:[]") for title in titles)
    assert not any(title.startswith("'") or title.endswith("'") or title.lower() == "history" for title in titles)
    assert sorted(sheet["E2"].value for sheet in book) == list(range(len(families)))


def test_only_one_run_where_one_is_asked_for(handle: LightMLHandle, tmp_path: Path) -> None:
    handle.register_model("m", "/m")
    handle.log_model_metric("m", "eng", "acc", 0.5)
    other = LightMLHandle(handle.db, "second")
    other.register_model("m", "/m")
    other.log_model_metric("m", "eng", "acc", 0.25)
    assert [row[2] for row in _rows(_report(handle, tmp_path)["eng"])[1:]] == ["first", "second"]
    assert _rows(_report(handle, tmp_path, run_name="second")["eng"])[1:] == [("m", "F", "second", None, 0.25)]
    with pytest.raises(UnknownNameError, match="third"):
        export_excel(handle.db, tmp_path / "report.xlsx", run_name="third")


def test_a_registry_without_metrics_gives_a_sheet_that_says_so(handle: LightMLHandle, tmp_path: Path) -> None:
    handle.register_model("m", "/m")
    (sheet,) = _report(handle, tmp_path)
    assert "No metric is logged" in sheet["A1"].value


def test_a_report_is_replaced_by_the_new_one_and_its_path_is_given(handle: LightMLHandle, tmp_path: Path) -> None:
    report = tmp_path / "new folder" / "report.xlsx"
    assert export_excel(db_path=handle.db, output_path=report) == report
    first = report.read_bytes()
    handle.register_model("m", "/m")
    handle.log_model_metric("m", "eng", "acc", 0.5)
    export_excel(db_path=handle.db, output_path=report)
    assert report.read_bytes() != first
    assert [path.name for path in report.parent.iterdir()] == ["report.xlsx"]


def test_a_report_that_cannot_be_made_leaves_the_one_that_is_there(tmp_path: Path) -> None:
    report = tmp_path / "report.xlsx"
    report.write_bytes(b"the old report")
    with pytest.raises(RegistryMissingError):
        export_excel(tmp_path / "no.db", report)
    assert report.read_bytes() == b"the old report"


def test_a_path_that_cannot_hold_a_report_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "main.db"
    create_run(database, "first")
    before = database.read_bytes()
    with pytest.raises(InvalidEntryError, match=r"\.xlsx"):
        export_excel(database, database)
    assert database.read_bytes() == before
    (tmp_path / "folder.xlsx").mkdir()
    with pytest.raises(InvalidEntryError, match="cannot write the report"):
        export_excel(database, tmp_path / "folder.xlsx")
    with pytest.raises(InvalidEntryError, match="cannot write the report"):
        export_excel(database, database / "report.xlsx")
    assert not list(tmp_path.glob(".*"))
