import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lightml.database import ensure, locate, reading, writing
from lightml.errors import (
    InvalidEntryError,
    NotARegistryError,
    RegistryMissingError,
    RegistryUnavailableError,
    UnknownNameError,
)
from lightml.lineage import ancestors
from lightml.registry import create_run, list_runs, register_model
from lightml.search import model_exists


def test_no_path_means_the_trackers_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PATH", str(tmp_path / "store.db"))
    assert locate() == tmp_path / "store.db"
    monkeypatch.chdir(tmp_path)
    assert locate("registry.db") == tmp_path / "registry.db"


def test_ensuring_a_registry_twice_keeps_what_it_holds(tmp_path: Path) -> None:
    path = ensure(tmp_path / "deep" / "registry.db")
    create_run(path, "r")
    assert ensure(path) == path
    assert [run.run_name for run in list_runs(path)] == ["r"]


def test_a_block_that_raises_writes_nothing(tmp_path: Path) -> None:
    path = ensure(tmp_path / "registry.db")

    def fail() -> None:
        with writing(path) as connection:
            connection.execute("INSERT INTO run (run_name) VALUES ('r')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list_runs(path) == []


def test_a_read_sees_one_moment(tmp_path: Path) -> None:
    path = ensure(tmp_path / "registry.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with reading(path) as connection:
        before = connection.execute("SELECT count(*) FROM run").fetchone()[0]
        create_run(path, "r")
        assert connection.execute("SELECT count(*) FROM run").fetchone()[0] == before
    assert len(list_runs(path)) == 1


def test_files_that_hold_no_registry_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database " * 200)
    (tmp_path / "empty.db").touch()
    (tmp_path / "folder.db").mkdir()
    for name, error in (
        ("text.db", NotARegistryError),
        ("empty.db", RegistryMissingError),
        ("folder.db", RegistryMissingError),
        ("none.db", RegistryMissingError),
    ):
        with pytest.raises(error, match=name.replace(".", r"\.")):
            list_runs(tmp_path / name)
    with pytest.raises(RegistryUnavailableError):
        ensure(tmp_path / "folder.db")
    assert (tmp_path / "empty.db").stat().st_size == 0


def test_what_a_database_cannot_hold_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    register_model(path, "r", "m", "/m")
    with pytest.raises(InvalidEntryError, match="characters"):
        model_exists(path, "\ud800")
    with pytest.raises(InvalidEntryError, match="characters"):
        register_model(path, "r", "m", "/\udcff")
    with pytest.raises(InvalidEntryError, match="greater"):
        register_model(path, "r", "m", "/m", parent_id=2**70)
    with pytest.raises(UnknownNameError):
        ancestors(path, 2**62)
