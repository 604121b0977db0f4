import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lightml.checkpoints import list_checkpoints, register_checkpoint
from lightml.connections import altering, looking
from lightml.database import Database, ensure, locate
from lightml.errors import (
    AmbiguousNameError,
    InvalidEntryError,
    LineageError,
    NotARegistryError,
    RegistryExistsError,
    RegistryMissingError,
    RegistryOutdatedError,
    RegistryUnavailableError,
    UnknownNameError,
)
from lightml.metrics import METRIC_INSERTED, add_metric
from lightml.models.registry import ModelRecord, RegistryInit
from lightml.registry import create_run, initialize_registry, list_models, list_runs, make_registry, register_model
from lightml.search import search


@pytest.fixture
def db(place: Database) -> Database:
    return place


def model(db: Database, name: str) -> ModelRecord:
    (found,) = [each for each in list_models(db) if each.model_name == name]
    return found


def test_initializing_makes_the_file_named_after_the_registry(tmp_path: Path) -> None:
    path = initialize_registry(RegistryInit(registry_path=tmp_path / "my" / "registry", registry_name="main"))
    assert path == tmp_path / "my" / "registry" / "main.db"
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables >= {"run", "model", "checkpoint", "metrics", "detailed_scores", "registry_schema"}
    assert list_runs(path) == []


def test_a_registry_is_replaced_only_on_request(db: Database) -> None:
    place = make_registry(db)
    create_run(db, "kept")
    with pytest.raises(RegistryExistsError, match="overwrite"):
        make_registry(db)
    assert [run.run_name for run in list_runs(db)] == ["kept"]
    assert make_registry(db, overwrite=True) == place == locate(db)
    assert list_runs(db) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_that_is_no_database_is_never_overwritten(tmp_path: Path, overwrite: bool) -> None:
    path = tmp_path / "main.db"
    path.write_text("my thesis, the only copy; " * 100)
    before = path.read_bytes()
    with pytest.raises(NotARegistryError, match=r"main\.db"):
        initialize_registry(RegistryInit(registry_path=tmp_path, registry_name="main", overwrite=overwrite))
    assert path.read_bytes() == before


def test_tables_of_another_program_are_never_overwritten(db: Database) -> None:
    with altering(db) as connection:
        connection.execute("CREATE TABLE metrics (key TEXT, value REAL)")
        connection.execute("INSERT INTO metrics VALUES ('loss', 1)")
    with pytest.raises(NotARegistryError, match="no registry's"):
        make_registry(db, overwrite=True)
    with pytest.raises(RegistryOutdatedError):
        register_model(db, "r", "m")
    with looking(db) as connection:
        assert [tuple(row) for row in connection.execute("SELECT * FROM metrics")] == [("loss", 1.0)]


def test_overwriting_leaves_the_other_tables(db: Database) -> None:
    with altering(db) as connection:
        connection.execute("CREATE TABLE manifests (run_id TEXT)")
        connection.execute("INSERT INTO manifests VALUES ('one')")
    make_registry(db)
    create_run(db, "r")
    make_registry(db, overwrite=True)
    with looking(db) as connection:
        assert [tuple(row) for row in connection.execute("SELECT * FROM manifests")] == [("one",)]
    assert list_runs(db) == []


def test_a_schema_restricts_the_metrics(db: Database) -> None:
    path = make_registry(db, metrics_schema={"eng": ["acc", "acc_norm"]})
    register_model(path, "r", "m", "/m")
    assert add_metric(path, "eng", "acc", 0.5, model_name="m", run_name="r") == METRIC_INSERTED
    with pytest.raises(UnknownNameError, match=r"'f1'.*'eng'.*acc, acc_norm"):
        add_metric(path, "eng", "f1", 0.5, model_name="m", run_name="r")
    with pytest.raises(UnknownNameError, match=r"no family 'ita'.*eng"):
        add_metric(path, "ita", "acc", 0.5, model_name="m", run_name="r")


def test_a_registry_needs_a_folder_that_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RegistryUnavailableError, match="cannot make the folder"):
        initialize_registry(RegistryInit(registry_path=tmp_path / "file", registry_name="main"))


def test_a_run_is_made_once(db: Database) -> None:
    first = create_run(db, "exp", description="first try", metadata={"lr": 0.1})
    assert create_run(db, "exp") == first
    assert create_run(db, "other") != first
    (run, _) = list_runs(db)
    assert (run.id, run.run_name, run.description, run.metadata, run.models) == (
        first, "exp", "first try", {"lr": 0.1}, 0,
    )  # fmt: skip


def test_a_later_description_replaces_the_first(db: Database) -> None:
    create_run(db, "exp", description="first", metadata={"a": 1})
    create_run(db, "exp", description="second")
    create_run(db, "exp", metadata={"b": 2})
    (run,) = list_runs(db)
    assert (run.description, run.metadata) == ("second", {"b": 2})


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "\ud800"])
def test_names_that_cannot_be_meant_are_refused(db: Database, name: str) -> None:
    with pytest.raises(InvalidEntryError, match="name"):
        create_run(db, name)
    with pytest.raises(InvalidEntryError, match="name"):
        register_model(db, "r", name, "/m")
    with pytest.raises(RegistryMissingError):
        list_runs(db)


@pytest.mark.parametrize("metadata", [{"x": object()}, {"x": float("nan")}, ["x"]])
def test_metadata_that_json_cannot_hold_is_refused(db: Database, metadata: dict[str, object]) -> None:
    with pytest.raises(InvalidEntryError, match="metadata"):
        create_run(db, "exp", metadata=metadata)


def test_registering_twice_is_registering_once(db: Database) -> None:
    first = register_model(db, run_name="r", model_name="m", path="/m")
    assert register_model(db, run_name="r", model_name="m", path="/m") == first
    assert register_model(db, "s", "m", "/m") != first
    assert [run.models for run in list_runs(db)] == [1, 1]
    assert [each.run_name for each in list_models(db)] == ["r", "s"]
    assert [each.id for each in list_models(db, "r")] == [first]


def test_the_latest_path_and_parent_win(db: Database) -> None:
    base, other = register_model(db, "r", "base", "/base"), register_model(db, "r", "other", "/other")
    register_model(db, "r", "m", "/old", parent_name="base")
    register_model(db, "r", "m", None)
    assert (model(db, "m").path, model(db, "m").parent_id) == ("/old", base)
    register_model(db, "r", "m", Path("/new"), parent_id=other)
    assert (model(db, "m").path, model(db, "m").parent_id) == ("/new", other)


def test_a_missing_parent_is_named_and_nothing_is_written(db: Database) -> None:
    register_model(db, "r", "llama-base", "/m")
    with pytest.raises(UnknownNameError, match=r"'lama-base'.*did you mean 'llama-base'"):
        register_model(db, "new", "child", "/c", parent_name="lama-base")
    with pytest.raises(UnknownNameError, match=r"id 99.*llama-base"):
        register_model(db, "new", "child", "/c", parent_id=99)
    assert [run.run_name for run in list_runs(db)] == ["r"]
    assert [each.model_name for each in list_models(db)] == ["llama-base"]


def test_a_parent_is_looked_for_in_the_own_run_first(db: Database) -> None:
    here, there = register_model(db, "here", "base", "/1"), register_model(db, "there", "base", "/2")
    register_model(db, "here", "child", "/c", parent_name="base")
    register_model(db, "there", "kid", "/c", parent_name="base")
    assert (model(db, "child").parent_id, model(db, "kid").parent_id) == (here, there)
    with pytest.raises(AmbiguousNameError, match="here, there"):
        register_model(db, "third", "x", "/c", parent_name="base")


def test_a_parent_may_be_in_another_run(db: Database) -> None:
    base = register_model(db, "pretraining", "base", "/b")
    register_model(db, "tuning", "sft", "/s", parent_name="base")
    assert model(db, "sft").parent_id == base


def test_a_parent_by_name_and_id_must_be_one_model(db: Database) -> None:
    base, other = register_model(db, "r", "base", "/b"), register_model(db, "r", "other", "/o")
    register_model(db, "r", "m", "/m", parent_name="base", parent_id=base)
    assert model(db, "m").parent_id == base
    with pytest.raises(InvalidEntryError, match="different models"):
        register_model(db, "r", "m", "/m", parent_name="base", parent_id=other)


def test_a_model_never_descends_from_itself(db: Database) -> None:
    base = register_model(db, "r", "base", "/b")
    register_model(db, "r", "sft", "/s", parent_name="base")
    dpo = register_model(db, "r", "dpo", "/d", parent_name="sft")
    with pytest.raises(LineageError, match="descends from it"):
        register_model(db, "r", "base", "/changed", parent_name="dpo")
    with pytest.raises(LineageError):
        register_model(db, "r", "base", "/changed", parent_id=dpo)
    with pytest.raises(LineageError):
        register_model(db, "r", "base", "/changed", parent_id=base)
    with pytest.raises(LineageError, match="its own parent"):
        register_model(db, "r", "base", "/changed", parent_name="base")
    assert (model(db, "base").parent_id, model(db, "base").path) == (None, "/b")


def test_a_namesake_in_another_run_can_be_the_parent_again_and_again(db: Database) -> None:
    base = register_model(db, "one", "llama", "/1")
    for _ in range(2):
        child = register_model(db, "two", "llama", "/2", parent_name="llama")
    assert {each.id: each.parent_id for each in list_models(db)} == {base: None, child: base}


def test_lists_do_not_make_a_registry(db: Database) -> None:
    for _ in range(2):
        with pytest.raises(RegistryMissingError, match="lightml init"):
            list_models(db)
    place = locate(db)
    assert not isinstance(place, Path) or not place.exists()
    assert list_models(ensure(db), "no such run") == []


def test_names_of_any_length_are_kept_apart(db: Database) -> None:
    long = "".join(chr(0x4E00 + (number * 7919) % 20000) for number in range(4_000))
    for name in (long, long + "a", long):
        model_id = register_model(db, long, name, f"/{name}")
        register_checkpoint(db, long, name, 1, f"/{name}")
        add_metric(db, long, name, 0.5, model_name=name, run_name=long)
        assert model(db, name).id == model_id
    assert len(list_models(db, long)) == 2
    assert [len(list_checkpoints(db, name)) for name in (long, long + "a")] == [1, 1]
    assert [row["value"] for row in search(db, family=long)] == [0.5, 0.5]


def test_names_are_ordered_by_their_code_points(db: Database) -> None:
    names = ["B", "_", "a", "b", "\u00e4", "\u4e2d"]
    for name in reversed(names):
        register_model(db, "r", name)
    assert [each.model_name for each in list_models(db)] == names
