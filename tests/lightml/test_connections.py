import sqlite3
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from lightml.connections import altering
from lightml.database import Address, Database, close, ensure, locate, migrate, reading, writing
from lightml.errors import (
    InvalidEntryError,
    NotARegistryError,
    RegistryMissingError,
    RegistryUnavailableError,
    UnknownNameError,
)
from lightml.lineage import ancestors
from lightml.registry import create_run, list_runs, register_model
from lightml.schema import TABLES
from lightml.search import model_exists
from tests.registry_servers import fresh_address

SECRET = "postgresql://ada:s3cr3t@127.0.0.1:7/lab"
"""An address where nothing listens: no program is given so low a port by chance."""


def test_no_path_means_the_trackers_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PATH", str(tmp_path / "store.db"))
    assert locate() == tmp_path / "store.db"
    monkeypatch.chdir(tmp_path)
    assert locate("registry.db") == tmp_path / "registry.db"


def test_a_database_url_means_the_servers_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PATH", str(tmp_path / "store.db"))
    monkeypatch.setenv("DATABASE_URL", SECRET)
    assert locate() == Address(SECRET)
    assert locate(tmp_path / "registry.db") == tmp_path / "registry.db"


def test_ensuring_a_registry_twice_keeps_what_it_holds(place: Database) -> None:
    path = ensure(place)
    create_run(path, "r")
    assert ensure(path) == path
    assert [run.run_name for run in list_runs(path)] == ["r"]


def test_a_block_that_raises_writes_nothing(place: Database) -> None:
    path = ensure(place)

    def fail() -> None:
        with writing(path) as connection:
            connection.execute("INSERT INTO run (run_name) VALUES ('r')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list_runs(path) == []


def test_a_read_sees_one_moment(place: Database) -> None:
    path = ensure(place)
    if isinstance(path, Path):
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


def test_what_a_database_cannot_hold_is_refused_in_words(place: Database) -> None:
    path = place
    register_model(path, "r", "m", "/m")
    with pytest.raises(InvalidEntryError, match="characters"):
        model_exists(path, "\ud800")
    with pytest.raises(InvalidEntryError, match="characters"):
        register_model(path, "r", "m", "/\udcff")
    with pytest.raises(InvalidEntryError, match="greater"):
        register_model(path, "r", "m", "/m", parent_id=2**70)
    with pytest.raises(UnknownNameError):
        ancestors(path, 2**62)


def test_no_word_about_a_server_holds_its_password() -> None:
    assert str(Address(SECRET)) == repr(Address(SECRET)) == "postgresql://ada@127.0.0.1:7/lab"
    with pytest.raises(RegistryUnavailableError, match=r"ada@127\.0\.0\.1:7/lab") as caught:
        list_runs(SECRET)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ada:s3cr3t@more@127.0.0.1:7/lab",
        "postgresql://ada:12/s3cr3t@127.0.0.1:7/lab",
        "postgresql://ada:s3cr3t more@127.0.0.1:7/lab",
        "postgresql://ada@127.0.0.1:7/lab?password=s3cr3t&nonsense",
        "postgresql://ada:%zzs3cr3t@127.0.0.1/lab",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(RegistryUnavailableError, match="percent-encoded") as caught:
        list_runs(address)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_without_its_driver_a_server_cannot_be_used_and_files_can(tmp_path: Path) -> None:
    script = f"""
import sys
sys.modules["psycopg"] = None
from lightml.database import ensure
ensure({str(tmp_path / "registry.db")!r})
try:
    ensure({SECRET!r})
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("RegistryUnavailableError")
    assert "lightml[postgresql]" in done.stdout


def test_connections_that_the_server_ended_are_replaced() -> None:
    with fresh_address() as address:
        create_run(address, "r")
        create_run(address, "s")
        end_connections(address)
        assert [run.run_name for run in list_runs(address)] == ["r", "s"]
        end_connections(address)
        create_run(address, "t")
        assert len(list_runs(address)) == 3


def test_a_transaction_that_loses_its_server_is_reported_and_the_next_one_works() -> None:
    with fresh_address() as address:
        create_run(address, "r")

        def lose() -> None:
            with writing(address) as connection:
                connection.execute("INSERT INTO run (run_name) VALUES ('lost')")
                end_connections(address)
                connection.execute("SELECT 1")

        with pytest.raises(RegistryUnavailableError, match="cannot use the registry"):
            lose()
        assert [run.run_name for run in list_runs(address)] == ["r"]


def test_a_transaction_leaves_the_connection_usable_after_a_mistake() -> None:
    with fresh_address() as address:
        create_run(address, "r")
        with pytest.raises(psycopg.errors.SyntaxError), writing(address) as connection:
            connection.execute("INSERT nonsense")
        create_run(address, "s")
        assert len(list_runs(address)) == 2


def test_tables_that_went_are_missed_and_made_again() -> None:
    with fresh_address() as address:
        create_run(address, "r")
        with altering(address) as connection:
            connection.execute(f"DROP TABLE {', '.join(TABLES)}")
        for _ in range(2):
            with pytest.raises(RegistryMissingError):
                list_runs(address)
        create_run(address, "s")
        assert [run.run_name for run in list_runs(address)] == ["s"]


def test_more_threads_than_connections_take_turns() -> None:
    with fresh_address() as address, ThreadPoolExecutor(40) as pool:
        ids = set(pool.map(lambda _: register_model(address, "r", "m"), range(80)))
        assert len(ids) == 1


def test_a_registry_on_a_server_needs_no_migration() -> None:
    with fresh_address() as address:
        with pytest.raises(RegistryMissingError):
            migrate(address)
        create_run(address, "r")
        assert migrate(address).changes == []


def test_closing_twice_and_using_again_is_fine() -> None:
    with fresh_address() as address:
        create_run(address, "r")
        close(address)
        close(address)
        assert len(list_runs(address)) == 1


def end_connections(address: str) -> None:
    """Ends every connection of the registry, as a restart of the server does."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lightml'")
