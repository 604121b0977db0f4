"""The models of the registry beside each other, over HTTP."""

from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from backend.registry_views import Lineage, ModelComparison, ModelLeaderboard, ModelStats, Pivot
from lightml.database import writing
from lightml.handle import LightMLHandle
from tests.backend.registries import RIGHT, WORSE, fill, place_at

MMLU = {"family": "mmlu", "metric": "acc"}


def detail(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["detail"])


def names(answer: httpx.Response) -> list[str]:
    return [
        row["model_name"] + ("" if row["step"] is None else f"@{row['step']}")
        for row in Pivot.model_validate(answer.json()).model_dump()["rows"]
    ]


def test_the_table_has_models_against_metrics(client: httpx.Client, store: Path) -> None:
    ids = fill(store)
    table = client.get("/registry/pivot?checkpoints=true&family=mmlu").json()
    assert table["columns"] == [{"family": "mmlu", "metric_name": "acc", "order": "desc", "best": 0.8, "worst": 0.4}]
    assert (table["families"], table["total_models"]) == (["mmlu", "wiki"], 3)
    assert [(row["kind"], row["model_id"], row["step"], row["values"]) for row in table["rows"]] == [
        ("model", ids["llama"], None, [0.4]),
        ("model", ids["llama-dpo"], None, [0.8]),
        ("model", ids["llama-sft"], None, [0.8]),
        ("checkpoint", ids["llama-sft"], 100, [0.6]),
    ]
    assert table["rows"][3]["path"] == "/models/llama-sft/100"


@pytest.mark.parametrize(
    ("query", "shown", "total"),
    [
        ({}, ["llama", "llama-dpo", "llama-sft"], 3),
        ({"order": "desc"}, ["llama-sft", "llama-dpo", "llama"], 3),
        ({"sort": "run", "order": "desc"}, ["llama-sft", "llama-dpo", "llama"], 3),
        ({"sort": "metric:wiki/perplexity"}, ["llama", "llama-sft", "llama-dpo"], 3),
        ({"sort": "metric:wiki/perplexity", "order": "desc"}, ["llama-sft", "llama", "llama-dpo"], 3),
        ({"sort": "metric:mmlu/acc", "limit": 1, "offset": 2}, ["llama"], 3),
        ({"q": "SFT"}, ["llama-dpo", "llama-sft"], 2),
        ({"q": "/MODELS/", "checkpoints": True}, ["llama", "llama-sft", "llama-sft@100"], 2),
        ({"run": "base"}, ["llama"], 1),
        ({"family": "wiki", "measured": True}, ["llama", "llama-sft"], 2),
        ({"models": ["id:3", "base/llama"]}, ["llama", "llama-dpo"], 2),
        ({"offset": 9}, [], 3),
    ],
)
def test_the_table_is_filtered_sorted_and_paged(
    client: httpx.Client, store: Path, query: dict[str, Any], shown: list[str], total: int
) -> None:
    fill(store)
    answer = client.get("/registry/pivot", params=query)
    assert (names(answer), answer.json()["total_models"]) == (shown, total)


@pytest.mark.parametrize(
    ("address", "status", "word"),
    [
        ("/registry/pivot?run=nowhere", 404, "nowhere"),
        ("/registry/pivot?family=nothing", 404, "mmlu, wiki"),
        ("/registry/pivot?models=nobody", 404, "nobody"),
        ("/registry/pivot?models=id:77", 404, "77"),
        ("/registry/pivot?sort=metric:mmlu/bleu", 404, "mmlu/acc"),
        ("/registry/pivot?sort=colour", 422, "sort"),
        ("/registry/pivot?limit=0", 422, "limit"),
        ("/registry/pivot?limit=1001", 422, "limit"),
        ("/registry/pivot?offset=99999999999999999999", 422, "offset"),
        ("/registry/compare?model_a=llama", 422, "model_b"),
        ("/registry/compare?model_a=llama&model_b=nobody", 404, "nobody"),
        ("/registry/compare?model_a=llama&model_b=llama&family=nothing", 404, "nothing"),
        ("/registry/compare?model_a=llama&model_b=a%00b", 422, "model_b"),
        (f"/registry/compare?model_a=llama&model_b={'m' * 1001}", 422, "model_b"),
        ("/registry/stats?model_a=llama&model_b=llama-dpo&family=mmlu&metric=acc", 404, "no per-sample scores"),
        ("/registry/stats?model_a=llama&model_b=llama-sft&family=mmlu&metric=bleu", 404, "bleu"),
        ("/registry/leaderboard?family=mmlu&metric=bleu", 404, "bleu"),
        ("/registry/leaderboard?family=mmlu&metric=acc&run=nowhere", 404, "nowhere"),
        ("/registry/leaderboard?family=mmlu&metric=acc&top_k=0", 422, "top_k"),
        ("/registry/lineage?run=nowhere", 404, "nowhere"),
        ("/registry/export?run=nowhere", 404, "nowhere"),
    ],
)
def test_what_is_not_there_is_named(client: httpx.Client, store: Path, address: str, status: int, word: str) -> None:
    fill(store)
    assert word in detail(client.get(address), status)


def test_two_models_are_compared_metric_by_metric(client: httpx.Client, store: Path) -> None:
    fill(store)
    answer = client.get("/registry/compare?model_a=base/llama&model_b=id:2").json()
    result = ModelComparison.model_validate(answer)
    assert (result.model_a, result.model_b) == ("base/llama", "id:2")
    assert [(delta.metric_name, delta.delta) for delta in result.improved] == [("acc", 0.4)]
    assert [(delta.metric_name, delta.delta) for delta in result.regressed] == [("perplexity", 1.5)]
    assert result.summary == {"improved": 1, "regressed": 1, "unchanged": 0, "missing": 0}
    assert client.get("/registry/compare?model_a=llama&model_b=llama-dpo&family=wiki").json()["summary"]["missing"] == 1


def test_a_name_in_two_runs_needs_a_run(client: httpx.Client, store: Path) -> None:
    fill(store)
    twin = client.post("/registry/models", json={"run_name": "other", "model_name": "llama"}).json()
    address = "/registry/compare?model_a=llama&model_b=llama-sft"
    assert "base, other" in detail(client.get(address), 409)
    assert client.get(f"/registry/compare?model_a=id:{twin['id']}&model_b=id:1").json()["summary"]["missing"] == 2
    metric = {"model_name": "llama", "family": "arc", "metric_name": "acc", "value": 1}
    assert "base, other" in detail(client.post("/registry/metrics", json=metric), 409)
    assert client.post("/registry/metrics", json={**metric, "run_name": "other"}).json() == {"status": "inserted"}


def test_an_id_never_means_a_model_that_only_goes_by_the_same_name(client: httpx.Client, store: Path) -> None:
    ids = fill(store)
    client.post("/registry/models", json={"run_name": "base", "model_name": "llama-sft/llama-sft"})
    compared = client.get(f"/registry/compare?model_a=id:{ids['llama']}&model_b=id:{ids['llama-sft']}")
    assert compared.json()["summary"]["improved"] == 1
    client.post("/registry/models", json={"run_name": "other", "model_name": "llama-sft"})
    refused = client.get(f"/registry/compare?model_a=id:{ids['llama']}&model_b=id:{ids['llama-sft']}")
    assert "llama-sft/llama-sft" in detail(refused, 409)


def test_the_difference_of_two_models_is_tested(client: httpx.Client, store: Path) -> None:
    fill(store)
    answer = client.get("/registry/stats", params={"model_a": "llama", "model_b": "llama-sft", **MMLU}).json()
    result = ModelStats.model_validate(answer)
    assert result.contingency is not None
    assert (result.test, result.contingency.n_discordant, result.mean_b) == ("mcnemar", 20, 0.8)
    assert result.mcnemar is not None
    assert (result.mcnemar.significant, result.mcnemar.winner) == (True, "b")
    assert result.bootstrap.ci_upper < 0


def test_scores_of_other_samples_are_not_compared(client: httpx.Client, store: Path) -> None:
    fill(store)
    handle = LightMLHandle(place_at(store), "llama-sft")
    handle.log_model_metric("llama-dpo", "mmlu", "acc", 0.8, scores=RIGHT * 2, force=True)
    answer = client.get("/registry/stats", params={"model_a": "llama", "model_b": "llama-dpo", **MMLU})
    assert "50" in detail(answer, 422)
    assert "100" in answer.json()["detail"]


def test_scores_that_another_program_spoiled_are_named(client: httpx.Client, store: Path) -> None:
    fill(store)
    with writing(place_at(store)) as connection:
        connection.execute("UPDATE detailed_scores SET scores = '[1, ' WHERE metric_id = 1")
    answer = client.get("/registry/stats", params={"model_a": "llama", "model_b": "llama-sft", **MMLU})
    assert "no JSON" in detail(answer, 422)


def test_models_that_cannot_be_told_apart_share_a_rank(client: httpx.Client, store: Path) -> None:
    ids = fill(store)
    handle = LightMLHandle(place_at(store), "llama-sft")
    handle.log_model_metric("llama-dpo", "mmlu", "acc", 0.78, scores=[*RIGHT[1:], 0], force=True)
    answer = client.get("/registry/leaderboard", params=MMLU).json()
    board = ModelLeaderboard.model_validate(answer)
    assert (board.order, board.total_models) == ("desc", 3)
    assert [(row.rank, row.model_id, row.tied_with_best) for row in board.rows] == [
        (1, ids["llama-sft"], True),
        (1, ids["llama-dpo"], True),
        (3, ids["llama"], False),
    ]
    top = client.get("/registry/leaderboard", params={**MMLU, "order": "asc", "top_k": 1, "run": "llama-sft"}).json()
    assert ([row["model"] for row in top["rows"]], top["total_models"]) == (["llama-dpo"], 2)


def test_the_lineage_is_a_graph(client: httpx.Client, store: Path) -> None:
    ids = fill(store)
    graph = Lineage.model_validate(client.get("/registry/lineage").json())
    assert {(edge.parent_id, edge.child_id) for edge in graph.edges} == {
        (ids["llama"], ids["llama-sft"]),
        (ids["llama-sft"], ids["llama-dpo"]),
    }
    assert {node.model_name: node.benchmarks for node in graph.nodes}["llama-dpo"] == [("mmlu", "acc")]
    assert client.get("/registry/lineage?run=base").json()["edges"] == []


def test_the_workbook_is_sent_and_no_copy_stays(
    client: httpx.Client, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    answer = client.get("/registry/export")
    assert answer.headers["content-type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert answer.headers["content-disposition"] == 'attachment; filename="registry.xlsx"'
    assert load_workbook(BytesIO(answer.content)).sheetnames == ["mmlu", "wiki"]
    assert list(folder.iterdir()) == []
    only_base = load_workbook(BytesIO(client.get("/registry/export?run=base").content))
    assert only_base["mmlu"].max_row == 2


def test_scores_may_be_any_numbers(client: httpx.Client, store: Path) -> None:
    fill(store)
    entry = {"family": "arc", "metric_name": "f1"}
    for name, scores in (("llama", [score / 2 for score in WORSE]), ("llama-sft", [score / 2 for score in RIGHT])):
        body = {**entry, "model_name": name, "value": sum(scores) / len(scores), "scores": scores}
        assert client.post("/registry/metrics", json=body).status_code == 200
    query = {"model_a": "llama", "model_b": "llama-sft", "family": "arc", "metric": "f1"}
    result = ModelStats.model_validate(client.get("/registry/stats", params=query).json())
    assert (result.test, result.contingency, result.mcnemar) == ("permutation", None, None)
    assert result.permutation is not None
    assert result.permutation.significant
