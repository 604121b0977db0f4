import pytest

from benchmarks.measure import Sample, take_turns, time_text


def test_tasks_take_turns_and_warm_ups_do_not_count() -> None:
    done: list[str] = []
    tasks = {"a": lambda: done.append("a"), "b": lambda: done.append("b")}
    times = take_turns(tasks, rounds=2, warm_ups=1, before={"b": lambda: done.append("before b")})
    assert done == ["a", "before b", "b"] * 3
    assert {name: len(sample.seconds) for name, sample in times.items()} == {"a": 2, "b": 2}


def test_a_sample_gives_the_middle_and_the_outer_tenths() -> None:
    sample = Sample(tuple(number / 1000 for number in range(101)))
    assert sample.median_s == 0.05
    assert sample.spread == "10 ms to 90 ms"
    assert Sample((0.25,)).spread == "250 ms"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.5, "1.50 s"), (0.04, "40 ms"), (0.001, "1 ms"), (0.0000142, "14.2 µs"), (-0.002, "-2 ms"), (0.0, "0 µs")],
)
def test_a_time_is_given_in_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
