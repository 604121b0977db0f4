"""The questions of the project's first description, asked without a key of a store of really trained runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend.api import create_app
from scripts.demo import ROOT, SWEEP
from tests.backend.conftest import InProcess, settings_for


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the application over the store that `make run` fills."""
    folder = tmp_path_factory.mktemp("demo")
    store = folder / "manifests.db"
    environment = {**os.environ, "DB_PATH": str(store), "LAB_SERVER_URL": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, *SWEEP, "--output_dir", str(folder / "checkpoints")]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    app = create_app(settings_for(store))
    with httpx.Client(transport=InProcess(app, client=("127.0.0.1", 50_000)), base_url="http://127.0.0.1") as opened:
        yield opened
    app.state.service.close()


def ask(client: httpx.Client, question: str) -> dict[str, Any]:
    response = client.post("/agent/query", json={"query": question})
    assert response.status_code == httpx.codes.OK, response.text
    assert response.headers["X-Agent-Engine"] == "offline"
    answer: dict[str, Any] = response.json()
    assert set(answer) == {
        "intent", "natural_language_answer", "used_run_ids", "comparison", "flagged_run_id",
    }  # fmt: skip
    return answer


def leaders(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = client.get("/runs/leaderboard", params={"metric_name": "accuracy", **query}).json()
    return runs


def test_list_my_top_runs_by_accuracy(client: httpx.Client) -> None:
    answer = ask(client, "List my top runs by accuracy")

    ranked = [run["run_id"] for run in leaders(client, top_k=len(answer["used_run_ids"]))]
    assert answer["intent"] == "best_run"
    assert len(ranked) > 1
    assert answer["used_run_ids"] == ranked


def test_compare_the_best_two_runs(client: httpx.Client) -> None:
    answer = ask(client, "Compare the best two runs")

    best = [run["run_id"] for run in leaders(client, top_k=2)]
    assert answer["intent"] == "compare_runs"
    assert answer["comparison"]["run_ids"] == best
    values = answer["comparison"]["metrics"]["accuracy"]["values"]
    assert values == {run["run_id"]: run["final_metrics"]["accuracy"] for run in leaders(client, top_k=2)}


def test_flag_the_best_run_for_publish(client: httpx.Client) -> None:
    best = leaders(client, top_k=1)[0]["run_id"]

    answer = ask(client, "Flag the best run for publish")

    assert answer["intent"] == "flag_run"
    assert answer["flagged_run_id"] == best
    assert client.get(f"/runs/{best}").json()["note"] == "PUBLISH"
    assert client.get("/runs", params={"note_substring": "PUBLISH"}).headers["X-Total-Count"] == "1"


def test_summarize_my_recent_experiments(client: httpx.Client) -> None:
    answer = ask(client, "Summarize my recent experiments")

    assert answer["intent"] == "summarize_runs"
    assert all(dataset in answer["natural_language_answer"] for dataset in ("iris", "wine", "breast_cancer", "digits"))


def test_compare_my_best_two_svm_runs(client: httpx.Client) -> None:
    answer = ask(client, "Compare my best two SVM runs")

    svm = client.get("/runs", params={"param": "model_name:linear_svm", "sort": "metric:accuracy", "limit": 2}).json()
    assert answer["intent"] == "compare_runs"
    assert answer["comparison"]["run_ids"] == [run["run_id"] for run in svm]


def test_what_models_work_best_on_breast_cancer(client: httpx.Client) -> None:
    answer = ask(client, "What models work best on breast_cancer in terms of accuracy and runtime?")

    best = leaders(client, dataset_id="breast_cancer", top_k=1)[0]
    text = answer["natural_language_answer"]
    assert answer["used_run_ids"][0] == best["run_id"]
    assert best["params"]["model_name"] in text
    assert "runtime_s" in text
    used = [client.get(f"/runs/{run_id}").json() for run_id in answer["used_run_ids"]]
    assert {run["dataset_id"] for run in used} == {"breast_cancer"}
    assert len({run["params"]["model_name"] for run in used}) == 3
