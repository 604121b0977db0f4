import io

import pytest
from PIL import Image

from ui import artifacts
from ui.artifacts import MAX_ROWS, MAX_TEXT_CHARS, Kind, file_kind, file_name, preview


@pytest.mark.parametrize(
    ("name", "recorded", "kind"),
    [
        ("a.csv", None, "table"), ("a.tsv", None, "table"), ("a.json", None, "json"), ("a.PNG", None, "image"),
        ("a.txt", None, "text"), ("a.yaml", None, "text"), ("a.html", None, "text"), ("a.svg", None, "text"),
        ("a.pkl", None, "none"), ("a.joblib", None, "none"), ("noname", None, "none"), ("x", "image/jpeg", "image"),
        ("inner.csv", "inode/directory", "table"),
    ],
)  # fmt: skip
def test_a_file_is_shown_by_its_media_type(name: str, recorded: str | None, kind: Kind) -> None:
    assert file_kind(name, recorded=recorded) == kind


def test_a_table_is_cut_after_its_first_rows() -> None:
    shown = preview(("a\n" + "1\n" * (MAX_ROWS + 5)).encode(), kind="table")
    assert (shown.kind, len(shown.content)) == ("table", MAX_ROWS)
    assert shown.remark is not None
    assert preview(b"a\tb\n1\t2\n", kind="table", separator="\t").content.to_dict("list") == {"a": [1], "b": [2]}


@pytest.mark.parametrize("kind", ["table", "json"])
def test_what_is_not_what_its_name_says_is_shown_as_text(kind: Kind) -> None:
    assert preview(b"", kind=kind).kind == "text"
    assert preview(b"[" * 50_000, kind="json").kind == "text"


def test_json_is_read_and_long_text_is_cut() -> None:
    assert preview(b'{"a": [1]}', kind="json").content == {"a": [1]}
    shown = preview(b"x" * (MAX_TEXT_CHARS + 1), kind="text")
    assert len(shown.content) == MAX_TEXT_CHARS
    assert shown.remark is not None
    assert preview(b"\xff\x00a", kind="text").content == "��a"


def test_a_picture_is_drawn_unless_it_is_none_or_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    Image.new("RGB", (4, 3)).save(content, "PNG")
    assert preview(content.getvalue(), kind="image").remark == "4 x 3 pixels"
    assert preview(b"<svg/>", kind="image").kind == "none"
    monkeypatch.setattr(artifacts, "MAX_PIXELS", 11)
    assert preview(content.getvalue(), kind="image").kind == "none"


def test_the_name_of_a_file_is_the_last_part_of_its_path() -> None:
    assert (file_name("/a/b.csv"), file_name("C:\\a\\b.csv"), file_name("b"), file_name("/")) == (
        "b.csv",
        "b.csv",
        "b",
        "/",
    )
