"""A PostgreSQL store: made by many at once, upgraded, gone and back, and true whoever writes to it."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import text

from backend.postgres_connection import UPGRADE_LOCK
from backend.postgres_store import PostgresStore
from lab_logger import NotAStoreError, SchemaTooNewError, StoreUnavailableError, schema, statements
from tests import postgres
from tests.backend.conftest import Ask
from tests.backend.derived_rows import DERIVED
from tests.backend.stores import StoredRun, execute, on_postgresql, url_at, write_runs

ROOT = Path(__file__).parents[2]
OPEN = """
import sys
from backend.postgres_store import PostgresStore
sys.stdin.readline()
print(PostgresStore(sys.argv[1], busy_timeout_s=60).schema_version())
"""


@pytest.fixture
def empty() -> Iterator[str]:
    """The URL of a database without any table."""
    with postgres.fresh_database() as url:
        yield url


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """What stands for an empty PostgreSQL store."""
    path = tmp_path / "manifests" / "manifests.db"
    with on_postgresql(path):
        yield path


@pytest.fixture
def url(store: Path) -> str:
    """The URL of an empty PostgreSQL store."""
    return url_of(store)


def url_of(path: Path) -> str:
    url = url_at(path)
    assert url is not None
    return url


def opened(url: str, *, busy_timeout_s: float = 60) -> PostgresStore:
    return PostgresStore(url, busy_timeout_s=busy_timeout_s)


def test_any_number_of_servers_may_start_at_once_on_an_empty_database(empty: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "libs")])}
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, empty],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(3)
    ]
    assert [server.communicate("go\n")[0].strip() for server in servers] == [str(schema.VERSION)] * 3
    with psycopg.connect(empty) as client:
        versions = client.execute("SELECT version FROM schema_versions ORDER BY version").fetchall()
    assert versions == [(version,) for version in range(1, schema.VERSION + 1)]


def test_a_store_of_an_earlier_version_is_upgraded_with_its_rows(empty: str) -> None:
    with psycopg.connect(empty) as client:
        client.execute(schema.migration(1, dialect="postgresql").encode())
        client.execute("INSERT INTO schema_versions VALUES (1, 'then')")
        client.execute("INSERT INTO manifests (run_id, params_json) VALUES ('run', '{\"lr\": 0.5}')")
        client.execute("INSERT INTO run_tags VALUES ('run', 'kept')")
    store = opened(empty)
    assert store.schema_version() == schema.VERSION
    store.close()
    with psycopg.connect(empty) as client:
        assert client.execute("SELECT is_presumed FROM run_state").fetchall() == [(0,)]
        client.execute("INSERT INTO note_changes (run_id, changed_at) VALUES ('run', 'now')")
        client.execute("UPDATE manifests SET run_id = 'renamed'")
        for table in ("run_state", "run_params", "run_tags", "note_changes"):
            assert client.execute(f"SELECT run_id FROM {table}".encode()).fetchall() == [("renamed",)], table
        client.execute("DELETE FROM manifests")
        for table in (*DERIVED, "run_text", "note_changes"):
            assert client.execute(f"SELECT * FROM {table}".encode()).fetchall() == [], table


def test_a_table_of_runs_that_is_there_already_is_adopted(empty: str) -> None:
    with psycopg.connect(empty) as client:
        columns = ", ".join(f"{name} TEXT" for name in statements.MANIFEST_COLUMNS[1:])
        client.execute(f"CREATE TABLE manifests (run_id TEXT PRIMARY KEY, {columns})".encode())
        client.execute(
            "INSERT INTO manifests (run_id, final_metrics_json) VALUES ('old', '{\"acc\": 1, \"loss\": NaN}')"
        )
    store = opened(empty)
    with store.read() as connection:
        assert connection.execute(text("SELECT run_id, name, value FROM run_metrics")).all() == [("old", "acc", 1.0)]
        assert connection.execute(text("SELECT run_id, status FROM run_state")).all() == [("old", "finished")]
    store.close()


def test_a_store_of_a_later_version_is_left_alone(ask: Ask, store: Path, empty: str) -> None:
    with psycopg.connect(empty) as client:
        client.execute(schema.migration(1, dialect="postgresql").encode())
        client.execute("INSERT INTO schema_versions VALUES (99, 'later')")
    with pytest.raises(SchemaTooNewError, match=r"99.*upgrade"):
        opened(empty).schema_version()
    answer = ask(database_url=empty).get("/runs")
    assert answer.status_code == 503
    assert "upgrade" in answer.json()["detail"]


def test_a_database_with_other_tables_is_no_store(empty: str) -> None:
    with psycopg.connect(empty) as client:
        client.execute("CREATE TABLE run_state (mine INTEGER)")
    with pytest.raises(NotAStoreError, match=r"other tables.*name another database"):
        opened(empty).schema_version()
    with psycopg.connect(empty) as client:
        assert client.execute("SELECT to_regclass('manifests')").fetchone() == (None,)


def test_a_server_waits_for_another_that_makes_the_store_and_says_so_when_that_takes_too_long(empty: str) -> None:
    with psycopg.connect(empty) as client:
        client.execute("SELECT pg_advisory_lock(%s)", (UPGRADE_LOCK,))
        with pytest.raises(StoreUnavailableError, match=r"holds a lock.*LAB_BUSY_TIMEOUT_S"):
            opened(empty, busy_timeout_s=0.05).schema_version()
    store = opened(empty)
    assert store.schema_version() == schema.VERSION
    store.close()


def test_the_service_stands_while_the_server_is_down_and_works_once_it_is_back(ask: Ask, store: Path) -> None:
    write_runs(store, [StoredRun("run", note="kept")])
    client = ask()
    assert client.get("/runs/run").json()["note"] == "kept"
    with postgres.stopped():
        assert client.get("/health").status_code == 200
        for answer in (client.get("/runs"), client.get("/runs"), client.patch("/runs/run/note", json={"note": "x"})):
            assert answer.status_code == 503
            assert "check that the server runs" in answer.json()["detail"]
    assert client.get("/runs/run").json()["note"] == "kept"
    assert client.patch("/runs/run/note", json={"note": "x"}).status_code == 200


def test_a_connection_that_breaks_under_a_question_fails_that_question_alone(url: str) -> None:
    store = opened(url)
    with pytest.raises(StoreUnavailableError, match="ask again"):
        write_and_lose_the_connection(store, url)
    with store.read() as connection:
        assert connection.execute(text("SELECT tag FROM run_tags")).all() == []
    store.close()


def write_and_lose_the_connection(store: PostgresStore, url: str) -> None:
    with store.write() as connection:
        connection.execute(text(statements.ADD_TAG), {"run_id": "run", "tag": "lost"})
        (pid,) = connection.execute(text("SELECT pg_backend_pid()")).one()
        with psycopg.connect(url) as client:
            client.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        connection.execute(text("SELECT 1"))


def test_a_store_that_was_dropped_is_made_again(ask: Ask, store: Path, empty: str) -> None:
    client = ask(database_url=empty)
    assert client.get("/runs").json() == []
    with psycopg.connect(empty) as other:
        other.execute("DROP SCHEMA public CASCADE")
        other.execute("CREATE SCHEMA public")
    assert client.get("/runs").status_code == 503
    assert client.get("/runs").json() == []


def test_a_wrong_password_is_told_without_it(store: Path, ask: Ask) -> None:
    with postgres.user_with_password("guest", "right"):
        for password in ("wrong-s3cret", "wr%40ng-s3cret"):
            wrong = url_of(store).replace("postgres@", f"guest:{password}@")
            answer = ask(database_url=wrong).get("/runs")
            assert answer.status_code == 503
            assert "password" in answer.json()["detail"]
            assert "DATABASE_URL" in answer.json()["detail"]
            assert "s3cret" not in answer.text
            assert "s3cret" not in opened(wrong).place


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cret%zz@host/name",
        "postgresql://user:s3cret@host:port/name",
        "postgresql://user:s3cret@/name?nonsense=1",
        "postgresql://user:s3cret@127.0.0.1:1/name",
        "postgresql://user:s3cret@/name?host=/nowhere",
    ],
)
def test_an_address_that_leads_nowhere_is_told_without_its_password(url: str) -> None:
    store = opened(url)
    with pytest.raises(StoreUnavailableError, match="DATABASE_URL") as told:
        store.schema_version()
    assert "s3cret" not in f"{told.value}{store.place}"


def test_an_address_may_have_any_parameter_and_the_older_scheme(url: str) -> None:
    store = opened(url.replace("postgresql://", "postgres://") + "&application_name=mine&sslmode=disable")
    with store.read() as connection:
        assert connection.execute(text("SELECT current_setting('application_name')")).scalar_one() == "mine"
    store.close()
    with pytest.raises(StoreUnavailableError):
        opened(f"{url}&sslmode=require&host=127.0.0.1&port=1").schema_version()


def test_whoever_reads_sees_one_moment_and_cannot_write(url: str) -> None:
    store = opened(url)
    with store.read() as connection:
        before = connection.execute(text("SELECT count(*) FROM run_tags")).scalar_one()
        with store.write() as other:
            other.execute(text(statements.ADD_TAG), {"run_id": "run", "tag": "new"})
        assert connection.execute(text("SELECT count(*) FROM run_tags")).scalar_one() == before
    with pytest.raises(StoreUnavailableError, match="takes no writes"), store.read() as connection:
        connection.execute(text("DELETE FROM run_tags"))
    store.close()


def test_the_mark_changes_with_the_store_and_not_without(url: str) -> None:
    store = opened(url)
    first = store.change_mark()
    assert store.change_mark() == first
    with store.write() as connection:
        connection.execute(text(statements.ADD_TAG), {"run_id": "run", "tag": "new"})
    assert store.change_mark() != first
    store.close()


def test_who_is_impatient_gives_up_while_another_writes(url: str) -> None:
    store = opened(url)
    with store.write() as connection:
        connection.execute(text("INSERT INTO manifests (run_id) VALUES ('run')"))
    note = {"run_id": "run", "note": "x"}
    with store.write() as connection:
        connection.execute(text(statements.SET_NOTE), note)
        with pytest.raises(StoreUnavailableError, match="holds a lock"), store.write(patiently=False) as other:
            other.execute(text(statements.SET_NOTE), note)
    store.close()


@pytest.mark.parametrize("points", [3, 2_000])
def test_of_points_with_one_step_the_last_counts(url: str, points: int) -> None:
    store = opened(url)
    for add in (1.0, 2.0):
        with store.write() as connection:
            store.add_points(connection, [(7, step, 5, step + add) for step in range(points)])
            store.add_points(connection, [(7, 1, 5, 0.0), (7, 1, 6, float("inf")), (8, 2**63 - 1, 5, None)])
    with store.read() as connection:
        found = connection.execute(text("SELECT series, step, timestamp, value FROM metric_points ORDER BY 1, 2")).all()
    expected: list[tuple[Any, ...]] = [(7, step, 5, step + 2.0) for step in range(points)]
    expected[1] = (7, 1, 6, float("inf"))
    assert found == [*expected, (8, 2**63 - 1, 5, None)]
    store.close()


def test_long_texts_are_kept_whole_and_found(ask: Ask, store: Path) -> None:
    characters = random.Random(7)
    long = "".join(characters.choices("äöü€😀abcdefghijklmnopqrstuvwxyz0123456789 ", k=100_000))
    twin = long[:-1] + "!"
    name = "n" * 3_000
    runs = [
        StoredRun("a", command=long, note=long, dataset_id=long, params={"p": long, name: 1}, metrics={name: 1.5}),
        StoredRun("b", command=twin, note=twin, dataset_id=twin, params={"p": twin, "list": [long]}),
    ]
    client = ask()
    write_runs(store, runs)
    for run in runs:
        stored = client.get(f"/runs/{run.run_id}").json()
        assert (stored["command"], stored["note"], stored["dataset_id"]) == (run.command, run.note, run.dataset_id)
        assert stored["params"] == run.params
    assert found(client, command_substring=long[50_000:50_800]) == ["a", "b"]
    assert found(client, note_substring="!") == ["b"]
    assert found(client, q=long.split()[0]) == ["a", "b"]
    facets = client.get("/runs/facets").json()
    assert [values["runs"] for param in facets["params"] if param["name"] == "p" for values in param["values"]] == [
        1,
        1,
    ]
    shown = [values["name"] for param in facets["params"] if param["name"] == "p" for values in param["values"]]
    assert sorted(run_id for text in shown for run_id in found(client, param=f"p:{text}")) == ["a", "b"]


def test_the_most_words_that_a_text_can_hold_are_taken(url: str, store: Path) -> None:
    words = " ".join(f"{number:x}" for number in range(20_000))
    wide = " ".join(chr(0x20000 + number // 200) + chr(0x4E00 + number % 200) for number in range(33_000))
    write_runs(
        store, [StoredRun("a", command=words, note=wide, params={"p": wide + words}), StoredRun("b", note="x" * 99_999)]
    )
    assert execute(store, "SELECT count(*) FROM run_text") == [(2,)]


def test_nul_and_half_characters_are_replaced(ask: Ask, store: Path) -> None:
    client = ask()
    write_runs(
        store, [StoredRun("a", note="one\0two\ud800", params={"p\0": "x\0y\ud83d", "q": "\U0001f600"}, tags=("t\0",))]
    )
    stored = client.get("/runs/a").json()
    assert (stored["note"], stored["tags"]) == ("one\ufffdtwo?", ["t\ufffd"])
    assert stored["params"]["q"] == "\U0001f600"
    assert found(client, param="p\ufffd:x\ufffdy\ufffd") == ["a"]
    assert found(client, param="q:\U0001f600") == ["a"]


def test_emptying_the_table_forgets_every_run(ask: Ask, store: Path) -> None:
    write_runs(store, [StoredRun("a", tags=("t",), params={"p": 1}), StoredRun("b")])
    execute(store, "TRUNCATE manifests")
    for table in (*DERIVED, "run_text"):
        assert execute(store, f"SELECT * FROM {table}") == [], table
    assert ask().get("/runs").json() == []


def test_a_user_who_owns_no_more_than_the_database_can_make_a_store(empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as client:
        client.execute("CREATE USER plain")
        client.execute("GRANT CREATE, USAGE ON SCHEMA public TO plain")
    try:
        store = opened(empty.replace("postgres@", "plain@"))
        assert store.schema_version() == schema.VERSION
        store.close()
        with psycopg.connect(empty) as client:
            indexes = client.execute("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%trgm%'").fetchall()
            offered = client.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'").fetchone()
            assert offered is not None or indexes == []
    finally:
        with psycopg.connect(empty, autocommit=True) as client:
            client.execute("DROP OWNED BY plain")
            client.execute("DROP USER plain")


def found(client: httpx.Client, **query: Any) -> list[str]:
    answer = client.get("/runs", params=query)
    assert answer.status_code == 200, answer.text
    return sorted(run["run_id"] for run in answer.json())
