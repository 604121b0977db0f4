import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.timestamps import read_moment

SPELLED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("2025-12-01T10:30", "2025-12-01T10:30:00.000000Z"),
        ("2025-12-01 10:30:05", "2025-12-01T10:30:05.000000Z"),
        ("2025-12-01t10:30:05.5z", "2025-12-01T10:30:05.500000Z"),
        ("2025-12-01T10:30:05,123456789", "2025-12-01T10:30:05.123456Z"),
        ("2025-12-01T10:30:00+02:00", "2025-12-01T08:30:00.000000Z"),
        ("2025-12-01T10:30:00 02:00", "2025-12-01T08:30:00.000000Z"),
        ("2025-12-01T23:30:00-0130", "2025-12-02T01:00:00.000000Z"),
        ("2025-12-01T10:30:00+05", "2025-12-01T05:30:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00+10:00", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_reads_the_usual_spellings(text: str, spelled: str) -> None:
    assert read_moment(text) == (spelled, spelled)


def test_a_date_is_the_whole_day() -> None:
    assert read_moment(" 2024-02-29 ") == ("2024-02-29T00:00:00.000000Z", "2024-02-29T23:59:59.999999Z")


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2025-13-01", "2025-02-29", "2025-12", "0000-01-01", "1733000000", "٢٠٢٥-12-01"),
        *("2025-12-01T24:00", "2025-12-01T10:61", "2025-12-01T10", "2025-12-01T10:30:00 UTC"),
        *("2025-12-01T10:30+24:00", "2025-12-01T10:30:00+1"),
    ],
)
def test_says_what_it_takes_instead(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text)) + ".*such as 2025-12-01"):
        read_moment(text)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), st.integers(-23 * 60, 23 * 60))  # noqa: DTZ001
def test_reads_what_python_writes(moment: datetime, offset_minutes: int) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    spelled, _ = read_moment(local.isoformat())
    assert SPELLED.fullmatch(spelled)
    assert datetime.fromisoformat(spelled) == local.astimezone(UTC)


@given(st.text())
def test_any_other_text_is_an_error(text: str) -> None:
    try:
        first, last = read_moment(text)
    except ValueError:
        return
    assert SPELLED.fullmatch(first)
    assert first <= last
