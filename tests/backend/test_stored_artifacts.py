"""Artifacts of other machines, served from the artifact store, and paths that must not be looked at here."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.api import create_app
from tests.backend.conftest import settings_for
from tests.backend.remote_artifacts import digest, file_of, recorded, upload
from tests.backend.sending import AT
from tests.live_server import serving
from tools.client import LabClient
from tools.errors import LabClientError

CONTENT = b"epoch,loss\n1,0.5\n"


def listed(client: httpx.Client, run_id: str) -> dict[str, Any]:
    (one,) = client.get(f"/runs/{run_id}/artifacts").json()
    assert isinstance(one, dict)
    return one


def detail(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])


def test_content_outlives_the_machine_that_trained(client: httpx.Client, tmp_path: Path) -> None:
    trained = tmp_path / "elsewhere" / "curve.csv"
    trained.parent.mkdir()
    trained.write_bytes(CONTENT)
    known = {"size_bytes": len(CONTENT), "sha256": digest(CONTENT), "media_type": "text/csv"}
    run_id = recorded(client, str(trained), files=[file_of(CONTENT)], **known)
    waiting = listed(client, run_id)
    assert (waiting["content"], waiting["exists"], waiting["downloadable"]) == ("being_sent", False, False)
    assert waiting["url"] is None
    assert "still on its way" in detail(client.get(f"/runs/{run_id}/artifacts/0"), 404)
    upload(client, trained.read_bytes())
    trained.unlink()
    assert listed(client, run_id) == {
        "index": 0,
        "path": str(trained),
        "kind": "file",
        "size_bytes": len(CONTENT),
        "sha256": digest(CONTENT),
        "media_type": "text/csv",
        "recorded_at": AT,
        "content": "stored",
        "exists": True,
        "current_size_bytes": len(CONTENT),
        "downloadable": True,
        "files": [],
        "url": f"/runs/{run_id}/artifacts/0",
    }
    answer = client.get(f"/runs/{run_id}/artifacts/0")
    assert answer.content == CONTENT
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == "attachment; filename=\"curve.csv\"; filename*=UTF-8''curve.csv"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_reference_is_shown_as_one_and_not_served(client: httpx.Client) -> None:
    run_id = recorded(client, "/data/imagenet", artifact_kind="folder", size_bytes=10**12)
    one = listed(client, run_id)
    assert (one["content"], one["exists"], one["downloadable"]) == ("reference", False, False)
    assert one["size_bytes"] == 10**12
    assert "as a reference" in detail(client.get(f"/runs/{run_id}/artifacts/0"), 404)


def test_a_folder_is_handed_out_file_by_file_as_it_comes(client: httpx.Client) -> None:
    first, second = b"first", b"second"
    files = [file_of(second, "deep/c.txt"), file_of(first, "a b.txt")]
    run_id = recorded(client, "C:\\runs\\plots", artifact_kind="folder", files=files)
    upload(client, first)
    one = listed(client, run_id)
    assert (one["content"], one["files"], one["downloadable"]) == ("being_sent", ["a b.txt"], True)
    assert "still on its way" in detail(client.get(one["url"], params={"path": "deep/c.txt"}), 404)
    upload(client, second)
    one = listed(client, run_id)
    assert (one["content"], one["files"]) == ("stored", ["a b.txt", "deep/c.txt"])
    assert one["current_size_bytes"] is None
    for path, content in (("a b.txt", first), ("deep/c.txt", second)):
        answer = client.get(one["url"], params={"path": path})
        assert answer.content == content
        assert f'filename="{path.rpartition("/")[2]}"' in answer.headers["content-disposition"]
    answer = client.get(one["url"])
    assert "'a b.txt'" in detail(answer, 422)
    assert answer.json()["candidates"] == ["a b.txt", "deep/c.txt"]
    for path in ("deep", "../plots/a b.txt", "/etc/hostname", "nope"):
        assert "without a file" in detail(client.get(one["url"], params={"path": path}), 404)


def test_a_path_is_for_folders_alone(client: httpx.Client) -> None:
    run_id = recorded(client, "/there/a.csv", files=[file_of(CONTENT)])
    upload(client, CONTENT)
    assert "file, not a folder" in detail(client.get(f"/runs/{run_id}/artifacts/0", params={"path": "a"}), 422)


def test_the_same_content_is_kept_once(client: httpx.Client, store: Path) -> None:
    upload(client, CONTENT)
    runs = [recorded(client, f"/there/{number}.csv", files=[file_of(CONTENT)]) for number in range(3)]
    assert [listed(client, run_id)["content"] for run_id in runs] == ["stored"] * 3
    kept = [path for path in (store.parent / "artifacts").rglob("*") if path.is_file()]
    assert [path.parent.name + path.name for path in kept] == [digest(CONTENT)]


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], bool]:
    """Tells whether the operating system was asked for a path that contains something."""
    asked: list[str] = []

    def watched(real: Any) -> Any:
        def ask(path: Any, *arguments: Any, **given: Any) -> Any:
            asked.append(os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "")
            return real(path, *arguments, **given)

        return ask

    for name in ("stat", "lstat", "open", "scandir", "listdir", "readlink"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    return lambda part: any(part in path for path in asked)


@pytest.mark.parametrize("files", [[], [file_of(b"never sent")]])
@pytest.mark.parametrize("kind", ["file", "missing"])
def test_a_forged_path_reveals_nothing_of_this_machine(
    client: httpx.Client, tmp_path: Path, looked_at: Callable[[str], bool], kind: str, files: list[dict[str, Any]]
) -> None:
    """Of a path that is here, and of one that is not, the server says the same."""
    secret = tmp_path / "secret-of-the-server.txt"
    secret.write_bytes(b"private")
    answers = []
    for path in (str(secret), str(tmp_path / "secret-that-is-not-there.txt")):
        run_id = recorded(client, path, artifact_kind=kind, files=files if kind == "file" else [])
        one = listed(client, run_id)
        answer = client.get(f"/runs/{run_id}/artifacts/0")
        assert answer.status_code == 404
        assert b"private" not in answer.content
        answers.append(({**one, "path": ""}, answer.json()["detail"].replace(path, "")))
    assert answers[0] == answers[1]
    assert not looked_at("secret-")


@pytest.mark.parametrize("path", ["/home/ada/.env", "/home/ada/.ssh/id_rsa"])
def test_files_that_hold_secrets_are_refused(client: httpx.Client, path: str) -> None:
    upload(client, CONTENT)
    run_id = recorded(client, path, files=[file_of(CONTENT)])
    assert not listed(client, run_id)["downloadable"]
    assert "secrets" in detail(client.get(f"/runs/{run_id}/artifacts/0"), 403)
    inside = recorded(client, "/home/ada/project", artifact_kind="folder", files=[file_of(CONTENT, ".git/config")])
    assert "secrets" in detail(client.get(f"/runs/{inside}/artifacts/0", params={"path": ".git/config"}), 403)


@pytest.mark.parametrize("name", ["page.html", 'kurve "größe"\r\n1;.csv', "..", "/"])
def test_no_name_reaches_the_headers_unguarded(client: httpx.Client, name: str) -> None:
    upload(client, CONTENT)
    run_id = recorded(client, f"/there/{name}", files=[file_of(CONTENT)], media_type="text/html")
    answer = client.get(f"/runs/{run_id}/artifacts/0")
    assert answer.content == CONTENT
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


def test_a_size_that_was_lied_about_does_not_break_the_download(client: httpx.Client) -> None:
    upload(client, CONTENT)
    run_id = recorded(client, "/there/a.csv", files=[{**file_of(CONTENT), "size_bytes": 5}], size_bytes=5)
    assert listed(client, run_id)["current_size_bytes"] == len(CONTENT)
    assert client.get(f"/runs/{run_id}/artifacts/0").content == CONTENT


def object_path(store: Path, content: bytes) -> Path:
    return store.parent / "artifacts" / "objects" / digest(content)[:2] / digest(content)[2:]


def test_lost_and_damaged_content_is_said_to_be(client: httpx.Client, store: Path) -> None:
    upload(client, CONTENT)
    run_id = recorded(client, "/there/a.csv", files=[file_of(CONTENT)])
    object_path(store, CONTENT).write_bytes(b"x" * len(CONTENT))
    assert "damaged" in detail(client.get(f"/runs/{run_id}/artifacts/0"), 503)
    object_path(store, CONTENT).unlink()
    assert "does not hold" in detail(client.get(f"/runs/{run_id}/artifacts/0"), 404)


@pytest.fixture
def lab(store: Path) -> Iterator[LabClient]:
    """A client of the real server, over HTTP."""
    with serving(create_app(settings_for(store))) as url, LabClient(url) as client:
        yield client


def test_the_client_downloads_what_is_stored_and_keeps_nothing_of_what_is_damaged(
    lab: LabClient, store: Path, tmp_path: Path
) -> None:
    content = os.urandom(5_000_000)
    with httpx.Client(base_url=lab.base_url, timeout=60) as client:
        upload(client, content)
        run_id = recorded(client, "/there/model.bin", files=[file_of(content)])
    (one,) = lab.artifacts(run_id)
    assert one.content == "stored"
    lab.download_artifact(run_id, 0, to=tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == content
    object_path(store, content).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(LabClientError):
        lab.download_artifact(run_id, 0, to=tmp_path / "damaged.bin")
    assert not (tmp_path / "damaged.bin").exists()
