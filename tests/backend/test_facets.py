from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from tests.backend.stores import StoredRun, write_runs
from tests.backend.test_oracle import METRICS, STATUSES, TAGS, Row, client_of, number_of, stores

SUITE = settings(
    derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def test_says_what_there_is(client: httpx.Client, store: Path) -> None:
    write_runs(
        store,
        [
            StoredRun(
                "a", dataset_id="iris", metrics={"acc": 0.5, "loss": float("nan")}, params={"lr": 0.1, "m": "svm"}
            ),
            StoredRun("b", dataset_id="iris", metrics={"acc": 1}, params={"lr": 1e-05, "m": "svm", "on": True}),
            StoredRun("c", status="failed", params={"lr": "auto", "opt": {"lr": None}}, tags=("x", "y")),
            StoredRun("d", dataset_id="", tags=("x",)),
        ],
    )
    assert client.get("/runs/facets").json() == {
        "total": 4,
        "statuses": [
            {"name": "running", "runs": 0},
            {"name": "finished", "runs": 3},
            {"name": "failed", "runs": 1},
            {"name": "killed", "runs": 0},
        ],
        "datasets": [{"dataset_id": "", "runs": 1}, {"dataset_id": "iris", "runs": 2}, {"dataset_id": None, "runs": 1}],
        "metrics": [{"name": "acc", "runs": 2, "min": 0.5, "max": 1.0}],
        "params": [
            _param("lr", {"0.1": 1, "1.0e-05": 1, "auto": 1}, lowest=1e-05, highest=0.1),
            _param("m", {"svm": 2}),
            _param("on", {"true": 1}),
            _param("opt.lr", {"null": 1}),
        ],
        "tags": [{"name": "x", "runs": 2}, {"name": "y", "runs": 1}],
    }


@pytest.mark.parametrize("part", ["statuses", "datasets", "metrics", "params", "tags"])
def test_a_part_that_is_left_out_is_empty_and_the_others_are_as_they_were(
    client: httpx.Client, store: Path, part: str
) -> None:
    write_runs(store, [StoredRun("a", dataset_id="iris", metrics={"acc": 0.5}, params={"lr": 0.1}, tags=("x",))])
    whole = client.get("/runs/facets").json()
    assert all(whole.values())
    assert client.get("/runs/facets", params={"leave_out": part}).json() == whole | {part: []}
    assert client.get("/runs/facets").json() == whole


def test_lists_some_values_of_a_parameter_that_has_many_and_counts_them_all(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun(f"r{n:03}", params={"seed": n, "few": n % 50}) for n in range(120)])
    few, seed = client.get("/runs/facets").json()["params"]
    assert (few["runs"], len(few["values"]), few["has_more_values"]) == (120, 50, False)
    assert (seed["runs"], len(seed["values"]), seed["has_more_values"]) == (120, 50, True)
    assert (seed["min"], seed["max"]) == (0, 119)
    assert [value["name"] for value in seed["values"]] == sorted(map(str, range(120)))[:50]


@settings(SUITE, max_examples=25)
@given(rows=stores())
def test_counts_what_a_loop_counts(database: str, rows: list[Row]) -> None:
    with client_of(rows, database) as client:
        found = client.get("/runs/facets").json()
    runs = [run for run, _ in rows]
    assert found["total"] == len(runs)
    assert {each["name"]: each["runs"] for each in found["statuses"]} == {
        status: sum(run.status == status for run in runs) for status in STATUSES
    }
    datasets = {run.dataset_id for run in runs}
    assert {each["dataset_id"]: each["runs"] for each in found["datasets"]} == {
        dataset: sum(run.dataset_id == dataset for run in runs) for dataset in datasets
    }
    tags = {tag: sum(tag in run.tags for run in runs) for tag in TAGS}
    assert {each["name"]: each["runs"] for each in found["tags"]} == {tag: n for tag, n in tags.items() if n}
    for name in METRICS:
        values = [value for run in runs if (value := number_of(run.metrics.get(name))) is not None]
        listed = [each for each in found["metrics"] if each["name"] == name]
        expected = [{"name": name, "runs": len(values), "min": min(values), "max": max(values)}] if values else []
        assert listed == expected
    for param in found["params"]:
        if "." not in param["name"]:
            assert param["runs"] == sum(param["name"] in run.params for run in runs)


def _param(
    name: str, values: dict[str, int], *, lowest: float | None = None, highest: float | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "runs": sum(values.values()),
        "values": [{"name": value, "runs": runs} for value, runs in values.items()],
        "has_more_values": False,
        "min": lowest,
        "max": highest,
    }


def test_a_number_that_no_float_holds_has_no_part_in_a_range(client: httpx.Client, store: Path) -> None:
    huge: dict[str, str | None] = {"params_json": '{"lr": 1e999, "n": ' + "9" * 400 + "}"}
    many = [StoredRun(f"r{n}", params={"lr": n, "n": 1}) for n in range(60)]
    write_runs(store, [StoredRun("a", documents=huge), *many])

    params = {param["name"]: param for param in client.get("/runs/facets").json()["params"]}

    assert (params["lr"]["min"], params["lr"]["max"]) == (0, 59)
    assert (params["n"]["min"], params["n"]["max"]) == (1, 1)
