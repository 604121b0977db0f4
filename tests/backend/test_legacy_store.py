"""A store written by an earlier ai-lab, and its logger still inserting while the service has the store open."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab_logger import statements
from tests.backend.stores import execute

pytestmark = pytest.mark.sqlite
SCHEMA = """
CREATE TABLE manifests (
    run_id TEXT PRIMARY KEY, timestamp TEXT, git_hash TEXT, git_diff TEXT, command TEXT, python_version TEXT,
    pip_freeze TEXT, device_info TEXT, dataset_id TEXT, params_json TEXT, final_metrics_json TEXT, artifacts_json TEXT,
    wandb_url TEXT, note TEXT
)"""
INSERT = f"INSERT INTO manifests VALUES ({', '.join('?' * 14)})"
COLUMNS = statements.MANIFEST_COLUMNS
GONE = "/home/someone/ai-lab/checkpoints/model.joblib"


def row(run_id: str | None, **values: object) -> tuple[object, ...]:
    return tuple({**dict.fromkeys(COLUMNS), "run_id": run_id, **values}[column] for column in COLUMNS)


ROWS = [
    row(
        "nan",
        timestamp="2025-11-30 09:15:00.250000",
        command="python run.py --model_name perceptron",
        dataset_id="iris",
        params_json='{"model_name": "perceptron", "alpha": Infinity}',
        final_metrics_json='{"accuracy": 0.75, "loss": NaN, "worst": -Infinity}',
        artifacts_json=f'["{GONE}", "metrics.csv"]',
        note="first",
    ),
    row(
        "iso",
        timestamp="2025-12-01T10:00:00",
        params_json='{"model_name": "svm"}',
        final_metrics_json='{"accuracy": 1}',
    ),
    row("offset", timestamp="2025-12-01T10:00:00+02:00", artifacts_json="model.joblib", params_json="[1, 2]"),
    row("dict", timestamp="2025-12-02", artifacts_json='{"model": "m.joblib", "csv": "c.csv"}', params_json="not json"),
    row("empty", timestamp=None, artifacts_json="[]", params_json="", final_metrics_json="null", note=""),
    row("text", timestamp="last week", artifacts_json='"one.csv"', final_metrics_json='{"accuracy": "high"}'),
    row("nothing"),
    row("bytes", timestamp="2025-12-03T00:00:00Z", command=b"caf\xe9", note=b"\xff"),
    row(None, timestamp="2025-12-04T00:00:00Z", command="no id", params_json='{"lr": 1}'),
    row(None, timestamp="2025-12-04T00:00:00Z"),
]
NEWEST_FIRST = ["bytes", "dict", "iso", "offset", "nan", "empty", "nothing", "text"]


@pytest.fixture
def older(store: Path) -> Iterator[sqlite3.Connection]:
    """The older logger's own connection, open all the while."""
    store.parent.mkdir()
    connection = sqlite3.connect(store)
    connection.execute(SCHEMA)
    connection.executemany(INSERT, ROWS)
    connection.commit()
    yield connection
    connection.close()


def ids(client: httpx.Client, **asked: Any) -> list[str]:
    answer = client.get("/runs", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Total-Count"] == str(len(answer.json()))
    return [run["run_id"] for run in answer.json()]


def test_lists_every_row_that_has_an_id_in_time_order(client: httpx.Client, older: sqlite3.Connection) -> None:
    assert ids(client) == NEWEST_FIRST
    assert ids(client, order="asc") == ["nan", "offset", "iso", "dict", "bytes", "empty", "nothing", "text"]
    assert "NaN" not in client.get("/runs").text.replace('"NaN"', "")
    assert {run["status"] for run in client.get("/runs").json()} == {"finished"}


def test_shows_documents_of_every_kind(client: httpx.Client, older: sqlite3.Connection) -> None:
    runs = {run_id: client.get(f"/runs/{run_id}").json() for run_id in NEWEST_FIRST}
    assert runs["nan"]["final_metrics"] == {"accuracy": 0.75, "loss": "NaN", "worst": "-Infinity"}
    assert runs["nan"]["params"] == {"model_name": "perceptron", "alpha": "Infinity"}
    assert runs["nan"]["timestamp"] == "2025-11-30 09:15:00.250000"
    assert runs["nan"]["started_at"] == "2025-11-30T09:15:00.250000Z"
    assert runs["offset"]["started_at"] == "2025-12-01T08:00:00.000000Z"
    assert runs["text"]["timestamp"] == "last week"
    assert runs["text"]["started_at"] is None
    assert [runs[run_id]["params"] for run_id in ("offset", "dict", "empty", "nothing")] == [{}] * 4
    assert [runs[run_id]["final_metrics"] for run_id in ("offset", "empty", "nothing")] == [{}] * 3
    assert {run_id: run["artifacts"] for run_id, run in runs.items() if run["artifacts"]} == {
        "nan": [GONE, "metrics.csv"],
        "offset": ["model.joblib"],
        "dict": ["m.joblib", "c.csv"],
        "text": ["one.csv"],
    }
    assert runs["bytes"]["command"] == "caf\ufffd"
    assert runs["nothing"] == {
        **dict.fromkeys(runs["nothing"]),
        "run_id": "nothing",
        "status": "finished",
        "params": {},
        "final_metrics": {},
        "artifacts": [],
        "tags": [],
    }


def test_filters_and_ranks_them(client: httpx.Client, older: sqlite3.Connection) -> None:
    assert ids(client, has_artifacts="true") == ["dict", "offset", "nan", "text"]
    assert ids(client, has_artifacts="false") == ["bytes", "iso", "empty", "nothing"]
    assert ids(client, metric_name="accuracy") == ["iso", "nan"]
    assert ids(client, metric_name="loss") == []
    assert ids(client, param="model_name:perceptron") == ["nan"]
    assert ids(client, q="perceptron first") == ["nan"]
    assert ids(client, command_substring="PERCEPTRON") == ["nan"]
    assert ids(client, from_timestamp="2025-12-01", to_timestamp="2025-12-01") == ["iso", "offset"]
    assert ids(client, to_timestamp="2025-12-01T08:00:00Z") == ["offset", "nan"]
    assert ids(client, from_timestamp="1000-01-01") == ["bytes", "dict", "iso", "offset", "nan"]
    ranked = client.get("/runs/leaderboard", params={"metric_name": "accuracy"}).json()
    assert [run["run_id"] for run in ranked] == ["iso", "nan"]


def test_every_other_endpoint_answers(client: httpx.Client, older: sqlite3.Connection) -> None:
    comparison = client.post("/compare", json={"run_ids": NEWEST_FIRST}).json()
    assert comparison["run_ids"] == NEWEST_FIRST
    assert comparison["metric_keys"] == ["accuracy", "loss", "worst"]
    facets = client.get("/runs/facets").json()
    assert facets["total"] == len(NEWEST_FIRST)
    assert facets["metrics"] == [{"name": "accuracy", "runs": 2, "min": 0.75, "max": 1.0}]
    for run_id in NEWEST_FIRST:
        assert client.get(f"/runs/{run_id}/metrics").json() == {}
        listed = client.get(f"/runs/{run_id}/artifacts")
        assert listed.status_code == 200
        assert not any(artifact["exists"] for artifact in listed.json())
        assert client.get(f"/runs/{run_id}/artifacts/0").status_code == 404
    gone = client.get("/runs/nan/artifacts").json()[0]
    assert (gone["path"], gone["kind"], gone["size_bytes"]) == (GONE, "missing", None)
    noted = client.patch("/runs/nan/note", json={"note": "PUBLISH"})
    assert noted.json()["note"] == "PUBLISH"
    assert ids(client, note_substring="publish") == ["nan"]


def test_the_older_logger_goes_on_inserting(client: httpx.Client, store: Path, older: sqlite3.Connection) -> None:
    assert len(ids(client)) == len(NEWEST_FIRST)
    new = row(
        "new",
        timestamp="2025-12-05T00:00:00",
        dataset_id="wine",
        command="python train.py",
        params_json='{"lr": 0.5}',
        final_metrics_json='{"accuracy": 2.0, "loss": NaN}',
        artifacts_json='["new.csv"]',
    )
    older.execute(INSERT, new)
    older.commit()
    assert ids(client)[0] == "new"
    for asked in (
        {"dataset_id": "wine"},
        {"param": "lr:0.5"},
        {"q": "wine"},
        {"metric_name": "accuracy", "metric_min": 2},
    ):
        assert ids(client, **asked) == ["new"]
    assert client.get("/runs/leaderboard", params={"metric_name": "accuracy"}).json()[0]["run_id"] == "new"
    assert client.get("/runs/new").json()["status"] == "finished"
    older.execute("UPDATE manifests SET note = 'by hand', final_metrics_json = '{\"loss\": 1}' WHERE run_id = 'new'")
    older.commit()
    assert ids(client, note_substring="BY HAND") == ["new"]
    assert ids(client, metric_name="accuracy", metric_min=2) == []
    assert client.get("/runs/new").json()["final_metrics"] == {"loss": 1}
    older.execute("INSERT OR REPLACE INTO manifests (run_id, note) VALUES ('new', 'again')")
    older.commit()
    assert client.get("/runs/new").json()["dataset_id"] is None
    assert ids(client, param="lr:0.5") == []
    older.execute("DELETE FROM manifests WHERE run_id = 'new'")
    older.commit()
    assert client.get("/runs/new").status_code == 404
    assert ids(client) == NEWEST_FIRST


def test_text_that_is_no_unicode_does_not_hide_the_other_rows(client: httpx.Client, store: Path) -> None:
    client.get("/runs")
    execute(
        store, "INSERT INTO manifests (run_id, note, params_json) VALUES ('a', CAST(x'ff41' AS TEXT), '{\"p\": 1}')"
    )
    execute(store, "INSERT INTO manifests (run_id, params_json) VALUES ('b', '{\"p\": \"\\ud800\"}')")
    assert ids(client) == ["a", "b"]
    assert client.get("/runs/a").json()["note"] == "\ufffdA"
    assert client.get("/runs/facets").status_code == 200
