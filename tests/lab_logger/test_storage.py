import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lab_logger import NotAStoreError, SchemaTooNewError, StoreError, StoreUnavailableError, schema
from lab_logger.storage import EmbeddedStore, open_database, schema_version


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_missing_file_is_made_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "runs.db"
    with closing(open_database(path, busy_timeout_s=1)) as connection:
        assert schema_version(connection) == schema.VERSION
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT count(*) FROM manifests").fetchone() == (0,)
    assert {"manifests", "run_state", "run_metrics", "metric_points"} <= tables(path)


def test_an_empty_file_and_an_open_one_are_stores(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.touch()
    with closing(open_database(path, busy_timeout_s=1)), closing(open_database(path, busy_timeout_s=1)) as second:
        assert second.execute("SELECT count(*) FROM schema_versions").fetchone() == (schema.VERSION,)


def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with closing(open_database(path, busy_timeout_s=1)) as connection:
        connection.execute("INSERT INTO schema_versions VALUES (99, 'later')")
    with pytest.raises(SchemaTooNewError, match="schema version 99, this lab_logger knows 2; upgrade lab_logger"):
        open_database(path, busy_timeout_s=1)


@pytest.mark.parametrize("content", [b"run_id,loss\n1,0.5\n" * 100, b"SQLite format 3\x00" + b"\xff" * 5_000])
def test_something_else_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(content)
    with pytest.raises(NotAStoreError, match=r"runs\.db is not a usable SQLite database .* or set DB_PATH"):
        open_database(path, busy_timeout_s=1)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match=f"cannot make the folder {tmp_path}/file/below"):
        open_database(tmp_path / "file" / "below" / "runs.db", busy_timeout_s=1)
    with pytest.raises(StoreUnavailableError, match="cannot be opened; check that the folder exists"):
        open_database(tmp_path, busy_timeout_s=1)


def test_a_locked_file_is_waited_for_and_then_an_error(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    open_database(path, busy_timeout_s=1).close()
    store = EmbeddedStore(path, busy_timeout_s=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="another process holds its lock; raise LAB_BUSY_TIMEOUT_S"):
            store.write([("set_note", {"run_id": "a", "note": "b"})])
        with pytest.raises(StoreUnavailableError, match="holds its lock"):
            store.add_points("a", [("loss", 0, 0, 0.5)])
        other.execute("ROLLBACK")
    assert store.write([("set_note", {"run_id": "a", "note": "b"})]) == 0
    store.close()


def test_a_failed_batch_leaves_nothing_and_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    store = EmbeddedStore(path, busy_timeout_s=1)
    good = ("add_tag", {"run_id": "a", "tag": "one"})
    for bad in (
        ("add_tag", {"run_id": "a", "tag": None}),
        ("add_tag", {"run_id": "a"}),
        ("add_tag", {"run_id": "a", "tag": "\ud800"}),
        ("add_tag", {"run_id": "a", "tag": 2**64}),
    ):
        with pytest.raises(StoreError, match="cannot use the store"):
            store.write([good, bad])
        with closing(sqlite3.connect(path, timeout=0)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert other.execute("SELECT count(*) FROM run_tags").fetchone() == (0,)
    assert store.write([good]) == 1
    store.close()


def test_a_database_with_other_tables_gains_ours_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
        connection.execute("INSERT INTO people VALUES ('Ada')")
        connection.commit()
    with closing(open_database(path, busy_timeout_s=1)) as connection:
        assert connection.execute("SELECT name FROM people").fetchall() == [("Ada",)]


def test_a_table_in_the_way_is_an_error_and_leaves_no_half_made_store(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE run_metrics (mine TEXT)")
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="run_metrics already exists"):
            open_database(path, busy_timeout_s=1)
    assert tables(path) == {"run_metrics"}
