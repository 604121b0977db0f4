"""The claims in a text: every id, number, moment and name with digits that it states.

Owns finding them and how exactly each is stated. Whether they are true is for `guard` to say.
"""

import bisect
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["id", "moment", "number", "name"]

_CONTEXT_CHARS: Final = 160
"""How much of the sentence around a claim is looked at, on either side."""
_MAX_NUMBER_CHARS: Final = 40
"""A number that is longer is none that a tool returned."""

_ID: Final = (
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|(?=[0-9a-fA-F]*[a-fA-F])(?=[0-9a-fA-F]*\d)(?!\d+[eE]\d+\b)[0-9a-fA-F]{7,}"
    r"|[a-fA-F]{8,}"  # no word of eight letters is spelled with these alone
)
_MOMENT: Final = r"\d{4}-\d{2}(?:-\d{2})?(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(?=Z|\b)|\d{1,3}:\d{2}(?::\d{2})?"
_TIME_WORD: Final = (
    r"ms|milliseconds?|s|secs?|seconds?|min|mins|minutes?|h|hrs?|hours?|days?"
)  # fmt: skip
_SPAN: Final = rf"(?:\d+\s?(?:days?|d|hours?|hrs?|h|minutes?|mins?|m),?\s(?:and\s)?)+\d+(?:\.\d+)?\s?(?:{_TIME_WORD}|m)"
_UNIT: Final = rf"%|percent|st|nd|rd|th|x|×|k|K|M|pp|{_TIME_WORD}"
_NUMBER: Final = r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<exponent>[eE][-+]?\d+)?"
_CLAIM: Final = re.compile(
    rf"(?<![\w.-])(?P<id>{_ID})(?![\w-])"
    rf"|(?<![\w.-])(?P<moment>{_MOMENT})(?![\w])"
    r"|(?<![\w.])(?P<version>\d+(?:\.\d+){2,}\w*)"
    r"|(?P<fraction>[¼-¾⅐-⅞])"
    rf"|(?<![\w.])(?P<span>{_SPAN})(?![\w])"
    rf"|(?<![\w.])(?P<sign>[-+−±])?{_NUMBER}(?:\s?(?P<unit>{_UNIT}))?(?![\w])"  # noqa: RUF001 - a minus sign
    r"|(?<!\w)(?P<name>(?=[^\W\d]*\d)(?=\d*[^\W\d])\w+(?:[-.]\w+)*)"
)
_UNITS: Final = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_TEENS: Final = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL: Final = _UNITS | {word: 10 + at for at, word in enumerate(_TEENS)}
_BIG: Final = {"dozen": 12, "hundred": 100, "thousand": 1_000, "million": 1_000_000}
_NUMBER_WORD: Final = re.compile(
    rf"\b(?:(?:(?P<tens>{'|'.join(_TENS)})(?:[- ](?P<unit>{'|'.join(_UNITS)}))?|(?P<small>{'|'.join(_SMALL)}))"
    rf"(?:[- ](?P<big>{'|'.join(_BIG)}))?|(?P<alone>{'|'.join(_BIG)}))\b(?!-)",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_QUOTATION: Final = re.compile(r'"[^"]*"|`[^`]*`|“[^”]*”')

UNIT_S: Final = {"ms": 1e-3, "mil": 1e-3, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hr": 3600.0,
                 "hrs": 3600.0, "hou": 3600.0, "d": 86400.0, "day": 86400.0}  # fmt: skip
"""Seconds in a unit of time, by the first three letters of its name."""


@dataclass(frozen=True)
class Claim:
    """One thing that a text states.

    Attributes:
        kind: An id, a moment, a number, or a name with digits in it.
        text: The words.
        value: The number; infinite when it is beyond all bounds, 0 for other kinds.
        half: Half a unit of its last place: a number that rounds to it lies no farther away.
        is_whole: Whether it is stated without a fraction.
        unit: What stands right behind it, such as `%` or `min`; `s` for a time put together as `1 h 5 min` is.
        before: The sentence up to it, the last of it when it is long.
        after: The sentence behind it, the first of it when it is long.
        quotation: The words between quotation marks that it stands in; None when it stands in none.
    """

    kind: Kind
    text: str
    value: float
    half: float
    is_whole: bool
    unit: str
    before: str
    after: str
    quotation: str | None

    @property
    def sentence(self) -> str:
        """The sentence, in lower case."""
        return f"{self.before}{self.text}{self.after}".lower()

    @property
    def unit_s(self) -> float | None:
        """Seconds in its unit; None when that is no unit of time."""
        return UNIT_S.get(self.unit[:3])


def claims(text: str) -> Iterator[Claim]:
    """Gives what a text states, sentence by sentence."""
    quotations = [match.span() for match in _QUOTATION.finditer(text)]
    for start, end in _sentences(text):
        for match in _CLAIM.finditer(text, start, end):
            yield _claim(match, start, end, quotations)
        for match in _NUMBER_WORD.finditer(text, start, end):
            if match[0].lower() != "one":
                yield _in_words(match, start, end, quotations)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield start, match.start()
        start = match.end()
    yield start, len(text)


def _claim(match: re.Match[str], start: int, end: int, quotations: Sequence[tuple[int, int]]) -> Claim:
    kind: Kind = "id" if match["id"] else "moment" if match["moment"] else "name"
    value, half, is_whole, unit = 0.0, 0.0, False, ""
    if match["fraction"]:
        # No tool writes one, so none rounds to it.
        kind, value = "number", math.inf
    elif match["span"]:
        kind, unit = "number", "s"
        value, half = _span(match["span"])
    elif match["digits"]:
        kind, unit = "number", match["unit"] or ""
        value, half, is_whole = _number(match)
    return _placed(match, start, end, quotations, kind=kind, value=value, half=half, is_whole=is_whole, unit=unit)


def _number(match: re.Match[str]) -> tuple[float, float, bool]:
    """Gives the value, half a unit of its last place, and whether it is stated as a whole number."""
    if len(match[0]) > _MAX_NUMBER_CHARS:
        return math.inf, 0.0, False
    digits = match["digits"].replace(",", "")
    places = len(digits.partition(".")[2])
    power = int((match["exponent"] or "e0")[1:])
    scale = {"k": 1e3, "K": 1e3, "M": 1e6}.get(match["unit"] or "", 1.0)
    value = float(f"{digits}e{power}") * scale
    half = float(f"0.5e{power - places}") * scale
    is_range = match.string[: match.start()].endswith(("]", ")")) if match["sign"] else False
    is_negative = match["sign"] in ("-", "−") and not is_range  # noqa: RUF001 - a minus sign
    return -value if is_negative else value, half, places == 0 and power >= 0 and scale == 1.0


def _span(text: str) -> tuple[float, float]:
    """Gives a time of several units in seconds, and half of its last unit."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s?([a-z]+)", text.replace("and", ""))
    units_s = [UNIT_S[unit[:3]] for _, unit in parts]
    return sum(
        float(number[:_MAX_NUMBER_CHARS]) * unit_s for (number, _), unit_s in zip(parts, units_s, strict=True)
    ), (units_s[-1] / 2)


def _in_words(match: re.Match[str], start: int, end: int, quotations: Sequence[tuple[int, int]]) -> Claim:
    tens, unit, small, big = ((match[name] or "").lower() for name in ("tens", "unit", "small", "big"))
    big = big or (match["alone"] or "").lower()
    value = _SMALL.get(small, 0) + _UNITS.get(unit, 0) + (10 * (2 + _TENS.index(tens)) if tens else 0)
    if big:
        value = max(value, 1) * _BIG[big]
    said = re.match(rf"\s?({_UNIT})\b", match.string[match.end() : min(end, match.end() + _CONTEXT_CHARS)])
    return _placed(
        match, start, end, quotations, kind="number", value=float(value), half=0.5, is_whole=True,
        unit=said[1] if said else "",
    )  # fmt: skip


def _placed(
    match: re.Match[str],
    start: int,
    end: int,
    quotations: Sequence[tuple[int, int]],
    *,
    kind: Kind,
    value: float,
    half: float,
    is_whole: bool,
    unit: str,
) -> Claim:
    text = match.string
    before = text[max(start, match.start() - _CONTEXT_CHARS) : match.start()]
    after = text[match.end() : min(end, match.end() + _CONTEXT_CHARS)]
    at = bisect.bisect_right(quotations, (match.start(), len(text))) - 1
    is_quoted = at >= 0 and match.end() <= quotations[at][1]
    quotation = text[quotations[at][0] + 1 : quotations[at][1] - 1] if is_quoted else None
    return Claim(kind, match[0].strip(), value, half, is_whole, unit, before, after, quotation)
