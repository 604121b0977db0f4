import json
from typing import Any

import numpy as np
import pytest

from lightml.database import Database
from lightml.errors import InvalidEntryError, ScoresError, UnknownNameError
from lightml.metrics import add_metric
from lightml.registry import create_run, register_model
from lightml.stats import compare_many, compare_models_stats, compare_stats

# `lightml.stats`: what a comparison answers, and which scores it refuses.

A = [1.0] * 12 + [1.0] * 20 + [0.0] * 2 + [0.0] * 16
B = [0.0] * 12 + [1.0] * 20 + [1.0] * 2 + [0.0] * 16


def test_marks_give_a_contingency_table_mcnemar_and_an_interval() -> None:
    result = compare_stats(A, B)
    assert set(result) == {"test", "n_samples", "contingency", "mcnemar", "bootstrap", "mean_a", "mean_b"}
    assert result["contingency"] == {
        "both_correct": 20,
        "only_a": 12,
        "only_b": 2,
        "both_wrong": 16,
        "n_discordant": 14,
    }
    assert result["mcnemar"] == {"p_value": pytest.approx(0.0129, abs=5e-5), "significant": True, "winner": "a"}
    assert (result["mean_a"], result["mean_b"]) == (32 / 50, 22 / 50)
    interval = result["bootstrap"]
    assert interval["delta"] == pytest.approx(0.2)
    assert interval["ci_lower"] < 0.2 < interval["ci_upper"]
    assert interval["confidence"] == 0.95
    assert json.loads(json.dumps(result)) == result


def test_scores_that_are_no_marks_get_a_permutation_test() -> None:
    result = compare_stats([0.5, 0.7, 0.2, 0.9], [0.1, 0.2, 0.1, 0.3])
    assert (result["test"], result["contingency"]) == ("permutation", None)
    assert "mcnemar" not in result
    assert result["permutation"] == {"p_value": 2 / 16, "significant": False, "winner": "a"}
    assert json.loads(json.dumps(result)) == result


def test_the_same_seed_gives_the_same_result_and_another_a_slightly_different_one() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300)).tolist()
    assert compare_stats(a, b, seed=4) == compare_stats(a, b, seed=4)
    first, second = compare_stats(a, b, seed=4)["bootstrap"], compare_stats(a, b, seed=5)["bootstrap"]
    assert first != second
    assert first["ci_lower"] == pytest.approx(second["ci_lower"], abs=0.02)


@pytest.mark.parametrize("kind", ["marks", "numbers"])
def test_swapping_the_models_mirrors_the_result(kind: str) -> None:
    rng = np.random.default_rng(1)
    a, b = (A, B) if kind == "marks" else rng.normal(size=(2, 100)).tolist()
    forth, back = compare_stats(a, b), compare_stats(b, a)
    test = forth["test"]
    assert forth[test]["p_value"] == back[test]["p_value"]
    assert {forth[test]["winner"], back[test]["winner"]} == {"a", "b"}
    assert forth["bootstrap"]["ci_lower"] == -back["bootstrap"]["ci_upper"]
    assert forth["bootstrap"]["delta"] == -back["bootstrap"]["delta"]


def test_models_that_score_the_same_have_no_winner() -> None:
    for scores in ([1, 0, 1], [0.25, 0.5, 0.125]):
        result = compare_stats(scores, scores)
        assert result[result["test"]] == {"p_value": 1.0, "significant": False, "winner": None}
        assert result["bootstrap"] == {"delta": 0.0, "ci_lower": 0.0, "ci_upper": 0.0, "confidence": 0.95}


def test_where_less_is_better_the_lower_score_wins_and_zero_is_correct() -> None:
    result = compare_stats(A, B, order="asc")
    assert result["mcnemar"]["winner"] == "b"
    assert result["contingency"]["both_correct"] == 16
    assert (result["contingency"]["only_a"], result["contingency"]["only_b"]) == (2, 12)
    assert result["bootstrap"]["delta"] == pytest.approx(0.2)


def test_more_confidence_makes_the_interval_wider() -> None:
    narrow, wide = (compare_stats(A, B, confidence=confidence)["bootstrap"] for confidence in (0.8, 0.99))
    assert wide["ci_lower"] < narrow["ci_lower"] < narrow["ci_upper"] < wide["ci_upper"]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([1, 0], [1, 0, 1], "A has 2, B has 3"),
        ([], [], "no scores of A"),
        ([1.0, float("nan")], [1, 0], "score 1 of A is nan"),
        ([1, 0], [1.0, float("inf")], "score 1 of B is inf"),
        ([[1], [0]], [1, 0], "flat list of numbers"),
        ([[1], [0, 1]], [1, 0], "flat list of numbers"),
        (["1", "0"], [1, 0], "flat list of numbers"),
        ([1, None], [1, 0], "flat list of numbers"),
    ],
)
def test_unusable_scores_are_refused(a: Any, b: Any, said: str) -> None:
    with pytest.raises(ScoresError, match=said):
        compare_stats(a, b)


@pytest.mark.parametrize("setting", [{"n_resamples": 0}, {"confidence": 1.0}, {"confidence": 0.0}])
def test_settings_out_of_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(InvalidEntryError):
        compare_stats(A, B, **setting)


def test_many_models_are_compared_pair_by_pair_with_holms_correction() -> None:
    result = compare_many({"a": A, "b": B, "c": B})
    assert [(pair["model_a"], pair["model_b"]) for pair in result["pairs"]] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = compare_stats(A, B)["mcnemar"]["p_value"]
    assert [pair["p_value"] for pair in result["pairs"]] == [raw, raw, 1.0]
    assert [pair["p_adjusted"] for pair in result["pairs"]] == pytest.approx([3 * raw, 3 * raw, 1.0])
    assert [pair["significant"] for pair in result["pairs"]] == [True, True, False]
    assert [pair["winner"] for pair in result["pairs"]] == ["a", "a", None]
    assert result["p_adjusted"]["a"]["b"] == result["p_adjusted"]["b"]["a"]
    assert result["correction"] == "holm"
    assert json.loads(json.dumps(result)) == result


def test_the_order_in_which_many_models_are_given_changes_no_p_value() -> None:
    scores = {
        name: row.tolist() for name, row in zip("abcd", np.random.default_rng(3).normal(size=(4, 50)), strict=True)
    }
    forth = compare_many(scores)["p_adjusted"]
    back = compare_many(dict(reversed(scores.items())))["p_adjusted"]
    for name, others in forth.items():
        assert back[name] == pytest.approx(others)


def test_one_model_alone_cannot_be_compared() -> None:
    with pytest.raises(InvalidEntryError, match="two models or more"):
        compare_many({"a": A})


@pytest.mark.parametrize("kind", ["marks", "numbers"])
def test_any_false_positive_among_equal_models_is_at_most_five_percent(kind: str) -> None:
    rng = np.random.default_rng(31)
    n_false, n_simulations = 0, 400
    for seed in range(n_simulations):
        scores = rng.random((5, 100)) if kind == "numbers" else (rng.random((5, 100)) < rng.random(100)) * 1.0
        result = compare_many({str(at): row.tolist() for at, row in enumerate(scores)}, seed=seed, n_resamples=1000)
        n_false += any(pair["significant"] for pair in result["pairs"])
    assert n_false / n_simulations <= 0.05 + 3 * (0.05 * 0.95 / n_simulations) ** 0.5


@pytest.fixture
def db(place: Database) -> Database:
    db = place
    create_run(db, "one")
    for name, scores in (("base", B), ("sft", A), ("short", [1.0, 0.0])):
        register_model(db, "one", name, None)
        add_metric(db, "hella", "acc", sum(scores) / len(scores), scores, model_name=name)
    add_metric(db, "hella", "plain_acc", 0.5, model_name="base")
    add_metric(db, "hella", "toxicity", 22 / 50, B, model_name="base")
    add_metric(db, "hella", "toxicity", 32 / 50, A, model_name="sft")
    return db


def test_stored_scores_are_compared(db: Database) -> None:
    assert compare_models_stats(db, "base", "sft", "hella", "acc") == compare_stats(B, A)


def test_the_name_of_the_metric_says_which_way_it_is_better(db: Database) -> None:
    assert compare_models_stats(db, "base", "sft", "hella", "toxicity")["mcnemar"]["winner"] == "a"


def test_of_two_models_of_one_name_the_preferred_runs_is_meant(db: Database) -> None:
    create_run(db, "two")
    register_model(db, "two", "sft", None)
    add_metric(db, "hella", "acc", 22 / 50, B, model_name="sft", run_name="two")
    preferred = compare_models_stats(db, "base", "sft", "hella", "acc", prefer_run="two")
    assert preferred["mcnemar"]["winner"] is None
    assert compare_models_stats(db, "base", "sft", "hella", "acc", "one")["mcnemar"]["winner"] == "b"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("base", "sft", "hella", "f1"), "no metric 'f1' in the family 'hella'; it has 'hella/acc'"),
        (("base", "sft", "mmlu", "acc"), "no metric 'acc' in the family 'mmlu'"),
        (("base", "sft", "hella", "plain_acc"), "has no per-sample scores; log it again with scores="),
        (("base", "none", "hella", "acc"), "no model 'none'"),
    ],
)
def test_what_is_not_there_is_named(db: Database, asked: tuple[str, str, str, str], said: str) -> None:
    with pytest.raises(UnknownNameError, match=said):
        compare_models_stats(db, *asked)


def test_scores_of_different_numbers_of_samples_name_the_models(db: Database) -> None:
    with pytest.raises(ScoresError, match="'base' has 50, 'short' has 2"):
        compare_models_stats(db, "base", "short", "hella", "acc")
