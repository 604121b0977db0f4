"""Metric values as they are sent: `[name, step, timestamp_ms, value]`.

Owns checking them, hundreds of thousands at a time. It must not know where they come from or go to.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import PydanticCustomError

MAX_POINTS: Final = 200_000
"""Metric values of one body."""

SentPoint = tuple[str, int, int, float | None]
"""A metric value that was sent: name, step, milliseconds since 1970 in UTC, value (None stands for NaN)."""

MAX_NAME_CHARS: Final = 500
_MAX_STEP = 2**63 - 1
_DAY_MS = 24 * 3600 * 1000
_GREATEST = sys.float_info.max
_SPELLED: Mapping[object, float | None] = {"NaN": None, "Infinity": float("inf"), "-Infinity": float("-inf")}
_FIELDS = 4

POINTS_SCHEMA: Final[dict[str, Any]] = {
    "type": "array",
    "maxItems": MAX_POINTS,
    "items": {
        "type": "array",
        "minItems": _FIELDS,
        "maxItems": _FIELDS,
        "prefixItems": [
            {"type": "string", "maxLength": MAX_NAME_CHARS, "pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"},
            {"type": "integer", "minimum": 0, "maximum": _MAX_STEP},
            {"type": "integer", "minimum": 0},
            {"anyOf": [{"type": "number"}, {"enum": [*_SPELLED]}, {"type": "null"}]},
        ],
    },
}
"""What `read_points` takes, as JSON schema."""


def read_points(given: object) -> list[SentPoint]:
    """Gives metric values as they are stored.

    Args:
        given: What JSON spelled.

    Raises:
        PydanticCustomError: Something is no metric value; the message says which one, and what is wrong.
    """
    if type(given) is not list:
        raise PydanticCustomError("points", "give a list of [name, step, timestamp_ms, value]")
    latest_ms = int(time.time() * 1000) + _DAY_MS
    known: set[str] = set()
    read: list[SentPoint] = []
    for place, point in enumerate(given):
        if type(point) is not list or len(point) != _FIELDS:
            raise _unusable(place, "is not [name, step, timestamp_ms, value]")
        name, step, at, value = point
        if type(name) is not str or name not in known:
            _check_name(place, name)
            known.add(name)
        # One comparison chain for the usual case: this runs for every value that any machine logs.
        if type(step) is not int or type(at) is not int or not (0 <= step <= _MAX_STEP and 0 <= at <= latest_ms):
            step, at = _read_integers(place, step, at, latest_ms=latest_ms)
        if type(value) is not float or not -_GREATEST <= value <= _GREATEST:
            value = _read_value(place, value)
        read.append((name, step, at, value))
    return read


def _check_name(place: int, name: object) -> None:
    if not isinstance(name, str) or not name.strip() or "\x00" in name:
        raise _unusable(place, "has a name that is no text, blank, or holds NUL")
    if len(name) > MAX_NAME_CHARS:
        raise _unusable(place, f"has a name of {len(name)} characters; {MAX_NAME_CHARS} is the most")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _unusable(place, "has a name that is no Unicode text") from None


def whole_number(value: object) -> object:
    """Gives a number without a fraction as an integer: to JSON, and in JavaScript, 1.0 is one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read_integers(place: int, step: object, at: object, *, latest_ms: int) -> tuple[int, int]:
    step, at = whole_number(step), whole_number(at)
    if type(step) is not int or not 0 <= step <= _MAX_STEP:
        raise _unusable(place, f"has the step {_short(step)}; steps are whole numbers from 0 to 2**63 - 1")
    if type(at) is not int or at < 0:
        raise _unusable(place, f"has the time {_short(at)}; times are whole milliseconds since 1970")
    if at > latest_ms:
        raise _unusable(
            place, f"has the time {_short(at)}, more than a day in the future; set the clock of the machine it is from"
        )
    return step, at


def _read_value(place: int, value: object) -> float | None:
    if value is None:
        return None
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            pass
    elif isinstance(value, str) and value in _SPELLED:
        return _SPELLED[value]
    raise _unusable(
        place, f"has the value {_short(value)}; values are finite numbers, null, 'NaN', 'Infinity' and '-Infinity'"
    )


def _unusable(place: int, reason: str) -> PydanticCustomError:
    return PydanticCustomError("point", "point {place} {reason}", {"place": place, "reason": reason})


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a number of more than 30 digits"
    return text if len(text) <= 50 else text[:50] + "…"  # noqa: PLR2004
