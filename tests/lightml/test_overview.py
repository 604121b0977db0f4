from pathlib import Path

import pytest

from lightml import overview
from lightml.connections import Database, writing
from lightml.errors import AmbiguousNameError, RegistryMissingError, UnknownNameError
from lightml.handle import LightMLHandle
from lightml.search import search


@pytest.fixture
def db(place: Database) -> Database:
    """A registry of two runs: `base` with one model, `sft` with one made from it and one more without anything."""
    base, sft = LightMLHandle(place, "base"), LightMLHandle(place, "sft")
    base.register_model("llama", path="/models/Llama")
    sft.register_model("tuned", parent_name="llama")
    sft.register_model("bare")
    base.log_model_metric("llama", "mmlu", "acc", 0.5, scores=[1, 0])
    sft.log_model_metric("tuned", "mmlu", "acc", 0.6)
    sft.log_checkpoint_metric(sft.register_checkpoint("tuned", 10), "mmlu", "loss", 1.5)
    sft.log_checkpoint_metric(sft.register_checkpoint("tuned", 20), "mmlu", "loss", 1.2)
    return place


def test_the_vocabulary_counts_models_and_not_their_checkpoints(db: Database) -> None:
    found = overview.facets(db)
    assert [(run["run_name"], run["models"]) for run in found["runs"]] == [("base", 1), ("sft", 2)]
    assert found["families"] == [
        {
            "family": "mmlu",
            "metrics": [
                {"name": "acc", "models": 2, "has_scores": True, "order": "desc"},
                {"name": "loss", "models": 1, "has_scores": False, "order": "asc"},
            ],
        }
    ]
    assert (found["total_models"], found["total_checkpoints"], found["total_metrics"]) == (3, 2, 4)


def test_scores_of_a_checkpoint_are_none_that_models_can_be_tested_on(db: Database) -> None:
    LightMLHandle(db, "sft").log_checkpoint_metric(1, "arc", "acc", 0.5, scores=[1, 0])
    arc = overview.facets(db)["families"][0]
    assert (arc["family"], arc["metrics"][0]["models"], arc["metrics"][0]["has_scores"]) == ("arc", 1, False)


@pytest.mark.parametrize(
    ("text", "names"), [("LLAMA", ["llama"]), ("sft", ["bare", "tuned"]), ("", ["llama", "bare", "tuned"]), ("_", [])]
)
def test_text_is_looked_for_in_name_path_and_run(db: Database, text: str, names: list[str]) -> None:
    models, total = overview.find_summaries(db, text=text)
    assert ([model["model_name"] for model in models], total) == (names, len(names))


def test_a_page_counts_what_lies_beyond_it(db: Database) -> None:
    models, total = overview.find_summaries(db, limit=1, offset=2)
    assert ([(model["model_name"], model["checkpoints"], model["metrics"]) for model in models], total) == (
        [("tuned", 2, 3)],
        3,
    )
    metrics, total = overview.find_metrics(db, family="mmlu", limit=1, offset=1)
    assert ([metric["model"] for metric in metrics], total) == (["tuned"], 2)


@pytest.mark.parametrize("model", [None, "*", "t?ned", "[t]uned", "*a*"])
def test_patterns_mean_what_they_mean_to_search(db: Database, model: str | None) -> None:
    found, total = overview.find_metrics(db, model=model)
    expected = search(db, model=model, family="*")
    assert [{name: metric[name] for name in metric if name != "model_id"} for metric in found] == expected
    assert total == len(expected)


def test_one_model_has_its_checkpoints_metrics_behind_its_own(db: Database) -> None:
    model = overview.model_details(db, 2)
    assert [(metric["metric_name"], metric["checkpoint_id"]) for metric in model["metrics"]] == [
        ("acc", None),
        ("loss", 1),
        ("loss", 2),
    ]
    assert [checkpoint["step"] for checkpoint in model["checkpoints"]] == [10, 20]
    assert model["lineage"] == {
        "ancestors": [{"id": 1, "model_name": "llama", "run_name": "base"}],
        "children": [],
    }
    assert overview.checkpoint(db, 2)["step"] == 20


def test_a_circle_that_another_program_made_ends(db: Database) -> None:
    with writing(db) as connection:
        connection.execute("UPDATE model SET parent_id = 2 WHERE id = 1")
    model = overview.model_details(db, 1)
    assert [found["id"] for found in model["lineage"]["ancestors"]] == [2]
    assert [found["id"] for found in model["lineage"]["children"]] == [2]


def test_what_is_not_there_is_named(db: Database, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="77"):
        overview.model_details(db, 77)
    with pytest.raises(UnknownNameError, match="77"):
        overview.checkpoint(db, 77)
    with pytest.raises(UnknownNameError, match="77"):
        overview.name_of(db, 77)
    with pytest.raises(RegistryMissingError):
        overview.facets(tmp_path / "none.db")


def test_a_name_means_one_model_or_is_refused(db: Database) -> None:
    assert overview.name_of(db, 2) == "sft/tuned"
    LightMLHandle(db, "base").register_model("sft/tuned")
    assert overview.name_of(db, 2) == "tuned"
    LightMLHandle(db, "base").register_model("tuned")
    with pytest.raises(AmbiguousNameError, match="sft/tuned"):
        overview.name_of(db, 2)
