"""When a question's runs started: `today`, `last week`, `since Monday`, `in February`, `between … and …`.

Owns the reading of such words into moments. The clock is given, never read.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from dateutil.parser import ParserError
from dateutil.parser import parse as parse_date
from dateutil.relativedelta import relativedelta

from agents.offline.language.words import NUMBER_WORDS

Span = tuple[datetime, datetime]
"""From, and up to but not including."""

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH: Final = "(?:" + "|".join(f"{name}|{name[:3]}" for name in _MONTHS) + r"|sept)\b\.?"
_COUNT: Final = r"(?P<count>\d+|few|couple(?: of)?|" + "|".join(NUMBER_WORDS) + ")"
_UNIT: Final = r"(?P<unit>second|sec|minute|min|hour|hr|day|night|week|month|year)s?\b"
_SLASHED: Final = re.compile(r"\d{1,2}[/.]\d{1,2}[/.]\d{4}")
_TOMORROW: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that a question names.

    Attributes:
        since: The first moment, ISO 8601 in UTC; None for no bound.
        until: The last moment; None for no bound.
        said: How the question says it.
        start: Where that starts in the question.
        end: Where it ends.
    """

    since: str | None
    until: str | None
    said: str
    start: int
    end: int


def find_period(text: str, *, now: datetime) -> Period | None:
    """Finds the time that a question names.

    Args:
        text: The question.
        now: The moment it is asked, with a time zone.

    Returns:
        The first and most definite of its times; None when it names none.
    """
    lower = text.lower()
    for pattern, bounds in _FORMS:
        for match in pattern.finditer(lower):
            found = bounds(match, now.astimezone(UTC))
            if found is not None:
                since, until = found
                said = _SLASHED.sub(_spelled_out, text[match.start() : match.end()].strip())
                return Period(_spelled(since), _spelled(until, last=True), said, match.start(), match.end())
    return None


def _spelled_out(match: re.Match[str]) -> str:
    """Gives a date in slashes or dots as it was read: which of its numbers is the month is a guess."""
    span = _parsed(match.group(), datetime(2000, 1, 1, tzinfo=UTC))
    return span[0].strftime("%Y-%m-%d") if span else match.group()


def _spelled(moment: datetime | None, *, last: bool = False) -> str | None:
    if moment is None:
        return None
    moment = moment - timedelta(microseconds=1) if last else moment
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _span_of(words: str, now: datetime) -> Span | None:
    """Reads one date, day, month or the like."""
    words = words.strip().removeprefix("the ")
    for pattern, read in _SPANS:
        match = pattern.fullmatch(words)
        if match is not None:
            return read(match, now)
    return None


def _today(match: re.Match[str], now: datetime) -> Span:
    return _day(now), _day(now) + _TOMORROW


def _yesterday(match: re.Match[str], now: datetime) -> Span:
    return _day(now) - _TOMORROW, _day(now)


def _day_before_yesterday(match: re.Match[str], now: datetime) -> Span:
    return _day(now) - 2 * _TOMORROW, _day(now) - _TOMORROW


def _last_night(match: re.Match[str], now: datetime) -> Span:
    return _day(now) - timedelta(hours=6), _day(now) + timedelta(hours=6)


def _weekend(match: re.Match[str], now: datetime) -> Span:
    saturday = _day(now) - timedelta(days=(now.weekday() - 5) % 7)
    return saturday, saturday + timedelta(days=2)


def _weekday(match: re.Match[str], now: datetime) -> Span:
    index = next(number for number, name in enumerate(_DAYS) if name.startswith(match["day"][:3]))
    back = (now.weekday() - index) % 7
    if match["last"] and back == 0:
        back = 7
    return _day(now) - timedelta(days=back), _day(now) - timedelta(days=back - 1)


def _this(match: re.Match[str], now: datetime) -> Span:
    today, unit = _day(now), match["unit"]
    first = {
        "week": today - timedelta(days=now.weekday()), "month": today.replace(day=1),
        "year": today.replace(month=1, day=1), "morning": today, "afternoon": today, "evening": today,
    }  # fmt: skip
    return first.get(unit, today), today + _TOMORROW


def _last_calendar(match: re.Match[str], now: datetime) -> Span:
    """The calendar month or year before this one."""
    is_month = match["unit"] == "month"
    this = _day(now).replace(day=1) if is_month else _day(now).replace(month=1, day=1)
    return this - (relativedelta(months=1) if is_month else relativedelta(years=1)), this


def _last_units(match: re.Match[str], now: datetime) -> Span:
    """The stretch of so many hours, days or weeks that ends now."""
    return now - _length(match), now + timedelta(minutes=1)


def _ago(match: re.Match[str], now: datetime) -> Span:
    moment = now - _length(match)
    if match["unit"] in {"second", "sec", "minute", "min", "hour", "hr"}:
        return moment, now + timedelta(minutes=1)
    return _day(moment), _day(moment) + _TOMORROW


def _length(match: re.Match[str]) -> relativedelta:
    word = match["count"] or "one"
    number = 3.0 if word == "few" else NUMBER_WORDS.get(word.removesuffix(" of")) or float(word)
    unit = {"sec": "second", "min": "minute", "hr": "hour", "night": "day"}.get(match["unit"], match["unit"])
    if unit in {"month", "year"}:
        return relativedelta(days=round(number * (30 if unit == "month" else 365)))
    return relativedelta(
        seconds=round(number * {"second": 1, "minute": 60, "hour": 3600, "day": 86400}.get(unit, 604800))
    )


def _iso(match: re.Match[str], now: datetime) -> Span | None:
    return _parsed(match.group().replace("t", "T").replace("z", "Z"), now)


def _month(match: re.Match[str], now: datetime) -> Span:
    index = next(number for number, name in enumerate(_MONTHS, 1) if name.startswith(match["month"][:3]))
    year = int(match["year"]) if match["year"] else now.year if index <= now.month else now.year - 1
    first = datetime(year, index, 1, tzinfo=UTC)
    return first, first + relativedelta(months=1)


def _year(match: re.Match[str], now: datetime) -> Span:
    first = datetime(int(match["year"]), 1, 1, tzinfo=UTC)
    return first, first + relativedelta(years=1)


def _written(match: re.Match[str], now: datetime) -> Span | None:
    """A day of a month in words or slashes; without a year, the last such day."""
    span = _parsed(match.group().replace(" of ", " "), now)
    if span is None or match["year"] or span[0] <= now:
        return span
    return span[0] - relativedelta(years=1), span[1] - relativedelta(years=1)


def _parsed(words: str, now: datetime) -> Span | None:
    try:
        moment = parse_date(words, default=_day(now))
    except (ParserError, OverflowError, ValueError):
        return None
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    if re.search(r":\d\d:\d\d", words):
        return moment, moment + (timedelta(microseconds=1) if "." in words else timedelta(seconds=1))
    return moment, moment + (_TOMORROW if moment == _day(moment) else timedelta(minutes=1))


_Reader = Callable[[re.Match[str], datetime], Span | None]

_SPAN_FORMS: Final[tuple[tuple[str, _Reader], ...]] = (
    (r"today|tonight", _today),
    (r"(?:the )?day before yesterday", _day_before_yesterday),
    (r"yesterday(?: morning| afternoon| evening)?", _yesterday),
    (r"last night", _last_night),
    (r"(?:this |last |the )?weekend", _weekend),
    (
        rf"(?P<last>last |previous )?(?:this )?(?P<day>{'|'.join(f'{name}|{name[:3]}' for name in _DAYS)}|tues|"
        rf"thurs)s?\b", _weekday),
    (r"this (?P<unit>week|month|year|morning|afternoon|evening)", _this),
    (rf"(?:the )?(?:last|past|previous) {_COUNT} {_UNIT}", _last_units),
    (r"(?:last|previous) (?P<unit>month|year)\b", _last_calendar),
    (r"(?:the )?(?:last|past|previous) (?P<count>)(?P<unit>hour|day|week|month|year)\b", _last_units),
    (rf"(?:about )?(?:an?|{_COUNT}) {_UNIT} (?:ago|back)", _ago),
    (r"\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:z|[+-]\d\d:?\d\d)?)?", _iso),
    (rf"(?P<month>{_MONTH})(?:,? (?P<year>\d{{4}}))?(?! \d)", _month),
    (rf"{_MONTH} (?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?:,? (?P<year>\d{{4}}))?\b", _written),
    (rf"\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? (?P<year>\d{{4}}))?", _written),
    (r"\d{1,2}[/.]\d{1,2}[/.](?P<year>\d{4})", _written),
    (r"(?P<year>20\d\d)", _year),
)  # fmt: skip
_SPANS: Final = tuple((re.compile(form), read) for form, read in _SPAN_FORMS)
_ANY: Final = "(?:" + "|".join(re.sub(r"\(\?P<\w+>", "(?:", form) for form, _ in _SPAN_FORMS[:-1]) + ")"
_ANY_OR_YEAR: Final = rf"(?:the )?(?:{_ANY}|20\d\d\b)"


def _between(match: re.Match[str], now: datetime) -> tuple[datetime | None, datetime | None] | None:
    first, second = _span_of(match["first"], now), _span_of(match["second"], now)
    return (first[0], second[1]) if first and second else None


def _since(match: re.Match[str], now: datetime) -> tuple[datetime | None, datetime | None] | None:
    span = _span_of(match["first"], now)
    return (span[0], None) if span else None


def _after(match: re.Match[str], now: datetime) -> tuple[datetime | None, datetime | None] | None:
    span = _span_of(match["first"], now)
    if span is None:
        return None
    is_instant = span[1] - span[0] <= timedelta(seconds=1)
    return (span[0] + timedelta(microseconds=1) if is_instant else span[1]), None


def _before(match: re.Match[str], now: datetime) -> tuple[datetime | None, datetime | None] | None:
    span = _span_of(match["first"], now)
    return (None, span[0]) if span else None


def _until(match: re.Match[str], now: datetime) -> tuple[datetime | None, datetime | None] | None:
    span = _span_of(match["first"], now)
    return (None, span[1]) if span else None


def _older(match: re.Match[str], now: datetime) -> tuple[datetime | None, datetime | None]:
    return None, now - _length(match)


def _newer(match: re.Match[str], now: datetime) -> tuple[datetime | None, datetime | None]:
    return now - _length(match), None


def _during(match: re.Match[str], now: datetime) -> tuple[datetime | None, datetime | None] | None:
    return _span_of(match["first"], now)


_FORMS: Final = tuple(
    (re.compile(form), bounds)
    for form, bounds in (
        (
            rf"\b(?:between|from) (?P<first>{_ANY_OR_YEAR}) (?:and|to|until|till|"
            rf"through) (?P<second>{_ANY_OR_YEAR})", _between),
        (rf"\b(?P<first>{_ANY}) (?:to|until|through|-) (?P<second>{_ANY})", _between),
        (rf"\b(?:older than|more than|over) (?:an?|{_COUNT}) {_UNIT}(?: ago| old)", _older),
        (rf"\bolder than (?:an?|{_COUNT}) {_UNIT}", _older),
        (rf"\b(?:newer|younger) than (?:an?|{_COUNT}) {_UNIT}", _newer),
        (rf"\b(?:less|fewer) than (?:an?|{_COUNT}) {_UNIT} ago", _newer),
        (r"\b(?:in|over|during|within) the (?:last|past) (?P<count>)(?P<unit>month|year)\b", _newer),
        (rf"\bfrom (?P<first>(?!\d{{4}}-)(?:the )?{_ANY})(?!,? (?:on|onwards?|to|until|till)\b)", _during),
        (
            rf"\b(?:since|starting|beginning|as of|from|on or after)(?: from| on|"
            rf" in)? (?P<first>{_ANY_OR_YEAR})(?: on(?=\s*(?:$|[,.;?!]))| onwards?\b)?", _since),
        (rf"\b(?:later than|newer than|more recent than|younger than|after) (?P<first>{_ANY_OR_YEAR})", _after),
        (rf"(?<!\bday )\b(?:before|prior to|earlier than|older than) (?P<first>{_ANY_OR_YEAR})", _before),
        (rf"\b(?:until|till|(?<!been )up to|by|through) (?P<first>{_ANY_OR_YEAR})", _until),
        (rf"\bwithin (?P<first>(?:the )?(?:last|past) {_COUNT} {_UNIT})", _during),
        (rf"\b(?:in|during|over|on|within|of|for|throughout) (?P<first>{_ANY_OR_YEAR})", _during),
        (rf"\b(?P<first>{_ANY.replace('may|', '')})(?<!\bmay)(?<!\bmar)(?<!\bsat)(?<!\bsun)", _during),
    )
)  # fmt: skip
"""How times are said, the more definite first, and what each bounds."""
