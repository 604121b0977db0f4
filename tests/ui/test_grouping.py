import math
import statistics

import pytest

from tests.ui.compared import compared
from ui.grouping import NOT_SET, default_grouping, grouped, groups_frame


def test_groups_have_mean_sample_deviation_and_number_the_best_first() -> None:
    runs = compared(
        ({"model": "svm", "seed": 1}, {"loss": 1.0}),
        ({"model": "svm", "seed": 2}, {"loss": 2.0}),
        ({"model": "tree", "seed": 1}, {"loss": 0.5}),
    )
    first, second = grouped([runs.columns["model"]], runs.columns["loss"])
    assert (first.name, first.size, first.mean, first.spread) == ("tree", 1, 0.5, None)
    assert (second.name, second.size, second.mean) == ("svm", 2, 1.5)
    assert second.spread == pytest.approx(statistics.stdev([1.0, 2.0]))


def test_runs_without_a_finite_number_are_in_no_group_and_those_without_the_parameter_in_one_of_their_own() -> None:
    runs = compared(
        ({"p": True}, {"accuracy": "NaN"}),
        ({"p": True}, {"accuracy": 0.5}),
        ({"p": 1}, {"accuracy": 0.6}),
        ({}, {"accuracy": 0.7}),
        ({"p": None}, {"accuracy": 0.8}),
        ({"p": True}, {}),
    )
    groups = grouped([runs.columns["p"]], runs.columns["accuracy"])
    assert [(group.name, group.places) for group in groups] == [
        ("null", (4,)),
        (NOT_SET, (3,)),
        ("1", (2,)),
        ("true", (1,)),
    ]


def test_grouped_by_nothing_all_runs_are_one_group() -> None:
    runs = compared(({}, {"accuracy": 1}), ({}, {"accuracy": 1}))
    [group] = grouped([], runs.columns["accuracy"])
    assert (group.name, group.size, group.mean, group.spread) == ("all runs", 2, 1, 0)


def test_numbers_near_the_end_of_what_a_float_holds_have_a_mean() -> None:
    runs = compared(({}, {"x": 1.7e308}), ({}, {"x": 1.7e308}))
    [group] = grouped([], runs.columns["x"])
    assert (group.mean, group.spread) == (1.7e308, 0)
    far = compared(({}, {"x": 1.7e308}), ({}, {"x": -1.7e308}))
    assert grouped([], far.columns["x"])[0].spread is None


def test_a_parameter_inside_an_object_groups_too() -> None:
    runs = compared(({"opt": {"name": "adam"}}, {"accuracy": 1}), ({"opt": {"name": "sgd"}}, {"accuracy": 2}))
    assert [group.name for group in grouped([runs.columns["opt.name"]], runs.columns["accuracy"])] == ["sgd", "adam"]


def test_a_hundred_runs_are_grouped_over_their_seeds_without_being_told() -> None:
    runs = compared(
        *(({"model": "abcd"[at % 4], "random_state": at // 4, "path": f"/{at}"}, {"accuracy": at}) for at in range(100))
    )
    assert default_grouping(runs) == ["model"]
    assert [group.size for group in grouped([runs.columns["model"]], runs.columns["accuracy"])] == [25] * 4


def test_where_no_runs_are_alike_the_parameter_with_the_fewest_values_groups() -> None:
    runs = compared(*(({"lr": at, "wide": at % 2 == 0}, {}) for at in range(6)))
    assert default_grouping(runs) == ["wide"]
    assert default_grouping(compared(({"lr": 1}, {}))) == []


def test_the_table_of_groups_shows_a_missing_spread_as_missing() -> None:
    runs = compared(({"model": "svm"}, {"accuracy": 0.5}))
    by, metric = [runs.columns["model"]], runs.columns["accuracy"]
    frame = groups_frame(grouped(by, metric), by, metric)
    assert list(frame.columns) == ["model", "n", "mean accuracy", "std", "min", "max"]
    assert frame.iloc[0, :3].tolist() == ["svm", 1, 0.5]
    assert math.isnan(frame["std"][0])
    assert groups_frame([], by, metric).empty
