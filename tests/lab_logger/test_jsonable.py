import argparse
import array
import collections
import dataclasses
import enum
import functools
import json
import math
import pathlib
import sys
import types
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_logger.jsonable import MAX_DEPTH, MAX_ITEMS, MAX_TEXT_CHARS, MAX_VALUES, to_jsonable


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.StrEnum):
    TRAIN = "train"


@dataclasses.dataclass
class Optimizer:
    name: str
    rate: float = math.nan
    steps: list[int] = dataclasses.field(default_factory=list)


class Point(NamedTuple):
    x: int
    y: float


class Schedule(pydantic.BaseModel):
    kind: str = "cosine"
    warmup: int = 3


def hostile() -> object:
    """Gives an object of which everything that is asked raises; its class is hidden here from pytest's own asking."""

    def refuse(*_: object) -> Any:
        raise RuntimeError("no")

    names = ["repr", "str", "iter", "float", "len", "bool", "eq", "hash", "getattr", "getattribute"]
    return type("Hostile", (), {f"__{name}__": refuse for name in names})()


def hostile_dict() -> object:
    class HostileDict(dict[str, int]):
        def items(self) -> Any:
            raise RuntimeError("no")

    return HostileDict(a=1)


def instance_of_hostile_class() -> object:
    class HostileMeta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise RuntimeError("no")

    class Nameless(metaclass=HostileMeta):
        def __repr__(self) -> str:
            raise RuntimeError("no")

    return Nameless()


class Plain:
    """Its repr holds its address."""


class FakeTensor:
    """Stands for torch.Tensor: the same attributes, on the class."""

    def __init__(self, values: Any, *, shape: tuple[int, ...]) -> None:
        self._values = values
        self._shape = shape

    shape = property(lambda self: self._shape)
    dtype = property(lambda self: "torch.float32")
    device = property(lambda self: "cuda:0")

    def item(self) -> float:
        return float(self._values)

    def tolist(self) -> Any:
        raise AssertionError("a tensor on another device is not fetched")


def _generator() -> Iterator[int]:
    yield 1


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (False, False),
        (3, 3),
        (-0.5, -0.5),
        ("text", "text"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        (10**30, "1" + "0" * 30),
        ((1, "a"), [1, "a"]),
        (collections.deque([1, 2]), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a", 2, None}), [2, "a", "b", None]),
        ({10**400, 1.5, math.nan}, [1.5, "1" + "0" * 400, "NaN"]),
        (array.array("i", [1, 2]), [1, 2]),
        (range(10), "range(0, 10)"),
        (b"\x00\xff", "base64:AP8="),
        (bytearray(b"ab"), "base64:YWI="),
        (memoryview(b"ab"), "base64:YWI="),
        (b"x" * 1000, {"type": "bytes", "size_bytes": 1000}),
        (pathlib.PurePosixPath("data/a.csv"), "data/a.csv"),
        (Colour.RED, "red"),
        (Colour.PAIR, [1, 2]),
        (Level.LOW, 1),
        (Mode.TRAIN, "train"),
        (Optimizer("sgd"), {"name": "sgd", "rate": "NaN", "steps": []}),
        (Optimizer, "test_jsonable.Optimizer"),
        (Point(1, 2.5), {"x": 1, "y": 2.5}),
        (Schedule(), {"kind": "cosine", "warmup": 3}),
        (argparse.Namespace(lr=0.1, name="a"), {"lr": 0.1, "name": "a"}),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006+00:00"),
        (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T00:00:00+02:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4), "03:04:00"),
        (timedelta(hours=1, milliseconds=500), 3600.5),
        (Decimal("0.1"), 0.1),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (Decimal("NaN"), "NaN"),
        (Decimal("-Infinity"), "-Infinity"),
        (Decimal("1E+999999"), "1E+999999"),
        (Fraction(1, 3), "1/3"),
        (complex(1, -2), "(1-2j)"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (len, "len"),
        (math.sqrt, "math.sqrt"),
        (dict, "dict"),
        (np.float32, "numpy.float32"),
        (to_jsonable, "lab_logger.jsonable.to_jsonable"),
        (Optimizer("sgd").__init__, "test_jsonable.Optimizer.__init__"),  # type: ignore[misc]
        (math, "math"),
        (ValueError("bad"), "ValueError('bad')"),
        (functools.partial(len, [1]), "functools.partial(<built-in function len>, [1])"),
    ],
)
def test_python_values_have_a_json_form(value: object, expected: object) -> None:
    result = to_jsonable(value)

    expected_here = expected.replace("test_jsonable.", f"{__name__}.") if isinstance(expected, str) else expected
    assert result == expected_here
    assert type(result) is type(expected_here)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.25), 0.25),
        (np.float32(0.25), 0.25),
        (np.longdouble(0.25), 0.25),
        (np.int64(7), 7),
        (np.uint64(2**64 - 1), "18446744073709551615"),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.float64("nan"), "NaN"),
        (np.float32("-inf"), "-Infinity"),
        (np.array(3), 3),
        (np.array([1.5, np.nan]), [1.5, "NaN"]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([{"a": 1}, None], dtype=object), [{"a": 1}, None]),
        (np.zeros((1000, 3), dtype=np.float32), {"type": "numpy.ndarray", "dtype": "float32", "shape": [1000, 3]}),
        (np.datetime64("2026-01-02T03:04:05.000000006"), "2026-01-02T03:04:05.000000006"),
        (np.array(["2026-01-02"], dtype="datetime64[ns]"), ["2026-01-02T00:00:00.000000000"]),
        (np.timedelta64(5, "s"), "5 seconds"),
        (pd.Timestamp("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05+00:00"),
        (pd.NaT, "NaT"),
        (pd.Timedelta("90s"), 90.0),
        (pd.Series([1, 2], dtype="int64"), {"type": "pandas.Series", "dtype": "int64", "shape": [2]}),
        (
            pd.DataFrame({"a": [1], 2: [0.5]}),
            {"type": "pandas.DataFrame", "shape": [1, 2], "columns": {"a": "int64", "2": "float64"}},
        ),
    ],
)
def test_numpy_and_pandas_values_have_a_json_form(value: object, expected: object) -> None:
    result = to_jsonable(value)

    assert result == expected
    assert type(result) is type(expected)


def test_a_tensor_without_dimensions_is_its_number_and_a_larger_one_is_summarised() -> None:
    assert to_jsonable(FakeTensor(0.5, shape=())) == 0.5
    assert to_jsonable(FakeTensor([1.0], shape=(1,))) == {
        "type": f"{__name__.split('.')[0]}.FakeTensor",
        "dtype": "torch.float32",
        "shape": [1],
        "device": "cuda:0",
    }


def test_keys_are_spelled_as_json_spells_their_values() -> None:
    value = {None: 1, True: 2, 0.5: 3, Colour.RED: 4, np.int64(7): 5, (1, 2): 6, math.nan: 7}

    assert to_jsonable(value) == {"null": 1, "true": 2, "0.5": 3, "red": 4, "7": 5, "(1, 2)": 6, "NaN": 7}


def test_keys_with_one_spelling_all_stay() -> None:
    assert to_jsonable({1: "a", "1": "b", Fraction(1): "c"}) == {"1": "c", "1 (str)": "b"}
    assert to_jsonable({"x": 1, Mode: 2, "x (str)": 3}) == {"x": 1, f"{__name__}.Mode": 2, "x (str)": 3}
    assert to_jsonable({None: 1, "null": 2, "null (str)": 3}) == {"null": 1, "null (str)": 2, "null (str) (str)": 3}


def test_addresses_are_left_out_so_that_equal_parameters_compare_equal() -> None:
    assert to_jsonable(Plain()) == to_jsonable(Plain()) == f"<{__name__}.Plain object>"
    assert to_jsonable([lambda: 0]) == [
        f"{__name__}.{test_addresses_are_left_out_so_that_equal_parameters_compare_equal.__name__}.<locals>.<lambda>"
    ]
    assert " at 0x" not in json.dumps(to_jsonable({"f": functools.partial(_generator), "s": object()}))


def test_an_iterator_is_not_consumed() -> None:
    iterator = _generator()

    assert to_jsonable(iterator) == "<generator object _generator>"
    assert list(iterator) == [1]


def test_a_value_that_contains_itself_is_marked() -> None:
    items: list[Any] = [1]
    items.append({"again": items})

    assert to_jsonable(items) == [1, {"again": "<cycle>"}]


def test_a_value_met_twice_is_no_cycle() -> None:
    shared = [1]

    assert to_jsonable([shared, shared]) == [[1], [1]]


@pytest.mark.parametrize("make", [hostile, hostile_dict, instance_of_hostile_class, MagicMock])
def test_no_object_can_make_it_raise(make: Callable[[], object]) -> None:
    value = make()

    result = to_jsonable({"value": value, "items": [value, 1]})

    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert isinstance(result, dict)
    assert isinstance(result["items"], list)
    assert result["items"][1] == 1


def test_a_mock_does_not_pass_for_an_array() -> None:
    assert str(to_jsonable(MagicMock(name="model"))).startswith("<MagicMock name='model'")


def test_depth_is_bounded_with_a_marker() -> None:
    assert to_jsonable(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    assert "… [list nested deeper than 20]" in json.dumps(to_jsonable(nested(MAX_DEPTH + 1)), ensure_ascii=False)
    to_jsonable(nested(100_000))


def test_items_are_bounded_with_a_marker() -> None:
    items = to_jsonable(list(range(MAX_ITEMS + 5)))
    members = to_jsonable({f"p{i}": i for i in range(MAX_ITEMS + 5)})

    assert items == [*range(MAX_ITEMS), "… [5 more items]"]
    assert isinstance(members, dict)
    assert len(members) == MAX_ITEMS + 1
    assert members["…"] == "[5 more items]"
    assert to_jsonable(list(range(MAX_ITEMS))) == list(range(MAX_ITEMS))


def test_text_is_bounded_with_a_marker() -> None:
    assert to_jsonable("a" * MAX_TEXT_CHARS) == "a" * MAX_TEXT_CHARS
    assert to_jsonable("a" * 150_000) == "a" * MAX_TEXT_CHARS + "… [150000 characters in all]"


def test_the_whole_is_bounded_however_its_parts_are_shared() -> None:
    value: list[Any] = [0] * 100
    for _ in range(10):
        value = [value] * 100

    assert len(json.dumps(to_jsonable(value))) < 100 * MAX_VALUES
    assert len(json.dumps(to_jsonable(["x" * MAX_TEXT_CHARS] * 1000))) < 100 * MAX_VALUES


def test_an_integer_beyond_pythons_digit_limit_is_summarised(monkeypatch: pytest.MonkeyPatch) -> None:
    assert to_jsonable(10**3999) == "1" + "0" * 3999
    assert to_jsonable(-(10**5000)) == "<integer of about 5001 digits>"
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert to_jsonable(10**700) == "<integer of about 701 digits>"
    finally:
        sys.set_int_max_str_digits(limit)


def test_surrogates_become_encodable_and_nul_stays() -> None:
    assert to_jsonable("caf\udce9") == "caf\\udce9"
    assert to_jsonable({"\ud800": "a\0b"}) == {"\\ud800": "a\0b"}


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)) | st.binary()
    | st.decimals() | st.fractions() | st.complex_numbers() | st.datetimes() | st.dates() | st.timedeltas() | st.uuids()
)  # fmt: skip
KEYS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)) | st.binary()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner)
        | st.sets(st.integers() | st.text())
        | st.builds(hostile)
        | st.builds(Optimizer, st.text(), st.floats())
    ),
    max_leaves=20,
)


@given(VALUES)
def test_any_value_becomes_json_that_reads_back_equal_and_encodes(value: object) -> None:
    result = to_jsonable(value)

    text = json.dumps(result, allow_nan=False, ensure_ascii=False)
    assert json.loads(text.encode("utf-8")) == result


@given(VALUES)
def test_what_is_json_already_stays_as_it_is(value: object) -> None:
    once = to_jsonable(value)

    assert to_jsonable(once) == once
