import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lightml.database import delete_model, ensure, migrate, reading
from lightml.errors import NotARegistryError, RegistryMissingError, RegistryOutdatedError
from lightml.handle import LightMLHandle
from lightml.lineage import graph
from lightml.metrics import METRIC_SKIPPED, get_detailed_scores
from lightml.registry import list_models

SEED = """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY AUTOINCREMENT, run_name TEXT UNIQUE NOT NULL, description TEXT, metadata TEXT
    );
    CREATE TABLE model (
        id INTEGER PRIMARY KEY AUTOINCREMENT, model_name TEXT NOT NULL, path TEXT,
        parent_id INTEGER REFERENCES model(id), run_id INTEGER NOT NULL REFERENCES run(id), UNIQUE(model_name, run_id)
    );
    CREATE TABLE checkpoint (
        id INTEGER PRIMARY KEY AUTOINCREMENT, model_id INTEGER NOT NULL REFERENCES model(id), step INTEGER NOT NULL,
        path TEXT, created_at TEXT DEFAULT (datetime('now'))
    );
    CREATE TABLE metrics (
        id INTEGER PRIMARY KEY AUTOINCREMENT, model_id INTEGER REFERENCES model(id),
        checkpoint_id INTEGER REFERENCES checkpoint(id), family TEXT NOT NULL, metric_name TEXT NOT NULL,
        value REAL NOT NULL
    );
    CREATE TABLE registry_schema (
        id INTEGER PRIMARY KEY AUTOINCREMENT, family TEXT NOT NULL, metric_name TEXT NOT NULL
    );
    INSERT INTO run VALUES (3, 'exp', 'about', '{"a": 1}');
    INSERT INTO model VALUES (10, 'base', '/b', NULL, 3), (11, 'sft', '/s', 10, 3);
    INSERT INTO checkpoint VALUES (20, 11, 5000, '/c', '2025-01-01 00:00:00');
    INSERT INTO metrics VALUES (30, 10, NULL, 'eng', 'mmlu', 0.5), (31, 11, NULL, 'eng', 'mmlu', 0.75),
        (32, NULL, 20, 'eng', 'mmlu', 0.625);
"""
SCORES = """
    CREATE TABLE detailed_scores (
        metric_id INTEGER NOT NULL PRIMARY KEY, scores TEXT NOT NULL, n_samples INTEGER NOT NULL,
        FOREIGN KEY(metric_id) REFERENCES metrics(id) ON DELETE CASCADE
    );
    INSERT INTO detailed_scores VALUES (30, '[1, 0]', 2), (31, '[1, 1, 0, 1]', 4);
"""


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "main.db"


def run_script(db: Path, *scripts: str) -> None:
    with closing(sqlite3.connect(db)) as connection:
        for script in scripts:
            connection.executescript(script)


def ask(db: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(question).fetchall()


def definitions(db: Path) -> list[tuple[object, ...]]:
    return ask(db, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name")


@pytest.mark.parametrize(("scripts", "version"), [((SEED,), 1), ((SEED, SCORES), 2)])
def test_an_old_registry_becomes_a_new_one(db: Path, scripts: tuple[str, ...], version: int) -> None:
    run_script(db, *scripts)
    with pytest.raises(RegistryOutdatedError, match="lightml migrate"), reading(db):
        pass
    result = migrate(db)
    assert (result.from_version, result.to_version, result.backup) == (version, 3, None)
    assert ("added the table detailed_scores" in result.changes) == (version == 1)
    fresh = db.with_name("fresh.db")
    ensure(fresh)
    assert definitions(db) == definitions(fresh)
    assert ask(db, "PRAGMA foreign_key_check") == []


def test_every_row_stays_under_its_id(db: Path) -> None:
    run_script(db, SEED, SCORES)
    migrate(db)
    assert ask(db, "SELECT * FROM run") == [(3, "exp", "about", '{"a": 1}')]
    assert ask(db, "SELECT * FROM model") == [(10, "base", "/b", None, 3, None), (11, "sft", "/s", 10, 3, None)]
    assert ask(db, "SELECT * FROM checkpoint") == [(20, 11, 5000, "/c", "2025-01-01 00:00:00")]
    assert ask(db, "SELECT id, value FROM metrics") == [(30, 0.5), (31, 0.75), (32, 0.625)]
    assert get_detailed_scores(db, "sft", "eng", "mmlu") == [1, 1, 0, 1]
    assert LightMLHandle(db, "exp").log_model_metric("sft", "eng", "mmlu", 0.1) == METRIC_SKIPPED


def test_an_id_that_was_given_out_is_not_given_out_again(db: Path) -> None:
    run_script(db, SEED, "DELETE FROM metrics WHERE model_id = 11; DELETE FROM model WHERE id = 11;")
    run_script(db, "DELETE FROM metrics; DELETE FROM checkpoint")
    migrate(db)
    assert LightMLHandle(db, "exp").register_model("new", "/n") == 12


def test_deleting_cascades_afterwards(db: Path) -> None:
    run_script(db, SEED, SCORES)
    migrate(db)
    assert delete_model(db, "sft").metrics_deleted == 2
    assert ask(db, "SELECT metric_id FROM detailed_scores") == [(30,)]
    delete_model(db, "base")
    assert list_models(db) == []


def test_of_doubles_the_newest_stays_and_the_old_file_is_copied(db: Path) -> None:
    run_script(
        db,
        SEED,
        SCORES,
        """
        INSERT INTO metrics VALUES (40, 11, NULL, 'eng', 'mmlu', 0.5), (41, 11, NULL, 'eng', 'mmlu', 0.875);
        INSERT INTO checkpoint VALUES (21, 11, 5000, '/c', NULL), (22, 11, 5000, '/other', NULL);
        INSERT INTO metrics VALUES (42, NULL, 21, 'eng', 'arc', 0.25);
        INSERT INTO detailed_scores VALUES (41, '[1]', 1);
        """,
    )
    result = migrate(db)
    assert "dropped 2 older doubles of metrics" in result.changes
    assert "dropped 1 older double of checkpoint" in result.changes
    assert ask(db, "SELECT id, value FROM metrics WHERE model_id = 11") == [(41, 0.875)]
    assert ask(db, "SELECT id FROM checkpoint") == [(21,), (22,)]
    assert ask(db, "SELECT id FROM metrics WHERE checkpoint_id = 21 ORDER BY id") == [(32,), (42,)]
    assert ask(db, "SELECT metric_id FROM detailed_scores") == [(30,), (41,)]
    assert result.backup == db.with_name("main.before-migrate.db")
    assert ask(result.backup, "SELECT count(*) FROM metrics") == [(6,)]
    with pytest.raises(RegistryOutdatedError), reading(result.backup):
        pass


def test_a_copy_that_is_there_is_not_overwritten(db: Path) -> None:
    taken = db.with_name("main.before-migrate.db")
    taken.write_text("mine")
    run_script(db, SEED, "INSERT INTO metrics VALUES (40, 11, NULL, 'eng', 'mmlu', 0.5)")
    result = migrate(db)
    assert result.backup == db.with_name("main.before-migrate-2.db")
    assert taken.read_text() == "mine"


def test_rows_that_hang_on_nothing_go_and_are_counted(db: Path) -> None:
    run_script(
        db,
        SEED,
        """
        INSERT INTO metrics VALUES (40, 99, NULL, 'eng', 'x', 1), (41, NULL, NULL, 'eng', 'y', 1);
        INSERT INTO checkpoint VALUES (21, 99, 1, '/c', NULL);
        INSERT INTO model VALUES (12, 'orphan', '/o', 77, 3);
        """,
    )
    result = migrate(db)
    assert "dropped 2 rows of metrics that belonged to nothing left" in result.changes
    assert "dropped 1 row of checkpoint that belonged to nothing left" in result.changes
    assert result.backup is not None
    assert [node.model_name for node in graph(db).nodes if node.is_orphan] == ["orphan"]


def test_a_column_of_another_program_is_dropped_with_a_word(db: Path) -> None:
    run_script(db, SEED, "ALTER TABLE model ADD COLUMN notes TEXT")
    result = migrate(db)
    assert result.backup is not None
    assert any("column notes of model" in change for change in result.changes)


def test_an_up_to_date_registry_needs_nothing(db: Path) -> None:
    LightMLHandle(db, "r").register_model("m", "/m")
    before = db.read_bytes()
    result = migrate(db)
    assert (result.from_version, result.to_version, result.changes, result.backup) == (3, 3, [], None)
    assert db.read_bytes() == before
    run_script(db.with_name("old.db"), SEED)
    assert migrate(db.with_name("old.db")).changes
    assert migrate(db.with_name("old.db")).changes == []


def test_the_other_tables_of_the_file_stay(db: Path) -> None:
    run_script(
        db,
        SEED,
        "CREATE TABLE manifests (run_id TEXT); INSERT INTO manifests VALUES ('one');"
        "CREATE VIEW best AS SELECT max(value) AS value FROM metrics;",
    )
    migrate(db)
    assert ask(db, "SELECT * FROM manifests") == [("one",)]
    assert ask(db, "SELECT * FROM best") == [(0.75,)]


def test_tables_of_another_program_are_refused(db: Path) -> None:
    run_script(db, "CREATE TABLE metrics (key TEXT, value REAL); CREATE TABLE run (id INTEGER, run_name TEXT)")
    before = definitions(db)
    with pytest.raises(NotARegistryError, match="no registry's"):
        migrate(db)
    assert definitions(db) == before


def test_what_is_no_registry_is_not_migrated(db: Path) -> None:
    with pytest.raises(RegistryMissingError):
        migrate(db)
    assert not db.exists()
    run_script(db, "CREATE TABLE other (x)")
    with pytest.raises(RegistryMissingError):
        migrate(db)
    text = db.with_name("text.db")
    text.write_text("no database " * 200)
    with pytest.raises(NotARegistryError):
        migrate(text)


def test_a_migration_that_fails_changes_nothing(db: Path) -> None:
    run_script(db, SEED, "DROP TABLE metrics")
    run_script(
        db,
        "CREATE TABLE metrics (id INTEGER, model_id INTEGER, checkpoint_id INTEGER, family TEXT, metric_name TEXT,"
        " value REAL); INSERT INTO metrics VALUES (1, 10, NULL, NULL, 'mmlu', 1)",
    )
    before = definitions(db)
    with pytest.raises(NotARegistryError, match="stays as it was"):
        migrate(db)
    assert definitions(db) == before
    assert ask(db, "SELECT count(*) FROM model") == [(2,)]
