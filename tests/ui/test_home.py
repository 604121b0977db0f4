from pathlib import Path

import pytest

from tests.live_server import unused_address
from tests.local_store import start_run
from tests.ui.dashboard import HOSTILE, charts, opened, shown


@pytest.fixture
def runs(server: str) -> list[str]:
    """Two runs on iris, one on a dataset with a strange name, and one that failed."""
    ids = []
    for dataset, accuracy in (("iris", 0.8), ("iris", 0.9), (HOSTILE, 0.7)):
        with start_run({"lr": 0.1}, dataset_id=dataset, note=HOSTILE) as run:
            run.log_metrics({"accuracy": accuracy, "val_loss": 1 - accuracy})
        ids.append(run.run_id)
    with pytest.raises(ValueError, match="<b>"), start_run({"lr": 0.1}, dataset_id="iris") as failed:
        raise ValueError("<b>bad</b> # [x](y)")
    return [*ids, failed.run_id]


def test_totals_are_those_of_the_store(runs: list[str]) -> None:
    app = opened("home")
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric} == {
        "Runs": "4", "Running": "0", "Finished": "3", "Failed or killed": "1", "Datasets": "2", "Metrics": "2",
    }  # fmt: skip


def test_recent_failed_and_best_runs_lead_to_their_pages(runs: list[str]) -> None:
    recent, failed, best = (table.value for table in opened("home").dataframe)
    assert recent["run"].tolist() == [f"run?id={run_id}" for run_id in reversed(runs)]
    assert failed["run"].tolist() == [f"run?id={runs[3]}"]
    assert recent["duration"].str.endswith(" s").all()
    assert failed["duration"].str.endswith(" s").all()
    assert failed["why"].tolist() == ["ValueError: <b>bad</b> # [x](y)"]
    assert best["dataset"].tolist() == ["iris", HOSTILE]
    assert best["metric:accuracy"].tolist() == [f"run?id={runs[1]}#0.9", f"run?id={runs[2]}#0.7"]
    assert best["metric:val_loss"].tolist() == [f"run?id={runs[1]}#0.1", f"run?id={runs[2]}#0.3"]


def test_activity_is_drawn(runs: list[str]) -> None:
    assert charts(opened("home")) == 1


def test_an_empty_store_says_what_to_do(server: str) -> None:
    assert "No run is recorded yet" in shown(opened("home"))


def test_without_failures_or_metrics_the_page_says_so(server: str) -> None:
    with start_run({"lr": 0.1}):
        pass
    text = shown(opened("home"))
    assert "Runs that fail or are killed appear here" in text
    assert "Runs with a dataset and a final metric appear here" in text


def test_without_a_server_the_page_says_how_to_start_it(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    app = opened("home")
    assert "The server does not answer" in shown(app)
    assert app.code[0].value == "make serve"
