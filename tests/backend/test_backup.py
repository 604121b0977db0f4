"""Copies of a store in use: whole, of one moment, never over another file by accident; and bringing one back."""

import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from backend import backup
from lab_logger import statements
from lab_logger.storage import open_database
from lightml import connections
from tests.backend.conftest import Ask
from tests.backend.stores import StoredRun, execute, write_points, write_runs

pytestmark = pytest.mark.sqlite


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DB_PATH", str(store))
    for name in ("DATABASE_URL", "LIGHTML_DB", "API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def writing(path: Path, *, threads: int = 3) -> Iterator[list[int]]:
    """Writes pairs of points, each pair in one transaction, until the block ends; gives how many pairs there are."""
    stopping = threading.Event()
    written = [0] * threads

    def write(number: int) -> None:
        with closing(open_database(path, busy_timeout_s=30)) as connection:
            while not stopping.is_set():
                step = written[number]
                connection.execute("BEGIN IMMEDIATE")
                for series in (2 * number + 101, 2 * number + 102):
                    row = {"series": series, "step": step, "timestamp": 0, "value": 1.0}
                    connection.execute(statements.ADD_POINT, row)
                connection.execute("COMMIT")
                written[number] += 1

    writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for writer in writers:
        writer.start()
    try:
        yield written
    finally:
        stopping.set()
        for writer in writers:
            writer.join()


def test_a_copy_made_while_others_write_holds_one_moment(store: Path, tmp_path: Path) -> None:
    write_runs(store, [StoredRun(f"run-{n}", params={"text": "x" * 2_000}) for n in range(2_000)])
    target = tmp_path / "copies" / "copy.db"
    steps: list[int] = []

    with writing(store) as written:
        while min(written) < 5:
            pass
        before = list(written)

        def watch(done: int, total: int) -> None:
            # The writers go on between the steps: were they kept waiting, this would be for ever.
            reached = sum(written)
            while sum(written) == reached:
                pass
            steps.append(done)

        backup.copy_file(store, target, watch=watch)

    assert len(steps) > 1
    counts = dict(execute(target, "SELECT series, count(*) FROM metric_points GROUP BY series"))
    assert all(counts[2 * n + 101] == counts[2 * n + 102] >= before[n] for n in range(3))
    assert execute(target, "SELECT count(*) FROM manifests") == [(2_000,)]
    assert execute(target, "PRAGMA integrity_check") == [("ok",)]


def test_a_file_without_a_write_ahead_log_is_copied_under_constant_writes(tmp_path: Path) -> None:
    source, target = tmp_path / "plain.db", tmp_path / "copy.db"
    execute(source, "CREATE TABLE metric_points (series, step, timestamp, value, PRIMARY KEY (series, step))")
    with closing(sqlite3.connect(source)) as connection, connection:
        rows = ((1, step, 0, "x" * 500) for step in range(20_000))
        connection.executemany("INSERT INTO metric_points VALUES (?, ?, ?, ?)", rows)
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        # A write between every two steps would make the copying begin anew for ever.
        def write(done: int, total: int) -> None:
            connection.execute("INSERT INTO metric_points SELECT 2, count(*), 0, 0 FROM metric_points WHERE series = 2")

        backup.copy_file(source, target, watch=write)

    assert execute(target, "SELECT count(*) FROM metric_points WHERE series = 1") == [(20_000,)]


def test_the_command_names_the_copy_by_the_time_beside_the_store(
    store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_runs(store, [StoredRun("run-1")])

    assert backup.main([]) == 0

    (copy,) = store.parent.glob("manifests-????????T??????Z.db")
    assert f"copied {store} to {copy}" in capfd.readouterr().out
    assert sorted(path.name for path in store.parent.iterdir() if path.name.startswith(".")) == []


def test_the_registry_in_a_file_of_its_own_is_copied_too(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(store, [StoredRun("run-1")])
    connections.ensure(tmp_path / "models.db")
    monkeypatch.setenv("LIGHTML_DB", str(tmp_path / "models.db"))
    (tmp_path / "copies").mkdir()

    assert backup.main([str(tmp_path / "copies")]) == 0

    stems = sorted(path.name.rpartition("-")[0] for path in (tmp_path / "copies").iterdir())
    assert stems == ["manifests", "models"]


def test_a_file_that_is_there_is_replaced_only_by_force(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_runs(store, [StoredRun("run-1")])
    target = tmp_path / "copy.db"
    target.write_text("mine")

    assert backup.main([str(target)]) == 1
    assert "--force" in capfd.readouterr().err
    assert target.read_text() == "mine"

    assert backup.main([str(target), "--force"]) == 0
    assert execute(target, "SELECT run_id FROM manifests") == [("run-1",)]


def test_a_database_in_use_is_never_replaced(store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_runs(store, [StoredRun("run-1")])
    other = write_runs(tmp_path / "other.db", [StoredRun("run-2")])

    with closing(open_database(other, busy_timeout_s=60)) as connection:
        connection.execute("UPDATE manifests SET note = 'kept'")
        assert backup.main([str(other), "--force"]) == 1
    assert backup.main([str(store), "--force"]) == 1

    said = capfd.readouterr().err
    assert "is a database in use" in said
    assert "is the file in use itself" in said
    assert execute(other, "SELECT run_id, note FROM manifests") == [("run-2", "kept")]


def test_a_store_that_is_missing_or_damaged_gives_no_copy(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "copy.db"
    assert backup.main([str(target)]) == 1
    assert f"there is no file {store}" in capfd.readouterr().err

    write_runs(store, [StoredRun(f"run-{n}", command="x" * 3_000) for n in range(100)])
    content = bytearray(store.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 9_000] = b"\xff" * 9_000
    store.write_bytes(content)

    assert backup.main([str(target)]) == 1
    assert "damaged" in capfd.readouterr().err
    assert list(tmp_path.glob("*copy*")) == []


def test_a_copy_is_readable_by_those_who_may_read_the_store(store: Path, tmp_path: Path) -> None:
    write_runs(store, [StoredRun("run-1")])
    store.chmod(0o640)

    backup.copy_file(store, tmp_path / "copy.db")

    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o640


def test_a_postgresql_store_is_left_to_pg_dump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://lab:s3cret@db.example:5432/lab?sslmode=require")

    assert backup.main([str(tmp_path / "lab.dump")]) == 1

    said = capfd.readouterr().err
    assert (
        f"pg_dump --format=custom --no-owner --file={tmp_path / 'lab.dump'} "
        "'postgresql://lab@db.example:5432/lab?sslmode=require'" in said
    )
    assert "s3cret" not in said


def test_a_copy_put_in_place_serves_the_runs_of_its_moment(store: Path, tmp_path: Path, ask: Ask) -> None:
    write_runs(store, [StoredRun("run-1", note="first", metrics={"loss": 0.5})])
    write_points(store, "run-1", "loss", [(0, 1_764_583_200_000, 1.0)])
    backup.copy_file(store, tmp_path / "copy.db")
    write_runs(store, [StoredRun("run-2")])

    for suffix in ("", "-wal", "-shm"):
        Path(f"{store}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "copy.db", store)

    client: httpx.Client = ask()
    assert [run["run_id"] for run in client.get("/runs").json()] == ["run-1"]
    assert client.get("/runs/run-1/metrics").json()["loss"]["values"] == [1.0]
    assert client.get("/runs", params={"q": "first"}).headers["X-Total-Count"] == "1"
    with closing(open_database(store, busy_timeout_s=60)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
