"""Moving a store: everything arrives, an interruption costs nothing, and nothing is changed or lost in silence."""

import contextlib
import hashlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backend.copy_store import contents
from backend.copy_store.__main__ import main
from backend.copy_store.contents import Table
from backend.copy_store.copying import Copying, Outcome, Watch
from backend.copy_store.places import CopyError, open_source, open_target
from backend.postgres_store import PostgresStore
from lab_logger import StoreError, schema
from lab_logger.storage import open_database
from lightml.connections import close, reading
from lightml.errors import RegistryUnavailableError
from lightml.handle import LightMLHandle
from tests.backend.awkward import dump, write_awkward
from tests.backend.conftest import Ask
from tests.backend.stores import StoredRun, execute, write_points, write_runs
from tests.postgres import fresh_database

RANDOM = "".join(hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(1_600))
"""A name of 100 kB that cannot be compressed to what an index takes."""
ROOT = Path(__file__).resolve().parents[2]


class InterruptedCopyError(Exception):
    """Stands for whatever ends a copy in the middle."""


def copy(source: Path | str, target: Path | str, *, replaces: bool = False, watch: Watch | None = None) -> Outcome:
    """Copies as the command does."""
    with (
        contextlib.closing(open_source(str(source))) as opened,
        contextlib.closing(open_target(str(target), with_registry=bool(opened.columns("model")))) as filled,
    ):
        return Copying(opened, filled, replaces=replaces, watch=watch).run()


def interrupting(after: int) -> Watch:
    """Gives a watch that ends the copy after some batches."""
    left = after

    def watch(step: str, table: str, rows: int) -> None:
        nonlocal left
        left -= step == "copy"
        if left == 0:
            raise InterruptedCopyError

    return watch


def interrupting_at(table: str) -> Watch:
    """Gives a watch that ends the copy after the first batch of a table."""

    def watch(step: str, name: str, rows: int) -> None:
        if (step, name) == ("copy", table):
            raise InterruptedCopyError

    return watch


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An awkward store."""
    return write_awkward(tmp_path / "source.db")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a copy goes; nothing is there yet."""
    return tmp_path / "target" / "target.db"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Table, "batch_rows", 4)


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a database where nothing is yet."""
    with fresh_database() as address:
        yield address


def rows(address: str, query: str) -> list[tuple[Any, ...]]:
    """Gives the rows of a query on PostgreSQL."""
    with psycopg.connect(address) as connection:
        return connection.execute(query.encode()).fetchall()


def test_every_table_of_the_schema_is_copied_derived_or_the_databases_own(source: Path) -> None:
    known = {*contents.RUNS, *contents.DERIVED, *contents.OWN, "sqlite_sequence"}

    assert set(dump(source)) | {"schema_versions"} == known


def test_a_file_arrives_with_every_row_and_every_derived_row(source: Path, target: Path) -> None:
    outcome = copy(source, target)

    assert outcome.is_same
    assert [verdict.source.rows for verdict in outcome.verdicts if verdict.table == "manifests"] == [11]
    assert dump(target) == dump(source)
    assert execute(target, "SELECT max(version) FROM schema_versions") == [(schema.VERSION,)]


def test_the_triggers_of_the_target_work_again(source: Path, target: Path) -> None:
    copy(source, target)

    for path in (source, target):
        execute(path, "UPDATE manifests SET run_id = 'moved', note = 'changed' WHERE run_id = 'plain'")
        execute(path, "INSERT INTO manifests (run_id, final_metrics_json) VALUES ('new', '{\"loss\": 3}')")
        execute(path, "INSERT INTO tokens (name, role, token_sha256, created_at) VALUES ('n', 'read', 'x', '')")

    assert dump(target) == dump(source)


def test_what_only_sqlite_can_hold_arrives_in_another_file_as_it_is(source: Path, target: Path) -> None:
    execute(source, "INSERT INTO manifests (run_id, note) VALUES (NULL, 'no id'), (NULL, 'none either')")
    execute(source, "INSERT INTO manifests (run_id, note) VALUES (CAST(x'ff41' AS TEXT), CAST(x'fe' AS TEXT))")
    execute(source, "INSERT INTO manifests (run_id, command) VALUES (x'00ff', 'a' || char(0) || 'b')")

    outcome = copy(source, target)

    assert outcome.is_same
    assert not outcome.problems
    assert dump(target) == dump(source)


@pytest.mark.usefixtures("small_batches")
def test_a_copy_interrupted_after_every_single_batch_still_arrives_whole(source: Path, target: Path) -> None:
    interruptions = 0
    while True:
        try:
            outcome = copy(source, target, watch=interrupting(1))
            break
        except InterruptedCopyError:
            interruptions += 1
            with pytest.raises(StoreError, match="unfinished copy"):
                open_database(target, busy_timeout_s=60)

    assert interruptions > 15
    assert outcome.is_same
    assert not outcome.anew
    assert dump(target) == dump(source)


@pytest.mark.usefixtures("small_batches")
def test_what_changed_in_the_source_since_an_interruption_is_copied_anew(source: Path, target: Path) -> None:
    with pytest.raises(InterruptedCopyError):
        copy(source, target, watch=interrupting(5))
    execute(source, "UPDATE manifests SET note = 'later' WHERE run_id = 'by hand'")
    execute(source, "UPDATE run_state SET error = 'late' WHERE run_id = 'plain'")

    outcome = copy(source, target)

    assert outcome.is_same
    assert outcome.anew == ["run_state", "manifests"]
    assert dump(target) == dump(source)


def test_a_copy_killed_in_the_middle_goes_on_when_the_command_is_given_again(source: Path, target: Path) -> None:
    write_points(source, "plain", "curve", ((step, step, step / 3) for step in range(300_000)))
    command = [sys.executable, "-m", "backend.copy_store", str(source), str(target)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        while not has_note(target, "metric_points"):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "DIFFERENT" not in done.stdout
    assert dump(target) == dump(source)


def has_note(path: Path, part: str) -> bool:
    """Tells whether a copy into a file has come as far as a table; a file that is not there yet is not made."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
            query = f"SELECT 1 FROM {contents.UNDER_WAY} WHERE part = ?"
            return connection.execute(query, (part,)).fetchone() is not None
    except sqlite3.OperationalError:
        return False


def test_a_row_tampered_with_on_the_way_is_found_and_put_right(
    source: Path, target: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tamper(step: str, table: str, rows: int) -> None:
        if (step, table) == ("copy", "metric_points"):
            execute(target, "UPDATE metric_points SET value = 0.250001 WHERE value = 0.25")

    outcome = copy(source, target, watch=tamper)

    assert [verdict.table for verdict in outcome.verdicts if not verdict.is_same] == ["metric_points"]
    with pytest.raises(StoreError, match="unfinished copy"):
        open_database(target, busy_timeout_s=60)

    assert main([str(source), str(target)]) == 0
    assert "metric_points was copied anew" in capfd.readouterr().err
    assert dump(target) == dump(source)


def test_the_command_says_what_it_found(
    source: Path, target: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([str(source), str(target)]) == 0
    said = capfd.readouterr()
    assert "same" in said.out
    assert "DIFFERENT" not in said.out

    assert main([str(source), str(target)]) == 1
    assert f"{target} is in use already, it holds rows in run_state, manifests" in capfd.readouterr().err


def test_only_the_source_it_began_with_may_go_on(source: Path, target: Path, tmp_path: Path) -> None:
    with pytest.raises(InterruptedCopyError):
        copy(source, target, watch=interrupting(1))
    other = write_runs(tmp_path / "other.db", [StoredRun("other")])

    with pytest.raises(CopyError, match=r"unfinished copy of .*source\.db"):
        copy(other, target)
    with pytest.raises(CopyError, match="itself an unfinished copy"):
        copy(target, tmp_path / "third.db")


def test_two_processes_never_copy_into_one_target(source: Path, target: Path) -> None:
    def intrude(step: str, table: str, rows: int) -> None:
        if (step, table) == ("copy", "manifests"):
            copy(source, target)

    with pytest.raises(CopyError, match="another process goes on"):
        copy(source, target, watch=intrude)
    assert dump(target) == dump(source)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_text("no database"), sqlite3.connect])
def test_a_source_that_holds_nothing_is_refused(make: Callable[[Path], object], tmp_path: Path, target: Path) -> None:
    made = make(tmp_path / "nothing.db")

    assert main([str(tmp_path / "nothing.db"), str(target)]) == 1
    assert not target.exists()
    if isinstance(made, sqlite3.Connection):
        made.close()


def test_a_copy_says_when_the_source_was_written_to_meanwhile(
    source: Path, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def write(step: str, table: str, rows: int) -> None:
        if (step, table) == ("copy", "run_state"):
            write_runs(source, [StoredRun("late")])

    outcome = copy(source, target, watch=write)

    assert outcome.is_same
    assert outcome.was_written
    assert execute(target, "SELECT 1 FROM manifests WHERE run_id = 'late'") == []


def test_a_store_of_an_earlier_version_arrives(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "old.db"
    columns = ", ".join(f"{name} TEXT" for name in ("timestamp", "params_json", "final_metrics_json", "note"))
    others = (
        "git_hash, git_diff, command, python_version, pip_freeze, device_info, dataset_id, artifacts_json, wandb_url"
    )
    execute(source, f"CREATE TABLE manifests (run_id TEXT PRIMARY KEY, {columns}, {others})")
    execute(source, "INSERT INTO manifests (run_id, final_metrics_json) VALUES ('old', '{\"loss\": NaN, \"acc\": 1}')")

    assert copy(source, target).is_same
    assert execute(target, "SELECT run_id, name, value FROM run_metrics") == [("old", "acc", 1.0)]


def test_columns_of_the_sources_own_are_named_before_anything_is_copied(
    source: Path, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    execute(source, "ALTER TABLE manifests ADD COLUMN reviewer TEXT")

    assert main([str(source), str(target)]) == 1
    assert "reviewer" in capfd.readouterr().err

    assert main([str(source), str(target), "--replace-unstorable"]) == 0
    assert execute(target, "SELECT count(*) FROM manifests") == [(11,)]


def test_the_model_registry_arrives_with_the_store_or_by_itself(source: Path, target: Path, tmp_path: Path) -> None:
    fill_registry(source)
    fill_registry(tmp_path / "models.db")

    assert copy(source, target).is_same
    assert dump(target) == dump(source)

    assert copy(tmp_path / "models.db", tmp_path / "alone.db").is_same
    assert dump(tmp_path / "alone.db")["metrics"] == dump(tmp_path / "models.db")["metrics"]
    assert LightMLHandle(tmp_path / "alone.db", "study").register_model("next") == 4  # 3 is never given out again


def test_a_store_goes_to_postgresql_and_back_without_losing_a_digit(
    source: Path, address: str, target: Path, tmp_path: Path
) -> None:
    fill_registry(source)

    there = copy(source, address)
    with fresh_database() as other:
        across = copy(address, other)
        back = copy(other, target)

    assert there.is_same
    assert across.is_same
    assert back.is_same
    assert dump(target) == dump(source)
    assert [str(verdict.target) for verdict in there.verdicts] == [str(verdict.source) for verdict in back.verdicts]


def test_the_service_answers_on_postgresql_as_it_did_on_the_file(source: Path, address: str, ask: Ask) -> None:
    execute(source, "UPDATE run_state SET status = 'finished' WHERE status = 'running'")
    copy(source, address)
    here, there = ask(db_path=source), ask(db_path=source, database_url=address)

    for path in (
        "/runs?limit=50",
        "/runs?q=kept",
        "/runs?param=lr:0.1",
        "/runs/facets",
        "/runs/leaderboard?metric_name=loss&order=asc",
        "/runs/plain",
        "/runs/renamed",
        "/runs/plain/metrics",
        "/runs/infinite/metrics",
        "/runs/plain/artifacts",
    ):
        assert there.get(path).json() == here.get(path).json(), path


def test_a_database_keeps_its_tables_true_after_the_copy(source: Path, address: str, tmp_path: Path) -> None:
    copy(source, address)

    with psycopg.connect(address) as connection:
        connection.execute("UPDATE manifests SET run_id = 'moved', note = 'changed' WHERE run_id = 'plain'")
        connection.execute("INSERT INTO manifests (run_id, final_metrics_json) VALUES ('new', '{\"loss\": 3}')")
        insert = "INSERT INTO tokens (name, role, token_sha256, created_at) VALUES ('n', 'read', 'x', '')"
        connection.execute(f"{insert} RETURNING token_id")

    assert rows(address, "SELECT note FROM run_index WHERE run_id = 'moved'") == [("changed",)]
    assert rows(address, "SELECT name, value FROM run_metrics WHERE run_id = 'new'") == [("loss", 3.0)]
    assert rows(address, "SELECT max(token_id) FROM tokens") == [(4,)]  # 3 was given out once
    assert rows(address, "SELECT seq FROM run_state WHERE run_id = 'new'") == [(13,)]


@pytest.mark.usefixtures("small_batches")
def test_a_copy_to_postgresql_interrupted_after_every_single_batch_still_arrives_whole(
    source: Path, address: str, target: Path
) -> None:
    interruptions = 0
    while True:
        try:
            outcome = copy(source, address, watch=interrupting(1))
            break
        except InterruptedCopyError:
            interruptions += 1
            with pytest.raises(StoreError, match="unfinished copy"):
                PostgresStore(address, busy_timeout_s=60).schema_version()

    assert interruptions > 15
    assert outcome.is_same
    assert not outcome.anew
    assert copy(address, target).is_same
    assert dump(target) == dump(source)


@pytest.mark.usefixtures("small_batches")
def test_a_copy_from_postgresql_goes_on_after_an_interruption(source: Path, address: str, target: Path) -> None:
    copy(source, address)
    for after in (3, 4, 5):
        with pytest.raises(InterruptedCopyError):
            copy(address, target, watch=interrupting(after))

    assert copy(address, target).is_same
    assert dump(target) == dump(source)


def test_a_row_tampered_with_in_postgresql_is_found_and_put_right(
    source: Path, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def tamper(step: str, table: str, count: int) -> None:
        if (step, table) == ("copy", "note_changes"):
            with psycopg.connect(address) as connection:
                connection.execute("UPDATE manifests SET note = note || ' ' WHERE run_id = 'unicode'")
                connection.execute("DELETE FROM run_tags WHERE tag = 'kept'")

    outcome = copy(source, address, watch=tamper)

    assert [verdict.table for verdict in outcome.verdicts if not verdict.is_same] == ["manifests", "run_tags"]
    with pytest.raises(StoreError, match="unfinished copy"):
        PostgresStore(address, busy_timeout_s=60).schema_version()
    assert main([str(source), address]) == 0
    assert "manifests was copied anew" in capfd.readouterr().err


def test_a_database_in_use_is_refused(source: Path, address: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(source), address]) == 0
    assert main([str(source), address]) == 1
    assert "is in use already" in capfd.readouterr().err
    assert rows(address, "SELECT count(*) FROM manifests") == [(11,)]


ARTIFACT = "'file', NULL, NULL, NULL, '', 0"
UNSTORABLE = (
    ("manifests", "'nul'", "note", "INSERT INTO manifests (run_id, note) VALUES ('nul', 'a' || char(0) || 'b')"),
    ("manifests", "'bad'", "command", "INSERT INTO manifests (run_id, command) VALUES ('bad', CAST(x'41ff' AS TEXT))"),
    ("manifests", "'blob'", "note", "INSERT INTO manifests (run_id, note) VALUES ('blob', x'4142')"),
    ("manifests", "None", "run_id", "INSERT INTO manifests (note) VALUES ('no id')"),
    ("run_state", "1", "lease_pid", "UPDATE run_state SET lease_pid = 9e99 WHERE seq = 1"),
    ("run_state", "2", "duration_s", "UPDATE run_state SET duration_s = 'long' WHERE seq = 2"),
    (
        "artifact_files",
        "'r', 4294967296, 'p'",
        "position",
        "INSERT INTO artifact_files VALUES ('r', 1 << 32, 'p', 1, 's')",
    ),
    ("metric_points", "'x', 1", "series", "INSERT INTO metric_points VALUES ('x', 1, 1, 1.0)"),
    ("metric_series", "4", "name", f"INSERT INTO metric_series (run_id, name) VALUES ('plain', '{RANDOM}')"),
)


def test_what_postgresql_cannot_hold_is_named_and_nothing_is_copied(
    source: Path, address: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for *_, statement in UNSTORABLE:
        execute(source, statement)

    assert main([str(source), address]) == 1

    said = capfd.readouterr().err
    for table, key, column, _ in UNSTORABLE:
        assert re.search(rf"{table} +{re.escape(key)} +{column} ", said), (table, key, said)
    assert "the target cannot hold 9 values as they are, nothing was copied" in said
    assert rows(address, "SELECT count(*) FROM run_state") == [(0,)]
    with contextlib.closing(PostgresStore(address, busy_timeout_s=60)) as store:
        assert store.schema_version() == schema.VERSION


def test_what_postgresql_cannot_hold_is_replaced_when_that_is_asked_for(source: Path, address: str) -> None:
    for *_, statement in UNSTORABLE:
        execute(source, statement)

    outcome = copy(source, address, replaces=True)

    assert outcome.is_same
    assert len(outcome.problems) == len(UNSTORABLE)
    changed = "SELECT run_id, note, command FROM manifests WHERE run_id IN ('nul', 'bad', 'blob') ORDER BY 1"
    assert rows(address, changed) == [
        ("bad", None, "A\N{REPLACEMENT CHARACTER}"),
        ("blob", "AB", None),
        ("nul", "a\N{REPLACEMENT CHARACTER}b", None),
    ]
    assert rows(address, "SELECT count(*) FROM manifests WHERE note = 'no id'") == [(0,)]
    assert rows(address, "SELECT lease_pid FROM run_state WHERE seq = 1") == [(None,)]
    ((name,),) = rows(address, "SELECT name FROM metric_series WHERE series = 4")
    assert name.startswith(RANDOM[:200])
    assert len(name) < 400


@pytest.mark.usefixtures("small_batches")
def test_a_registry_that_changed_since_an_interruption_is_copied_anew_with_all_that_refers_to_it(
    source: Path, address: str, target: Path
) -> None:
    fill_registry(source)
    with pytest.raises(InterruptedCopyError):
        copy(source, address, watch=interrupting_at("detailed_scores"))
    with pytest.raises(RegistryUnavailableError, match="unfinished copy"), reading(address):
        pass
    close(address)
    execute(source, "UPDATE run SET description = 'later'")

    outcome = copy(source, address)

    assert outcome.is_same
    assert outcome.anew == ["run", "model", "checkpoint", "metrics", "detailed_scores"]
    assert copy(address, target).is_same
    assert dump(target) == dump(source)


def test_a_registry_alone_goes_to_postgresql_and_back(address: str, tmp_path: Path, target: Path) -> None:
    fill_registry(tmp_path / "models.db")

    with fresh_database() as other:
        LightMLHandle(other, "study").register_model("first")
        assert copy(other, tmp_path / "alone.db").is_same
    copy(write_runs(tmp_path / "runs.db", [StoredRun("run-1", note="kept")]), address)
    assert copy(tmp_path / "models.db", address).is_same

    assert execute(tmp_path / "alone.db", "SELECT model_name FROM model") == [("first",)]
    assert rows(address, "SELECT model_name FROM model ORDER BY id") == [("first",), ("second",)]
    assert rows(address, "SELECT run_id, note FROM run_index") == [("run-1", "kept")]


def test_long_names_are_shortened_only_where_an_index_asks_for_it_and_keep_their_run(
    source: Path, address: str
) -> None:
    run_id, name = RANDOM[:2_000], RANDOM[2_000:4_000]
    write_runs(source, [StoredRun(run_id, tags=("short",))])
    write_points(source, run_id, name, [(0, 0, 1.0)])

    outcome = copy(source, address, replaces=True)

    assert outcome.is_same
    assert [(problem.table, problem.column) for problem in outcome.problems] == [("metric_series", "name")]
    joined = "SELECT s.name FROM metric_series s JOIN manifests m ON m.run_id = s.run_id WHERE length(s.run_id) = 2000"
    ((kept,),) = rows(address, joined)
    assert kept.startswith(name[:200])


def test_models_that_refer_to_nothing_are_named_before_they_go_to_postgresql(
    source: Path, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fill_registry(source)
    execute(source, "DELETE FROM model WHERE model_name = 'first'")  # foreign keys are not guarded here

    assert main([str(source), address]) == 1
    assert "rows of checkpoint refer to rows that are gone" in capfd.readouterr().err


@pytest.mark.parametrize("address", ["postgresql://nobody:s3cret@127.0.0.1:1/none", "postgresql://u:s3cret@[x/none"])
def test_a_database_that_cannot_be_reached_is_said_without_its_password(
    source: Path, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(source), address]) == 1
    assert main([address, str(source)]) == 1

    said = capfd.readouterr().err
    assert "copy_store: " in said
    assert "s3cret" not in said


def fill_registry(path: Path) -> None:
    """Registers models with metrics, and takes one away again."""
    handle = LightMLHandle(path, "study")
    for name in ("first", "second", "gone"):
        model = handle.register_model(name)
        handle.log_model_metric(name, "eval", "acc", 0.5, scores=[0.0, 1.0])
        handle.register_checkpoint(name, 3, "/data/ü.bin")
        assert model
    handle.delete_model("gone")
