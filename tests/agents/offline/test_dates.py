from datetime import UTC, datetime

import pytest

from agents.offline.language.dates import find_period

NOW = datetime(2026, 3, 18, 12, 30, tzinfo=UTC)
"""A Wednesday."""


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("runs from today", "2026-03-18T00:00", "2026-03-18T23:59"),
        ("what ran yesterday?", "2026-03-17T00:00", "2026-03-17T23:59"),
        ("the day before yesterday", "2026-03-16T00:00", "2026-03-16T23:59"),
        ("runs of last week", "2026-03-11T12:30", "2026-03-18T12:30"),
        ("this week", "2026-03-16T00:00", "2026-03-18T23:59"),
        ("since Monday", "2026-03-16T00:00", None),
        ("on friday", "2026-03-13T00:00", "2026-03-13T23:59"),
        ("last 3 days", "2026-03-15T12:30", "2026-03-18T12:30"),
        ("the past two weeks", "2026-03-04T12:30", "2026-03-18T12:30"),
        ("in the last 24 hours", "2026-03-17T12:30", "2026-03-18T12:30"),
        ("last month", "2026-02-01T00:00", "2026-02-28T23:59"),
        ("in the last month", "2026-02-16T12:30", None),
        ("in february", "2026-02-01T00:00", "2026-02-28T23:59"),
        ("in December", "2025-12-01T00:00", "2025-12-31T23:59"),
        ("in 2025", "2025-01-01T00:00", "2025-12-31T23:59"),
        ("since 2026-03-01", "2026-03-01T00:00", None),
        ("after 2026-03-01", "2026-03-02T00:00", None),
        ("before March", None, "2026-02-28T23:59"),
        ("until 2026-03-05", None, "2026-03-05T23:59"),
        ("between 2026-02-01 and 2026-02-10", "2026-02-01T00:00", "2026-02-10T23:59"),
        ("from Feb 1 to Feb 10", "2026-02-01T00:00", "2026-02-10T23:59"),
        ("on March 3rd", "2026-03-03T00:00", "2026-03-03T23:59"),
        ("on 5 May", "2025-05-05T00:00", "2025-05-05T23:59"),
        ("3 days ago", "2026-03-15T00:00", "2026-03-15T23:59"),
        ("older than 2 weeks", None, "2026-03-04T12:29"),
        ("less than 2 days ago", "2026-03-16T12:30", None),
        ("after 2026-03-01T10:00Z", "2026-03-01T10:01", None),
    ],
)
def test_a_time_is_read_as_its_first_and_last_moment(question: str, since: str | None, until: str | None) -> None:
    period = find_period(question, now=NOW)
    assert period is not None
    assert (period.since and period.since[:16], period.until and period.until[:16]) == (since, until)


@pytest.mark.parametrize(
    "question",
    ["best run on wine", "the last 5 runs", "it may be good", "runs with 20 epochs", "top 3", "lr 0.01", "second best"],
)
def test_other_words_are_no_time(question: str) -> None:
    assert find_period(question, now=NOW) is None


def test_the_words_are_kept_as_the_question_says_them() -> None:
    period = find_period("Best run since 2026-03-01 on wine", now=NOW)
    assert period is not None
    assert period.said == "since 2026-03-01"


def test_a_day_that_does_not_exist_is_no_time() -> None:
    assert find_period("since 2026-02-31", now=NOW) is None


def test_a_moment_to_the_second_is_no_minute() -> None:
    period = find_period("runs newer than 2026-03-01T10:00:05Z", now=NOW)
    assert period is not None
    assert period.since == "2026-03-01T10:00:05.000001Z"


@pytest.mark.parametrize("question", ["runs on 03/04/2026", "runs on 03.04.2026"])
def test_a_date_whose_month_is_a_guess_is_said_as_it_was_read(question: str) -> None:
    period = find_period(question, now=NOW)
    assert period is not None
    assert period.since is not None
    assert period.said == f"on {period.since[:10]}"
