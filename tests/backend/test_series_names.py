from pathlib import Path

import httpx
import pytest

from tests.backend.stores import StoredRun, write_points, write_runs


@pytest.fixture
def three_runs(store: Path) -> Path:
    write_runs(store, [StoredRun(run_id) for run_id in ("aa1", "aa2", "b")])
    for run_id, name in (("aa1", "loss"), ("aa1", "lr"), ("aa2", "loss"), ("aa2", "#x?")):
        write_points(store, run_id, name, [(0, 0, 1.0), (1, 1, None)])
    return store


def test_names_the_series_of_runs_and_says_how_many_have_each(client: httpx.Client, three_runs: Path) -> None:
    assert client.get("/runs/series?ids=b&ids=aa2&ids=aa1&ids=aa2").json() == {
        "run_ids": ["b", "aa2", "aa1"],
        "names": [{"name": "#x?", "runs": 1}, {"name": "loss", "runs": 2}, {"name": "lr", "runs": 1}],
        "without_series": ["b"],
    }


def test_runs_without_any_have_no_names(client: httpx.Client, three_runs: Path) -> None:
    assert client.get("/runs/series?ids=b").json() == {"run_ids": ["b"], "names": [], "without_series": ["b"]}


def test_runs_that_are_not_there_are_named(client: httpx.Client, three_runs: Path) -> None:
    answer = client.get("/runs/series?ids=aa1&ids=nope&ids=none")
    assert answer.status_code == 404
    assert "'nope', 'none'" in answer.json()["detail"]


def test_a_beginning_that_several_runs_share_is_refused_with_them(client: httpx.Client, three_runs: Path) -> None:
    answer = client.get("/runs/series?ids=aa")
    assert (answer.status_code, answer.json()["candidates"]) == (409, ["aa1", "aa2"])


@pytest.mark.parametrize("query", ["", "ids=", "&".join(f"ids={at}" for at in range(101))])
def test_no_runs_or_too_many_are_refused(client: httpx.Client, three_runs: Path, query: str) -> None:
    assert client.get(f"/runs/series?{query}").status_code == 422


def test_the_curves_of_runs_come_together_and_what_a_run_lacks_is_absent(
    client: httpx.Client, three_runs: Path
) -> None:
    curves = client.get("/runs/curves?ids=b&ids=aa2&ids=aa1&name=loss&max_points=4&smoothing=0.5").json()
    alone = {
        run: client.get(f"/runs/{run}/metrics?name=loss&max_points=4&smoothing=0.5").json() for run in ("aa1", "aa2")
    }
    assert curves == {"b": {}, **alone}
    assert list(curves) == ["b", "aa2", "aa1"]
    assert list(client.get("/runs/curves?ids=aa1").json()["aa1"]) == ["loss", "lr"]


@pytest.mark.parametrize(
    ("query", "status"), [("ids=nope", 404), ("ids=aa", 409), ("ids=b&max_points=3", 422), ("", 422)]
)
def test_curves_that_cannot_be_given_are_refused(
    client: httpx.Client, three_runs: Path, query: str, status: int
) -> None:
    assert client.get(f"/runs/curves?{query}").status_code == status
