from datetime import date

from ui.run_filters import ChosenFilters, usable_sort


def test_no_filter_asks_for_nothing() -> None:
    assert ChosenFilters().request() == {}
    assert ChosenFilters().problems() == []


def test_each_filter_is_asked_for_as_the_server_takes_it() -> None:
    chosen = ChosenFilters(
        words=" svm ",
        dataset="iris",
        statuses=("failed", "killed"),
        tags=("sweep",),
        params=("lr:0.1", "url:http://a"),
        metric="accuracy",
        low=0.5,
        first_day=date(2026, 1, 2),
        last_day=date(2026, 1, 3),
    )
    assert chosen.request() == {
        "q": "svm",
        "dataset_id": "iris",
        "status": ["failed", "killed"],
        "tag": ["sweep"],
        "param": ["lr:0.1", "url:http://a"],
        "metric_name": "accuracy",
        "metric_min": 0.5,
        "metric_max": None,
        "from_timestamp": "2026-01-02",
        "to_timestamp": "2026-01-03",
    }
    assert chosen.problems() == []


def test_a_filter_that_cannot_be_sent_is_said_and_left_out() -> None:
    chosen = ChosenFilters(
        params=("lr", ":1"), low=1.0, high=0.5, first_day=date(2026, 1, 2), last_day=date(2026, 1, 1)
    )
    assert set(chosen.request()) == {"from_timestamp", "to_timestamp"}
    assert len(chosen.problems()) == 5


def test_relevance_needs_words() -> None:
    assert usable_sort("relevance", words=" ") == "timestamp"
    assert usable_sort("relevance", words="svm") == "relevance"
    assert usable_sort("metric:accuracy", words="") == "metric:accuracy"
