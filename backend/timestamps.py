"""How a moment in a request is read: a date, or a date with a time, in any usual ISO 8601 spelling.

Owns turning such text into the store's own spelling, whose text order is time order. It must not know what is compared
with it.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

ACCEPTED = (
    "a date such as 2025-12-01, which means the whole day, or a time such as 2025-12-01T10:30, 2025-12-01T10:30:00Z or "
    "2025-12-01T10:30:00.5+02:00; without an offset it is UTC"
)
SPELLED_LIKE = "____-__-__T__:__:__.______Z"
"""What every time in the store's own spelling is LIKE, in SQL."""

_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(
    # A plus sign that was not percent-encoded arrives as a space.
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)([.,](?P<fraction>\d+))?)?"
    r"\s*(?P<zone>[Zz]|[+\- ]\d\d(:?\d\d)?)?",
    re.ASCII,
)
_MICROSECONDS = 6
_LEAP_SECOND = 60


class Moment(NamedTuple):
    """The first and the last microsecond that a text means, in the store's spelling; the same one unless a date."""

    first: str
    last: str


def read_moment(text: str) -> Moment:
    """Reads a date or a time.

    Raises:
        ValueError: The text is neither; the message names the text and the accepted forms.
    """
    text = text.strip()
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text).isoformat()
            return Moment(f"{day}T00:00:00.000000Z", f"{day}T23:59:59.999999Z")
        moment = _spelled(_read_time(text))
    except ValueError as error:
        raise ValueError(f"{text[:100]!r} is no date or time; give {ACCEPTED}") from error
    return Moment(moment, moment)


def _read_time(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("not in an accepted form")
    second = int(match["second"] or 0)
    microsecond = int((match["fraction"] or "")[:_MICROSECONDS].ljust(_MICROSECONDS, "0"))
    if second == _LEAP_SECOND:  # RFC 3339 allows it; Python's clock has none
        second, microsecond = 59, 999_999
    day = date.fromisoformat(match["date"])
    return datetime(
        day.year,
        day.month,
        day.day,
        int(match["hour"]),
        int(match["minute"]),
        second,
        microsecond,
        _zone(match["zone"]),
    )


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _spelled(moment: datetime) -> str:
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:  # only an offset at the very edge of the calendar gets here
        in_utc = moment.replace(tzinfo=UTC)
    return in_utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
