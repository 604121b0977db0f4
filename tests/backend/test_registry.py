"""The model registry over HTTP: its vocabulary, models, checkpoints and metrics."""

import json
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.api import create_app
from lightml import database
from tests.backend.conftest import Ask, settings_for
from tests.backend.registries import RIGHT, WORSE, fill, place_at
from tests.backend.stores import AT, StoredRun, record_artifact, url_at, write_runs
from tests.live_server import serving

LISTS = ("/registry/models", "/registry/metrics")
ONE_MODEL = ("/registry/models/1", "/registry/compare?model_a=a&model_b=b", "/registry/leaderboard?family=a&metric=b")
V1 = """
    CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, run_name TEXT, description TEXT, metadata TEXT);
    CREATE TABLE model (
        id INTEGER PRIMARY KEY AUTOINCREMENT, model_name TEXT, path TEXT, parent_id INTEGER, run_id INTEGER
    );
"""


def detail(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


@pytest.mark.parametrize("has_runs", [False, True])
def test_before_the_first_model_lists_are_empty_and_nothing_is_made(
    client: httpx.Client, store: Path, has_runs: bool
) -> None:
    if has_runs:
        write_runs(store, [StoredRun("run")])
    for address in LISTS:
        answer = client.get(address)
        assert (answer.status_code, answer.json(), answer.headers["X-Total-Count"]) == (200, [], "0")
    assert client.get("/registry/facets").json() == {
        "runs": [],
        "families": [],
        "total_models": 0,
        "total_checkpoints": 0,
        "total_metrics": 0,
    }
    assert client.get("/registry/pivot").json() == {"families": [], "columns": [], "rows": [], "total_models": 0}
    assert client.get("/registry/lineage").json() == {"nodes": [], "edges": []}
    for address in ONE_MODEL:
        assert "registry" in detail(client.get(address), 404)
    assert url_at(store) is not None or store.exists() == has_runs


def test_the_first_model_makes_the_registry_beside_the_runs(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run", note="keep")])

    answer = client.post("/registry/models", json={"run_name": "base", "model_name": "llama", "path": "/models/llama"})

    assert answer.status_code == 201
    assert answer.json() == {
        "id": 1,
        "model_name": "llama",
        "path": "/models/llama",
        "parent_id": None,
        "parent_name": None,
        "run_id": 1,
        "run_name": "base",
        "source_run_id": None,
        "checkpoints": [],
        "metrics": [],
        "lineage": {"ancestors": [], "children": []},
        "from_run": None,
    }
    assert [run["run_id"] for run in client.get("/runs").json()] == ["run"]
    assert client.get("/registry/facets").json()["total_models"] == 1


def test_without_a_store_the_first_model_makes_one_that_runs_can_be_logged_to(
    client: httpx.Client, store: Path
) -> None:
    assert client.post("/registry/models", json={"run_name": "base", "model_name": "llama"}).status_code == 201
    write_runs(store, [StoredRun("later")])
    assert [run["run_id"] for run in client.get("/runs").json()] == ["later"]
    assert client.get("/registry/models").json()[0]["model_name"] == "llama"


def test_a_registry_may_have_a_file_of_its_own(ask: Ask, store: Path, tmp_path: Path) -> None:
    own = tmp_path / "registry" / "models.db"
    client = ask(lightml_db=own)
    assert client.post("/registry/models", json={"run_name": "base", "model_name": "llama"}).status_code == 201
    assert own.is_file()
    assert url_at(store) is not None or not store.exists()
    assert client.get("/runs").json() == []
    assert len(client.get("/registry/models").json()) == 1


def test_a_model_that_is_known_is_updated_by_what_is_given(client: httpx.Client) -> None:
    entry = {"run_name": "base", "model_name": "llama"}
    first = client.post("/registry/models", json=entry)
    second = client.post("/registry/models", json={**entry, "path": "/models/llama"})
    third = client.post("/registry/models", json=entry)
    assert [answer.status_code for answer in (first, second, third)] == [201, 200, 200]
    assert second.json() == third.json() == {**first.json(), "path": "/models/llama"}


def test_facets_give_the_vocabulary(client: httpx.Client, store: Path) -> None:
    fill(store)
    assert client.get("/registry/facets").json() == {
        "runs": [
            {"id": 1, "run_name": "base", "description": None, "models": 1},
            {"id": 2, "run_name": "llama-sft", "description": None, "models": 2},
        ],
        "families": [
            {"family": "mmlu", "metrics": [{"name": "acc", "models": 3, "has_scores": True, "order": "desc"}]},
            {
                "family": "wiki",
                "metrics": [{"name": "perplexity", "models": 2, "has_scores": False, "order": "asc"}],
            },
        ],
        "total_models": 3,
        "total_checkpoints": 1,
        "total_metrics": 6,
    }


@pytest.mark.parametrize(
    ("query", "names", "total"),
    [
        ({}, ["llama", "llama-dpo", "llama-sft"], 3),
        ({"run": "llama-sft"}, ["llama-dpo", "llama-sft"], 2),
        ({"run": "no such"}, [], 0),
        ({"q": "DPO"}, ["llama-dpo"], 1),
        ({"q": "/models/"}, ["llama", "llama-sft"], 2),
        ({"q": "base"}, ["llama"], 1),
        ({"q": "%"}, [], 0),
        ({"limit": 1, "offset": 1}, ["llama-dpo"], 3),
        ({"offset": 7}, [], 3),
    ],
)
def test_models_are_listed_by_run_and_name(
    client: httpx.Client, store: Path, query: dict[str, Any], names: list[str], total: int
) -> None:
    fill(store)
    answer = client.get("/registry/models", params=query)
    assert [model["model_name"] for model in answer.json()] == names
    assert answer.headers["X-Total-Count"] == str(total)


def test_a_listed_model_says_what_it_has(client: httpx.Client, store: Path) -> None:
    ids = fill(store)
    (model,) = client.get("/registry/models", params={"q": "sft", "limit": 1, "offset": 1}).json()
    assert model == {
        "id": ids["llama-sft"],
        "model_name": "llama-sft",
        "path": "/models/llama-sft",
        "parent_id": ids["llama"],
        "parent_name": "llama",
        "run_id": 2,
        "run_name": "llama-sft",
        "source_run_id": None,
        "checkpoints": 1,
        "metrics": 3,
    }


def test_one_model_shows_its_lineage_checkpoints_and_metrics(client: httpx.Client, store: Path) -> None:
    ids = fill(store)
    model = client.get(f"/registry/models/{ids['llama-sft']}").json()
    assert model["lineage"] == {
        "ancestors": [{"id": ids["llama"], "model_name": "llama", "run_name": "base"}],
        "children": [{"id": ids["llama-dpo"], "model_name": "llama-dpo", "run_name": "llama-sft"}],
    }
    assert [(one["step"], one["path"]) for one in model["checkpoints"]] == [(100, "/models/llama-sft/100")]
    assert [(one["family"], one["checkpoint_id"], one["value"], one["n_samples"]) for one in model["metrics"]] == [
        ("mmlu", None, 0.8, 50),
        ("mmlu", model["checkpoints"][0]["id"], 0.6, 0),
        ("wiki", None, 14.0, 0),
    ]
    far = client.get(f"/registry/models/{ids['llama-dpo']}").json()
    assert [one["model_name"] for one in far["lineage"]["ancestors"]] == ["llama-sft", "llama"]


def test_deleting_takes_one_model_with_what_hangs_on_it(client: httpx.Client, store: Path) -> None:
    ids = fill(store)
    assert client.delete(f"/registry/models/{ids['llama-sft']}").json() == {
        "model_name": "llama-sft",
        "checkpoints_deleted": 1,
        "metrics_deleted": 3,
    }
    assert str(ids["llama-sft"]) in detail(client.delete(f"/registry/models/{ids['llama-sft']}"), 404)
    orphan = client.get(f"/registry/models/{ids['llama-dpo']}").json()
    assert (orphan["parent_id"], orphan["parent_name"], orphan["lineage"]["ancestors"]) == (ids["llama-sft"], None, [])


def test_a_name_that_looks_like_another_model_s_id_deletes_only_its_own(client: httpx.Client, store: Path) -> None:
    fill(store)
    disguised = client.post("/registry/models", json={"run_name": "base", "model_name": "id:1"}).json()
    client.delete(f"/registry/models/{disguised['id']}")
    assert [model["model_name"] for model in client.get("/registry/models?run=base").json()] == ["llama"]


def test_a_checkpoint_is_registered_once(client: httpx.Client, store: Path) -> None:
    fill(store)
    entry = {"run_name": "base", "model_name": "llama", "step": 0, "path": "/c/0"}
    first, second = (client.post("/registry/checkpoints", json=entry) for _ in range(2))
    assert first.status_code == 201
    assert first.json() == second.json()
    assert {name: first.json()[name] for name in ("model_id", "step", "path")} == {
        "model_id": 1,
        "step": 0,
        "path": "/c/0",
    }
    assert "nobody" in detail(client.post("/registry/checkpoints", json={**entry, "model_name": "nobody"}), 404)


def test_a_metric_is_logged_once_unless_forced(client: httpx.Client, store: Path) -> None:
    fill(store)
    entry = {"model_name": "llama", "family": "arc", "metric_name": "acc", "value": 0.8, "scores": RIGHT}
    changed = {**entry, "value": 0.4, "scores": WORSE}
    statuses = [client.post("/registry/metrics", json=body).json()["status"] for body in (entry, changed)]
    assert statuses == ["inserted", "skipped"]
    assert client.get("/registry/metrics?family=arc").json()[0]["value"] == 0.8
    assert client.post("/registry/metrics", json={**changed, "force": True}).json() == {"status": "updated"}
    (found,) = client.get("/registry/metrics?family=arc").json()
    assert found == {"model_id": 1, "model": "llama", "family": "arc", "metric": "acc", "value": 0.4, "run": "base"}


def test_a_metric_may_belong_to_a_checkpoint_or_to_a_model_by_id(client: httpx.Client, store: Path) -> None:
    ids = fill(store)
    metric = {"family": "arc", "metric_name": "acc", "value": 1}
    assert client.post("/registry/metrics", json={**metric, "checkpoint_id": 1}).json() == {"status": "inserted"}
    by_id = {**metric, "model_name": f"id:{ids['llama-sft']}"}
    assert client.post("/registry/metrics", json=by_id).json() == {"status": "inserted"}
    shown = client.get(f"/registry/models/{ids['llama-sft']}").json()["metrics"]
    assert [one["checkpoint_id"] for one in shown if one["family"] == "arc"] == [None, 1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"model": "llama-*", "family": "mmlu"}, [("llama-dpo", 0.8), ("llama-sft", 0.8)]),
        ({"metric": "perp?exity", "run": "base"}, [("llama", 12.5)]),
        ({"model": "[l]lama"}, []),
        ({"limit": 1, "offset": 1}, [("llama", 12.5)]),
    ],
)
def test_metrics_are_found_by_patterns(
    client: httpx.Client, store: Path, query: dict[str, Any], found: list[tuple[str, float]]
) -> None:
    fill(store)
    answer = client.get("/registry/metrics", params=query)
    assert [(metric["model"], metric["value"]) for metric in answer.json()] == found


def test_a_run_s_model_is_registered_with_its_metrics_and_found_by_the_run(
    client: httpx.Client, store: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "svm.joblib"
    weights.write_text("weights")
    metrics = {"accuracy": 0.9, "loss": "NaN"}
    write_runs(store, [StoredRun("3f0a9c1e-run", dataset_id="iris", metrics=metrics, artifacts=[str(weights)])])
    record_artifact(store, "3f0a9c1e-run", 0, weights)

    first, second = (client.post("/registry/models", json={"from_run": "3f0a", "run_name": "svm"}) for _ in range(2))

    assert [first.status_code, second.status_code] == [201, 200]
    model = first.json()
    assert (model["source_run_id"], model["path"], model["run_name"]) == ("3f0a9c1e-run", str(weights), "svm")
    assert [(one["family"], one["metric_name"], one["value"]) for one in model["metrics"]] == [
        ("iris", "accuracy", 0.9)
    ]
    assert (model["from_run"]["inserted"], list(model["from_run"]["left_out"])) == (1, ["loss"])
    assert (second.json()["from_run"]["inserted"], second.json()["from_run"]["skipped"]) == (0, 1)
    found = client.get("/registry/models", params={"source_run_id": "3f0a9c1e-run"}).json()
    assert [one["id"] for one in found] == [model["id"]]
    assert client.get("/registry/models", params={"source_run_id": "3f0a"}).json() == []
    assert client.get("/runs/3f0a").json()["timestamp"] == AT


@pytest.mark.parametrize("has_own_file", [False, True])
def test_what_cannot_be_registered_from_a_run_is_said(
    ask: Ask, store: Path, tmp_path: Path, has_own_file: bool
) -> None:
    client = ask(lightml_db=tmp_path / "models.db" if has_own_file else None)
    write_runs(store, [StoredRun("bare"), StoredRun("broken", status="failed", artifacts=["m.pt"])])
    assert "nobody" in detail(client.post("/registry/models", json={"from_run": "nobody"}), 404)
    assert "several" in detail(client.post("/registry/models", json={"from_run": "b"}), 409)
    assert "no artifact" in detail(client.post("/registry/models", json={"from_run": "bare"}), 404)
    assert "failed" in detail(client.post("/registry/models", json={"from_run": "broken"}), 422)
    allowed = client.post("/registry/models", json={"from_run": "broken", "allow_failed": True})
    assert (allowed.status_code, allowed.json()["path"]) == (201, "m.pt")


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"run_name": "x"}, 422, "model_name"),
        ({"run_name": " ", "model_name": "m"}, 422, "run_name"),
        ({"run_name": "x", "model_name": "m", "colour": "red"}, 422, "colour"),
        ({"run_name": "x", "model_name": "m", "parent_name": "nobody"}, 404, "nobody"),
        ({"run_name": "x", "model_name": "m", "parent_id": 10**30}, 422, "parent_id"),
        ({"run_name": "x", "model_name": "m", "parent_id": 77}, 404, "77"),
        ({"run_name": "base", "model_name": "llama", "parent_name": "llama-dpo"}, 422, "descends"),
        ({"run_name": "x", "model_name": "a\x00b"}, 422, "model_name"),
        ({"run_name": "x", "model_name": "m" * 100_000}, 422, "model_name"),
        ({"from_run": "", "model_name": "m"}, 422, "from_run"),
        ([], 422, "body"),
        ("text", 422, "body"),
    ],
)
def test_a_model_that_cannot_be_meant_is_refused_and_leaves_nothing(
    client: httpx.Client, store: Path, body: Any, status: int, word: str
) -> None:
    fill(store)
    before = client.get("/registry/facets").json()
    assert word in detail(client.post("/registry/models", json=body), status)
    assert client.get("/registry/facets").json() == before


@pytest.mark.parametrize(
    ("given", "status", "word"),
    [
        ({"model_name": None}, 422, "checkpoint"),
        ({"checkpoint_id": 1}, 422, "not both"),
        ({"model_name": "nobody"}, 404, "nobody"),
        ({"model_name": "id:77"}, 404, "77"),
        ({"model_name": None, "checkpoint_id": 77}, 404, "77"),
        ({"value": "NaN"}, 422, "value"),
        ({"value": 10**400}, 422, "value"),
        ({"value": None}, 422, "value"),
        ({"scores": []}, 422, "scores"),
        ({"scores": [1, 1]}, 422, "mean"),
        ({"scores": [1, None]}, 422, "scores"),
        ({"family": ""}, 422, "family"),
        ({"metric_name": "\t"}, 422, "metric_name"),
    ],
)
def test_a_metric_that_cannot_be_meant_is_refused_and_leaves_nothing(
    client: httpx.Client, store: Path, given: dict[str, Any], status: int, word: str
) -> None:
    fill(store)
    entry = {"model_name": "llama", "family": "arc", "metric_name": "acc", "value": 0.5, **given}
    assert word in detail(client.post("/registry/metrics", json=entry), status)
    assert client.get("/registry/facets").json()["total_metrics"] == 6


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(client: httpx.Client, store: Path, value: str) -> None:
    fill(store)
    for fields in (f'"value": {value}', f'"value": 0.5, "scores": [1, {value}]'):
        body = f'{{"model_name": "llama", "family": "arc", "metric_name": "acc", {fields}}}'
        refused = client.post("/registry/metrics", content=body, headers={"Content-Type": "application/json"})
        assert "finite" in detail(refused, 422)


def test_text_that_no_database_holds_is_refused(client: httpx.Client) -> None:
    body = '{"run_name": "x", "model_name": "\\ud800"}'
    refused = client.post("/registry/models", content=body, headers={"Content-Type": "application/json"})
    assert "model_name" in detail(refused, 422)


HOSTILE = ["<script>alert(1)</script>", "two\nlines", "\u202eright to left", "=1+1", "a/b", "../../etc/passwd", "100%"]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_text_is_a_name(client: httpx.Client, name: str) -> None:
    model = client.post("/registry/models", json={"run_name": name, "model_name": name, "path": name}).json()
    metric = {"model_name": f"id:{model['id']}", "family": name, "metric_name": name, "value": 1}
    assert client.post("/registry/metrics", json=metric).json() == {"status": "inserted"}
    assert client.get("/registry/models", params={"q": name, "run": name}).json()[0]["model_name"] == name
    assert client.get("/registry/pivot", params={"sort": f"metric:{name}/{name}"}).json()["rows"][0]["values"] == [1.0]
    compared = client.get("/registry/compare", params={"model_a": name, "model_b": f"id:{model['id']}"})
    assert compared.json()["summary"]["unchanged"] == 1
    assert client.get("/registry/export", params={"run": name}).status_code == 200
    assert client.delete(f"/registry/models/{model['id']}").status_code == 200


def test_a_very_long_name_from_elsewhere_is_shown_and_does_not_fill_the_refusals(
    client: httpx.Client, store: Path
) -> None:
    fill(store)
    name = "m" * 100_000
    with database.writing(place_at(store)) as connection:
        connection.execute("INSERT INTO model (model_name, run_id) VALUES (?, 1)", (name,))
    assert client.get("/registry/models?q=mmm").json()[0]["model_name"] == name
    assert client.get("/registry/models/4").json()["model_name"] == name
    assert len(detail(client.get("/registry/compare?model_a=mm&model_b=llama"), 404)) < 5_000


def test_an_infinity_from_elsewhere_is_null(client: httpx.Client, store: Path) -> None:
    fill(store)
    with database.writing(place_at(store)) as connection:
        connection.execute("UPDATE metrics SET value = ? WHERE model_id = 1", (float("inf"),))
    values = [
        client.get("/registry/models/1").json()["metrics"][0]["value"],
        client.get("/registry/metrics?model=llama").json()[0]["value"],
        client.get("/registry/pivot").json()["rows"][0]["values"][0],
        client.get("/registry/compare?model_a=llama&model_b=llama-sft").json()["deltas"][0]["value_a"],
        client.get("/registry/leaderboard?family=mmlu&metric=acc&run=base").json()["rows"][0]["value"],
    ]
    assert values == [None] * 5


@pytest.mark.parametrize("address", [*LISTS, *ONE_MODEL, "/registry/facets", "/registry/pivot", "/registry/export"])
def test_a_file_that_is_no_registry_is_said_to_be_none(ask: Ask, tmp_path: Path, address: str) -> None:
    text = tmp_path / "text.db"
    text.write_text("this is no database, whatever its name says " * 100)
    client = ask(lightml_db=text)
    assert "text.db" in detail(client.get(address), 503)
    assert client.get("/runs").status_code == 200
    refused = client.post("/registry/models", json={"run_name": "x", "model_name": "y"})
    assert "no usable SQLite database" in detail(refused, 503)


@pytest.mark.parametrize("address", ["/registry/models", "/registry/models/1", "/registry/facets"])
def test_a_registry_of_an_earlier_version_says_how_to_bring_it_up_to_date(
    ask: Ask, tmp_path: Path, address: str
) -> None:
    old = tmp_path / "old.db"
    with sqlite3.connect(old) as connection:
        connection.executescript(V1)
    connection.close()
    client = ask(lightml_db=old)
    assert f"lightml migrate --db {old}" in detail(client.get(address), 503)
    refused = client.post("/registry/models", json={"run_name": "x", "model_name": "y"})
    assert "lightml migrate" in detail(refused, 503)


def test_a_registry_that_cannot_be_written_says_to_try_again(ask: Ask, store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    refused = ask(lightml_db=folder).post("/registry/models", json={"run_name": "x", "model_name": "y"})
    assert "a folder" in detail(refused, 503)
    assert refused.headers["Retry-After"] == "1"


def test_the_same_metric_logged_by_many_at_once_is_one_row(store: Path) -> None:
    fill(store)
    body = {"model_name": "llama", "family": "arc", "metric_name": "acc", "value": 0.5}
    app = create_app(settings_for(store, busy_timeout_s=60))
    with serving(app) as address, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: httpx.post(f"{address}/registry/metrics", json=body, timeout=60), range(16)))
        models = list(
            pool.map(
                lambda _: httpx.post(
                    f"{address}/registry/models", json={"run_name": "new", "model_name": "m"}, timeout=60
                ),
                range(16),
            )
        )
    statuses = sorted(answer.json()["status"] for answer in answers)
    assert statuses == ["inserted"] + ["skipped"] * 15
    assert sorted(answer.status_code for answer in models) == [200] * 15 + [201]
    with database.reading(place_at(store)) as connection:
        assert connection.execute("SELECT count(*) FROM metrics WHERE family = 'arc'").fetchone()[0] == 1


def test_the_gate_and_the_body_limit_stand_before_the_registry(ask: Ask) -> None:
    elsewhere = ask(client=("192.168.1.7", 40_000))
    assert "API_TOKEN" in detail(elsewhere.get("/registry/models"), 403)
    assert detail(elsewhere.post("/registry/models", json={"run_name": "x", "model_name": "y"}), 403)
    with_token = ask(api_token="s3cret")
    assert detail(with_token.delete("/registry/models/1"), 401)
    assert with_token.get("/registry/models", headers={"Authorization": "Bearer s3cret"}).status_code == 200
    assert detail(ask().get("/registry/models", headers={"Host": "evil.example"}), 421)
    scores = {"model_name": "m", "family": "f", "metric_name": "a", "value": 1, "scores": [1] * 500_000}
    assert "1,000,000" in detail(ask().post("/registry/metrics", json=scores), 413)


def test_what_computes_is_imported_when_it_is_asked_for() -> None:
    script = """
import json, sys
import backend.api
heavy = {"numpy", "scipy", "openpyxl", "rich", "typer"}
at_start = sorted(heavy & {*sys.modules})
print(json.dumps([at_start, backend.api.app.title]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert json.loads(done.stdout) == [[], "ai-lab"]
