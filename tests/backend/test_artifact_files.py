"""Listing and downloading artifacts, and everything that must not be handed out."""

import hashlib
import os
from pathlib import Path

import httpx
import pytest

from backend import artifact_files
from backend.artifact_files import ArtifactFiles
from backend.errors import ForbiddenArtifactError
from tests.backend.conftest import Ask
from tests.backend.stores import StoredRun, record_artifact, write_runs

CONTENT = b"epoch,loss\n1,0.5\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "key.txt").write_bytes(b"private")
    return folder


def one_artifact(store: Path, path: Path, **recorded: object) -> None:
    write_runs(store, [StoredRun("run")])
    record_artifact(store, "run", 0, path, **recorded)


def detail(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])


def test_lists_what_was_recorded_and_what_is_there_now(ask: Ask, store: Path, root: Path) -> None:
    file = root / "curve.csv"
    file.write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    one_artifact(store, file, size_bytes=len(CONTENT), sha256=digest, media_type="text/csv")
    record_artifact(store, "run", 1, root / "gone.bin", size_bytes=3)
    file.write_bytes(CONTENT * 2)
    first, second = ask(artifact_roots=(root,)).get("/runs/run/artifacts").json()
    assert first == {
        "index": 0,
        "path": str(file),
        "kind": "file",
        "size_bytes": len(CONTENT),
        "sha256": digest,
        "media_type": "text/csv",
        "recorded_at": "2025-12-01T10:00:00.000000Z",
        "content": "on_disk",
        "exists": True,
        "current_size_bytes": 2 * len(CONTENT),
        "downloadable": True,
        "files": [],
        "url": "/runs/run/artifacts/0",
    }
    assert not second["exists"]
    assert not second["downloadable"]
    assert second["size_bytes"] == 3
    assert second["current_size_bytes"] is None
    assert second["url"] is None


def test_sends_a_file_as_an_attachment(ask: Ask, store: Path, root: Path) -> None:
    file = root / 'kurve "größe" 1;.csv'
    file.write_bytes(CONTENT)
    one_artifact(store, file)
    client = ask(artifact_roots=(root,))
    answer = client.get(client.get("/runs/run/artifacts").json()[0]["url"])
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"kurve _gr__e_ 1;.csv\"; filename*=UTF-8''kurve%20%22gr%C3%B6%C3%9Fe%22%201%3B.csv"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "page.xhtml", "model.joblib"])
def test_nothing_is_shown_in_the_browser(ask: Ask, store: Path, root: Path, name: str) -> None:
    (root / name).write_bytes(b"<script>")
    one_artifact(store, root / name, media_type="text/html\r\nSet-Cookie: a=b")
    answer = ask(artifact_roots=(root,)).get("/runs/run/artifacts/0")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "set-cookie" not in answer.headers


def test_an_empty_and_a_large_file_arrive_whole(ask: Ask, store: Path, root: Path) -> None:
    large = os.urandom(3_000_000)
    (root / "empty").touch()
    (root / "large").write_bytes(large)
    one_artifact(store, root / "empty")
    record_artifact(store, "run", 1, root / "large")
    client = ask(artifact_roots=(root,))
    assert client.get("/runs/run/artifacts/0").content == b""
    assert client.get("/runs/run/artifacts/1").content == large


def test_a_file_that_is_gone_is_said_to_be(ask: Ask, store: Path, root: Path) -> None:
    one_artifact(store, root / "gone.bin")
    assert "no longer exists" in detail(ask(artifact_roots=(root,)).get("/runs/run/artifacts/0"), 404)


@pytest.mark.parametrize("index", ["1", "99999", "-1", "x", "99999999999999999999"])
def test_only_recorded_artifacts_have_an_address(ask: Ask, store: Path, root: Path, index: str) -> None:
    (root / "a").touch()
    one_artifact(store, root / "a")
    answer = ask(artifact_roots=(root,)).get(f"/runs/run/artifacts/{index}")
    assert answer.status_code == (404 if index.isdecimal() and len(index) < 10 else 422)


def test_a_file_outside_the_roots_is_refused(ask: Ask, store: Path, root: Path, outside: Path) -> None:
    one_artifact(store, outside / "key.txt")
    client = ask(artifact_roots=(root,))
    (listed,) = client.get("/runs/run/artifacts").json()
    assert listed["exists"]
    assert not listed["downloadable"]
    assert "ARTIFACT_ROOTS" in detail(client.get("/runs/run/artifacts/0"), 403)


def test_a_path_that_climbs_out_is_refused(ask: Ask, store: Path, root: Path, outside: Path) -> None:
    one_artifact(store, root / ".." / outside.name / "key.txt")
    assert "ARTIFACT_ROOTS" in detail(ask(artifact_roots=(root,)).get("/runs/run/artifacts/0"), 403)


def test_a_folder_whose_name_starts_like_a_root_is_outside(ask: Ask, store: Path, root: Path) -> None:
    twin = root.with_name(root.name + "-old")
    twin.mkdir()
    (twin / "a").touch()
    one_artifact(store, twin / "a")
    detail(ask(artifact_roots=(root,)).get("/runs/run/artifacts/0"), 403)


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_link_that_leads_out_is_refused(ask: Ask, store: Path, root: Path, outside: Path, is_folder: bool) -> None:
    link = root / "link"
    link.symlink_to(outside if is_folder else outside / "key.txt")
    one_artifact(store, link / "key.txt" if is_folder else link)
    client = ask(artifact_roots=(root,))
    assert "ARTIFACT_ROOTS" in detail(client.get("/runs/run/artifacts/0"), 403)
    assert not client.get("/runs/run/artifacts").json()[0]["downloadable"]


def test_a_link_within_the_roots_is_followed(ask: Ask, store: Path, root: Path) -> None:
    (root / "epoch-9.bin").write_bytes(CONTENT)
    (root / "latest.bin").symlink_to(root / "epoch-9.bin")
    one_artifact(store, root / "latest.bin")
    answer = ask(artifact_roots=(root,)).get("/runs/run/artifacts/0")
    assert answer.content == CONTENT
    assert "latest.bin" in answer.headers["content-disposition"]


def test_a_root_that_is_a_link_is_the_folder_it_leads_to(ask: Ask, store: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    (root / "a.csv").write_bytes(CONTENT)
    one_artifact(store, root / "a.csv")
    assert ask(artifact_roots=(tmp_path / "alias",)).get("/runs/run/artifacts/0").content == CONTENT


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_swapped_in_after_the_check_is_not_followed(
    root: Path, outside: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is swapped is swapped at the worst moment: when everything has been checked and nothing opened."""
    (root / "inner").mkdir()
    (root / "inner" / "key.txt").write_bytes(b"public")
    open_checked = artifact_files._open_below

    def swap_then_open(below: str, path: str) -> int:
        inner = root / "inner"
        if swapped == "file":
            (inner / "key.txt").unlink()
            (inner / "key.txt").symlink_to(outside / "key.txt")
        else:
            inner.rename(root / "was-inner")
            inner.symlink_to(outside)
        return open_checked(below, path)

    monkeypatch.setattr(artifact_files, "_open_below", swap_then_open)
    files = ArtifactFiles(roots=(root,), base=root)
    with pytest.raises(ForbiddenArtifactError, match="replaced"):
        files.open({"path": str(root / "inner" / "key.txt")}, within=None)


def test_a_fifo_and_a_device_are_refused_without_waiting(ask: Ask, store: Path, root: Path) -> None:
    os.mkfifo(root / "pipe")
    one_artifact(store, root / "pipe")
    record_artifact(store, "run", 1, Path("/dev/null"))
    client = ask(artifact_roots=(root, Path("/dev")))
    for index in (0, 1):
        assert "no regular file" in detail(client.get(f"/runs/run/artifacts/{index}"), 403)
        listed = client.get("/runs/run/artifacts").json()[index]
        assert listed["exists"]
        assert not listed["downloadable"]


@pytest.mark.parametrize("name", [".env", ".env.local", ".git/config", ".ssh/id_rsa"])
def test_files_that_hold_secrets_are_refused(ask: Ask, store: Path, root: Path, name: str) -> None:
    secret = root / name
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("TOKEN=1")
    one_artifact(store, secret)
    record_artifact(store, "run", 1, root, kind="folder")
    client = ask(artifact_roots=(root,))
    assert "secrets" in detail(client.get("/runs/run/artifacts/0"), 403)
    assert "secrets" in detail(client.get("/runs/run/artifacts/1", params={"path": name}), 403)


def test_a_folder_is_handed_out_file_by_file(ask: Ask, store: Path, root: Path) -> None:
    folder = root / "plots"
    (folder / "deep").mkdir(parents=True)
    (folder / "a b.txt").write_bytes(b"first")
    (folder / "deep" / "c.txt").write_bytes(b"second")
    one_artifact(store, folder, kind="folder")
    client = ask(artifact_roots=(root,))
    (listed,) = client.get("/runs/run/artifacts").json()
    assert listed["downloadable"]
    assert listed["current_size_bytes"] is None
    assert listed["files"] == ["a b.txt", "deep/c.txt"]
    for name, content in zip(listed["files"], (b"first", b"second"), strict=True):
        answer = client.get(listed["url"], params={"path": name})
        assert answer.content == content
        assert Path(name).name in answer.headers["content-disposition"]
    answer = client.get(listed["url"])
    assert "'a b.txt'" in detail(answer, 422)
    assert answer.json()["candidates"] == ["a b.txt", "deep/c.txt"]
    detail(client.get(listed["url"], params={"path": "nope"}), 404)
    detail(client.get(listed["url"], params={"path": "deep"}), 403)


@pytest.mark.parametrize(
    "path", ["../secret", "deep/../../secret", "/etc/hostname", "..", "%2e%2e/secret", "deep/%2e%2e/../../secret"]
)
def test_a_path_within_a_folder_cannot_leave_it(ask: Ask, store: Path, root: Path, path: str) -> None:
    folder = root / "plots"
    (folder / "deep").mkdir(parents=True)
    (root / "secret").write_bytes(b"secret")
    one_artifact(store, folder, kind="folder")
    answer = ask(artifact_roots=(root,)).get(f"/runs/run/artifacts/0?path={path}")
    assert answer.status_code == 422
    assert b"secret" not in answer.content.replace(b"../secret", b"")


def test_a_link_within_a_folder_cannot_leave_it(ask: Ask, store: Path, root: Path) -> None:
    folder = root / "plots"
    folder.mkdir()
    (root / "other-run.bin").write_bytes(b"other")
    (folder / "link").symlink_to(root / "other-run.bin")
    one_artifact(store, folder, kind="folder")
    answer = ask(artifact_roots=(root,)).get("/runs/run/artifacts/0", params={"path": "link"})
    assert "leads out" in detail(answer, 403)


def test_a_path_is_for_folders_alone(ask: Ask, store: Path, root: Path) -> None:
    (root / "a").touch()
    one_artifact(store, root / "a")
    assert "file" in detail(ask(artifact_roots=(root,)).get("/runs/run/artifacts/0", params={"path": "b"}), 422)


def test_unless_configured_the_project_and_the_store_s_folder_are_the_roots(
    ask: Ask, store: Path, tmp_path: Path
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder in (project, elsewhere):
        folder.mkdir()
        (folder / "a").write_bytes(CONTENT)
    one_artifact(store, project / "a")
    store.parent.mkdir(exist_ok=True)
    (store.parent / "b").write_bytes(CONTENT)
    record_artifact(store, "run", 1, store.parent / "b")
    record_artifact(store, "run", 2, elsewhere / "a")
    client = ask(project_root=project)
    statuses = [client.get(f"/runs/run/artifacts/{index}").status_code for index in range(3)]
    assert statuses == [200, 200, 403]


def test_relative_paths_of_older_loggers_start_at_the_project(ask: Ask, store: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "a.csv").write_bytes(CONTENT)
    write_runs(store, [StoredRun("run", artifacts=["checkpoints/a.csv", "checkpoints", "gone.csv", "nul\x00.csv"])])
    client = ask(project_root=tmp_path)
    listed = client.get("/runs/run/artifacts").json()
    assert [artifact["kind"] for artifact in listed] == ["file", "folder", "missing", "missing"]
    assert [artifact["path"] for artifact in listed][:2] == ["checkpoints/a.csv", "checkpoints"]
    assert listed[0]["sha256"] is None
    assert client.get("/runs/run/artifacts/0").content == CONTENT
    assert client.get("/runs/run/artifacts/1", params={"path": "a.csv"}).content == CONTENT
    assert client.get("/runs/run/artifacts/2").status_code == 404
    assert client.get("/runs/run/artifacts/3").status_code == 404
