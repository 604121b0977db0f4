"""How any Python value becomes a JSON value.

Owns the one conversion that parameters, metrics, device facts and errors all go through: total (no value can make it
raise), bounded (in depth, items and text, with a visible marker where something was left out) and repeatable (equal
values give equal JSON). It imports no third-party library: arrays, tensors, frames and models are known by what they
offer. It must not redact (`redaction` does) and must not write.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import fields
from datetime import date, time, timedelta
from enum import Enum
from itertools import islice
from math import isfinite, isnan
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"

MAX_DEPTH = 20
"""Containers within containers, the outermost being the first."""
MAX_ITEMS = 1_000
"""Items kept of one container."""
MAX_TEXT_CHARS = 100_000
"""Characters kept of one text."""
MAX_VALUES = 100_000
"""Values kept in all; a text counts as one more for every 50 characters, so a document stays below some 5 MB."""
MAX_ARRAY_ITEMS = 100
"""A numpy array, or a sequence of a foreign class, up to this long is written out; a longer one is summarised."""
MAX_BYTES = 256
"""Bytes up to this long are written out as `base64:…`; longer ones are summarised."""
MAX_INT_DIGITS = 4_000
"""Digits of the longest integer written out, below Python's own limit of 4,300."""

_INT64 = range(-(2**63), 2**63)
_BITS_PER_DIGIT = 3.321928094887362  # log2(10)
_CHARS_PER_VALUE = 50
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def to_jsonable(value: object) -> JsonValue:
    """Gives the JSON value that stands for any Python value.

    Never raises, whatever the value's own methods do, and never consumes an iterator. What JSON has no form for:

    - NaN and infinities are the texts "NaN", "Infinity", "-Infinity"; integers beyond 64 bits are decimal text;
    - numpy scalars, and arrays or tensors without dimensions, are their number; small numpy arrays are lists; other
      arrays, tensors, series and frames are `{"type": …, "dtype": …, "shape": …}` with `device` or `columns`;
    - dataclass instances, named tuples, namespaces, attrs and pydantic models are objects of their fields;
    - an enum member is its value; a path is text; dates and times are ISO 8601; a timedelta is its seconds;
    - a Decimal is a number where a float spells it exactly and else text; Fraction, complex and UUID are text;
    - bytes are `base64:…`; a set is a sorted list; functions and classes are their qualified name;
    - a key that is not text is spelled as JSON spells its value: `null`, `true`, `0.5`;
    - anything else is its repr without memory addresses, and a value that contains itself is "<cycle>".

    Returns:
        A value that `json.dumps(…, allow_nan=False)` takes, that encodes to UTF-8, and that reads back equal.
    """
    return _Walk().convert(value)


def qualified_name(thing: object) -> str:
    """Gives `module.Qual.name` of a class or function, or a plain word for one that will not say."""
    name = getattr(thing, "__qualname__", None)
    module = getattr(thing, "__module__", None)
    if not isinstance(name, str):
        return "unknown"
    return clean_text(name if module in (None, "builtins") else f"{module}.{name}")


def clean_text(text: str) -> str:
    """Gives text that encodes to UTF-8 and is at most `MAX_TEXT_CHARS` long, plus a marker when it was longer."""
    if len(text) > MAX_TEXT_CHARS:
        text = f"{text[:MAX_TEXT_CHARS]}… [{len(text)} characters in all]"
    if text.isascii():
        return str.__str__(text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Walk:
    """One conversion: what it may still spend, and the containers it is inside of."""

    def __init__(self) -> None:
        self._values_left = MAX_VALUES
        self._path: list[int] = []

    def convert(self, value: object) -> JsonValue:
        """Gives the JSON value of one value, whatever it does."""
        self._values_left -= 1
        if self._values_left < 0:
            return "… [left out]"
        if value is None or value is True or value is False:
            return value
        try:
            return self._converter(value)(self, value)
        except Exception:  # noqa: BLE001 - a value's own methods may raise anything, and no value may lose a run
            return self.description(value)

    def description(self, value: object) -> str:
        """Gives the repr of a value without memory addresses, or the name of its class when it has none."""
        try:
            return self.text(_ADDRESS.sub("", repr(value)))
        except Exception:  # noqa: BLE001 - as above: a broken __repr__ is described by its class
            return f"<{_class_name(value)} without a readable form>"

    def text(self, text: str) -> str:
        """Gives clean text and charges its length."""
        cleaned = clean_text(text)
        self._values_left -= len(cleaned) // _CHARS_PER_VALUE
        return cleaned

    def items(self, values: Iterable[object], *, container: object, length: int) -> JsonValue:
        """Gives a list, with a last item that says how many were left out."""

        def fill() -> JsonValue:
            result = [self.convert(value) for value in islice(values, MAX_ITEMS)]
            return [*result, f"… [{length - MAX_ITEMS} more items]"] if length > MAX_ITEMS else result

        return self._within(container, fill)

    def members(self, pairs: Iterable[tuple[object, object]], *, container: object, length: int) -> JsonValue:
        """Gives an object, with a last member that says how many were left out; keys stay distinct."""

        def fill() -> JsonValue:
            result: dict[str, JsonValue] = {}
            for key, value in islice(pairs, MAX_ITEMS):
                result[_distinct(self._key(key), key, result)] = self.convert(value)
            if length > MAX_ITEMS:
                result[_distinct("…", "…", result)] = f"[{length - MAX_ITEMS} more items]"
            return result

        return self._within(container, fill)

    def _within(self, container: object, fill: Callable[[], JsonValue]) -> JsonValue:
        if id(container) in self._path:
            return "<cycle>"
        if len(self._path) >= MAX_DEPTH:
            return f"… [{_class_name(container)} nested deeper than {MAX_DEPTH}]"
        self._path.append(id(container))
        try:
            return fill()
        finally:
            self._path.pop()

    def _key(self, key: object) -> str:
        spelled = self.convert(key)
        if isinstance(spelled, str):
            return spelled
        if isinstance(spelled, (list, dict)):
            return self.description(key)
        return json.dumps(spelled)

    def _converter(self, value: object) -> "_Converter":
        for base in type(value).__mro__:
            found = _BY_CLASS.get(base) or _BY_NAME.get(f"{base.__module__}.{base.__qualname__}")
            if found is not None:
                return found
        return _other


_Converter: TypeAlias = Callable[[_Walk, Any], JsonValue]


def _class_name(value: object) -> str:
    try:
        return qualified_name(type(value))
    except Exception:  # noqa: BLE001 - a metaclass may refuse even its name
        return "object"


def _distinct(name: str, key: object, taken: Mapping[str, JsonValue]) -> str:
    """Gives the name under which a key is stored: two keys with one spelling, as 1 and "1" have, both stay."""
    candidate, count = name, 1
    while candidate in taken:
        candidate = f"{name} ({_class_name(key)})" if count == 1 else f"{name} ({_class_name(key)} {count})"
        count += 1
    return candidate


def _integer(walk: _Walk, value: int) -> JsonValue:
    number = int.__index__(value)
    if number in _INT64:
        return number
    digits = int(number.bit_length() / _BITS_PER_DIGIT) + 1
    try:
        return walk.text(str(number)) if digits <= MAX_INT_DIGITS else f"<integer of about {digits} digits>"
    except ValueError:  # the interpreter's own limit can be set lower
        return f"<integer of about {digits} digits>"


def _float(_: _Walk, value: float) -> JsonValue:
    number = float.__pos__(value)
    if isfinite(number):
        return number
    return "NaN" if isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _sequence(walk: _Walk, value: Sequence[object]) -> JsonValue:
    return walk.items(value, container=value, length=len(value))


def _tuple(walk: _Walk, value: tuple[object, ...]) -> JsonValue:
    names = getattr(type(value), "_fields", None)
    if isinstance(names, tuple) and len(names) == len(value):
        return walk.members(zip(names, value, strict=True), container=value, length=len(value))
    return _sequence(walk, value)


def _mapping(walk: _Walk, value: Mapping[object, object]) -> JsonValue:
    return walk.members(value.items(), container=value, length=len(value))


def _namespace(walk: _Walk, value: object) -> JsonValue:
    return walk.members(vars(value).items(), container=value, length=len(vars(value)))


def _set(walk: _Walk, value: Set[object]) -> JsonValue:
    def order(item: object) -> tuple[int, float, str]:
        if isinstance(item, int) or (isinstance(item, float) and not isnan(item)):
            return (0, item, "")
        return (1, 0.0, item) if isinstance(item, str) else (2, 0.0, walk.description(item))

    return walk.items(sorted(value, key=order), container=value, length=len(value))


def _bytes(_: _Walk, value: bytes | bytearray | memoryview) -> JsonValue:
    size_bytes = value.nbytes if isinstance(value, memoryview) else len(value)
    if size_bytes > MAX_BYTES:
        return {"type": _class_name(value), "size_bytes": size_bytes}
    from base64 import b64encode

    return "base64:" + b64encode(bytes(value)).decode("ascii")


def _decimal(walk: _Walk, value: Any) -> JsonValue:
    nearest = float(value)
    exact = isfinite(nearest) and type(value)(repr(nearest)) == value
    return nearest if exact else walk.text(str(value))


def _other(walk: _Walk, value: Any) -> JsonValue:
    """Gives the JSON value of an instance of a class not known by name: by what the class offers."""
    names = _field_names(value)
    if names is not None:
        pairs = [(name, getattr(value, name)) for name in names if hasattr(value, name)]
        return walk.members(pairs, container=value, length=len(pairs))
    if callable(getattr(type(value), "model_dump", None)):
        return _mapping(walk, value.model_dump())
    if _offers(value, "shape") and (_offers(value, "dtype") or _offers(value, "columns")):
        return _array(walk, value)
    if isinstance(value, Mapping):
        return _mapping(walk, value)
    if isinstance(value, Sequence):
        return _sequence(walk, value) if len(value) <= MAX_ARRAY_ITEMS else _summary(walk, value, length=len(value))
    return walk.description(value)


def _field_names(value: Any) -> list[str] | None:
    """Gives the names of the fields of a dataclass or attrs instance, or None for anything else."""
    cls = type(value)
    if isinstance(getattr(cls, "__dataclass_fields__", None), dict):
        return [field.name for field in fields(value)]
    attributes = getattr(cls, "__attrs_attrs__", None)
    return [attribute.name for attribute in attributes] if isinstance(attributes, tuple) else None


def _offers(value: object, name: str) -> bool:
    """Says whether a value has an attribute of its own or its class, so that a mock does not offer everything."""
    return hasattr(type(value), name) or name in getattr(value, "__dict__", {})


def _array(walk: _Walk, value: Any) -> JsonValue:
    shape = [int(size) for size in value.shape]
    is_time = getattr(getattr(value, "dtype", None), "kind", "") in ("M", "m")  # item() would give bare nanoseconds
    if not shape and _offers(value, "item"):
        item = str(value) if is_time else value.item()
        return walk.convert(float(item) if type(item) is type(value) else item)
    if _is_numpy(value) and _count(shape) <= MAX_ARRAY_ITEMS:
        return walk.convert((value.astype(str) if is_time else value).tolist())
    return _array_summary(walk, value, shape=shape)


def _is_numpy(value: object) -> bool:
    return type(value).__module__.split(".")[0] == "numpy"


def _array_summary(walk: _Walk, value: Any, *, shape: list[int]) -> JsonValue:
    parts: dict[str, object] = {"shape": shape}
    if _offers(value, "columns"):
        columns = islice(zip(value.columns, value.dtypes, strict=False), MAX_ITEMS + 1)
        parts["columns"] = {name: str(dtype) for name, dtype in columns}
    else:
        parts = {"dtype": str(value.dtype)} | parts
        if _offers(value, "device") and not _is_numpy(value):
            parts["device"] = str(value.device)
    return _summary(walk, value, **parts)


def _summary(walk: _Walk, value: object, **parts: object) -> JsonValue:
    module, _, rest = _class_name(value).partition(".")
    return walk.convert({"type": f"{module}.{rest.rpartition('.')[2]}" if rest else module} | parts)


def _count(shape: Iterable[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _iso(walk: _Walk, value: date | time) -> JsonValue:
    return walk.text(value.isoformat())


def _named(_: _Walk, value: object) -> JsonValue:
    return qualified_name(value)


def _as_text(walk: _Walk, value: object) -> JsonValue:
    return walk.text(str(value))


_BY_CLASS: dict[type, _Converter] = {
    int: _integer,
    float: _float,
    str: lambda walk, value: walk.text(str.__str__(value)),
    list: _sequence,
    tuple: _tuple,
    deque: _sequence,
    dict: _mapping,
    set: _set,
    frozenset: _set,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    complex: _as_text,
    range: _as_text,
    Enum: lambda walk, value: walk.convert(value.value),
    PurePath: _as_text,
    date: _iso,
    time: _iso,
    timedelta: lambda walk, value: walk.convert(value.total_seconds()),
    type: _named,
    ModuleType: lambda walk, value: walk.text(value.__name__),
    **dict.fromkeys(
        (FunctionType, BuiltinFunctionType, MethodType, MethodDescriptorType, WrapperDescriptorType), _named
    ),
}

# By name, so that a process that does not use these classes does not load them.
_BY_NAME: dict[str, _Converter] = {
    "decimal.Decimal": _decimal,
    "fractions.Fraction": _as_text,
    "uuid.UUID": _as_text,
    "argparse.Namespace": _namespace,
    "types.SimpleNamespace": _namespace,
}
