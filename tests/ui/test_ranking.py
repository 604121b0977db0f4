from typing import Any

from backend.models import RunSummary
from tests.ui.test_reproduce import run
from ui.ranking import color_choices, ranking_frame, told_params


def runs(*params: dict[str, Any], datasets: str = "") -> list[RunSummary]:
    names = datasets or "i" * len(params)
    return [run(run_id=f"run/{at}", params=one, dataset_id=names[at], final_metrics={"acc": 1 - at / 10})
            for at, one in enumerate(params)]  # fmt: skip


def test_a_ranking_keeps_the_order_and_links_to_the_runs() -> None:
    frame = ranking_frame(runs({"lr": 1}, {"lr": 2}), "acc")
    assert frame["rank"].tolist() == [1, 2]
    assert frame["link"].tolist() == ["/run?id=run%2F0", "/run?id=run%2F1"]
    assert frame["value"].tolist() == [1, 0.9]
    assert frame["param:lr"].tolist() == ["1", "2"]
    assert ranking_frame([], "acc").empty


def test_the_params_that_tell_runs_apart_come_most_telling_first() -> None:
    ranked = runs(
        {"seed": 1, "model": "svm", "same": 1, "long": "x" * 90, "task": "a", "only": 1},
        {"seed": 2, "model": "svm", "same": 1, "long": "y" * 90, "task": "b"},
        {"seed": 3, "model": "tree", "same": 1, "long": "z" * 90, "task": "a"},
        datasets="aba",
    )
    assert told_params(ranked) == ["model", "seed", "only"]


def test_a_plot_is_coloured_by_what_has_few_values() -> None:
    frame = ranking_frame(runs({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 3, "b": 2}), "acc")
    assert color_choices(frame, max_values=2) == ["param:b"]
    assert color_choices(frame, max_values=3) == ["param:b", "param:a"]
