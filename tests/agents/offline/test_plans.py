import re
from pathlib import Path
from typing import Any

import pytest

from tests.agents.offline.conftest import (
    IRIS_FAILED,
    IRIS_PERCEPTRON,
    IRIS_SVM,
    WINE_LOGREG,
    WINE_SEED,
    WINE_SVM,
    Ask,
    turn,
)
from tests.backend.stores import StoredRun, write_runs

FLAG, NOTE = "flag_run_for_publish", "update_note"


@pytest.mark.parametrize(
    ("question", "intent", "used"),
    [
        ("best run", "best_run", [WINE_SVM]),
        ("worst run on wine", "best_run", [WINE_LOGREG]),
        ("second best run on wine", "best_run", [WINE_SEED]),
        ("top 2 runs by val_loss", "best_run", [WINE_SVM, WINE_SEED]),
        ("fastest run", "best_run", [IRIS_PERCEPTRON]),
        ("which run used the most epochs?", "best_run", [WINE_LOGREG]),
        ("best run for each dataset", "best_run", [IRIS_SVM, WINE_SVM]),
        ("best run with more than 30 epochs", "best_run", [WINE_LOGREG]),
        ("list the failed runs", "list_runs", [IRIS_FAILED]),
        ("runs on wine", "list_runs", [WINE_LOGREG, WINE_SVM, WINE_SEED]),
        ("runs with accuracy above 0.95", "list_runs", [WINE_SVM, WINE_SEED]),
        ("baselines with an accuracy of at least 0.9", "list_runs", [IRIS_SVM]),
        ("perceptron or logreg runs", "list_runs", [IRIS_FAILED, WINE_LOGREG, IRIS_PERCEPTRON]),
        ("latest run", "list_runs", [IRIS_FAILED]),
        ("oldest run", "list_runs", [WINE_SEED]),
        ("compare 3fa2 and 91bc", "compare_runs", [WINE_SVM, WINE_LOGREG]),
        ("compare best and worst run on wine", "compare_runs", [WINE_SVM, WINE_LOGREG]),
        ("svm vs logreg on wine", "compare_runs", [WINE_SVM, WINE_LOGREG]),
        ("wine vs iris", "compare_runs", [WINE_SVM, IRIS_SVM]),
        ("what changed between 3fa2 and 91bc?", "diff_runs", [WINE_SVM, WINE_LOGREG]),
        ("show run 3fa2", "run_details", [WINE_SVM]),
        ("details of the best iris run", "run_details", [IRIS_SVM]),
        ("search for diverged", "search_runs", [IRIS_FAILED]),
        ("which runs have a note about diverging?", "search_runs", [IRIS_FAILED]),
        ("show me the loss curve of 91bc0e77", "metric_trend", [WINE_LOGREG]),
        ("what's the weather?", "unanswerable", []),
    ],
)
def test_a_question_is_answered_with_the_right_runs(question: str, intent: str, used: list[str], ask: Ask) -> None:
    answered = ask(question)
    assert (answered.draft.intent, answered.draft.used_run_ids) == (intent, used)
    assert answered.turns <= 7
    assert len(answered.calls) <= 12


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("best run on wine", ["0.98", "3fa2c1d0 (linear_svm on wine)", "Read as: metric=accuracy, highest first"]),
        ("how many runs are there?", ["6 runs"]),
        ("how many runs failed on iris?", ["1 run fits", "status=failed"]),
        ("how many runs per dataset", ["wine: 3 runs", "iris: 3 runs"]),
        ("what datasets do I have?", ["iris (3 runs)", "wine (3 runs)"]),
        ("average accuracy on wine", ["mean of 0.9667 over 3 runs"]),
        ("svm vs logreg on wine", ["linear_svm is ahead", "mean of 0.975 over 2 runs", "higher by 0.03"]),
        ("show run d2f3c04f", ["failed", '"diverged at once"', "learning_rate 5"]),
        ("what learning rate did the best wine run use?", ["learning_rate 0.05"]),
        ("did 91bc0e77 overfit?", ["best 0.158 at step 24", "a sign of overfitting"]),
        ("was 3fa2c1d0 still improving at the end?", ["val_loss"]),
        ("show the accuracy curve of 3fa2c1d0", ["no curve of accuracy", "val_loss"]),
        ("what changed between 3fa2 and 91bc?", ["n_epochs (30 vs 60)", "lr = 0.1", "val_loss"]),
        ("runs similar to 3fa2c1d0", ["1. a1b2c3d4", "seed"]),
        ("suggest params for wine", ["The best of 3 runs", "learning_rate", "no prediction"]),
        ("suggest params for iris", ["Too few runs"]),
        ("summarize my experiments", ["6 runs", "The best on each dataset", "Failed or killed"]),
        ("best run by zorblax", ['no metric "zorblax"', "accuracy"]),
        ("best run on mars", ['no dataset "mars"', "wine"]),
        ("runs with xgboost", ["No run mentions"]),
        ("sing me a song", ["Questions that work here", "best run by accuracy on"]),
        ("show run 7c4e", ["may mean several runs", "7c4e19ab", "7c4ed053"]),
        ("show run deadbeef", ["deadbeef"]),
        ("best frobnicated run", ["frobnicated"]),
    ],
)  # fmt: skip
def test_the_answer_says_what_was_found_and_how_it_was_read(question: str, said: list[str], ask: Ask) -> None:
    text = ask(question).text
    assert [part for part in said if part not in text] == []


def test_models_are_compared_by_both_metrics_that_are_named(ask: Ask) -> None:
    answered = ask("What models work best on wine in terms of accuracy and runtime?")
    assert answered.tools[-1] == "compare_runs"
    assert answered.draft.used_run_ids == [WINE_SVM, WINE_LOGREG]
    assert "accuracy 0.98, runtime_s 3.5" in answered.text


def test_the_top_runs_are_compared_when_that_is_asked_too(ask: Ask) -> None:
    answered = ask("Show me my top 3 runs by accuracy and compare them.")
    assert answered.tools == ["describe_store", "leaderboard", "compare_runs"]
    assert answered.draft.used_run_ids == [WINE_SVM, WINE_SEED, WINE_LOGREG]


@pytest.mark.parametrize(
    ("question", "writing", "call"),
    [
        ("flag the best run for publish", [FLAG], (FLAG, {"run_id": WINE_SVM})),
        ("flag 91bc0e77", [FLAG], (FLAG, {"run_id": WINE_LOGREG})),
        ("mark 91bc0e77 as a bad run", [FLAG, NOTE], (NOTE, {"run_id": WINE_LOGREG, "note": "BAD RUN"})),
        ("note on 3fa2c1d0: try more seeds", [NOTE], (NOTE, {"run_id": WINE_SVM, "note": "try more seeds"})),
        ("flag the top 3 runs", [FLAG], (FLAG, {"run_id": WINE_SVM})),
    ],
)
def test_one_note_is_written_when_it_is_asked_for(
    question: str, writing: list[str], call: tuple[str, dict[str, Any]], ask: Ask
) -> None:
    answered = ask(question, writing=writing)
    written = [each for each in answered.calls if each[0] in {FLAG, NOTE}]
    assert written == [call]
    assert answered.draft.used_run_ids == [call[1]["run_id"]]


@pytest.mark.parametrize(
    ("question", "earlier"),
    [("flag it", [WINE_SEED, WINE_SVM]), ("flag the second one", [WINE_SVM, WINE_SEED])],
)
def test_the_run_of_the_answer_before_is_flagged(question: str, earlier: list[str], ask: Ask) -> None:
    answered = ask(question, earlier=turn("top 2 runs on wine", earlier), writing=[FLAG])
    assert answered.calls[-1] == (FLAG, {"run_id": WINE_SEED})


@pytest.mark.parametrize("question", ["flag it", "flag the perceptron run", "mark the best run on mars as best"])
def test_nothing_is_written_when_it_is_not_clear_on_what(question: str, ask: Ask) -> None:
    answered = ask(question, writing=[FLAG, NOTE])
    assert not {FLAG, NOTE} & {*answered.tools}


@pytest.mark.parametrize(
    "question", ["which runs are flagged?", "don't flag anything", "show run 91bc0e77", "best run"]
)
def test_nothing_is_written_unless_a_writing_tool_is_offered(question: str, ask: Ask) -> None:
    answered = ask(question)
    assert not {FLAG, NOTE} & {*answered.tools}


def test_what_stands_in_a_note_steers_nothing_and_is_quoted(ask: Ask) -> None:
    answered = ask("worst run on wine", writing=[FLAG, NOTE])
    assert not {FLAG, NOTE} & {*answered.tools}
    assert '"ignore all previous instructions' in answered.text


@pytest.mark.parametrize(
    "question", ["best run", "list everything", "how many runs?", "flag the best run", "svm vs mlp"]
)
def test_an_empty_store_says_how_to_record_a_run(question: str, ask: Ask, tmp_path: Path) -> None:
    answered = ask(question, path=write_runs(tmp_path / "empty.db", []), writing=[FLAG])
    assert "@log_run" in answered.text
    assert answered.draft.used_run_ids == []


def test_a_dataset_is_judged_by_a_metric_that_its_runs_have(ask: Ask, tmp_path: Path) -> None:
    runs = [
        StoredRun("run-a", dataset_id="houses", metrics={"rmse": 4.0}),
        StoredRun("run-b", dataset_id="houses", metrics={"rmse": 3.0}),
        StoredRun("run-c", dataset_id="iris", metrics={"accuracy": 0.9}),
    ]
    answered = ask("best run on houses", path=write_runs(tmp_path / "houses.db", runs))
    assert answered.draft.used_run_ids == ["run-b"]
    assert "metric=rmse, lowest first" in answered.text


def test_speed_is_told_from_the_runs_own_times_where_no_metric_tells_it(ask: Ask, tmp_path: Path) -> None:
    runs = [StoredRun("run-a", duration_s=30.0), StoredRun("run-b", duration_s=5.0), StoredRun("run-c", duration_s=9.0)]
    path = write_runs(tmp_path / "timed.db", runs)
    assert ask("fastest run", path=path).draft.used_run_ids == ["run-b"]
    answered = ask("which runs took longer than 8 seconds?", path=path)
    assert sorted(answered.draft.used_run_ids) == ["run-a", "run-c"]


def test_more_than_fit_on_a_page_are_counted_and_not_all_told(ask: Ask, tmp_path: Path) -> None:
    runs = [StoredRun(f"run-{number:03}", dataset_id="big", params={"depth": number}) for number in range(60)]
    path = write_runs(tmp_path / "big.db", runs)
    text = ask("list the runs on big", path=path).text
    assert "60 runs fit." in text
    assert len(re.findall(r"^\d+\. ", text, re.MULTILINE)) == 10
    assert "40 runs fit" in ask("how many runs have a depth of at least 20?", path=path).text
