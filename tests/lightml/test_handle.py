import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import lightml
from lightml.database import Database
from lightml.errors import (
    InvalidEntryError,
    NotARegistryError,
    RegistryOutdatedError,
    ScoresError,
    UnknownNameError,
)
from lightml.handle import LightMLHandle
from lightml.metrics import METRIC_INSERTED, METRIC_SKIPPED, METRIC_UPDATED
from lightml.registry import list_models, list_runs

LIBS = Path(lightml.__file__).parents[1]


@pytest.fixture
def handle(place: Database) -> LightMLHandle:
    handle = LightMLHandle(db=place, run_name="exp")
    handle.register_model(model_name="llama-base", path="/models/llama-base")
    handle.register_model(model_name="llama-sft", path="/models/llama-sft", parent_name="llama-base")
    return handle


def test_a_handle_makes_its_registry_and_run(tmp_path: Path) -> None:
    handle = LightMLHandle(db=str(tmp_path / "new" / "main.db"), run_name="exp")
    assert (handle.db, handle.run_name) == (tmp_path / "new" / "main.db", "exp")
    assert [run.run_name for run in list_runs(handle.db)] == ["exp"]
    LightMLHandle(handle.db, "exp")
    assert len(list_runs(handle.db)) == 1


def test_a_handle_without_a_file_is_on_the_trackers_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PATH", str(tmp_path / "manifests.db"))
    handle = LightMLHandle(None, "exp")
    handle.register_model("m", "/m")
    assert handle.db == tmp_path / "manifests.db"
    assert [model.model_name for model in list_models()] == ["m"]


def test_a_handle_needs_a_name_and_a_registry(tmp_path: Path) -> None:
    with pytest.raises(InvalidEntryError, match="run name"):
        LightMLHandle(tmp_path / "main.db", "")
    (tmp_path / "text.db").write_text("no database " * 200)
    with pytest.raises(NotARegistryError):
        LightMLHandle(tmp_path / "text.db", "exp")


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    handle = LightMLHandle("./main.db", "exp")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    handle.register_model("m", "/m")
    assert handle.model_exists("m")


def test_models_are_registered_by_parent_name_or_id(handle: LightMLHandle) -> None:
    parent_id = handle.register_model(model_name="llama-base", path="/models/llama-base")
    child = handle.register_model(model_name="llama-dpo", path="/models/llama-dpo", parent_id=parent_id)
    parents = {model.model_name: model.parent_id for model in list_models(handle.db)}
    assert parents == {"llama-base": None, "llama-sft": parent_id, "llama-dpo": parent_id}
    assert handle.register_model("llama-dpo", "/models/llama-dpo") == child


def test_checkpoints_are_registered_and_found(handle: LightMLHandle) -> None:
    checkpoint = handle.register_checkpoint(model_name="llama-sft", step=5000, path="/c/EXP1234T5678/step-5000")
    assert handle.find_checkpoint(model_name="llama-sft", step=5000, path_hint="EXP1234T5678") == checkpoint
    assert handle.find_checkpoint("llama-sft", 6000) is None


def test_metrics_are_inserted_skipped_and_updated(handle: LightMLHandle) -> None:
    checkpoint = handle.register_checkpoint("llama-sft", 1, "/c")
    model: dict[str, Any] = {"model_name": "llama-sft", "family": "mmlu_5shot", "metric_name": "mmlu_acc"}
    held: dict[str, Any] = {"checkpoint_id": checkpoint, "family": "mmlu_5shot", "metric_name": "mmlu_acc"}
    for log, where in ((handle.log_model_metric, model), (handle.log_checkpoint_metric, held)):
        assert log(**where, value=0.5, scores=[1, 0]) == METRIC_INSERTED
        assert log(**where, value=0.6) == METRIC_SKIPPED
        assert log(**where, value=0.75, scores=[1, 1, 0, 1], force=True) == METRIC_UPDATED


def test_a_handle_writes_to_its_own_run_only(handle: LightMLHandle) -> None:
    other = LightMLHandle(handle.db, "other")
    with pytest.raises(UnknownNameError, match="in the run 'other'"):
        other.log_model_metric("llama-sft", "fam", "acc", 0.5)
    with pytest.raises(UnknownNameError, match="in the run 'other'"):
        other.log_metrics("llama-sft", {"fam": {"acc": 0.5}})
    with pytest.raises(UnknownNameError, match="in the run 'other'"):
        other.register_checkpoint("llama-sft", 1, "/c")


def test_scores_come_back(handle: LightMLHandle) -> None:
    where: dict[str, Any] = {
        "model_name": "llama-sft",
        "family": "hellaswag_0shot",
        "metric_name": "hellaswag_acc_norm",
    }
    handle.log_model_metric(**where, value=0.75, scores=[1, 1, 0, 1, 0, 1, 1, 1])
    assert handle.get_detailed_scores(**where) == [1, 1, 0, 1, 0, 1, 1, 1]
    other = LightMLHandle(handle.db, "other")
    assert other.get_detailed_scores(**where) == [1, 1, 0, 1, 0, 1, 1, 1]
    other.register_model("llama-sft", "/other")
    assert other.get_detailed_scores(**where) is None
    assert handle.get_detailed_scores(**where) == [1, 1, 0, 1, 0, 1, 1, 1]


def test_a_whole_evaluation_is_logged_at_once(handle: LightMLHandle) -> None:
    results = {
        "ENG 5-shot": {"MMLU": 56.2, "ARC": 48.7, "HellaSwag": 71.9},
        "ITA 0-shot": {"MMLU": 52.8, "HellaSwag": 62.1},
    }
    assert handle.log_metrics("llama-sft", results) == {"inserted": 5, "updated": 0, "skipped": 0}
    assert handle.log_metrics("llama-sft", results) == {"inserted": 0, "updated": 0, "skipped": 5}
    assert handle.log_metrics("llama-sft", results, force=True) == {"inserted": 0, "updated": 5, "skipped": 0}
    flat = handle.log_metrics_flat("llama-base", {"MMLU": 56.2, "ARC": 48.7}, family="ENG 5-shot")
    assert flat == {"inserted": 2, "updated": 0, "skipped": 0}
    again = handle.log_metrics_flat("llama-base", {"MMLU": 57, "New": 1}, family="ENG 5-shot", force=True)
    assert again == {"inserted": 1, "updated": 1, "skipped": 0}
    assert handle.search("llama-base", metric="MMLU")[0]["value"] == 57.0


def test_one_bad_value_keeps_the_whole_evaluation_out(handle: LightMLHandle) -> None:
    with pytest.raises(InvalidEntryError, match="'ENG'/'ARC'"):
        handle.log_metrics("llama-sft", {"ENG": {"MMLU": 56.2, "ARC": float("nan")}})
    with pytest.raises(InvalidEntryError, match="'ENG'/'ARC'"):
        handle.log_metrics_flat("llama-sft", {"MMLU": 56.2, "ARC": "48.7"}, family="ENG")  # type: ignore[dict-item]
    assert handle.search(family="*") == []


@pytest.mark.parametrize("results", [{"MMLU": 56.2}, [("ENG", {})], {"ENG": 3}])
def test_an_evaluation_of_another_shape_is_refused(handle: LightMLHandle, results: Any) -> None:
    with pytest.raises(InvalidEntryError, match="family"):
        handle.log_metrics("llama-sft", results)


def test_what_exists_is_told(handle: LightMLHandle) -> None:
    handle.log_model_metric("llama-sft", "eng", "acc", 0.5)
    other = LightMLHandle(handle.db, "other")
    for each in (handle, other):
        assert each.model_exists("llama-sft") is True
        assert each.model_exists("llama") is False
        assert each.metric_exists("llama-sft", "eng", "acc") is True
        assert each.metric_exists("llama-base", "eng", "acc") is False
    assert handle.run_metric_exists("llama-sft", "eng", "acc") is True
    assert other.run_metric_exists("llama-sft", "eng", "acc") is False


def test_search_looks_in_every_run(handle: LightMLHandle) -> None:
    handle.log_model_metric("llama-sft", "eng", "acc", 0.5)
    other = LightMLHandle(handle.db, "other")
    found = {"model": "llama-sft", "family": "eng", "metric": "acc", "value": 0.5, "run": "exp"}
    assert other.search(model="llama*", family="eng", metric="a*") == [found]
    assert other.search(model="llama*") == [{"model": "llama-base"}, {"model": "llama-sft"}]
    assert other.search(model="llama*", run="other") == []


def test_two_models_are_compared_by_their_scores(handle: LightMLHandle) -> None:
    handle.log_model_metric("llama-base", "f", "acc", 0.5, scores=[1, 0, 0, 1])
    handle.log_model_metric("llama-sft", "f", "acc", 0.75, scores=[1, 1, 0, 1])
    result = handle.compare_stats(model_a="llama-base", model_b="llama-sft", family="f", metric_name="acc")
    assert result["contingency"] == {"both_correct": 2, "only_a": 0, "only_b": 1, "both_wrong": 1, "n_discordant": 1}
    assert result["mcnemar"] == {"p_value": 1.0, "significant": False, "winner": "b"}
    assert result["bootstrap"]["delta"] == -0.25
    assert (result["mean_a"], result["mean_b"]) == (0.5, 0.75)


def test_a_comparison_needs_scores_of_the_same_samples(handle: LightMLHandle) -> None:
    handle.log_model_metric("llama-base", "f", "acc", 0.5, scores=[1, 0])
    handle.log_model_metric("llama-sft", "f", "acc", 0.75)
    with pytest.raises(UnknownNameError, match="scores"):
        handle.compare_stats("llama-base", "llama-sft", "f", "acc")
    handle.log_model_metric("llama-sft", "f", "acc", 0.75, scores=[1, 1, 0, 1], force=True)
    with pytest.raises(ScoresError, match="2"):
        handle.compare_stats("llama-base", "llama-sft", "f", "acc")


def test_an_old_registry_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, run_name TEXT)")
    with pytest.raises(RegistryOutdatedError, match=r"lightml migrate --db .*old\.db"):
        LightMLHandle(tmp_path / "old.db", "exp")


def test_the_handle_loads_nothing_heavy() -> None:
    heavy = "numpy scipy openpyxl rich typer"
    code = f"import sys, lightml.handle; print([name for name in {heavy.split()!r} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(LIBS)}
    )
    assert answer.stdout.strip() == "[]"
