"""A store that is missing, broken, locked, read-only or replaced while the service runs."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.backend.conftest import Ask
from tests.backend.stores import DEAD, StoredRun, execute, write_runs

pytestmark = pytest.mark.sqlite
DATA_PATHS = ["/runs", "/runs/leaderboard?metric_name=a", "/runs/facets", "/runs/run", "/runs/compare?ids=run"]
DATA_PATHS += ["/runs/run/metrics", "/runs/run/artifacts", "/runs/run/artifacts/0"]
NOBODY = 65_534


@contextlib.contextmanager
def locked(store: Path) -> Iterator[None]:
    """Another program is writing, and takes its time."""
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """File permissions hold for everyone but the superuser, who becomes someone else meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter and write to, as pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


def unavailable(response: httpx.Response) -> str:
    assert response.status_code == 503, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    return str(response.json()["detail"])


def test_a_missing_store_is_made(ask: Ask, tmp_path: Path) -> None:
    store = tmp_path / "new" / "folder" / "runs.db"
    assert ask(db_path=store).get("/runs").json() == []
    assert store.exists()


@pytest.mark.parametrize("path", DATA_PATHS)
def test_a_text_file_is_no_store(client: httpx.Client, store: Path, path: str) -> None:
    store.parent.mkdir()
    store.write_text("my notes\n" * 1_000)
    detail = unavailable(client.get(path))
    assert str(store) in detail
    assert "DB_PATH" in detail
    assert store.read_text() == "my notes\n" * 1_000


def test_the_service_stands_while_the_store_is_broken_and_works_once_it_is_repaired(
    client: httpx.Client, store: Path
) -> None:
    store.parent.mkdir()
    store.write_text("my notes\n" * 1_000)
    assert client.get("/health").status_code == 200
    assert "not a" in unavailable(client.get("/version"))
    unavailable(client.patch("/runs/run/note", json={"note": "x"}))
    store.unlink()
    write_runs(store, [StoredRun("run")])
    assert client.get("/runs").headers["X-Total-Count"] == "1"
    assert client.get("/version").json()["store_error"] is None


def test_whoever_has_the_servers_own_token_learns_why_the_store_does_not_open(ask: Ask, store: Path) -> None:
    store.parent.mkdir()
    store.write_text("my notes\n" * 1_000)
    version = ask(api_token="s3cret").get("/version", headers={"Authorization": "Bearer s3cret"}).json()
    assert "not a" in version["store_error"]
    assert version["schema_version"] is None


def test_a_store_that_breaks_while_it_is_open_works_once_it_is_repaired(
    client: httpx.Client, store: Path, tmp_path: Path
) -> None:
    good = write_runs(tmp_path / "good.db", [StoredRun("run")])
    write_runs(store, [StoredRun("run")])
    assert client.get("/runs").status_code == 200
    size = store.stat().st_size
    store.write_bytes(b"\x00garbage" * (size // 8))
    for suffix in ("-wal", "-shm"):
        Path(f"{store}{suffix}").unlink(missing_ok=True)
    unavailable(client.get("/runs"))
    store.write_bytes(good.read_bytes())
    assert client.get("/runs").headers["X-Total-Count"] == "1"


def test_a_file_that_was_replaced_is_opened_anew(client: httpx.Client, store: Path, tmp_path: Path) -> None:
    write_runs(store, [StoredRun("old")])
    assert client.get("/runs/old").status_code == 200
    assert client.get("/runs/facets").json()["total"] == 1
    newer = write_runs(tmp_path / "newer.db", [StoredRun("new"), StoredRun("newer")])
    os.replace(newer, store)
    for suffix in ("-wal", "-shm"):
        Path(f"{store}{suffix}").unlink(missing_ok=True)
    assert client.get("/runs/old").status_code == 404
    assert client.get("/runs").headers["X-Total-Count"] == "2"
    assert client.get("/runs/facets").json()["total"] == 2


def test_a_database_of_another_kind_is_left_alone(client: httpx.Client, store: Path) -> None:
    """It gets its tables: ours live beside whatever there is."""
    store.parent.mkdir()
    execute(store, "CREATE TABLE songs (title TEXT)")
    execute(store, "INSERT INTO songs VALUES ('Help!')")
    assert client.get("/runs").json() == []
    assert execute(store, "SELECT title FROM songs") == [("Help!",)]


def test_a_newer_schema_is_not_touched(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    execute(store, "INSERT INTO schema_versions VALUES (999, 'later')")
    assert "999" in unavailable(client.get("/runs"))


@pytest.mark.parametrize("path", DATA_PATHS)
def test_a_folder_that_cannot_be_made_is_said(ask: Ask, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    client = ask(db_path=tmp_path / "file" / "runs.db")
    assert str(tmp_path / "file") in unavailable(client.get(path))
    assert client.get("/health").status_code == 200


def test_a_path_that_is_a_folder_is_said(ask: Ask, tmp_path: Path) -> None:
    assert str(tmp_path) in unavailable(ask(db_path=tmp_path).get("/runs"))


def test_an_unwritable_folder_is_said(ask: Ask, open_folder: Path) -> None:
    os.chmod(open_folder, 0o555)
    client = ask(db_path=open_folder / "runs.db")
    with unprivileged():
        assert "writable" in unavailable(client.get("/runs"))
        assert client.get("/health").status_code == 200
    os.chmod(open_folder, 0o777)
    with unprivileged():
        assert client.get("/runs").json() == []


def test_a_locked_store_is_read_and_a_note_is_refused_after_waiting(ask: Ask, store: Path) -> None:
    write_runs(store, [StoredRun("run", note="kept")])
    client = ask(busy_timeout_s=0.05)
    with locked(store):
        assert client.get("/runs/run").json()["note"] == "kept"
        assert "LAB_BUSY_TIMEOUT_S" in unavailable(client.patch("/runs/run/note", json={"note": "new"}))
    assert client.get("/runs/run").json()["note"] == "kept"
    assert client.patch("/runs/run/note", json={"note": "new"}).json()["note"] == "new"


def test_dead_runs_read_as_killed_where_they_cannot_be_marked(client: httpx.Client, store: Path) -> None:
    write_runs(
        store,
        [
            StoredRun("dead", status="running", lease=DEAD, heartbeat_at="2025-12-01T10:00:30.000000Z"),
            StoredRun("alive", status="running"),
            StoredRun("done", metrics={"a": 1.0}),
        ],
    )
    with locked(store):
        assert _statuses(client) == {"dead": "killed", "alive": "running", "done": "finished"}
        dead = client.get("/runs/dead").json()
        assert dead["status"] == "killed"
        assert dead["finished_at"] == "2025-12-01T10:00:30.000000Z"
        assert dead["duration_s"] == 30
        listed = client.get("/runs", params={"status": "killed"}).json()
        assert [run["duration_s"] for run in listed] == [30]
        for status, run_ids in {
            "killed": ["dead"],
            "running": ["alive"],
            "finished": ["done"],
            "killed,finished": ["dead", "done"],
            "running,killed": ["alive", "dead"],
            "running,finished": ["alive", "done"],
        }.items():
            answer = client.get("/runs", params={"status": status.split(",")})
            assert [run["run_id"] for run in answer.json()] == run_ids
            assert answer.headers["X-Total-Count"] == str(len(run_ids))
        by_status = client.get("/runs", params={"sort": "status", "order": "asc"}).json()
        assert [run["run_id"] for run in by_status] == ["done", "dead", "alive"]
        counted = {each["name"]: each["runs"] for each in client.get("/runs/facets").json()["statuses"]}
        assert counted == {"running": 1, "finished": 1, "failed": 0, "killed": 1}
        assert client.get("/runs/compare", params={"ids": ["dead"]}).json()["runs"][0]["status"] == "killed"
    assert execute(store, "SELECT status FROM run_state WHERE run_id = 'dead'") == [("running",)]
    assert _statuses(client) == {"dead": "killed", "alive": "running", "done": "finished"}
    assert execute(store, "SELECT status FROM run_state WHERE run_id = 'dead'") == [("killed",)]


def test_a_read_only_file_is_read_truthfully(ask: Ask, open_folder: Path) -> None:
    store = write_runs(open_folder / "runs.db", [StoredRun("dead", status="running", lease=DEAD), StoredRun("done")])
    os.chmod(store, 0o444)
    client = ask(db_path=store)
    with unprivileged():
        assert _statuses(client) == {"dead": "killed", "done": "finished"}
        assert "read-only" in unavailable(client.patch("/runs/done/note", json={"note": "x"}))
    assert execute(store, "SELECT status FROM run_state ORDER BY run_id") == [("running",), ("finished",)]


def test_a_store_whose_tables_were_dropped_is_an_unavailable_one(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    execute(store, "DROP TABLE run_tags")
    unavailable(client.get("/runs/run"))
    assert client.get("/health").status_code == 200


def test_a_deleted_store_starts_empty(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    assert client.get("/runs").headers["X-Total-Count"] == "1"
    shutil.rmtree(store.parent)
    assert client.get("/runs").headers["X-Total-Count"] == "0"


def _statuses(client: httpx.Client) -> dict[str, str]:
    return {run["run_id"]: run["status"] for run in client.get("/runs").json()}
