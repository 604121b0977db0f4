from typing import Any

import pytest

from agents.offline.language.names import Names
from agents.offline.reading.reader import Turn, read_question
from agents.offline.reading.reading import Reading
from tests.agents.offline.conftest import IRIS_SVM, NOW, WINE_LOGREG, WINE_SEED, WINE_SVM

BOTH_WRITES = frozenset({"flag_run_for_publish", "update_note"})
LAST = (WINE_SVM, WINE_SEED, WINE_LOGREG)


def read(question: str, names: Names, *, after: str | None = None, **given: Any) -> Reading:
    earlier = [Turn(after, LAST)] if after else []
    return read_question(question, names, now=NOW, earlier=earlier, **given)


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        ("best run", "best_run"),
        ("who wins on wine?", "best_run"),
        ("which model works best on iris?", "best_run"),
        ("slowest run", "best_run"),
        ("what should I use for wine?", "best_run"),
        ("list the failed runs", "list_runs"),
        ("anything still running?", "list_runs"),
        ("latest run", "list_runs"),
        ("how many runs failed?", "count_runs"),
        ("number of runs per dataset", "count_runs"),
        ("compare the best two runs", "compare_runs"),
        ("svm vs perceptron", "compare_runs"),
        ("is svm or logreg better on wine?", "compare_runs"),
        ("comapre 3fa2c1d0 and 91bc0e77", "compare_runs"),
        ("show run 3fa2c1d0", "run_details"),
        ("why did d2f3c04f fail?", "run_details"),
        ("what learning rate did the best run use?", "run_details"),
        ("summarize my recent experiments", "summarize_runs"),
        ("what datasets do I have?", "summarize_runs"),
        ("did 91bc0e77 overfit?", "metric_trend"),
        ("plot the loss of 91bc0e77", "metric_trend"),
        ("search for laptop", "search_runs"),
        ("which runs have a note about seeds?", "search_runs"),
        ("what changed between 3fa2c1d0 and 91bc0e77?", "diff_runs"),
        ("what should I try next on wine?", "suggest_params"),
        ("sugest params for iris", "suggest_params"),
        ("runs similar to 3fa2c1d0", "similar_runs"),
        ("which runs are flagged?", "list_runs"),
        ("don't flag anything, just show the best run", "best_run"),
        ("what's the weather in Berlin?", "unanswerable"),
        ("tell me a joke", "unanswerable"),
        ("delete the failed runs", "unanswerable"),
        ("hello", "unanswerable"),
        ("who won the world cup in 2018", "unanswerable"),
    ],
)
def test_the_kind_of_answer_is_told_from_the_words(question: str, intent: str, names: Names) -> None:
    assert read(question, names).intent == intent


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("best run on wine", ["dataset=wine"]),
        ("runs on wine or iris", ["dataset=wine or iris"]),
        ("svm runs on iris since 2026-03-01", ["dataset=iris", "model_name=linear_svm", "since 2026-03-01"]),
        ("runs with learning_rate=0.1", ["learning_rate=0.1"]),
        ("runs with lr 0.05", ["learning_rate=0.05"]),
        ("runs tagged baseline", ["tag=baseline"]),
        ("failed or killed runs", ["status=failed or killed"]),
        ("runs that did not fail", ["status=finished or running"]),
        ("best run not on wine", ["without wine"]),
        ("accuracy above 0.95", ["accuracy > 0.95"]),
        ("runs with at least 95% accuracy", ["accuracy >= 95 %"]),
        ("val_loss <= 0.2", ["val_loss <= 0.2"]),
        ("accuracy between 0.9 and 0.96", ["accuracy between 0.9 and 0.96"]),
        ("runs with more than 30 epochs", ["n_epochs > 30"]),
        ("most accurate svm that trains in under 1 second", ["model_name=linear_svm", "runtime_s < 1"]),
        ("runs that took longer than 2 minutes", ["runtime_s > 2 minutes"]),
        ("runs better than 0.9 accuracy", ["accuracy > 0.9"]),
        ("runs with val_loss better than 0.2", ["val_loss < 0.2"]),
        ("runs without artifacts", ["without artifacts"]),
        ("which runs are flagged?", ['note with "PUBLISH"']),
        ("list all runs", []),
    ],
)
def test_every_filter_named_is_read(question: str, expected: list[str], names: Names) -> None:
    assert list(read(question, names).scope.said()) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("best run", "metric=accuracy, highest first"),
        ("worst run", "metric=accuracy, lowest first"),
        ("best run by val loss", "metric=val_loss, lowest first"),
        ("highest val_loss", "metric=val_loss, highest first"),
        ("worst val_loss", "metric=val_loss, highest first"),
        ("fastest run", "metric=runtime_s, lowest first"),
        ("which run took the most time?", "metric=runtime_s, highest first"),
        ("which run used the most epochs?", "param=n_epochs, highest first"),
        ("smallest learning rate", "param=learning_rate, lowest first"),
    ],
)
def test_an_end_of_a_ranking_goes_by_what_is_better(question: str, expected: str, names: Names) -> None:
    ranking = read(question, names).ranking()
    assert ranking is not None
    assert ranking.said() == expected


@pytest.mark.parametrize(
    ("question", "number"),
    [("top 3 runs", 3), ("best two svm runs", 2), ("the three best runs", 3), ("last 5 runs", 5), ("best run", None),
     ("best run of the last 3 days", None), ("top runs with 20 epochs", None)],
)  # fmt: skip
def test_how_many_runs_are_asked_for(question: str, number: int | None, names: Names) -> None:
    assert read(question, names).top_k == number


@pytest.mark.parametrize(
    ("question", "kind", "text"),
    [
        ("best runs by zorblax", "metric", "zorblax"),
        ("best run on mars", "dataset", "mars"),
        ("best bleu score", "metric", "bleu"),
        ("best run with xgboost", "value", "xgboost"),
    ],
)
def test_a_name_the_store_lacks_is_not_dropped(question: str, kind: str, text: str, names: Names) -> None:
    assert [(unknown.kind, unknown.text) for unknown in read(question, names).unknown] == [(kind, text)]


@pytest.mark.parametrize(
    ("question", "after", "intent", "scope"),
    [
        ("and on iris?", "best run on wine", "best_run", ["dataset=iris"]),
        ("now by val_loss", "top 3 runs on wine", "best_run", ["dataset=wine"]),
        ("how many of those failed?", "list the iris runs", "count_runs", ["dataset=iris", "status=failed"]),
        ("only the svms", "list the wine runs", "list_runs", ["dataset=wine", "model_name=linear_svm"]),
        ("and iris?", "svm vs perceptron on wine", "compare_runs",
         ["dataset=iris", "model_name=linear_svm or perceptron"]),
        ("what's the weather?", "best run on wine", "unanswerable", []),
        ("best run on iris", "list the failed runs on wine", "best_run", ["dataset=iris"]),
    ],
)  # fmt: skip
def test_a_question_goes_on_from_the_one_before(
    question: str, after: str, intent: str, scope: list[str], names: Names
) -> None:
    reading = read(question, names, after=after)
    assert (reading.intent, list(reading.scope.said())) == (intent, scope)


@pytest.mark.parametrize(
    ("question", "intent", "run_ids"),
    [
        ("show its details", "run_details", (WINE_SVM,)),
        ("what about the second one?", "run_details", (WINE_SEED,)),
        ("compare those two", "compare_runs", (WINE_SVM, WINE_SEED)),
        ("compare them", "compare_runs", LAST),
        ("did it overfit?", "metric_trend", (WINE_SVM,)),
        ("compare it with 7c4e19ab", "compare_runs", (WINE_SVM, IRIS_SVM[:8])),
        ("why?", "run_details", (WINE_SVM,)),
    ],
)
def test_words_point_at_runs_of_the_answer_before(
    question: str, intent: str, run_ids: tuple[str, ...], names: Names
) -> None:
    reading = read(question, names, after="top 3 runs on wine")
    assert (reading.intent, reading.run_ids) == (intent, run_ids)


@pytest.mark.parametrize(
    ("question", "run_ids"),
    [
        ("diff 3fa2 vs 91bc", ("3fa2", "91bc")),
        ("show run 18507693", ("18507693",)),
        ("which params did 69531e10 use", ("69531e10",)),
        (f"show {WINE_SVM}", (WINE_SVM,)),
        ("show run exp-42", ("exp-42",)),
        ("show run deadbeef", ("deadbeef",)),
        ("runs with lr 1e-4", ()),
        ("runs of 2026", ()),
        ("the best run added a decade ago", ()),
    ],
)
def test_run_ids_are_told_from_numbers_and_words(question: str, run_ids: tuple[str, ...], names: Names) -> None:
    assert read(question, names).run_ids == run_ids


@pytest.mark.parametrize(
    ("question", "kind", "note"),
    [
        ("flag the best run for publish", "flag", "PUBLISH"),
        ("flag it", "flag", "PUBLISH"),
        ("falg the best run for publsh", "flag", "PUBLISH"),
        ("mark 3fa2 as a bad run", "flag", "BAD RUN"),
        ("can you mark the best wine run as best?", "flag", "BEST"),
        ("note on e07b25fa: needs another seed", "note", "needs another seed"),
        ("add a note to 3fa2c1d0: see 10:30", "note", "see 10:30"),
        ('jot down "Rerun it" on run f9bf5ad6', "note", "Rerun it"),
        ("annotate 3fa2 with looks good", "note", "looks good"),
        ("set the note of 3fa2 to try again", "note", "try again"),
        ("leave a note on the best run saying ship it", "note", "ship it"),
        ("clear the note of 3fa2", "note", ""),
    ],
)
def test_a_note_is_written_in_the_users_words(question: str, kind: str, note: str, names: Names) -> None:
    asked = read(question, names, writing=BOTH_WRITES).note
    assert asked is not None
    assert (asked.kind, asked.note) == (kind, note)


def test_words_of_a_note_filter_nothing(names: Names) -> None:
    reading = read("note on the best wine run: worse than iris, failed", names, writing=BOTH_WRITES)
    assert list(reading.scope.said()) == ["dataset=wine"]


def test_a_misspelled_name_is_said_as_it_was_read(names: Names) -> None:
    assert '"percepton" as perceptron' in list(read("best percepton run", names).said())
