"""What no run needs goes, what one needs stays, and what is lost or damaged is found: by the command alone."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from backend.errors import IncompleteObjectError
from backend.objects import ObjectStore
from backend.objects.commands import app
from backend.objects.records import is_stored, record
from backend.objects.sweeping import Leftover, remove
from backend.opening import open_store
from backend.store import Store
from lab_logger import statements
from tests.backend.conftest import settings_for
from tests.backend.objects.sending import digest, keep, path_of, put
from tests.backend.stores import url_at

OLD = "2025-12-01T10:00:00.000000Z"
CONTENT = bytes(range(256)) * 10

Command = Callable[..., Result]


@pytest.fixture
def location(tmp_path: Path) -> str:
    return str(tmp_path / "artifacts")


@pytest.fixture
def runs(store: Path) -> Iterator[Store]:
    """The test's store of runs."""
    opened = open_store(settings_for(store))
    yield opened
    opened.close()


@pytest.fixture
def command(store: Path, location: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `python -m backend.objects` on the test's stores."""
    monkeypatch.setenv("DB_PATH", str(store))
    monkeypatch.setenv("DATABASE_URL", url_at(store) or "")
    monkeypatch.setenv("ARTIFACT_URI", location)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    return run


def asked(runs: Store, statement: str, **values: object) -> list[tuple[Any, ...]]:
    """Executes one statement on the store of runs."""
    with runs.write() as connection:
        result = connection.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def recorded(runs: Store, objects: ObjectStore, content: bytes, *, at: str = OLD) -> str:
    """Stores content as an upload does, at a time."""
    sha256 = keep(objects, content)
    record(runs, objects, sha256, len(content))
    asked(runs, "UPDATE objects SET stored_at = :at WHERE sha256 = :sha256", at=at, sha256=sha256)
    return sha256


def refer(runs: Store, sha256: str) -> None:
    """Makes a file of an artifact have this content."""
    values = {"run_id": "run", "position": 0, "path": sha256[:8], "size_bytes": 1, "sha256": sha256}
    asked(runs, statements.ADD_ARTIFACT_FILE, **values)


def age(location: str, *, days: float) -> None:
    """Makes every file of an artifact store so old."""
    moment = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for path in Path(location).rglob("*"):
        os.utime(path, (moment, moment))


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_content_that_no_artifact_refers_to_is_listed_and_then_removed(
    runs: Store, objects: ObjectStore, command: Command
) -> None:
    needed, unneeded = recorded(runs, objects, b"needed"), recorded(runs, objects, CONTENT)
    refer(runs, needed)
    listed = command("remove-unreferenced")
    assert unneeded in listed.stdout
    assert needed not in listed.stdout
    assert "1 file, 2.6 kB. Remove it with --delete." in listed.stdout
    assert objects.has(unneeded)
    removed = document(command("remove-unreferenced", "--delete", "--json"))
    assert removed["removed"] == [unneeded]
    assert removed["removed_bytes"] == len(CONTENT)
    assert not objects.has(unneeded)
    assert asked(runs, "SELECT sha256 FROM objects") == [(needed,)]
    assert b"".join(objects.open(needed)) == b"needed"
    assert "Nothing to do." in command("remove-unreferenced", "--delete").stdout


def test_content_within_the_grace_time_stays(runs: Store, objects: ObjectStore, command: Command) -> None:
    for hours, name in ((23, b"young"), (25, b"old")):
        at = datetime.now(UTC) - timedelta(hours=hours)
        recorded(runs, objects, name, at=at.isoformat(timespec="microseconds").replace("+00:00", "Z"))
    assert document(command("remove-unreferenced", "--delete", "--json"))["removed"] == [digest(b"old")]
    assert objects.has(digest(b"young"))
    found = document(command("remove-unreferenced", "--grace-hours", "22", "--json"))["found"]
    assert [one["sha256"] for one in found] == [digest(b"young")]


def test_content_that_is_not_recorded_goes_by_its_own_age(
    runs: Store, objects: ObjectStore, command: Command, location: str
) -> None:
    unknown, used = keep(objects, b"unknown"), keep(objects, b"used")
    refer(runs, used)
    age(location, days=2)
    keep(objects, b"just now")
    found = document(command("remove-unreferenced", "--delete", "--json"))
    assert [(one["kind"], one["sha256"]) for one in found["found"]] == [("unrecorded", unknown)]
    assert sorted(sha256 for sha256, _ in objects.list()) == sorted([used, digest(b"just now")])
    assert asked(runs, "SELECT * FROM objects") == []


def test_uploads_that_never_came_to_an_end_go(objects: ObjectStore, command: Command, location: str) -> None:
    put(objects, CONTENT, 0)
    put(objects, CONTENT, 1)
    age(location, days=8)
    put(objects, CONTENT * 2, 0)
    (Path(location) / "uploads" / digest(b"x")).mkdir()
    found = document(command("remove-unreferenced", "--delete", "--json"))
    assert [(one["kind"], one["sha256"], one["size_bytes"]) for one in found["found"]] == [
        ("upload", digest(CONTENT), 2000)
    ]
    assert objects.parts(digest(CONTENT)) == []
    assert objects.parts(digest(CONTENT * 2)) == [(0, 1000)]
    assert document(command("remove-unreferenced", "--upload-days", "0", "--json"))["size_bytes"] == 1000


def test_content_that_came_into_use_meanwhile_stays(runs: Store, objects: ObjectStore) -> None:
    for content in (b"referred to", b"sent again"):
        recorded(runs, objects, content)
    refer(runs, digest(b"referred to"))
    assert is_stored(runs, objects, digest(b"sent again"))
    for content in (b"referred to", b"sent again"):
        found = Leftover("unreferenced", digest(content), len(content), OLD)
        assert not remove(runs, objects, found)
        assert objects.has(digest(content))
    assert len(asked(runs, "SELECT * FROM objects")) == 2


def test_unrecorded_content_that_came_into_use_meanwhile_stays(runs: Store, objects: ObjectStore) -> None:
    for content in (b"referred to", b"recorded"):
        keep(objects, content)
    assert is_stored(runs, objects, digest(b"recorded"))
    refer(runs, digest(b"referred to"))
    for content in (b"referred to", b"recorded"):
        assert not remove(runs, objects, Leftover("unrecorded", digest(content), len(content), OLD))
        assert objects.has(digest(content))


def test_content_that_is_asked_for_stays_for_another_grace_time(
    runs: Store, objects: ObjectStore, command: Command
) -> None:
    sha256 = recorded(runs, objects, CONTENT)
    assert is_stored(runs, objects, sha256)
    assert document(command("remove-unreferenced", "--json"))["found"] == []


def test_content_that_is_there_and_not_recorded_is_recorded_when_it_is_asked_for(
    runs: Store, objects: ObjectStore
) -> None:
    sha256 = keep(objects, CONTENT)
    assert is_stored(runs, objects, sha256)
    assert asked(runs, "SELECT sha256, size_bytes FROM objects") == [(sha256, len(CONTENT))]
    objects.delete(sha256)
    assert not is_stored(runs, objects, sha256)


def test_a_removal_that_is_cut_off_leaves_no_row_without_content(
    runs: Store, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = recorded(runs, objects, CONTENT)

    def cut_off(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(objects, "delete", cut_off)
    with pytest.raises(KeyboardInterrupt):
        remove(runs, objects, Leftover("unreferenced", sha256, len(CONTENT), OLD))
    assert asked(runs, "SELECT * FROM objects") == []
    assert objects.has(sha256)


def test_content_that_is_recorded_while_it_is_removed_is_asked_for_again(
    runs: Store, objects: ObjectStore, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server finds the content there a moment before it goes, and must not say that it is stored."""
    sha256 = recorded(runs, objects, CONTENT)
    delete, is_asked, asking = objects.delete, threading.Event(), list[Future[None]]()

    def record_elsewhere() -> None:
        is_asked.set()
        record(runs, ObjectStore(location), sha256, len(CONTENT))

    def delete_meanwhile(removed: str) -> None:
        asking.append(pool.submit(record_elsewhere))
        is_asked.wait()
        delete(removed)

    monkeypatch.setattr(objects, "delete", delete_meanwhile)
    with ThreadPoolExecutor(1) as pool:
        assert remove(runs, objects, Leftover("unreferenced", sha256, len(CONTENT), OLD))
        with pytest.raises(IncompleteObjectError, match="send it again"):
            asking[0].result()
    assert asked(runs, "SELECT * FROM objects") == []


def test_the_list_says_what_is_stored_and_how_often_it_is_used(
    runs: Store, objects: ObjectStore, command: Command
) -> None:
    sha256 = recorded(runs, objects, CONTENT)
    refer(runs, sha256)
    found = document(command("list", "--json"))
    assert found == [{"sha256": sha256, "size_bytes": len(CONTENT), "stored_at": OLD, "artifacts": 1}]
    shown = command("list").stdout
    assert sha256 in shown
    assert "1 file, 2.6 kB" in shown


def test_what_is_missing_or_damaged_is_found(
    runs: Store, objects: ObjectStore, command: Command, location: str
) -> None:
    sound, damaged, missing, unrecorded = (bytes([number]) * 100 for number in range(4))
    for content in (sound, damaged, missing):
        refer(runs, recorded(runs, objects, content))
    assert command("verify").exit_code == 0
    refer(runs, keep(objects, unrecorded))
    path_of(location, digest(damaged)).write_bytes(b"\xff" * 100)
    objects.delete(digest(missing))
    result = command("verify", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["checked"] == 3
    assert {(one["kind"], one["sha256"], one["artifacts"]) for one in found["faults"]} == {
        ("damaged", digest(damaged), 1),
        ("missing", digest(missing), 1),
        ("unrecorded", digest(unrecorded), 1),
    }
    told = command("verify")
    assert told.exit_code == 1
    assert "3 files read, 3 with a problem." in told.stdout


def test_a_sample_is_read(runs: Store, objects: ObjectStore, command: Command) -> None:
    for number in range(5):
        recorded(runs, objects, bytes([number]))
    assert document(command("verify", "--sample", "2", "--json")) == {"checked": 2, "faults": []}


def test_a_place_that_cannot_be_used_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "artifacts").touch()
    result = command("remove-unreferenced")
    assert result.exit_code == 1
    assert result.stderr.startswith("objects: the artifact store")
    assert "is no folder" in result.stderr
