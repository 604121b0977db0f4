import json
import math
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lab_logger.record
from lab_logger.errors import LabLoggerError, MetricValueError
from lab_logger.record import RunRecord, dumps, from_epoch_ms, loads, metric_number, to_jsonable, utc_now


class FakeTensor:
    """Stands for a torch tensor of floats: `__index__` is there and refuses."""

    def __init__(self, values: list[float], *, shape: tuple[int, ...]) -> None:
        self._values = values
        self._shape = shape

    shape = property(lambda self: self._shape)
    dtype = property(lambda self: "torch.float32")

    def item(self) -> float:
        (value,) = self._values
        return value

    def __index__(self) -> int:
        raise TypeError("only integer tensors of a single element can be converted to an index")


class FakeEagerTensor:
    """Stands for a TensorFlow scalar: no `item()`."""

    shape = ()

    def __index__(self) -> int:
        raise AttributeError("float has no __index__")

    def __float__(self) -> float:
        return 0.75


class IndexOnly:
    def __index__(self) -> int:
        return 2**70


class Refusing:
    def __float__(self) -> float:
        raise RuntimeError("no")


def test_a_record_has_the_columns_of_manifests_in_order() -> None:
    row = RunRecord(run_id="a", note="n").as_row()

    assert list(row) == [
        "run_id", "timestamp", "git_hash", "git_diff", "command", "python_version", "pip_freeze", "device_info",
        "dataset_id", "params_json", "final_metrics_json", "artifacts_json", "wandb_url", "note",
    ]  # fmt: skip
    assert {name: value for name, value in row.items() if value is not None} == {"run_id": "a", "note": "n"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, "{}"),
        ({"a": 1, "b": 0.5, "c": "x", "d": None, "e": True}, '{"a": 1, "b": 0.5, "c": "x", "d": null, "e": true}'),
        ({"a": math.nan, "b": -math.inf}, '{"a": "NaN", "b": "-Infinity"}'),
        ({"a": 2**63}, '{"a": "9223372036854775808"}'),
        ({"é": "日本"}, '{"é": "日本"}'),
        ({"a": "\udce9\0"}, '{"a": "\\\\udce9\\u0000"}'),
        ({1: [np.float32(0.5)]}, '{"1": [0.5]}'),
        ([1, "a"], '[1, "a"]'),
        (math.nan, '"NaN"'),
    ],
)
def test_dumps_writes_valid_json(value: object, expected: str) -> None:
    assert dumps(value) == expected


FLAT = st.dictionaries(
    st.text(st.characters(codec=None)),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
)


@given(FLAT)
def test_the_quick_way_for_flat_dicts_writes_what_the_careful_one_does(value: dict[str, Any]) -> None:
    assert json.loads(dumps(value).encode("utf-8")) == to_jsonable(value)


def test_the_quick_way_keeps_the_bounds() -> None:
    assert loads(dumps({"a": "x" * 100_001}))["a"].endswith("… [100001 characters in all]")  # type: ignore[index,call-overload,union-attr]
    assert "[1 more items]" in dumps({f"p{i}": i for i in range(1001)})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"a": NaN, "b": [Infinity, -Infinity]}', {"a": "NaN", "b": ["Infinity", "-Infinity"]}),
        ('{"a": 1e999, "b": -1e999, "c": 1.5e3}', {"a": "Infinity", "b": "-Infinity", "c": 1500.0}),
        ('{"a": "NaN"}', {"a": "NaN"}),
        ('{"a": "\\ud800", "b": "\\ud83d\\ude00"}', {"a": "?", "b": "😀"}),
        ('{"a": "\\\\ud800"}', {"a": "\\ud800"}),
        ("7", 7),
        (None, None),
        ("", None),
        ("{'a': 1}", None),
        ("{", None),
        ("[" * 200_000, None),
        ("9" * 5000, None),
    ],
)
def test_loads_reads_what_any_logger_wrote(text: str | None, expected: object) -> None:
    assert loads(text) == expected


def test_loads_gives_the_default_for_text_of_another_kind() -> None:
    assert loads("[1]", default={}) == {}
    assert loads("not json", default={}) == {}
    assert loads(None, default=[]) == []
    assert loads('{"a": 1}', default={}) == {"a": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, 0.5),
        (3, 3),
        (True, 1),
        (False, 0),
        (2**63 - 1, 2**63 - 1),
        (2**63, 9.223372036854775807e18),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (math.inf, math.inf),
        (Decimal("0.25"), 0.25),
        (Decimal("-1E+999"), -math.inf),
        (Fraction(1, 4), 0.25),
        (Fraction(10**400), math.inf),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), float(2**64 - 1)),
        (np.bool_(True), 1),
        (np.array(0.5), 0.5),
        (np.array([[7]]), 7),
        (pd.Series([0.5]), 0.5),
        (FakeTensor([0.5], shape=()), 0.5),
        (FakeTensor([0.5], shape=(1,)), 0.5),
        (FakeEagerTensor(), 0.75),
        (IndexOnly(), float(2**70)),
    ],
)
def test_a_metric_is_one_plain_number(value: object, expected: float) -> None:
    number = metric_number("loss", value)

    assert number == expected
    assert type(number) in (int, float)
    assert type(number) is type(expected)


@pytest.mark.parametrize("value", [math.nan, np.float32("nan"), Decimal("NaN")])
def test_nan_is_a_metric_value(value: object) -> None:
    assert math.isnan(metric_number("loss", value))


@pytest.mark.parametrize(
    "value",
    [
        None, "0.5", b"1", "nan", np.str_("1"), [1.0], {"a": 1}, {1}, (1,), object(), Refusing(), 1j, np.complex64(1),
        np.array([1, 2]), np.array([]), np.array(["1"]), pd.Series([1, 2]), pd.DataFrame({"a": [1, 2]}),
        FakeTensor([1, 2], shape=(2,)), np.datetime64("2026-01-01", "ns"), timedelta(1), len, float,
    ],
)  # fmt: skip
def test_anything_else_is_no_metric_value(value: object) -> None:
    with pytest.raises(
        MetricValueError, match=r"^metric 'loss' is .* of type \w+, which is not one number; log "
    ) as error:
        metric_number("loss", value)

    assert isinstance(error.value, LabLoggerError)
    assert isinstance(error.value, ValueError)
    assert len(str(error.value)) < 300


def test_moments_are_utc_text_with_microseconds() -> None:
    now = utc_now()

    assert len(now) == len("2026-11-21T10:00:00.123456Z")
    assert now.endswith("Z")
    assert utc_now() >= now
    assert from_epoch_ms(0) == "1970-01-01T00:00:00.000000Z"
    assert from_epoch_ms(1_795_255_200_123) == "2026-11-21T10:00:00.123000Z"
    assert from_epoch_ms(-1) == "1969-12-31T23:59:59.999000Z"
    with pytest.raises(OverflowError):
        from_epoch_ms(10**18)


def test_no_third_party_library_is_loaded_to_know_its_values() -> None:
    program = (
        "import sys\n"
        "from lab_logger.record import dumps, metric_number\n"
        "dumps({'a': [1, object()]}), metric_number('a', True)\n"
        "print(*sorted({'numpy', 'pandas', 'pydantic', 'torch', 'decimal', 'uuid'} & set(sys.modules)))"
    )
    libs = Path(lab_logger.record.__file__).parent.parent

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(libs)}
    )

    assert answer.stdout.split() == []
