import math
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.series import Point, thin_out
from tests.backend.stores import StoredRun, write_points, write_runs

MS = 1_764_583_200_000


def test_a_run_without_series_has_none(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    assert client.get("/runs/run/metrics").json() == {}


def test_gives_columns_by_name_in_the_order_first_logged(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run"), StoredRun("other")])
    write_points(
        store, "run", "val loss", [(2, MS + 1, None), (0, MS, 0.5), (5, MS + 2, math.inf), (-3, MS, -math.inf)]
    )
    write_points(store, "other", "accuracy", [(0, MS, 1.0)])
    write_points(store, "run", "accuracy", [(1, MS, 1.0)])
    answer = client.get("/runs/run/metrics").json()
    assert list(answer) == ["val loss", "accuracy"]
    at = "2025-12-01T10:00:00.{}000Z"
    assert answer["val loss"] == {
        "steps": [-3, 0, 2, 5],
        "timestamps": [at.format("000"), at.format("000"), at.format("001"), at.format("002")],
        "values": ["-Infinity", 0.5, "NaN", "Infinity"],
    }
    assert answer["accuracy"]["values"] == [1.0]


def test_gives_the_names_asked_for(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    for name in ("a", "b", "c"):
        write_points(store, "run", name, [(0, MS, 1.0)])
    assert list(client.get("/runs/run/metrics?name=c&name=a").json()) == ["a", "c"]
    answer = client.get("/runs/run/metrics?name=a&name=loss")
    assert answer.status_code == 404
    assert "'loss'" in answer.json()["detail"]
    assert answer.json()["candidates"] == ["a", "b", "c"]


@pytest.mark.parametrize("query", ["max_points=3", "max_points=-1", "max_points=x", "max_points=9999999", "name="])
def test_refuses_what_cannot_be_meant(client: httpx.Client, store: Path, query: str) -> None:
    write_runs(store, [StoredRun("run")])
    assert client.get(f"/runs/run/metrics?{query}").status_code == 422


def test_thins_out_a_long_series_and_keeps_its_spike(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    values = [math.sin(step / 500) for step in range(20_000)]
    values[12_345], values[700] = 99.0, -99.0
    write_points(store, "run", "loss", [(step, MS + step, value) for step, value in enumerate(values)])
    assert len(client.get("/runs/run/metrics").json()["loss"]["steps"]) == 20_000
    for max_points in (4, 5, 100, 20_000):
        loss = client.get("/runs/run/metrics", params={"max_points": max_points}).json()["loss"]
        assert len(loss["steps"]) == len(loss["values"]) == len(loss["timestamps"]) <= max_points
        assert {0, 700, 12_345, 19_999} <= set(loss["steps"])
        assert loss["steps"] == sorted(set(loss["steps"]))


values = st.none() | st.floats(allow_nan=False) | st.sampled_from([0.0, 1.0, math.inf])


@settings(derandomize=True, deadline=None)
@given(values=st.lists(values, max_size=300), max_points=st.integers(4, 40))
def test_thinning_keeps_ends_extrema_and_order(values: list[float | None], max_points: int) -> None:
    points: list[Point] = [(step, MS + step, value) for step, value in enumerate(values)]
    kept = list(thin_out(iter(points), size=len(points), max_points=max_points, has_nan=None in values))
    assert len(kept) <= max_points
    assert set(kept) <= set(points)
    assert kept == sorted(kept, key=lambda point: point[0])
    if len(points) <= max_points:
        assert kept == points
        return
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    numbers = [value for value in values if value is not None]
    kept_numbers = [value for _, _, value in kept if value is not None]
    assert (min(numbers, default=None), max(numbers, default=None)) == (
        min(kept_numbers, default=None),
        max(kept_numbers, default=None),
    )
    if max_points > 4 and None in values:
        assert any(value is None for _, _, value in kept)
