"""The clients' methods for the model registry, against the real application."""

import asyncio
import inspect
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import load_workbook

from tests.local_store import start_run
from tests.tools.conftest import Recorded
from tools.client import AsyncLabClient, LabClient
from tools.errors import (
    AmbiguousRunError,
    ApiError,
    InvalidRequestError,
    LabClientError,
    NotFoundError,
    UnexpectedAnswerError,
)
from tools.registry_client import AsyncRegistryClient, RegistryClient

RIGHT, WORSE = [1] * 40 + [0] * 10, [1] * 20 + [0] * 30


def fill(registry: RegistryClient) -> None:
    registry.register_model("base", "llama", path="/models/llama")
    registry.register_model("sft", "llama-sft", parent_name="base/llama")
    registry.log_metric("mmlu", "acc", 0.4, model_name="llama", scores=WORSE)
    registry.log_metric("mmlu", "acc", 0.8, model_name="sft/llama-sft", scores=iter(RIGHT))


def test_every_method_reads_what_the_server_answers(server: str, isolated: Path) -> None:
    with LabClient(server) as client:
        registry = client.registry
        assert (registry.models().total, registry.facets().total_models) == (0, 0)
        fill(registry)
        assert registry.facets().families[0].metrics[0].has_scores
        page = registry.models(q="LLAMA", limit=1)
        assert ([model.model_name for model in page.models], page.total) == (["llama"], 2)
        assert registry.model(2).lineage.ancestors[0].model_name == "llama"
        checkpoint = registry.register_checkpoint("sft", "llama-sft", 100, path="/c/100")
        assert registry.log_metric("mmlu", "acc", 0.5, checkpoint_id=checkpoint.id).status == "inserted"
        assert registry.log_metric("mmlu", "acc", 0.6, checkpoint_id=checkpoint.id, force=True).status == "updated"
        found = registry.metrics(model="*-sft", metric="acc")
        assert ([metric.value for metric in found.metrics], found.total) == ([0.8], 1)
        table = registry.pivot(checkpoints=True, sort="metric:mmlu/acc", models=["id:2"])
        assert [row.values for row in table.rows] == [[0.8], [0.6]]
        compared = registry.compare("llama", "id:2", family="mmlu")
        assert [delta.delta for delta in compared.improved] == [0.4]
        tested = registry.stats("llama", "llama-sft", family="mmlu", metric="acc")
        assert tested.mcnemar is not None
        assert tested.mcnemar.winner == "b"
        board = registry.leaderboard("mmlu", "acc", top_k=1)
        assert ([row.model for row in board.rows], board.total_models) == (["llama-sft"], 2)
        assert [(edge.parent_id, edge.child_id) for edge in registry.lineage().edges] == [(1, 2)]
        assert [node.model_name for node in registry.lineage(run="base").nodes] == ["llama"]
        assert load_workbook(BytesIO(registry.export_bytes())).sheetnames == ["mmlu"]
        assert registry.export("models.xlsx", run="sft") == Path("models.xlsx").stat().st_size
        assert registry.delete_model(2).metrics_deleted == 2
        assert registry.models().total == 1


def test_the_client_to_await_answers_the_same(app: FastAPI, recorded: Recorded) -> None:
    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with AsyncLabClient("http://127.0.0.1", transport=transport) as client:
            registry = client.registry
            model = await registry.register_model("base", "llama", path="/models/llama")
            child = await registry.register_model("base", "child", parent_id=model.id)
            assert child.lineage.ancestors[0].id == model.id
            checkpoint = await registry.register_checkpoint("base", "llama", 1)
            assert (await registry.log_metric("f", "acc", 1, checkpoint_id=checkpoint.id)).status == "inserted"
            for name, scores in (("llama", WORSE), ("child", RIGHT)):
                value = sum(scores) / len(scores)
                assert (await registry.log_metric("f", "acc", value, model_name=name, scores=scores)).status
            assert (await registry.facets()).total_metrics == 3
            assert (await registry.models(run="base")).total == 2
            assert (await registry.model(1)).path == "/models/llama"
            assert (await registry.metrics(family="f")).total == 2
            assert (await registry.pivot(checkpoints=True)).total_models == 2
            assert (await registry.compare("llama", "child", run="base")).summary["improved"] == 1
            assert (await registry.stats("llama", "child", family="f", metric="acc", run="base")).n_samples == 50
            assert (await registry.leaderboard("f", "acc", order="desc")).rows[0].model == "child"
            assert len((await registry.lineage()).nodes) == 2
            assert await registry.export("copy.xlsx") > 0
            assert (await registry.delete_model(child.id)).model_name == "child"
            with pytest.raises(NotFoundError):
                await registry.register_run_model("nobody")

    asyncio.run(ask())
    assert load_workbook("copy.xlsx").sheetnames == ["f"]


def test_a_run_s_model_is_registered(server: str, isolated: Path) -> None:
    (isolated / "svm.joblib").write_text("weights")
    with start_run(dataset_id="iris") as run:
        run.log_metrics({"accuracy": 0.9})
        run.log_artifact(isolated / "svm.joblib")
    with LabClient(server) as client:
        model = client.registry.register_run_model(run.run_id[:8], run_name="svm", model_name="svm")
        assert model.from_run is not None
        assert (model.from_run.family, model.from_run.inserted) == ("iris", 1)
        assert [found.id for found in client.registry.models(source_run_id=run.run_id).models] == [model.id]


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, str]:
        return {name: str(inspect.signature(method)) for name, method in vars(client).items() if name[0] != "_"}

    assert methods(RegistryClient) == methods(AsyncRegistryClient)


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda registry: registry.model(77), NotFoundError),
        (lambda registry: registry.delete_model(77), NotFoundError),
        (lambda registry: registry.model(-1), InvalidRequestError),
        (lambda registry: registry.compare("llama", "nobody"), NotFoundError),
        (lambda registry: registry.compare("", "llama"), InvalidRequestError),
        (lambda registry: registry.models(limit=-1), InvalidRequestError),
        (lambda registry: registry.pivot(sort="colour"), InvalidRequestError),
        (lambda registry: registry.register_model("stray \udcff", " "), InvalidRequestError),
        (lambda registry: registry.log_metric("f", "m", 1, model_name="twin"), AmbiguousRunError),
        (lambda registry: registry.log_metric("f", "m", 1, model_name="llama", scores=[0]), InvalidRequestError),
        (
            lambda registry: registry.log_metric("f", "m", 1, model_name="llama", scores=[1] * 10**6),
            InvalidRequestError,
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(
    server: str, ask: Callable[[RegistryClient], object], kind: type[ApiError]
) -> None:
    with LabClient(server) as client:
        fill(client.registry)
        for run in ("one", "two"):
            client.registry.register_model(run, "twin")
        with pytest.raises(kind) as caught:
            ask(client.registry)
    assert caught.value.detail in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_not_sent(value: float) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.url} was asked")

    with LabClient("http://127.0.0.1:8000", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(LabClientError, match="not finite"):
            client.registry.log_metric("f", "m", value, model_name="m")
        with pytest.raises(LabClientError, match="not finite"):
            client.registry.log_metric("f", "m", 0.5, model_name="m", scores=[value])


def test_what_no_server_would_say_is_recognised() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=[]))
    with LabClient("http://127.0.0.1:8000", transport=transport) as client:
        with pytest.raises(UnexpectedAnswerError, match="validation error"):
            client.registry.facets()
        with pytest.raises(UnexpectedAnswerError, match="X-Total-Count"):
            client.registry.models()


def test_a_workbook_that_cannot_be_written_is_an_os_error(server: str, isolated: Path) -> None:
    with LabClient(server) as client:
        fill(client.registry)
        with pytest.raises(FileNotFoundError):
            client.registry.export(isolated / "no" / "folder.xlsx")
