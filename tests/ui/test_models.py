import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lightml.handle import LightMLHandle
from tests.backend.registries import fill
from tests.live_server import unused_address
from tests.local_store import start_run
from tests.ui.dashboard import HOSTILE, charts, opened, shown
from tools.client import LabClient


@pytest.fixture
def file(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the registry is, in a file of its own."""
    path = isolated / "models.db"
    monkeypatch.setenv("LIGHTML_DB", str(path))
    return path


@pytest.fixture
def models(file: Path, server: str) -> dict[str, str]:
    """A base model, one tuned from it and one tuned from that: their ids by name, as the address has them."""
    return {name: str(model_id) for name, model_id in fill(file).items()}


def names(app: AppTest) -> list[str]:
    """Gives the models of the table, in order."""
    assert not app.exception
    return [str(name) for name in app.dataframe[0].value["model"]]


def headings(app: AppTest) -> list[str]:
    """Gives the headings of the table."""
    return [column["label"] for column in json.loads(app.dataframe[0].proto.columns).values() if "label" in column]


def button(app: AppTest, label: str) -> AppTest:
    return next(found for found in app.button if found.label == label).click().run()


def test_the_table_holds_every_model_against_every_metric(models: dict[str, str]) -> None:
    app = opened("models")
    assert names(app) == ["llama", "llama-dpo", "llama-sft"]
    table = app.dataframe[0].value
    assert table["run"].tolist() == ["base", "llama-sft", "llama-sft"]
    assert table["metric-0"].tolist() == [0.4, 0.8, 0.8]
    assert "mmlu · acc" in headings(app)
    assert "wiki · perplexity" in headings(app)
    assert "3 models, 1 checkpoint, 6 metrics in 2 runs" in shown(app)


def test_each_family_has_a_tab(models: dict[str, str]) -> None:
    app = opened("models", family="wiki")
    assert [tab.label for tab in app.tabs] == ["All families", "mmlu", "wiki"]
    assert names(app) == ["llama", "llama-sft"]
    assert app.dataframe[0].value["metric-0"].tolist() == [12.5, 14.0]
    assert "2 models evaluated in this family" in shown(app)
    assert len(names(opened("models", family="nosuchfamily"))) == 3


def test_the_same_metric_of_two_families_is_two_columns(file: Path, models: dict[str, str]) -> None:
    LightMLHandle(file, "base").log_model_metric("llama", "wiki", "acc", 0.1)
    app = opened("models")
    assert "mmlu · acc" in headings(app)
    assert "wiki · acc" in headings(app)
    table = app.dataframe[0].value
    assert (table["metric-0"][0], table["metric-1"][0]) == (0.4, 0.1)


def test_the_order_stands_in_the_address_and_the_best_comes_first(models: dict[str, str]) -> None:
    assert names(opened("models", by="metric:wiki/perplexity")) == ["llama", "llama-sft", "llama-dpo"]
    assert names(opened("models", by="metric:wiki/perplexity", way="desc")) == ["llama-sft", "llama", "llama-dpo"]
    assert names(opened("models", by="model", way="desc")) == ["llama-sft", "llama-dpo", "llama"]
    assert names(opened("models", by="metric:no/such")) == ["llama", "llama-dpo", "llama-sft"]
    assert "wiki · perplexity ↑" in headings(opened("models", by="metric:wiki/perplexity"))


def test_models_are_found_by_words_and_by_run(models: dict[str, str]) -> None:
    assert names(opened("models", search="DPO")) == ["llama-dpo"]
    assert names(opened("models", run="base")) == ["llama"]
    assert "No model fits" in shown(opened("models", search="nosuchmodel"))


def test_a_family_that_a_run_lacks_is_said(file: Path, models: dict[str, str]) -> None:
    LightMLHandle(file, "other").register_model("alone")
    app = opened("models", run="other", family="mmlu")
    assert not app.exception
    assert "Choose another tab or run" in shown(app)


def test_checkpoints_are_shown_on_demand(models: dict[str, str]) -> None:
    app = opened("models", checkpoints="true", family="mmlu")
    assert names(app) == ["llama", "llama-dpo", "llama-sft", "↳ step 100"]
    assert app.dataframe[0].value["metric-0"].tolist() == [0.4, 0.8, 0.8, 0.6]


def test_a_selection_is_shown_alone_kept_between_views_and_cleared(models: dict[str, str]) -> None:
    chosen = [models["llama"], models["llama-dpo"]]
    app = opened("models", models=chosen, only="true")
    assert names(app) == ["llama", "llama-dpo"]
    assert "2 selected" in shown(app)
    for view in ("Graph", "Compare", "Leaderboard", "Table"):
        app.button_group(key="view").set_value([view]).run()
        assert not app.exception
        assert "2 selected" in shown(app)
    button(app, "Clear selection")
    assert "selected" not in shown(app)
    assert "models" not in app.query_params
    assert len(names(app)) == 3


def test_of_one_selected_model_it_is_told_what_it_was_made_from(models: dict[str, str]) -> None:
    text = shown(opened("models", models=models["llama-dpo"])).replace("\\", "")
    assert "made from llama-sft ← llama" in text


def test_a_selected_model_that_was_deleted_is_named(models: dict[str, str]) -> None:
    app = opened("models", models=["999", "x", models["llama"]])
    assert not app.exception
    assert "No longer there, and left out: model 999" in shown(app)
    assert "1 selected" in shown(app)


def test_the_graph_is_drawn_and_searched(models: dict[str, str]) -> None:
    app = opened("models", view="Graph")
    assert charts(app) == 1
    assert "3 models" in shown(app)
    assert "1 fit the search" in shown(opened("models", view="Graph", search="dpo"))
    app = opened("models", view="Graph", search="nosuchmodel", checkpoints="true")
    assert charts(app) == 0
    assert "No model fits" in shown(app)


def test_two_models_are_compared_with_their_significance(models: dict[str, str]) -> None:
    app = opened("models", view="Compare", models=[models["llama"], models["llama-sft"]])
    assert not app.exception
    table = app.dataframe[0].value.set_index("metric")
    assert table["verdict"].to_dict() == {"acc": "▲ better", "perplexity": "▼ worse"}
    assert table["significance"].to_dict() == {"acc": "significantly better", "perplexity": "no per-sample scores"}
    assert table["difference"]["acc"] == "+0.4"
    assert str(table["95 % interval"]["acc"]).startswith("+")
    assert "1 of 1 tested differences are significant" in shown(app)
    button(app, "Swap")
    assert app.query_params["models"] == [models["llama-sft"], models["llama"]]
    assert app.dataframe[0].value.set_index("metric")["significance"]["acc"] == "significantly worse"


def test_missing_scores_and_metrics_are_said(models: dict[str, str]) -> None:
    app = opened("models", view="Compare", models=[models["llama-sft"], models["llama-dpo"]])
    table = app.dataframe[0].value.set_index("metric")
    assert table["significance"].to_dict() == {
        "acc": "no per-sample scores of the candidate", "perplexity": "only one model has it",
    }  # fmt: skip
    assert "Nothing can be tested" in shown(app)


def test_scores_of_unequal_length_are_said(file: Path, models: dict[str, str]) -> None:
    handle = LightMLHandle(file, "llama-sft")
    handle.log_model_metric("llama-dpo", "mmlu", "acc", 1.0, scores=[1, 1, 1], force=True)
    app = opened("models", view="Compare", models=[models["llama-sft"], models["llama-dpo"]])
    assert not app.exception
    assert "50" in app.dataframe[0].value.set_index("metric")["significance"]["acc"]


@pytest.mark.parametrize("chosen", [[], ["llama"], ["llama", "llama-sft", "llama-dpo"]])
def test_only_two_models_are_compared(models: dict[str, str], chosen: list[str]) -> None:
    app = opened("models", view="Compare", models=[models[name] for name in chosen])
    assert "Select exactly two models" in shown(app)


def test_the_leaderboard_shows_ties(file: Path, models: dict[str, str]) -> None:
    LightMLHandle(file, "llama-sft").log_model_metric(
        "llama-dpo", "mmlu", "acc", 0.78, scores=[1] * 39 + [0] * 11, force=True
    )
    table = opened("models", view="Leaderboard", score="mmlu/acc").dataframe[0].value.set_index("model")
    assert table["#"].to_dict() == {"llama-sft": 1, "llama-dpo": 1, "llama": 3}
    assert table["against the best"].to_dict() == {
        "llama-sft": "best", "llama-dpo": "cannot be told apart", "llama": "significantly worse",
    }  # fmt: skip
    app = opened("models", view="Leaderboard", score="wiki/perplexity")
    assert app.dataframe[0].value["model"].tolist() == ["llama", "llama-sft"]
    assert "lowest first" in shown(app)
    assert "Ranked by value alone" in shown(app)


def test_excel_is_offered(models: dict[str, str]) -> None:
    assert [found.proto.label for found in opened("models").get("download_button")] == ["Excel"]


def test_without_a_model_it_says_how_to_register_one(server: str) -> None:
    app = opened("models")
    assert "No model is registered yet" in shown(app)
    commands = "\n".join(code.value for code in app.code)
    assert "lightml scan --path examples/lm_eval/results" in commands
    assert "lightml model-register --from-run" in commands


def test_without_a_server_it_says_how_to_start_one(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    app = opened("models")
    assert "The server does not answer" in shown(app)
    assert app.code[0].value == "make serve"


@pytest.mark.parametrize("view", ["Table", "Graph", "Compare", "Leaderboard"])
def test_text_out_of_the_registry_is_shown_as_text(file: Path, server: str, view: str) -> None:
    handle = LightMLHandle(file, HOSTILE)
    ids = [
        handle.register_model(HOSTILE, path="=1+1"),
        handle.register_model("line\nline" + "y" * 100_000, parent_name=HOSTILE),
    ]
    handle.log_model_metric(HOSTILE, HOSTILE, HOSTILE, 0.5)
    handle.log_model_metric(HOSTILE, "z" * 900, "long", 0.5)
    app = opened("models", view=view, models=[str(model_id) for model_id in ids])
    assert not app.exception
    assert "**b**" not in shown(app)
    assert all("**b**" not in tab.label for tab in app.tabs)
    if view == "Table":
        assert HOSTILE in app.dataframe[0].value["model"].tolist()


def test_a_run_links_to_the_models_it_made_and_they_link_back(isolated: Path, server: str) -> None:
    with start_run(dataset_id="iris") as run:
        (isolated / "model.bin").write_bytes(b"weights")
        run.log_artifact(isolated / "model.bin")
        run.log_metrics({"accuracy": 0.9})
    with start_run() as other:
        pass
    with LabClient(server) as client:
        model = client.registry.register_run_model(run.run_id, run_name="trained", model_name="svm")
    links = [found.proto for found in opened("run", id=run.run_id).get("page_link")]
    assert [link.query_string for link in links if "svm" in link.label] == [f"models={model.id}"]
    assert "Models" not in shown(opened("run", id=other.run_id))
    app = opened("models", models=str(model.id))
    assert app.dataframe[0].value["made by"].tolist() == [f"run?id={run.run_id}"]
    assert f"id={run.run_id}" in [found.proto.query_string for found in app.get("page_link")]
