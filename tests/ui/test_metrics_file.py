from pathlib import Path

import pytest

from backend.models import ArtifactInfo
from ui.metrics_file import MAX_FILE_BYTES, csv_points, metrics_artifact


def artifact(path: str, *, size: int | None = 10, downloadable: bool = True, kind: str = "file") -> ArtifactInfo:
    return ArtifactInfo(
        index=0, path=path, kind=kind, size_bytes=size, sha256=None, media_type=None, recorded_at=None,
        content="on_disk", exists=True, current_size_bytes=size, downloadable=downloadable, files=[], url=None,
    )  # fmt: skip


def test_a_csv_named_after_metrics_is_rather_taken() -> None:
    found = metrics_artifact([artifact("/a/table.csv"), artifact("/a/svm_METRICS.csv"), artifact("/a/metrics.txt")])
    assert found is not None
    assert found.path == "/a/svm_METRICS.csv"


@pytest.mark.parametrize(
    "refused",
    [artifact("m.csv", size=MAX_FILE_BYTES + 1), artifact("m.csv", size=None), artifact("m.csv", downloadable=False),
     artifact("m.csv", kind="folder"), artifact("metrics.txt")],
)  # fmt: skip
def test_what_is_too_large_or_not_to_be_had_is_not_read(refused: ArtifactInfo) -> None:
    assert metrics_artifact([refused]) is None


@pytest.mark.parametrize(
    ("text", "steps"),
    [("step,loss\n5,1\n9,2\n", [5, 9]), ("Epoch,loss\n1,1\n2,2\n", [1, 2]), ("loss\n1\n2\n", [0, 1]),
     ("epoch,loss\n0.5,1\n0.7,2\n", [0, 1]), ("epoch,loss\nx,1\ny,2\n", [0, 1])],
)  # fmt: skip
def test_steps_come_from_a_column_that_counts_else_from_the_rows(tmp_path: Path, text: str, steps: list[int]) -> None:
    (tmp_path / "m.csv").write_text(text)
    points = csv_points(tmp_path / "m.csv", max_points=100)
    assert points["series"].unique().tolist() == ["loss"]
    assert points["step"].tolist() == steps


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'"open', b"a,b\n"])
def test_what_is_no_table_of_numbers_has_no_points(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.csv").write_bytes(content)
    assert csv_points(tmp_path / "m.csv", max_points=100).empty


def test_another_kind_of_table_is_not_taken_for_curves(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("id,truth\n1,2\n")
    assert csv_points(tmp_path / "m.csv", max_points=100, needs_steps=True).empty


def test_a_long_file_is_thinned_out_and_keeps_its_extremes_and_ends(tmp_path: Path) -> None:
    values = [500 if at == 333 else at % 7 for at in range(1, 1000)]
    (tmp_path / "m.csv").write_text("step,loss\n" + "\n".join(f"{at},{value}" for at, value in enumerate(values)))
    points = csv_points(tmp_path / "m.csv", max_points=50)
    assert len(points) <= 50
    assert points["value"].max() == 500
    assert (points["step"].iloc[0], points["step"].iloc[-1]) == (0, 998)
    assert points["step"].is_monotonic_increasing
