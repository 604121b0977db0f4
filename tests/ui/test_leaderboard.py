from pathlib import Path

import pytest

from tests.live_server import unused_address
from tests.local_store import start_run
from tests.ui.dashboard import HOSTILE, charts, opened, shown


def record(model: str, *, accuracy: float, dataset: str = "iris") -> str:
    with start_run({"model": model, "seed": 1}, dataset_id=dataset) as run:
        run.log_metrics({"accuracy": accuracy, "val_loss": 1 - accuracy})
    return run.run_id


@pytest.fixture
def ranked(server: str) -> list[str]:
    """Three runs, the most accurate first."""
    return [record("svm", accuracy=0.9), record("tree", accuracy=0.8), record("knn", accuracy=0.7, dataset="wine")]


def test_the_best_by_the_likeliest_metric_come_first_with_links(ranked: list[str]) -> None:
    app = opened("leaderboard")
    assert not app.exception
    table = app.dataframe[0].value
    assert table["link"].tolist() == [f"/run?id={run_id}" for run_id in ranked]
    assert table["value"].tolist() == [0.9, 0.8, 0.7]
    assert table["param:model"].tolist() == ["svm", "tree", "knn"]
    assert "param:seed" not in table
    assert charts(app) == 1


def test_a_loss_is_ranked_lowest_first_and_can_be_turned(ranked: list[str]) -> None:
    app = opened("leaderboard", metric="val_loss")
    assert app.dataframe[0].value["link"][0].endswith(ranked[0])
    assert "lowest first" in shown(app)
    app = opened("leaderboard", metric="val_loss", order="highest")
    assert app.dataframe[0].value["link"][0].endswith(ranked[-1])


def test_dataset_and_number_stand_in_the_address(ranked: list[str]) -> None:
    assert opened("leaderboard", dataset="wine").dataframe[0].value["dataset"].tolist() == ["wine"]
    app = opened("leaderboard", top="2")
    assert len(app.dataframe[0].value) == 2
    assert "top 2 of 3 by accuracy" in shown(app)
    assert "all 1 by accuracy" in shown(opened("leaderboard", dataset="wine"))


@pytest.mark.parametrize("plot", ["dots", "bars"])
def test_the_plot_is_of_bars_or_dots_and_coloured(ranked: list[str], plot: str) -> None:
    app = opened("leaderboard", plot=plot, color="model")
    assert not app.exception
    assert charts(app) == 1


def test_a_dataset_without_the_metric_says_so(ranked: list[str]) -> None:
    with start_run(dataset_id="digits") as run:
        run.log_metrics({"other": 1.0})
    app = opened("leaderboard", metric="accuracy", dataset="digits")
    assert not app.exception
    assert "choose another metric or dataset" in shown(app)


def test_an_empty_store_says_how_to_record_something(server: str) -> None:
    assert "No run is recorded yet." in shown(opened("leaderboard"))


def test_runs_without_metrics_say_what_to_do(server: str) -> None:
    with start_run():
        pass
    assert "No run has a final metric yet" in shown(opened("leaderboard"))


def test_without_a_server_it_says_how_to_start_one(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    assert opened("leaderboard").code[0].value == "make serve"


def test_text_of_the_store_is_shown_as_text(server: str) -> None:
    with start_run({HOSTILE: HOSTILE}, dataset_id=HOSTILE, note=HOSTILE) as run:
        run.log_metrics({HOSTILE: 1.0})
    app = opened("leaderboard")
    assert not app.exception
    assert "**b**" not in shown(app)
    assert app.dataframe[0].value["dataset"].tolist() == [HOSTILE]
