from pathlib import Path

import pytest

from lightml.database import Database, delete_model, reading
from lightml.errors import AmbiguousNameError, RegistryUnavailableError, UnknownNameError
from lightml.handle import LightMLHandle
from lightml.models.delete import DeleteResult
from lightml.registry import list_models


@pytest.fixture
def handle(place: Database) -> LightMLHandle:
    handle = LightMLHandle(place, "r")
    fill(handle)
    return handle


@pytest.fixture
def filed(tmp_path: Path) -> LightMLHandle:
    """A registry in a file, beside which links to models may lie."""
    handle = LightMLHandle(tmp_path / "registry" / "main.db", "r")
    fill(handle)
    return handle


def fill(handle: LightMLHandle) -> None:
    handle.register_model("base", "/b")
    handle.register_model("sft", "/s", parent_name="base")
    handle.register_model("dpo", "/d", parent_name="sft")
    handle.log_model_metric("sft", "fam", "acc", 0.5, scores=[1, 0])
    handle.log_metrics("sft", {"fam": {"f1": 0.5}})
    for step in (1, 2):
        handle.log_checkpoint_metric(handle.register_checkpoint("sft", step, f"/c/{step}"), "fam", "acc", 0.5, [0, 1])


def counts(db: Database) -> dict[str, int]:
    tables = ("model", "checkpoint", "metrics", "detailed_scores")
    with reading(db) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def _folder(handle: LightMLHandle) -> Path:
    assert isinstance(handle.db, Path)
    return handle.db.parent / "models"


def link(handle: LightMLHandle, name: str, target: Path) -> Path:
    place = _folder(handle) / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    return place


def test_everything_of_the_model_goes_with_it(handle: LightMLHandle) -> None:
    result = handle.delete_model(model_name="sft")
    assert result == DeleteResult(model_name="sft", checkpoints_deleted=2, metrics_deleted=4)
    assert counts(handle.db) == {"model": 2, "checkpoint": 0, "metrics": 0, "detailed_scores": 0}


def test_children_stay_and_keep_their_parent_id(handle: LightMLHandle) -> None:
    before = {model.model_name: model for model in list_models(handle.db)}
    handle.delete_model("sft")
    after = {model.model_name: model for model in list_models(handle.db)}
    assert after == {name: model for name, model in before.items() if name != "sft"}
    again = handle.register_model("sft", "/s")
    assert again not in {model.id for model in before.values()}


def test_only_the_model_of_the_named_run_goes(handle: LightMLHandle) -> None:
    other = LightMLHandle(handle.db, "other")
    fill(other)
    with pytest.raises(AmbiguousNameError, match="r, other"):
        delete_model(handle.db, "sft")
    assert delete_model(handle.db, "sft", run_name="other").metrics_deleted == 4
    assert counts(handle.db) == {"model": 5, "checkpoint": 2, "metrics": 4, "detailed_scores": 3}
    assert handle.run_metric_exists("sft", "fam", "acc")
    assert not other.run_metric_exists("sft", "fam", "acc")


def test_a_handle_deletes_in_its_own_run_only(handle: LightMLHandle) -> None:
    with pytest.raises(UnknownNameError, match="in the run 'empty'"):
        LightMLHandle(handle.db, "empty").delete_model("sft")
    assert handle.model_exists("sft")


def test_a_missing_model_is_a_value_error(handle: LightMLHandle) -> None:
    with pytest.raises(ValueError, match="no model 'nothing'"):
        handle.delete_model("nothing")
    with pytest.raises(ValueError, match="no model 'nothing'"):
        delete_model(handle.db, "nothing")


def test_the_link_goes_and_what_it_points_at_stays(filed: LightMLHandle, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "model.safetensors").touch()
    place = link(filed, "sft", weights)
    filed.delete_model("sft")
    assert not place.is_symlink()
    assert (weights / "model.safetensors").exists()


def test_a_name_with_a_slash_has_its_link_in_a_folder(filed: LightMLHandle, tmp_path: Path) -> None:
    filed.register_model("org/llama", "/m")
    place = link(filed, "org/llama", tmp_path)
    filed.delete_model("org/llama")
    assert not place.is_symlink()
    assert place.parent.is_dir()


def test_the_link_stays_for_a_namesake_in_another_run(filed: LightMLHandle, tmp_path: Path) -> None:
    place = link(filed, "sft", tmp_path)
    fill(LightMLHandle(filed.db, "other"))
    filed.delete_model("sft")
    assert place.is_symlink()
    LightMLHandle(filed.db, "other").delete_model("sft")
    assert not place.is_symlink()


def test_a_file_or_folder_in_its_place_is_left_alone(filed: LightMLHandle) -> None:
    weights = _folder(filed) / "sft"
    weights.mkdir(parents=True)
    (weights / "model.bin").touch()
    filed.delete_model("sft")
    assert (weights / "model.bin").exists()


def test_no_name_reaches_outside_the_folder(filed: LightMLHandle, tmp_path: Path) -> None:
    outside = tmp_path / "registry" / "outside"
    outside.symlink_to(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x").symlink_to(tmp_path)
    link(filed, "away", elsewhere)
    for name in ("../outside", str(outside), "away/x", "../models/../outside"):
        filed.register_model(name, "/m")
        filed.delete_model(name)
    assert outside.is_symlink()
    assert (elsewhere / "x").is_symlink()


def test_nothing_is_deleted_when_the_link_cannot_be(
    filed: LightMLHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    place = link(filed, "sft", tmp_path)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(RegistryUnavailableError, match="cannot remove the link"):
        filed.delete_model("sft")
    assert filed.metric_exists("sft", "fam", "acc")
    assert place.is_symlink()


def test_the_link_goes_though_another_runs_model_reads_like_it(filed: LightMLHandle, tmp_path: Path) -> None:
    filed.register_model("org/llama", "/m")
    LightMLHandle(filed.db, "org").register_model("llama", "/m")
    place = link(filed, "org/llama", tmp_path)
    filed.delete_model("org/llama")
    assert not place.is_symlink()
    assert filed.model_exists("llama")
