import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from lab_logger import Artifact, log_run, start_run
from tests.lab_logger.conftest import Rows

ARTIFACTS = "SELECT path, kind, size_bytes, sha256, media_type FROM artifacts ORDER BY position"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_described_and_listed_as_given(project: Path, rows: Rows) -> None:
    (project / "out").mkdir()
    (project / "out" / "model.json").write_bytes(b"{}")

    with start_run() as run:
        found = run.log_artifact("out/model.json")
    absolute = str(project / "out" / "model.json")
    assert found == Artifact(absolute, "file", 2, sha256(b"{}"), "application/json")
    assert rows(ARTIFACTS) == [(absolute, "file", 2, sha256(b"{}"), "application/json")]
    assert rows("SELECT artifacts_json FROM manifests") == [('["out/model.json"]',)]
    assert rows("SELECT has_artifacts FROM run_index") == [(1,)]


def test_what_is_returned_follows_what_was_logged(project: Path, rows: Rows) -> None:
    for name in ("a.csv", "b.unknown"):
        (project / name).write_text(name)

    @log_run
    def train() -> dict[str, Any]:
        from lab_logger import log_artifact

        log_artifact(project / "a.csv")
        return {"final_metrics": {}, "artifacts": [Path("b.unknown"), "a.csv", b"a.csv"]}

    train()
    assert rows(ARTIFACTS) == [
        (str(project / "a.csv"), "file", 5, sha256(b"a.csv"), "text/csv"),
        (str(project / "b.unknown"), "file", 9, sha256(b"b.unknown"), "application/octet-stream"),
    ]
    assert rows("SELECT artifacts_json FROM manifests") == [(json.dumps([str(project / "a.csv"), "b.unknown"]),)]


def test_a_folder_is_one_artifact_whose_digest_says_what_is_in_it(project: Path, rows: Rows) -> None:
    folder = project / "checkpoint"
    (folder / "sub").mkdir(parents=True)
    (folder / "weights").write_bytes(b"12345")
    (folder / "sub" / "config").write_bytes(b"abc")
    with start_run() as run:
        found = run.log_artifact(folder)
        lines = f"{sha256(b'abc')}  sub/config\n{sha256(b'12345')}  weights\n"
        assert found == Artifact(str(folder), "folder", 8, sha256(lines.encode()), "inode/directory")
        (folder / "weights").rename(folder / "other")
        assert run.log_artifact(folder).sha256 != found.sha256
    assert rows("SELECT count(*) FROM artifacts") == [(1,)]


def test_an_empty_folder_and_an_empty_file(project: Path) -> None:
    (project / "empty").mkdir()
    (project / "nothing.txt").touch()
    with start_run() as run:
        assert run.log_artifact("empty") == Artifact(
            str(project / "empty"), "folder", 0, sha256(b""), "inode/directory"
        )
        assert run.log_artifact("nothing.txt").size_bytes == 0


@pytest.mark.parametrize("name", ["gone.bin", "nul\x00.bin", "loop", "pipe", "/proc/self/mem", "x" * 5_000])
def test_what_is_missing_or_cannot_be_read_is_reported_and_not_fatal(
    name: str, project: Path, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    (project / "loop").symlink_to("loop")
    os.mkfifo(project / "pipe")

    @log_run
    def train() -> dict[str, Any]:
        return {"final_metrics": {"a": 1}, "artifacts": [name]}

    train()
    assert rows("SELECT kind, size_bytes, sha256, media_type FROM artifacts") == [("missing", None, None, None)]
    assert rows("SELECT status, final_metrics_json FROM run_state JOIN manifests USING (run_id)") == [
        ("finished", '{"a": 1}')
    ]
    assert "cannot be read or found" in caplog.text
    ((listed,),) = rows("SELECT artifacts_json FROM manifests")
    assert json.loads(listed) == [name]


def test_links_to_files_are_followed_and_links_to_folders_inside_are_not(project: Path) -> None:
    (project / "real").mkdir()
    (project / "real" / "data.txt").write_bytes(b"data")
    (project / "link.txt").symlink_to(project / "real" / "data.txt")
    (project / "folder").mkdir()
    (project / "folder" / "round").symlink_to(project / "folder")
    (project / "folder" / "elsewhere").symlink_to(project / "real")
    with start_run() as run:
        assert run.log_artifact("link.txt") == Artifact(
            str(project / "link.txt"), "file", 4, sha256(b"data"), "text/plain"
        )
        assert run.log_artifact("folder").size_bytes == 0


@pytest.mark.parametrize("name", ["größe 模型.bin", "with 'quotes' \"both\".bin", "line\nbreak.bin"])
def test_odd_names_are_kept(name: str, project: Path, rows: Rows) -> None:
    (project / name).write_bytes(b"1")
    with start_run() as run:
        run.log_artifact(name)
    assert rows("SELECT path, kind FROM artifacts") == [(str(project / name), "file")]
    ((listed,),) = rows("SELECT artifacts_json FROM manifests")
    assert json.loads(listed) == [name]


def test_a_name_that_is_no_text_is_kept_as_well_as_it_can_be(project: Path, rows: Rows) -> None:
    (project / os.fsdecode(b"raw\xff.bin")).write_bytes(b"1")
    with start_run() as run:
        run.log_artifact(b"raw\xff.bin")  # type: ignore[arg-type]  # a path all the same
    ((kind, path),) = rows("SELECT kind, path FROM artifacts")
    assert kind == "file"
    assert path.startswith(str(project / "raw"))


def test_an_artifact_logged_twice_is_one_with_the_later_content(project: Path, rows: Rows) -> None:
    model = project / "model.bin"
    with start_run() as run:
        model.write_bytes(b"early")
        run.log_artifact("model.bin")
        model.write_bytes(b"later!")
        run.log_artifact(str(model))
    assert rows("SELECT position, size_bytes, sha256 FROM artifacts") == [(0, 6, sha256(b"later!"))]
    assert rows("SELECT artifacts_json FROM manifests") == [('["model.bin"]',)]
