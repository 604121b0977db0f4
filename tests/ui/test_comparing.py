import pickle

import pandas as pd
import pytest

from tests.ui.compared import a_run, compared
from ui.comparing import (
    best_places,
    default_metric,
    flat_values,
    names_frame,
    rows_shown,
    runs_frame,
    short_labels,
    side_by_side,
    telling_columns,
)


def test_objects_are_opened_by_dotted_path_and_everything_else_in_them_is_a_value() -> None:
    values = {"opt": {"name": "adam", "betas": [0.9, 0.99], "extra": {}}, "none": None, "lr": 0.1}
    assert flat_values(values) == {
        "opt.name": "adam",
        "opt.betas": "[0.9, 0.99]",
        "opt.extra": "{}",
        "none": "null",
        "lr": 0.1,
    }


@pytest.mark.parametrize("values", [{"a.b": 1, "a": {"b": 2}}, {"a": {"b": 2}, "a.b": 1}])
def test_a_recorded_name_with_a_dot_wins_over_the_path_that_reads_alike(values: dict[str, object]) -> None:
    assert flat_values(values) == {"a.b": 1}


def test_labels_are_as_long_as_it_takes_to_tell_runs_apart() -> None:
    assert short_labels(["3f0a9c1e-5d0b", "8b1d4c52-7e64"]) == ["3f0a9c1e", "8b1d4c52"]
    assert short_labels(["same-beginning-1", "same-beginning-2"]) == ["same-beginning-1", "same-beginning-2"]
    assert short_labels(["abcdefghij", "abcdefgh"]) == ["abcdefghi", "abcdefgh"]
    assert short_labels([]) == []


def test_a_metric_and_a_parameter_called_alike_stand_apart() -> None:
    runs = compared(({"accuracy": 1, "accuracy (param)": 3}, {"accuracy": 0.5}), ({}, {}))
    assert {label: column.values for label, column in runs.columns.items() if column.kind != "run"} == {
        "accuracy": (0.5, None),
        "accuracy (param)": (1, None),
        "accuracy (param) (param)": (3, None),
    }


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (1, 1.0, False),
        (True, 1, True),
        (True, "true", True),
        ("1", 1, True),
        ("NaN", "NaN", False),
        ([1, 2], [1, 2], False),
        ({"a": 1}, {"a": 2}, True),
        (10**400, 10**400, False),
        (10**400, 10**400 + 1, True),
    ],
)
def test_values_differ_when_their_kind_or_their_content_does(one: object, other: object, differs: bool) -> None:
    runs = compared(({"p": one}, {}), ({"p": other}, {}))
    assert [column.differs for column in runs.of_kind("param")] == [differs]


def test_a_recorded_null_differs_from_nothing_recorded() -> None:
    runs = compared(({"p": None}, {}), ({}, {}))
    [column] = runs.of_kind("param")
    assert (column.values, column.differs) == (("null", None), True)


def test_only_differences_leaves_the_rows_that_are_not_alike_in_all_runs() -> None:
    runs = compared(({"lr": 0.1, "model": "svm"}, {"accuracy": 0.9}), ({"lr": 0.1, "model": "tree"}, {"accuracy": 0.9}))
    assert [row.label for row in rows_shown(runs, only_differences=True)] == ["model"]
    everything = [row.label for row in rows_shown(runs, only_differences=False)]
    assert everything == ["status", "dataset", "started", "accuracy", "lr", "model", "command"]


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [
        ("accuracy", [0.8, 0.9, 0.7], {1}),
        ("val_loss", [0.8, 0.9, 0.7], {2}),
        ("accuracy", [0.9, 0.9, 0.7], {0, 1}),
        ("accuracy", [0.9, 0.9, 0.9], set()),
        ("accuracy", ["Infinity", 0.9, 0.7], {1}),
        ("val_loss", ["-Infinity", 0.9, "NaN"], set()),
        ("accuracy", [None, 0.9, True], set()),
        ("accuracy", [None, None, None], set()),
    ],
)
def test_the_best_of_a_metric_is_told_by_its_direction(name: str, values: list[object], best: set[int]) -> None:
    runs = compared(*(({}, {name: value}) for value in values))
    assert best_places(runs.columns[name]) == best


def test_a_parameter_is_never_best() -> None:
    runs = compared(({"loss": 1}, {}), ({"loss": 2}, {}))
    assert best_places(runs.columns["loss"]) == set()


def test_one_run_alone_is_a_table_without_differences_or_best() -> None:
    runs = compared(({"lr": 0.1}, {"accuracy": 0.9}))
    assert rows_shown(runs, only_differences=True) == []
    frame = names_frame(runs, runs.of_kind("metric"))
    assert frame.to_dict("records") == [{"kind": "metric", "name": "accuracy ↑", "run-0": "0.9"}]


def test_the_table_of_names_is_text_and_marks_the_best() -> None:
    runs = compared(({"bias": True}, {"loss": "NaN"}), ({"bias": False}, {"loss": 0.25}), ({}, {"loss": 0.5}))
    rows = [*runs.of_kind("metric"), *runs.of_kind("param")]
    assert names_frame(runs, rows).to_numpy().tolist() == [
        ["metric", "loss ↓", "NaN", "0.25 ★", "0.5"],
        ["param", "bias", "true", "false", "–"],
    ]


def test_the_table_of_runs_holds_numbers_where_all_are_and_text_where_one_is_not() -> None:
    runs = compared(({"lr": 0.1, "depth": "auto"}, {"loss": "NaN"}), ({"depth": 3}, {"loss": 0.5}))
    frame = runs_frame(runs, [*runs.of_kind("metric"), *runs.of_kind("param")])
    assert frame["run"].tolist() == ["run-0", "run-1"]
    assert frame["lr"].dtype == frame["loss"].dtype == "float64"
    assert frame["depth"].tolist() == ["auto", "3"]
    assert pd.isna(frame["lr"][1])
    assert pd.isna(frame["loss"][0])


def test_a_hundred_runs_are_told_apart_by_name() -> None:
    runs = compared(*(({"lr": 10**-at, "seed": at % 5, "path": f"/tmp/{at}"}, {"accuracy": at}) for at in range(100)))
    assert len(set(runs.names)) == 100
    assert best_places(runs.columns["accuracy"]) == {99}
    assert len(names_frame(runs, rows_shown(runs, only_differences=True)).columns) == 102


def test_runs_are_told_apart_by_what_splits_them_seeds_last() -> None:
    runs = compared(
        *(
            ({"seed": seed, "task": data, "dataset": data, "model": model}, {})
            for data in ("iris", "wine")
            for model in ("svm", "tree")
            for seed in (1, 2)
        )
    )
    assert [column.label for column in telling_columns(runs)] == ["dataset (param)", "model", "seed"]
    assert [column.label for column in telling_columns(runs, seeds=False)] == ["dataset (param)", "model"]
    assert runs.names[0] == "run-0 · iris · svm · seed 1"


def test_a_name_is_cut_but_its_id_is_not() -> None:
    runs = side_by_side([a_run("a" * 200 + end, params={"p": end * 500}) for end in "xy"])
    assert runs.names[0].startswith("a" * 200 + "x · x")
    assert runs.names[0].endswith("…")


def test_the_first_metric_is_one_that_most_runs_have_and_not_of_training_or_time() -> None:
    runs = compared(
        ({}, {"train_loss": 1, "a_runtime": 1, "f1": 0.4, "rare": 1}),
        ({}, {"train_loss": 2, "a_runtime": 2, "f1": 0.5}),
    )
    assert default_metric(runs) == "f1"
    assert default_metric(compared(({}, {"accuracy": "NaN"}))) is None
    assert default_metric(side_by_side([])) is None


def test_a_comparison_can_be_kept_between_page_runs() -> None:
    runs = compared(({"lr": 0.1}, {"accuracy": 0.9}), ({"lr": 0.2}, {}))
    assert pickle.loads(pickle.dumps(runs)) == runs
