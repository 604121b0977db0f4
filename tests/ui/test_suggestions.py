from backend.models import DatasetFacet, Facets, MetricFacet, NamedCount, ParamFacet
from ui.suggestions import MAX_SUGGESTIONS, suggest_questions


def facets(
    *, metrics: dict[str, int], datasets: dict[str | None, int], models: dict[str, int], failed: int = 0
) -> Facets:
    values = [NamedCount(name=name, runs=runs) for name, runs in models.items()]
    return Facets(
        total=9,
        statuses=[NamedCount(name="failed", runs=failed)],
        datasets=[DatasetFacet(dataset_id=name, runs=runs) for name, runs in datasets.items()],
        metrics=[MetricFacet(name=name, runs=runs, min=0, max=1) for name, runs in metrics.items()],
        params=[ParamFacet(name="model", runs=9, values=values, has_more_values=False, min=None, max=None)],
        tags=[],
    )


def test_questions_are_made_of_the_stores_own_names() -> None:
    store = facets(
        metrics={"train_loss": 9, "accuracy": 4, "val_loss": 9},
        datasets={"iris": 2, "wine": 5, None: 9},
        models={"ridge": 1, "svm": 5, "tree": 3},
        failed=1,
    )
    assert suggest_questions(store) == [
        "Which is the best run by accuracy?",
        "Compare my best two runs by accuracy on wine",
        "Compare svm with tree on wine",
        "lowest val_loss on wine",
        "Which runs failed?",
        "What should I try next to improve accuracy?",
    ]


def test_without_a_well_known_metric_the_one_that_most_runs_have_is_named() -> None:
    store = facets(metrics={"reward": 3, "speed": 7}, datasets={None: 9}, models={"svm": 9})
    assert suggest_questions(store) == [
        "Which is the best run by speed?",
        "Compare my best two runs by speed",
        "What should I try next to improve speed?",
        "Summarize my recent experiments",
    ]


def test_a_store_without_metrics_still_has_a_question() -> None:
    assert suggest_questions(facets(metrics={}, datasets={}, models={})) == ["Summarize my recent experiments"]


def test_an_empty_store_has_none() -> None:
    store = facets(metrics={}, datasets={}, models={}).model_copy(update={"total": 0})
    assert suggest_questions(store) == []


def test_names_that_make_no_question_are_left_out() -> None:
    hostile: dict[str, int] = {"# <b>x</b> y": 9, "a\nb": 9, "z" * 100_000: 9, "\u202eevil": 9}
    store = facets(metrics=hostile, datasets=dict.fromkeys(hostile, 9), models=hostile)
    assert suggest_questions(store) == ["Summarize my recent experiments"]


def test_there_are_never_too_many() -> None:
    store = facets(metrics={"accuracy": 1, "loss": 1}, datasets={"a": 1}, models={"x": 1, "y": 1}, failed=2)
    assert len(suggest_questions(store)) == MAX_SUGGESTIONS
