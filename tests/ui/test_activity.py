from datetime import date, timedelta

from ui.activity import count_by_day

FIRST = date(2026, 1, 1)


class Store:
    def __init__(self, runs: dict[date, int]) -> None:
        self.runs = runs
        self.n_questions = 0

    def count(self, first: date, last: date) -> int:
        self.n_questions += 1
        return sum(runs for day, runs in self.runs.items() if first <= day <= last)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def test_each_day_is_counted_in_order() -> None:
    store = Store({day(number): number for number in range(60)})
    counted = count_by_day(FIRST, day(59), count=store.count)
    assert list(counted.items()) == [(day(number), number) for number in range(60)]
    assert store.n_questions <= 60


def test_days_without_runs_cost_few_questions() -> None:
    store = Store({day(7): 3})
    counted = count_by_day(FIRST, day(59), count=store.count)
    assert len(counted) == 60
    assert {when: runs for when, runs in counted.items() if runs} == {day(7): 3}
    assert store.n_questions <= 7
    empty = Store({})
    assert sum(count_by_day(FIRST, day(59), count=empty.count).values()) == 0
    assert empty.n_questions == 1


def test_a_single_day_is_one_question() -> None:
    store = Store({FIRST: 2})
    assert count_by_day(FIRST, FIRST, count=store.count) == {FIRST: 2}
    assert store.n_questions == 1
