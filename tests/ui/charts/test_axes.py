from itertools import pairwise

import pytest

from tests.ui.compared import compared
from ui.charts.axes import MISSING_PLACE, axis_of, spans_decades
from ui.comparing import Column


def column(*values: object) -> Column:
    return compared(*(({"p": value} if value is not ... else {}, {}) for value in values)).columns["p"]


@pytest.mark.parametrize(
    ("numbers", "spans"),
    [
        ([0.001, 0.1], True),
        ([0.01, 0.5], False),
        ([0.0, 100.0], False),
        ([-1.0, 1000.0], False),
        ([None, 5.0], False),
        ([None], False),
        ([5e-324, 1.7e308], True),
    ],
)
def test_numbers_span_decades_when_all_are_positive_and_the_highest_is_a_hundred_times_the_lowest(
    numbers: list[float | None], spans: bool
) -> None:
    assert spans_decades(numbers) is spans


def test_numbers_lie_by_size_and_by_powers_of_ten_where_they_span_decades() -> None:
    linear, log = axis_of(column(0, 5, 10)), axis_of(column(0.001, 0.01, 0.1))
    assert [axis.scale for axis in (linear, log)] == ["linear", "log"]
    assert list(linear.places) == [0, 0.5, 1]
    assert list(log.places) == pytest.approx([0, 0.5, 1])
    assert [text for _, text in log.ticks] == ["0.001", "0.01", "0.1"]


def test_a_run_without_a_number_lies_below_the_axis() -> None:
    axis = axis_of(column(1, "NaN", ..., 3))
    assert list(axis.places) == [0, MISSING_PLACE, MISSING_PLACE, 1]
    assert list(axis.texts) == ["1", "NaN", "–", "3"]
    assert axis.ticks[0] == (MISSING_PLACE, "none")


def test_text_booleans_and_mixed_values_lie_by_name_numbers_first() -> None:
    assert axis_of(column(True, False)).ticks == ((0, "false"), (1, "true"))
    mixed = axis_of(column("auto", 10, 2, True))
    assert [text for _, text in mixed.ticks] == ["2", "10", "auto", "true"]
    assert mixed.scale == "category"


def test_a_single_value_lies_in_the_middle() -> None:
    assert axis_of(column(3, 3)).places == (0.5, 0.5)
    assert axis_of(column("a")).places == (0.5,)


@pytest.mark.parametrize("values", [(-1.7e308, 0, 1.7e308), (5e-324, 1.0, 1.7e308), tuple(range(1, 101))])
def test_places_stay_on_the_axis_and_ticks_apart(values: tuple[float, ...]) -> None:
    axis = axis_of(column(*values))
    assert all(0 <= place <= 1 for place in axis.places)
    places = [place for place, _ in axis.ticks]
    assert all(after - before >= 0.04 for before, after in pairwise(places))


def test_a_hundred_names_have_a_dozen_ticks_at_most() -> None:
    axis = axis_of(column(*(f"name-{at:03}" for at in range(100))))
    assert len(set(axis.places)) == 100
    assert len(axis.ticks) <= 12
