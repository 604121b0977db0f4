"""The tools over the model registry, against the real application on a real registry."""

from pathlib import Path

import pytest

from lightml.handle import LightMLHandle
from tests.backend.stores import StoredRun, write_runs
from tests.registries import SOURCE, write_registry
from tests.tools.asking import ask, call, told
from tools import registry_functions
from tools.client import AsyncLabClient
from tools.errors import NotFoundError
from tools.found import (
    ModelFound,
    ModelsCompared,
    ModelsRanked,
    NameUnsettled,
    RegistryDescribed,
    SignificanceFound,
)
from tools.langchain_tools import langchain_tools

MAX_REPLY_BYTES = 12_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("registry") / "manifests.db"
    return write_registry(write_runs(path, [StoredRun(SOURCE)]))


def test_the_registry_is_described(store: Path) -> None:
    reply = call(store, registry_functions.describe_registry)
    document = told(reply)
    assert (document["total_models"], document["total_checkpoints"]) == (5, 2)
    assert document["runs"] == {"llama": 4, "other": 1}
    assert document["families"] == {
        "hellaswag_0shot": ["acc"], "mmlu": ["acc", "acc_stderr"], "wikitext": ["perplexity"],
    }  # fmt: skip
    assert document["with_per_sample_scores"] == ["mmlu/acc"]
    assert {"model": "llama-dpo", "run": "llama", "metrics": 3, "made_from": "llama-sft"} in document["models"]
    assert isinstance(reply.found, RegistryDescribed)
    assert [model.model_name for model in reply.found.models] == ["base", "llama-dpo", "llama-sft", "twin", "twin"]


def test_a_store_without_a_registry_is_described_as_empty(tmp_path: Path) -> None:
    empty = write_runs(tmp_path / "manifests.db", [])
    document = told(call(empty, registry_functions.describe_registry))
    assert (document["total_models"], document["models"], document["families"]) == (0, [], {})
    assert told(call(empty, registry_functions.get_model, model="base"))["did_you_mean"] == []
    assert told(call(empty, registry_functions.rank_models, metric="acc"))["unsettled"] == "metric"


@pytest.mark.parametrize(
    ("arguments", "metric"),
    [
        ({"metric": "mmlu/acc"}, "mmlu/acc"),
        ({"metric": "acc", "family": "mmlu"}, "mmlu/acc"),
        ({"metric": "ACC", "family": "MMLU"}, "mmlu/acc"),
        ({"metric": "MMLU-acc"}, "mmlu/acc"),
        ({"metric": "HellaSwag"}, "hellaswag_0shot/acc"),
        ({"metric": "perplexity"}, "wikitext/perplexity"),
        ({"metric": "stderr"}, "mmlu/acc_stderr"),
    ],
)
def test_a_metric_is_found_however_it_is_spelled(arguments: dict[str, str], metric: str, store: Path) -> None:
    document = told(call(store, registry_functions.rank_models, **arguments))
    assert f"{document['family']}/{document['metric']}" == metric


def test_models_that_the_scores_cannot_tell_apart_are_tied(store: Path) -> None:
    reply = call(store, registry_functions.rank_models, metric="mmlu/acc")
    document = told(reply)
    assert [(row["rank"], row["model"], row["tied_with_best"]) for row in document["models"]] == [
        (1, "llama-dpo", True), (1, "llama-sft", True), (3, "base", False),
    ]  # fmt: skip
    assert isinstance(reply.found, ModelsRanked)
    untested = told(call(store, registry_functions.rank_models, metric="hellaswag", top_k=2))
    assert [row["tied_with_best"] for row in untested["models"]] == [True, None]
    assert (untested["shown"], untested["total_models"]) == (2, 3)
    last_first = told(call(store, registry_functions.rank_models, metric="mmlu/acc", order="asc", top_k=1))
    assert last_first["models"][0]["model"] == "base"


@pytest.mark.parametrize(
    ("metric", "is_known", "candidate"),
    [("mmlu", True, "mmlu/acc_stderr"), ("acc", True, "hellaswag_0shot/acc"), ("helaswag", False, "hellaswag_0shot/acc")
    ],
)  # fmt: skip
def test_a_metric_that_is_not_settled_is_answered_with_what_it_may_mean(
    metric: str, is_known: bool, candidate: str, store: Path
) -> None:
    reply = call(store, registry_functions.rank_models, metric=metric)
    assert isinstance(reply.found, NameUnsettled)
    assert reply.found.is_known == is_known
    assert candidate in told(reply)["means_one_of" if is_known else "did_you_mean"]


def test_an_unknown_run_is_an_error(store: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no run 'nope'"):
        call(store, registry_functions.rank_models, metric="mmlu/acc", run="nope")


def test_two_models_are_compared(store: Path) -> None:
    reply = call(store, registry_functions.compare_models, model_a="BASE", model_b="llama/llama-sft", family="MMLU")
    document = told(reply)
    assert (document["model_a"], document["model_b"]) == ("llama/base", "llama/llama-sft")
    assert document["metrics"][0] == {
        "metric": "mmlu/acc", "a": 0.4, "b": 0.75, "b_minus_a": 0.35, "percent": pytest.approx(87.5),
        "b_is": "improved",
    }  # fmt: skip
    assert isinstance(reply.found, ModelsCompared)
    with pytest.raises(NotFoundError):
        call(store, registry_functions.compare_models, model_a="base", model_b="llama-sft", family="nope")


def test_a_difference_is_tested_where_there_are_scores(store: Path) -> None:
    reply = call(store, registry_functions.check_significance, model_a="llama-sft", model_b="base")
    document = told(reply)
    (tested,) = document["tests"]
    assert (tested["metric"], tested["n_samples"], tested["significant"]) == ("mmlu/acc", 100, True)
    assert (tested["scored_better"], tested["a_minus_b"]) == ("model_a", 0.35)
    assert document["not_tested"]["hellaswag_0shot/acc"] == "no per-sample scores are stored"
    assert isinstance(reply.found, SignificanceFound)
    tied = told(call(store, registry_functions.check_significance, model_a="llama-dpo", model_b="llama-sft"))
    assert tied["tests"][0]["significant"] is False
    one = told(
        call(store, registry_functions.check_significance, model_a="base", model_b="llama-sft", metric="hellaswag")
    )
    assert (one["tests"], list(one["not_tested"])) == ([], ["hellaswag_0shot/acc"])
    none = told(call(store, registry_functions.check_significance, model_a="base", model_b="llama/twin"))
    assert "share no such metric" in none["remark"]


def test_several_tests_are_corrected_for_their_number(tmp_path: Path) -> None:
    store = write_runs(tmp_path / "manifests.db", [])
    handle = LightMLHandle(str(store), "many")
    one, other = [0] * 40 + [1] * 60, [1] * 7 + [0] * 33 + [0] * 0 + [1] * 60
    for model, scores in (("a", one), ("b", other)):
        handle.register_model(model)
        for metric in ("m1", "m2", "m3", "m4"):
            handle.log_model_metric(model, "many", metric, sum(scores) / 100, scores=scores)
    alone = told(call(store, registry_functions.check_significance, model_a="a", model_b="b", metric="m1"))["tests"]
    together = told(call(store, registry_functions.check_significance, model_a="a", model_b="b"))["tests"]
    assert [test["significant"] for test in alone] == [True]
    assert [test["significant"] for test in together] == [False] * 4
    assert together[0]["p_value"] == alone[0]["p_value"]
    assert together[0]["p_value_with_holms_correction"] == pytest.approx(4 * alone[0]["p_value"])


def test_scores_of_unequal_number_or_of_one_model_are_not_tested(tmp_path: Path) -> None:
    store = write_runs(tmp_path / "manifests.db", [])
    handle = LightMLHandle(str(store), "r")
    for model, scores in (("a", [1, 0, 1, 0]), ("b", [1, 0])):
        handle.register_model(model)
        handle.log_model_metric(model, "f", "acc", 0.5, scores=scores)
        handle.log_model_metric(model, "f", "alone", 0.5, scores=scores if model == "a" else None)
    reasons = told(call(store, registry_functions.check_significance, model_a="a", model_b="b"))["not_tested"]
    assert reasons == {
        "f/acc": "the scores are of unequal number: 4 and 2",
        "f/alone": "per-sample scores are stored of one of them alone",
    }


def test_a_model_is_told_with_its_lineage_and_source(store: Path) -> None:
    reply = call(store, registry_functions.get_model, model="LLAMA SFT")
    document = told(reply)
    assert (document["made_from"], document["models_made_from_it"]) == (["llama/base"], ["llama/llama-dpo"])
    assert (document["checkpoint_steps"], document["source_run_id"]) == ([100, 200], SOURCE)
    assert document["metrics"]["wikitext/perplexity"] == 7.2
    assert document["metrics_with_scores"] == ["mmlu/acc"]
    assert isinstance(reply.found, ModelFound)


@pytest.mark.parametrize(
    ("name", "is_known", "candidates"),
    [("twin", True, ("llama/twin", "other/twin")), ("lama-sft", False, ("llama-sft",)), ("", False, ())],
)
def test_a_model_that_is_not_settled_is_answered_with_what_it_may_be(
    name: str, is_known: bool, candidates: tuple[str, ...], store: Path
) -> None:
    for found in (
        call(store, registry_functions.get_model, model=name).found,
        call(store, registry_functions.compare_models, model_a="base", model_b=name).found,
        call(store, registry_functions.check_significance, model_a=name, model_b="base").found,
    ):
        assert isinstance(found, NameUnsettled)
        assert (found.kind, found.asked, found.is_known) == ("model", name, is_known)
        assert set(candidates) <= set(found.candidates)


def test_a_large_registry_stays_short(tmp_path: Path) -> None:
    store = write_runs(tmp_path / "manifests.db", [])
    handle = LightMLHandle(str(store), "r" * 200)
    handle.register_model("first")
    for model in range(40):
        handle.register_model(f"model-{model}-" + "x" * 150)
        handle.register_checkpoint(f"model-{model}-" + "x" * 150, 10)
    for metric in range(60):
        for name in ("first", "model-0-" + "x" * 150):
            handle.log_model_metric(name, f"family-{metric}", "acc", metric / 100)
    for function, arguments in (
        (registry_functions.describe_registry, {}),
        (registry_functions.get_model, {"model": "first"}),
        (registry_functions.rank_models, {"metric": "family-7/acc"}),
        (registry_functions.compare_models, {"model_a": "first", "model_b": "model-0-" + "x" * 150}),
        (registry_functions.check_significance, {"model_a": "first", "model_b": "model-0-" + "x" * 150}),
    ):
        reply = call(store, function, **arguments)
        assert len(reply.content.encode()) < MAX_REPLY_BYTES
    described = told(call(store, registry_functions.describe_registry))
    assert (described["models_left_out"], described["families_left_out"]) == (41 - 25, 30)
    assert told(call(store, registry_functions.get_model, model="first"))["metrics_left_out"] == 30


def test_a_registry_that_cannot_be_used_is_told_to_the_model(tmp_path: Path) -> None:
    store = write_runs(tmp_path / "manifests.db", [])
    broken = tmp_path / "broken.db"
    broken.write_text("this is no database, however long one reads in it " * 50)

    async def use(client: AsyncLabClient) -> str:
        tool = next(tool for tool in langchain_tools(client) if tool.name == "describe_registry")
        message = await tool.ainvoke({"type": "tool_call", "id": "1", "name": tool.name, "args": {}})
        return f"{message.status}: {message.content}"

    assert ask(store, use, lightml_db=broken).startswith("error: ")
