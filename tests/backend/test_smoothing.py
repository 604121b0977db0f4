import math
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.smoothing import moving_average
from tests.backend.stores import StoredRun, write_points, write_runs

MS = 1_764_583_200_000


def averages(values: list[float | None], weight: float) -> dict[int, float]:
    """By step, the formula as TensorBoard writes it."""
    found, last, number = {}, 0.0, 0
    for step, value in enumerate(values):
        if value is not None and math.isfinite(value):
            last, number = last * weight + (1 - weight) * value, number + 1
            found[step] = last / (1 - weight**number)
    return found


def test_every_point_counts_however_few_are_shown(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    values: list[float | None] = [math.sin(step / 30) + (step * 7919 % 100) / 50 for step in range(5_000)]
    values[17], values[2_000], values[2_001] = None, math.inf, -math.inf
    write_points(store, "run", "loss", [(step, MS + step, value) for step, value in enumerate(values)])
    expected = averages(values, 0.95)
    for max_points in (50, 5_000):
        asked = {"max_points": max_points, "smoothing": 0.95}
        loss = client.get("/runs/run/metrics", params=asked).json()["loss"]
        assert len(loss["smoothed"]) == len(loss["steps"]) <= max_points
        shown = dict(zip(loss["steps"], loss["smoothed"], strict=True))
        assert {step for step, value in shown.items() if value is None} == shown.keys() - expected.keys()
        finite = shown.keys() & expected.keys()
        assert {step: shown[step] for step in finite} == pytest.approx({step: expected[step] for step in finite})
        plain = client.get("/runs/run/metrics", params={"max_points": max_points}).json()["loss"]
        assert plain == {name: column for name, column in loss.items() if name != "smoothed"}


def test_no_weight_gives_the_finite_values(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    write_points(store, "run", "a", [(0, MS, 2.0), (1, MS, None), (2, MS, 0.5)])
    write_points(store, "run", "b", [(0, MS, None)])
    answer = client.get("/runs/run/metrics?smoothing=0").json()
    assert [answer[name]["smoothed"] for name in ("a", "b")] == [[2, None, 0.5], [None]]


@pytest.mark.parametrize("weight", ["1", "-0.1", "nan", "inf", "x", ""])
def test_refuses_a_weight_that_smooths_nothing(client: httpx.Client, store: Path, weight: str) -> None:
    write_runs(store, [StoredRun("run")])
    assert client.get("/runs/run/metrics", params={"smoothing": weight}).status_code == 422


@settings(derandomize=True, deadline=None)
@given(values=st.lists(st.none() | st.floats(allow_nan=False), max_size=60), weight=st.floats(0, 1, exclude_max=True))
def test_an_average_is_finite_and_between_the_values(values: list[float | None], weight: float) -> None:
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    found = list(moving_average(values, weight=weight))
    assert len(found) == len(values)
    kept = [average for average in found if average is not None]
    assert len(kept) == len(numbers)
    if numbers:
        slack = 1e-9 * max(map(abs, numbers))
        assert all(min(numbers) - slack <= average <= max(numbers) + slack for average in kept)
