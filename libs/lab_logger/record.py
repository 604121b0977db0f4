"""The record of one run, and the JSON, numbers and times it is made of.

Owns `RunRecord`, the JSON text of the store in both directions, what counts as a metric's value, and how a moment is
spelled. How a Python value becomes a JSON value is `jsonable`'s. It must not read or write anything.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, TypeVar, overload

from lab_logger.errors import MetricValueError
from lab_logger.jsonable import MAX_ITEMS, MAX_TEXT_CHARS, JsonValue, to_jsonable

__all__ = [
    "MAX_TEXT_CHARS",
    "JsonValue",
    "RunRecord",
    "dumps",
    "from_epoch_ms",
    "loads",
    "metric_number",
    "to_jsonable",
    "utc_now",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_MAX_SHOWN_CHARS = 80

_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode

_PLAIN: dict[type, Callable[[Any], bool]] = {
    str: lambda text: len(text) <= MAX_TEXT_CHARS,
    float: isfinite,
    int: lambda number: _INT64_MIN <= number <= _INT64_MAX,
    bool: lambda _: True,
    type(None): lambda _: True,
}

_Container = TypeVar("_Container", list[JsonValue], dict[str, JsonValue])


@dataclass(slots=True)
class RunRecord:
    """One row of `manifests`: the user's 14 columns, each text or None."""

    run_id: str | None = None
    timestamp: str | None = None
    git_hash: str | None = None
    git_diff: str | None = None
    command: str | None = None
    python_version: str | None = None
    pip_freeze: str | None = None
    device_info: str | None = None
    dataset_id: str | None = None
    params_json: str | None = None
    final_metrics_json: str | None = None
    artifacts_json: str | None = None
    wandb_url: str | None = None
    note: str | None = None

    def as_row(self) -> dict[str, str | None]:
        """Gives the row by column name, in the order of the table."""
        return {name: getattr(self, name) for name in _COLUMNS}


_COLUMNS = tuple(field.name for field in fields(RunRecord))


def dumps(value: object) -> str:
    """Gives the JSON text of any Python value, as `to_jsonable` converts it; valid by RFC 8259, in UTF-8 characters."""
    if type(value) is dict and _is_flat_and_plain(value):
        text = _encode(value)
        if text.isascii() or _encodes(text):
            return text
    return _encode(to_jsonable(value))


def _is_flat_and_plain(value: dict[object, object]) -> bool:
    """Says whether a dict is JSON already, but for surrogates; checked by exact type, which is quick."""
    if len(value) > MAX_ITEMS:
        return False
    for key, item in value.items():
        is_plain = _PLAIN.get(type(item))
        if is_plain is None or not is_plain(item) or type(key) is not str or len(key) > MAX_TEXT_CHARS:
            return False
    return True


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@overload
def loads(text: str | None, *, default: None = None) -> JsonValue: ...
@overload
def loads(text: str | None, *, default: _Container) -> _Container: ...
def loads(text: str | None, *, default: Any = None) -> Any:
    """Reads a JSON text of the store, those of older loggers and of other hands included.

    Args:
        text: The text, or None where the column is empty. Bare `NaN`, `Infinity` and `-Infinity` read as the texts
            "NaN", "Infinity" and "-Infinity", and so does a number beyond float range.
        default: Given back when there is no text, when it is not JSON, and, where the default is a list or a dict, when
            the text holds something else.
    """
    try:
        value = json.loads(text, parse_constant=str, parse_float=_finite_or_text)  # type: ignore[arg-type]
        if "\\ud" in text or "\\uD" in text:  # type: ignore[operator]
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, TypeError, RecursionError):
        return default
    return value if default is None or isinstance(value, type(default)) else default


def _finite_or_text(digits: str) -> float | str:
    number = float(digits)
    return number if isfinite(number) else "Infinity" if number > 0 else "-Infinity"


def metric_number(name: str, value: object) -> float | int:
    """Gives a metric's value as a plain number.

    Args:
        name: The metric, for the error's message.
        value: A number, a bool (1 or 0), a scalar of numpy, torch, jax or TensorFlow, an array or tensor with one
            element, or anything else that offers `__index__` or `__float__`.

    Returns:
        An integer of at most 64 bits, or a float. NaN and infinities pass; a longer integer becomes a float, and one
        beyond float range an infinity.

    Raises:
        MetricValueError: The value is not one number.
    """
    kind = type(value)
    if kind is float:
        return value  # type: ignore[return-value]  # the exact type was just seen
    try:
        return _fit(_plain_number(value))
    except Exception as error:  # a foreign scalar's own methods may raise anything
        shown = repr(to_jsonable(value))
        shown = shown if len(shown) <= _MAX_SHOWN_CHARS else shown[:_MAX_SHOWN_CHARS] + "…"
        raise MetricValueError(
            f"metric {name!r} is {shown}, of type {kind.__qualname__}, which is not one number; "
            "log a number or a scalar, and log the parts of a larger value one by one"
        ) from error


def _plain_number(value: Any) -> float | int:
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__pos__(value)
    if hasattr(type(value), "shape") and _count(value.shape) != 1:
        raise ValueError(f"an array of shape {tuple(value.shape)}")
    if getattr(getattr(value, "dtype", None), "kind", "") in ("M", "m"):
        raise TypeError("a moment or a duration is not a plain number")
    if hasattr(type(value), "shape") and hasattr(type(value), "item"):
        item = value.item()
        if type(item) is not type(value):
            return _plain_number(item)
    return _by_protocol(value)


def _count(shape: Iterable[Any]) -> int:
    count = 1
    for size in shape:
        count *= int(size)
    return count


def _by_protocol(value: Any) -> float | int:
    if hasattr(type(value), "__index__"):
        try:
            return int(value.__index__())
        except Exception:  # noqa: BLE001 - TensorFlow and torch offer it on tensors of floats too, and refuse when asked
            return _to_float(value)
    return _to_float(value)


def _to_float(value: Any) -> float:
    if isinstance(value, (str, bytes, bytearray)):  # float() would parse it
        raise TypeError("text is not a number")
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _fit(number: float | int) -> float | int:
    if isinstance(number, float) or _INT64_MIN <= number <= _INT64_MAX:
        return number
    return _to_float(number)


def utc_now() -> str:
    """Gives this moment as the store spells it: `2026-11-21T10:00:00.123456Z`."""
    return _spelled(datetime.now(UTC))


def from_epoch_ms(milliseconds: int) -> str:
    """Gives the moment so many milliseconds after 1970-01-01 UTC, as the store spells it.

    Raises:
        OverflowError: The moment lies outside the years 1 to 9999.
    """
    return _spelled(_EPOCH + timedelta(milliseconds=milliseconds))


def _spelled(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
