import json

import numpy as np
import pytest

from lightml.checkpoints import register_checkpoint
from lightml.database import Database
from lightml.errors import InvalidEntryError, UnknownNameError
from lightml.metrics import add_metric
from lightml.ranking import Candidate, leaderboard, rank_candidates
from lightml.registry import create_run, register_model

# `lightml.ranking`: models share a rank where their scores cannot tell them apart, and only there.


def marked(model: str, n_right: int, n_samples: int = 100) -> Candidate:
    scores = [1.0] * n_right + [0.0] * (n_samples - n_right)
    return Candidate(model=model, value=n_right / n_samples, scores=scores)


def ranks(*candidates: Candidate, order: str = "desc") -> dict[str, int]:
    rows = rank_candidates(candidates, order="asc" if order == "asc" else "desc")
    return {row["model"]: row["rank"] for row in rows}


def test_models_that_cannot_be_told_apart_share_a_rank() -> None:
    assert ranks(marked("worst", 50), marked("good", 80), marked("best", 82)) == {"best": 1, "good": 1, "worst": 3}


def test_rows_say_who_is_tied_with_the_best() -> None:
    rows = rank_candidates([marked("worst", 50), marked("good", 80), marked("best", 82)])
    assert [row["model"] for row in rows] == ["best", "good", "worst"]
    assert [row["tied_with_best"] for row in rows] == [True, True, False]
    assert all(row["ties_known"] for row in rows)
    assert rows[0] == {
        "rank": 1,
        "model": "best",
        "run": None,
        "value": 0.82,
        "n_samples": 100,
        "tied_with_best": True,
        "ties_known": True,
    }


def test_where_less_is_better_the_least_value_is_first() -> None:
    assert ranks(marked("low", 20), marked("high", 60), order="asc") == {"low": 1, "high": 2}


def test_models_without_scores_are_ranked_by_value_and_their_ties_are_unknown() -> None:
    rows = rank_candidates([marked("best", 82), marked("good", 80), Candidate(model="plain", value=0.81)])
    assert [(row["model"], row["rank"]) for row in rows] == [("best", 1), ("plain", 2), ("good", 2)]
    assert [row["tied_with_best"] for row in rows] == [True, None, True]
    assert not any(row["ties_known"] for row in rows)
    assert rows[1]["n_samples"] == 0


def test_equal_values_without_scores_share_a_rank() -> None:
    plain = [Candidate(model=name, value=value) for name, value in (("a", 0.5), ("b", 0.7), ("c", 0.7), ("d", 0.4))]
    assert ranks(*plain) == {"b": 1, "c": 1, "a": 3, "d": 4}


def test_scores_of_different_samples_are_not_tested_against_each_other() -> None:
    rows = rank_candidates([marked("full", 81), marked("part", 8, 10)])
    assert [(row["model"], row["rank"], row["tied_with_best"]) for row in rows] == [
        ("full", 1, True),
        ("part", 2, None),
    ]


def test_scores_that_are_no_marks_are_ranked_too() -> None:
    noise = np.random.default_rng(0).normal(size=(3, 200)) + np.array([[1.0], [1.02], [0.0]])
    candidates = [
        Candidate(model=name, value=float(row.mean()), scores=row.tolist())
        for name, row in zip(("a", "b", "c"), noise, strict=True)
    ]
    assert ranks(*candidates) == {"a": 1, "b": 1, "c": 3}


def test_many_models_with_numbers_are_still_told_apart() -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=(40, 60)) + np.arange(40)[:, None]
    candidates = [
        Candidate(model=str(at), value=float(row.mean()), scores=row.tolist()) for at, row in enumerate(noise)
    ]
    assert ranks(*candidates) == {str(at): 40 - at for at in range(40)}


def test_where_no_permutation_test_could_succeed_values_rank_and_the_ties_are_unknown() -> None:
    noise = np.random.default_rng(0).normal(size=(150, 20))
    rows = rank_candidates(
        [Candidate(model=str(at), value=float(row.mean()), scores=row.tolist()) for at, row in enumerate(noise)]
    )
    assert [row["rank"] for row in rows] == list(range(1, 151))
    assert not any(row["ties_known"] for row in rows)


def test_a_leaderboard_without_candidates_is_empty() -> None:
    assert rank_candidates([]) == []


def test_alpha_must_be_a_chance() -> None:
    with pytest.raises(InvalidEntryError, match="alpha must lie between 0 and 1"):
        rank_candidates([marked("a", 5)], alpha=5)


@pytest.mark.parametrize("kind", ["marks", "numbers"])
def test_equal_models_get_different_ranks_in_at_most_five_percent(kind: str) -> None:
    rng = np.random.default_rng(41)
    n_false, n_simulations = 0, 400
    for seed in range(n_simulations):
        n_samples = 120 if kind == "marks" else 12
        difficulty = rng.random(n_samples)
        numbers = rng.random((6, n_samples))
        scores = (numbers < difficulty) * 1.0 if kind == "marks" else numbers + difficulty
        candidates = [
            Candidate(model=str(at), value=float(row.mean()), scores=row.tolist()) for at, row in enumerate(scores)
        ]
        n_false += len({row["rank"] for row in rank_candidates(candidates, seed=seed)}) > 1
    assert n_false / n_simulations <= 0.05 + 3 * (0.05 * 0.95 / n_simulations) ** 0.5


@pytest.fixture
def db(place: Database) -> Database:
    db = place
    for run, n_right in (("one", 90), ("two", 88)):
        create_run(db, run)
        register_model(db, run, "llama", None)
        scores = [1.0] * n_right + [0.0] * (100 - n_right)
        add_metric(db, "hella", "acc", n_right / 100, scores, model_name="llama", run_name=run)
    register_model(db, "two", "base", None)
    add_metric(db, "hella", "acc", 0.3, model_name="base")
    add_metric(db, "lm", "val_loss", 2.5, model_name="base")
    add_metric(db, "lm", "val_loss", 2.1, model_name="llama", run_name="two")
    checkpoint = register_checkpoint(db, "two", "base", 100, None)
    add_metric(db, "hella", "acc", 0.99, checkpoint_id=checkpoint)
    return db


def test_a_registrys_models_are_ranked_and_checkpoints_are_not(db: Database) -> None:
    board = leaderboard(db, "hella", "acc")
    rows = [(row["rank"], row["model"], row["run"], row["tied_with_best"]) for row in board["rows"]]
    assert rows == [(1, "llama", "one", True), (1, "llama", "two", True), (3, "base", "two", None)]
    assert {key: board[key] for key in ("family", "metric", "run_name", "order", "alpha", "correction")} == {
        "family": "hella",
        "metric": "acc",
        "run_name": None,
        "order": "desc",
        "alpha": 0.05,
        "correction": "holm",
    }
    assert json.loads(json.dumps(board)) == board


def test_a_leaderboard_may_be_of_one_run(db: Database) -> None:
    assert [row["run"] for row in leaderboard(db, "hella", "acc", "two")["rows"]] == ["two", "two"]


def test_the_name_of_a_metric_gives_the_order_unless_it_is_given(db: Database) -> None:
    assert [row["model"] for row in leaderboard(db, "lm", "val_loss")["rows"]] == ["llama", "base"]
    assert [row["model"] for row in leaderboard(db, "lm", "val_loss", order="desc")["rows"]] == ["base", "llama"]


def test_what_is_not_there_is_named(db: Database) -> None:
    with pytest.raises(
        UnknownNameError, match=r"no model in the registry has a metric 'f1'.*'hella/acc', 'lm/val_loss'"
    ):
        leaderboard(db, "hella", "f1")
    with pytest.raises(UnknownNameError, match="no run 'three'"):
        leaderboard(db, "hella", "acc", "three")
