import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab_logger import start_run, storage
from lightml.errors import (
    AmbiguousNameError,
    InvalidEntryError,
    RegistryUnavailableError,
    UnknownNameError,
)
from lightml.handle import LightMLHandle
from lightml.models.registry import ModelRecord, RegistryInit
from lightml.registry import initialize_registry, list_models
from lightml.tracker import model_artifacts, register_run_model


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The tracker's store, which is also where the registry is by default."""
    (tmp_path / ".env").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("DATASET_ID", "PROJECT_NAME", "LAB_SERVER_URL", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DB_PATH", str(tmp_path / "manifests.db"))
    yield tmp_path / "manifests.db"
    for each in list(storage._open_stores):
        each.close()


def record(*artifacts: str, **options: Any) -> str:
    """Records a run with artifacts and metrics; gives its id."""
    with start_run({"lr": 0.1}, **options) as run:
        for name in artifacts:
            Path(name).write_text(name)
            run.log_artifact(name)
        run.log_metrics({"accuracy": 0.9, "val_loss": 0.25, "broken": float("nan")})
    return run.run_id


def only(db: Path | None = None) -> ModelRecord:
    (model,) = list_models(db)
    return model


def test_a_run_becomes_a_model_with_its_metrics(store: Path) -> None:
    run_id = record("model.pt", "report.html", "metrics.json", dataset_id="mnist", project="digits")
    result = register_run_model(None, run_id)
    assert (result.run_name, result.family, result.source_run_id) == ("digits", "mnist", run_id)
    assert result.model_name == f"model-{run_id[:8]}"
    assert (result.inserted, result.updated, result.skipped) == (2, 0, 0)
    assert list(result.left_out) == ["broken"]
    model = only()
    assert (model.id, model.source_run_id, model.path) == (result.model_id, run_id, result.path)
    assert model.path is not None
    assert Path(model.path).read_text() == "model.pt"
    found = LightMLHandle(store, "digits").search(model="*", family="mnist")
    assert {row["metric"]: row["value"] for row in found} == {"accuracy": 0.9, "val_loss": 0.25}


def test_a_handle_registers_in_its_own_run(store: Path) -> None:
    handle = LightMLHandle(store, "exp")
    base = handle.register_model("base", "/b")
    run_id = record("weights.safetensors")
    result = handle.register_run_model(run_id[:12], "sft", parent_name="base")
    assert (result.model_name, result.run_name, result.family) == ("sft", "exp", "final")
    assert [model.parent_id for model in list_models(store, "exp")] == [None, base]


def test_registering_a_run_again_changes_nothing(store: Path) -> None:
    run_id = record("model.pt")
    first = register_run_model(store, run_id, "m", "exp")
    again = register_run_model(store, run_id, "m", "exp")
    assert (again.model_id, again.inserted, again.skipped) == (first.model_id, 0, 2)
    assert register_run_model(store, run_id, "m", "exp", force=True).updated == 2


def test_a_registry_of_its_own_reads_the_store_it_is_told(store: Path, tmp_path: Path) -> None:
    run_id = record("model.pt")
    registry = tmp_path / "registry.db"
    register_run_model(registry, run_id, "m", "exp", store=store)
    assert only(registry).source_run_id == run_id
    register_run_model(registry, run_id, "m", "exp")
    with closing(sqlite3.connect(registry)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "manifests" not in tables
    with pytest.raises(RegistryUnavailableError, match="holds no runs"):
        register_run_model(registry, run_id, store=registry)
    with pytest.raises(RegistryUnavailableError, match="nowhere"):
        register_run_model(registry, run_id, store=tmp_path / "nowhere.db")


def test_of_several_model_artifacts_one_is_named(store: Path) -> None:
    run_id = record("best.pt", "last.pt", "tokenizer.json")
    with pytest.raises(AmbiguousNameError, match=r"best\.pt, .*last\.pt"):
        register_run_model(store, run_id)
    assert register_run_model(store, run_id, artifact="last.pt").path.endswith("last.pt")
    assert register_run_model(store, run_id, artifact="tokenizer.json").path.endswith("tokenizer.json")
    with pytest.raises(UnknownNameError, match=r"'first\.pt'.*best\.pt"):
        register_run_model(store, run_id, artifact="first.pt")


def test_a_run_without_a_model_says_what_it_has(store: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"looks like a model; it has .*notes\.txt"):
        register_run_model(store, record("notes.txt"))
    with pytest.raises(UnknownNameError, match="it has none"):
        register_run_model(store, record())


@pytest.mark.parametrize(
    ("path", "is_model"),
    [
        ("out/model.PT", True), ("a/net.safetensors", True), ("runs/checkpoint-500", True), ("clf.joblib", True),
        ("model_card.md", False), ("model.json", False), ("plot.png", False), ("predictions.npy", False),
    ],
)  # fmt: skip
def test_what_looks_like_a_model(path: str, is_model: bool) -> None:
    assert model_artifacts([path]) == ([path] if is_model else [])


def test_a_run_that_is_not_over_is_refused(store: Path) -> None:
    with start_run() as run:
        Path("model.pt").touch()
        run.log_artifact("model.pt")
        with pytest.raises(InvalidEntryError, match="is running"):
            register_run_model(store, run.run_id, allow_failed=True)


def test_a_failed_run_needs_a_clear_choice(store: Path) -> None:
    run_id = ""
    with pytest.raises(RuntimeError, match="no memory"), start_run() as run:  # noqa: PT012 - the run must have failed
        run_id = run.run_id
        Path("model.pt").touch()
        run.log_artifact("model.pt")
        raise RuntimeError("no memory")
    with pytest.raises(InvalidEntryError, match=r"is failed.*allow_failed"):
        register_run_model(store, run_id)
    assert register_run_model(store, run_id, allow_failed=True).source_run_id == run_id


def test_a_run_must_be_there_and_be_one(store: Path) -> None:
    record("model.pt")
    record("model.pt")
    with pytest.raises(UnknownNameError, match="'zzz'"):
        register_run_model(store, "zzz")
    with pytest.raises(UnknownNameError):
        register_run_model(store, "")


def test_a_model_of_another_run_is_replaced_only_by_force(store: Path) -> None:
    first, second = record("model.pt"), record("model.pt")
    register_run_model(store, first, "m", "exp")
    with pytest.raises(InvalidEntryError, match=first):
        register_run_model(store, second, "m", "exp")
    assert register_run_model(store, second, "m", "exp", force=True).updated == 2
    assert only(store).source_run_id == second


def test_metrics_that_the_registry_does_not_allow_are_left_out(store: Path) -> None:
    run_id = record("model.pt")
    registry = initialize_registry(
        RegistryInit(registry_path=store.parent, registry_name="own", metrics_schema={"final": ["accuracy"]})
    )
    result = register_run_model(registry, run_id, "m", "exp", store=store)
    assert result.inserted == 1
    assert sorted(result.left_out) == ["broken", "val_loss"]
    assert "it allows accuracy" in result.left_out["val_loss"]


def test_a_missing_parent_leaves_nothing_behind(store: Path) -> None:
    run_id = record("model.pt")
    LightMLHandle(store, "exp")
    with pytest.raises(UnknownNameError, match="no model 'base'"):
        register_run_model(store, run_id, "m", "exp", parent_name="base")
    assert list_models(store) == []
