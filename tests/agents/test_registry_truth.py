"""Answers of a language model about registered models: lies are caught, true sentences stand."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.agents.labs import Lab, Parrot, corrections, lab
from tests.agents.scripted_openai import Call, Script, calls, final
from tests.backend.stores import StoredRun
from tests.registries import SOURCE, write_registry

RANKED: Call = ("rank_models", {"metric": "MMLU/acc"})
TESTED: Call = ("check_significance", {"model_a": "llama-sft", "model_b": "base"})
TIED: Call = ("check_significance", {"model_a": "llama-dpo", "model_b": "llama-sft"})
COMPARED: Call = ("compare_models", {"model_a": "base", "model_b": "llama-sft"})
DETAILS: Call = ("get_model", {"model": "llama-sft"})
DESCRIBED: Call = ("describe_registry", {})
EVERYTHING = (DESCRIBED, RANKED, TESTED, TIED, COMPARED, DETAILS)


@pytest.fixture(scope="module")
def parrot() -> Parrot:
    return Parrot(tools=EVERYTHING)


@pytest.fixture(scope="module")
def asked(parrot: Parrot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("models")
    runs = [StoredRun(SOURCE, metrics={"accuracy": 0.9})]
    with lab(folder, parrot.script, runs=runs, clock=itertools.count(0, 1_000).__next__) as made:
        write_registry(folder / "manifests.db")
        yield made


def told(
    asked: Lab, parrot: Parrot, text: str, *, tools: Any = EVERYTHING, question: str = "How are the models?"
) -> str:
    """Gives the answer to a question whose model says a text, and says it again when it is refused."""
    parrot.text, parrot.tools = text, tools
    parrot.script.requests.clear()
    return str(asked.answer(question)["natural_language_answer"])


LIES = [
    # numbers that nothing returned, or that are another model's
    "llama-sft scores 0.85 on mmlu.",
    "llama-sft has an acc of 0.4.",
    "On mmlu, base reaches 0.75.",
    "llama-dpo: 0.75, base: 0.77",
    "base (0.77) is behind.",
    "hellaswag_0shot/acc 0.77 is the best.",
    "The difference on mmlu is 0.51.",
    "p = 0.0312 for llama-sft against base.",
    "p < 1e-20.",
    "The 95 % confidence interval is 0.11 to 0.99.",
    "It rests on 250 samples.",
    "There are 17 models in the registry.",
    "llama-sft has checkpoints at step 100 and step 300.",
    "llama-sft has 3 checkpoints.",
    # models that there are not
    "llama-ultra is close behind.",
    "The best is gpt-4-turbo.",
    # standings
    "base is the best model on mmlu.",
    "The leader on mmlu is base.",
    "llama-dpo is significantly better than llama-sft.",
    "base is significantly better than llama-sft on mmlu.",
    "llama-sft is significantly worse than base.",
    "llama-dpo is significantly better than base on hellaswag_0shot.",
    "The data cannot tell llama-sft and base apart.",
    "llama-sft is tied with base.",
    # lineage
    "llama-sft was made from llama-dpo.",
    "base descends from llama-sft.",
]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_models_is_caught(lie: str, asked: Lab, parrot: Parrot) -> None:
    assert lie not in told(asked, parrot, lie)
    assert len(parrot.script.requests) == 3


HONEST = [
    "llama-dpo scores 0.77 on mmlu, llama-sft 0.75, base 0.4.",
    "llama-dpo (0.77) and llama-sft (0.75) are tied on mmlu: the data cannot tell them apart.",
    "The best model on mmlu is llama-dpo with 77 %.",
    "The best on mmlu is llama-sft, tied with llama-dpo.",
    "llama-sft is significantly better than base on mmlu (p = 5.8e-11).",
    "llama-sft is significantly better than base on mmlu, p < 0.001.",
    "base is significantly worse than llama-sft.",
    "llama-sft beats base by 0.35 (95 % confidence interval 0.26 to 0.44).",
    "llama-dpo is not significantly better than llama-sft at the 5 % level, p = 0.5.",
    "No significant difference was found between llama-dpo and llama-sft.",
    "acc rises from 0.4 to 0.75, by 0.35.",
    "llama-sft improves on base from 0.4 to 0.75.",
    "On hellaswag_0shot nothing was tested: llama-sft has 0.61 and base 0.5.",
    "hellaswag_0shot/acc 0.61; wikitext/perplexity 7.2.",
    "The perplexity of llama-sft is 7.2, 0.9 lower than 8.1.",
    "The registry holds 5 models, 3 benchmarks and 2 checkpoints.",
    "llama-sft has 2 checkpoints, at step 100 and step 200.",
    "llama-dpo was made from llama-sft, which was made from base.",
    "llama-sft descends from base.",
    f"llama-sft was made by run {SOURCE[:8]}; its weights lie at `/m/llama-sft-v2`.",
    "A llama-based model leads on mmlu.",
    "100 samples were tested; 1. llama-dpo, 2. llama-sft",
]


@pytest.mark.parametrize("text", HONEST)
def test_a_true_sentence_about_models_stands(text: str, asked: Lab, parrot: Parrot) -> None:
    assert told(asked, parrot, text) == text, corrections(parrot.script)
    assert len(parrot.script.requests) == 2


def test_what_was_not_tested_is_not_significant(asked: Lab, parrot: Parrot) -> None:
    lie = "llama-dpo is significantly better than base."
    assert lie not in told(asked, parrot, lie, tools=[DETAILS])
    assert told(asked, parrot, lie, tools=[("check_significance", {"model_a": "llama-dpo", "model_b": "base"})]) == lie


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        (RANKED, "Models ranked by mmlu/acc, highest first:\n1. llama/llama-dpo: 0.77\n1. llama/llama-sft: 0.75 (the"),
        (TESTED, "mmlu/acc: llama/llama-sft is significantly better, p = 5.821e-11."),
        (COMPARED, "llama/base against llama/llama-sft:\nhellaswag_0shot/acc: 0.5 against 0.61"),
        (DETAILS, "The model llama/llama-sft, made from base: hellaswag_0shot/acc 0.61"),
        (DESCRIBED, "The registry holds 5 models."),
        (("get_model", {"model": "twin"}), "That name may mean: llama/twin, other/twin."),
    ],
)
def test_a_lie_that_is_kept_to_gives_way_to_the_data(tool: Call, said: str, asked: Lab, parrot: Parrot) -> None:
    assert said in told(asked, parrot, "The best is 0.123456.", tools=[tool])


def test_a_model_s_source_run_may_be_a_used_run(asked: Lab, parrot: Parrot) -> None:
    parrot.text, parrot.tools, parrot.ids = "llama-sft has 0.75.", [DETAILS], [SOURCE[:8], "feedbeef"]
    answer = asked.answer("How is llama-sft?")
    parrot.ids = ()
    assert answer["used_run_ids"] == [SOURCE]
    assert answer["comparison"] is None


def test_the_model_finds_its_way_by_the_replies(tmp_path_factory: pytest.TempPathFactory) -> None:
    script = Script(
        [
            calls(("rank_models", {"metric": "mmlu"})),
            calls(("rank_models", {"metric": "acc", "family": "MMLU"})),
            final(intent="best_model", text="llama-dpo (0.77) is tied with llama-sft (0.75) on mmlu."),
        ]
    )
    folder = tmp_path_factory.mktemp("found")
    with lab(folder, script, runs=[]) as made:
        write_registry(folder / "manifests.db")
        answer = made.answer("Which model is best on MMLU?")
    assert (answer["intent"], answer["used_run_ids"]) == ("best_model", [])
    assert "mmlu/acc_stderr" in str(script.requests[1]["messages"][-1]["content"])
