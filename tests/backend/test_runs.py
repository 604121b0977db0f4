"""Listing, ranking, showing and comparing runs over HTTP."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from backend.models import RunSummary
from tests.backend.stores import DEAD, StoredRun, execute, url_at, write_runs

SUMMARY = {
    "run_id",
    "timestamp",
    "git_hash",
    "command",
    "dataset_id",
    "wandb_url",
    "final_metrics",
    "note",
    "status",
    "params",
    "duration_s",
    "tags",
}
DETAIL = SUMMARY | {
    "git_diff",
    "python_version",
    "pip_freeze",
    "device_info",
    "artifacts",
    "started_at",
    "finished_at",
    "error",
    "project",
    "parent_run_id",
    "created_by",
}
FIRST = "aaaa1111-0000-4000-8000-000000000001"
SECOND = "aaaa2222-0000-4000-8000-000000000002"
THIRD = "bbbb3333-0000-4000-8000-000000000003"


@pytest.fixture
def three_runs(store: Path) -> Path:
    return write_runs(
        store,
        [
            StoredRun(
                FIRST,
                timestamp="2025-12-01T09:00:00.000000Z",
                dataset_id="iris",
                params={"lr": 0.1, "nested": {"depth": 2}},
                metrics={"accuracy": 0.8, "loss": float("nan")},
                tags=("sweep", "baseline"),
                artifacts=["a.csv"],
            ),
            StoredRun(SECOND, timestamp="2025-12-01T10:00:00.000000Z", metrics={"accuracy": 0.9}, params={"seed": 1}),
            StoredRun(THIRD, timestamp="2025-12-01T11:00:00.000000Z", dataset_id="iris", metrics={"loss": 0.5}),
        ],
    )


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [run["run_id"] for run in response.json()]


def problem(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(document)
    assert document["status"] == status
    return str(document["detail"])


def test_lists_summaries_newest_first_with_the_total(client: httpx.Client, three_runs: Path) -> None:
    answer = client.get("/runs")
    assert ids(answer) == [THIRD, SECOND, FIRST]
    assert answer.headers["X-Total-Count"] == "3"
    assert set(answer.json()[2]) == SUMMARY
    assert answer.json()[2]["final_metrics"] == {"accuracy": 0.8, "loss": "NaN"}
    assert answer.json()[2]["params"] == {"lr": 0.1, "nested": {"depth": 2}}


def test_lists_say_how_long_runs_took_and_their_tags(client: httpx.Client, store: Path) -> None:
    write_runs(
        store,
        [
            StoredRun("a", duration_s=2.5, tags=("x", 'ünïcode " [1]', "a")),
            StoredRun("b", status="running"),
            StoredRun("c", status="failed", duration_s=0.0, metrics={"m": 1.0}, tags=("a",)),
        ],
    )
    expected = {"a": (2.5, ["a", "x", 'ünïcode " [1]']), "b": (None, []), "c": (0.0, ["a"])}
    runs = client.get("/runs").json()
    assert {run["run_id"]: (run["duration_s"], run["tags"]) for run in runs} == expected
    (best,) = client.get("/runs/leaderboard?metric_name=m").json()
    assert (best["duration_s"], best["tags"]) == expected["c"]


@pytest.mark.sqlite
def test_a_tag_that_another_program_stored_as_bytes_is_read_as_text(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("a")])
    execute(store, "INSERT INTO run_tags (run_id, tag) VALUES ('a', X'6F6464')")
    assert client.get("/runs/a").json()["tags"] == ["odd"]


def test_a_leaderboard_counts_all_that_rank_when_asked(client: httpx.Client, three_runs: Path) -> None:
    asked: dict[str, Any] = {"metric_name": "accuracy", "top_k": 1}
    assert "X-Total-Count" not in client.get("/runs/leaderboard", params=asked).headers
    for filters, total in (({}, 2), ({"dataset_id": "iris"}, 1), ({"has_artifacts": "false"}, 1)):
        answer = client.get("/runs/leaderboard", params={**asked, **filters, "count": "true"})
        assert len(ids(answer)) == 1
        assert answer.headers["X-Total-Count"] == str(total), filters
    nothing = client.get("/runs/leaderboard", params={**asked, "dataset_id": "nope", "count": "true"})
    assert (nothing.json(), nothing.headers["X-Total-Count"]) == ([], "0")


def test_an_empty_store_has_no_runs_and_nothing_to_rank(client: httpx.Client, store: Path) -> None:
    assert client.get("/runs").json() == []
    assert client.get("/runs", params={"sort": "metric:accuracy", "q": "x"}).json() == []
    assert client.get("/runs/leaderboard", params={"metric_name": "accuracy"}).json() == []
    assert client.get("/runs/facets").json()["total"] == 0
    assert client.get("/runs/facets").json()["params"] == []
    assert client.get("/version").json()["schema_version"] == 2


def test_pages_follow_one_another_without_gap_or_repeat(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun(f"{n:04}", metrics={"a": n % 3} if n % 2 else {}) for n in range(30)])
    for sort in ("timestamp", "metric:a", "status"):
        for order in ("asc", "desc"):
            paged = [
                run_id
                for offset in range(0, 40, 7)
                for run_id in ids(
                    client.get("/runs", params={"sort": sort, "order": order, "limit": 7, "offset": offset})
                )
            ]
            assert paged == ids(client.get("/runs", params={"sort": sort, "order": order, "limit": 500}))
            assert sorted(paged) == [f"{n:04}" for n in range(30)]


def test_ranks_the_best_first_and_the_lowest_loss_on_request(client: httpx.Client, three_runs: Path) -> None:
    assert ids(client.get("/runs/leaderboard", params={"metric_name": "accuracy"})) == [SECOND, FIRST]
    losses: dict[str, Any] = {"metric_name": "loss", "order": "asc"}
    assert ids(client.get("/runs/leaderboard", params=losses)) == [THIRD]
    filtered: dict[str, Any] = {"metric_name": "accuracy", "dataset_id": "iris", "has_artifacts": "true", "top_k": 1}
    assert ids(client.get("/runs/leaderboard", params=filtered)) == [FIRST]
    assert ids(client.get("/runs/leaderboard", params={"metric_name": "accuracy", "dataset_id": "nope"})) == []


def test_ranks_among_more_runs_than_are_looked_through_at_once(client: httpx.Client, store: Path) -> None:
    """The best runs on a dataset may lie far below the best of all, and many runs may share the best value."""
    runs = [
        StoredRun(f"{n:05}", timestamp=f"2025-12-01T10:00:00.{n:06}Z", dataset_id="easy", metrics={"a": 1.0})
        for n in range(2_500)
    ]
    runs += [StoredRun(f"hard-{n}", dataset_id="hard", metrics={"a": n / 1000}) for n in range(20)]
    write_runs(store, runs)
    assert ids(client.get("/runs/leaderboard", params={"metric_name": "a", "top_k": 2})) == ["02499", "02498"]
    hard = client.get("/runs/leaderboard", params={"metric_name": "a", "dataset_id": "hard", "top_k": 2})
    assert ids(hard) == ["hard-19", "hard-18"]
    lowest = client.get("/runs/leaderboard", params={"metric_name": "a", "order": "asc", "top_k": 2})
    assert ids(lowest) == ["hard-0", "hard-1"]


def test_an_unknown_metric_is_answered_with_the_ones_there_are(client: httpx.Client, three_runs: Path) -> None:
    answer = client.get("/runs/leaderboard", params={"metric_name": "acuracy"})
    assert "'acuracy'" in problem(answer, 404)
    assert answer.json()["candidates"] == ["accuracy", "loss"]


def test_answers_follow_every_change_of_the_store(client: httpx.Client, three_runs: Path) -> None:
    asked: dict[str, Any] = {"metric_name": "accuracy", "limit": 1}
    assert client.get("/runs", params=asked).headers["X-Total-Count"] == "2"
    write_runs(three_runs, [StoredRun("new", metrics={"accuracy": 1.0})])
    assert client.get("/runs", params=asked).headers["X-Total-Count"] == "3"
    assert ids(client.get("/runs/leaderboard", params={"metric_name": "accuracy"}))[0] == "new"
    assert client.get("/runs/facets").json()["total"] == 4
    execute(three_runs, "DELETE FROM manifests WHERE run_id = 'new'")
    assert client.get("/runs", params=asked).headers["X-Total-Count"] == "2"
    assert ids(client.get("/runs/leaderboard", params={"metric_name": "accuracy"}))[0] == SECOND
    assert client.get("/runs/facets").json()["total"] == 3


def test_shows_everything_of_a_run(client: httpx.Client, three_runs: Path) -> None:
    answer = client.get(f"/runs/{FIRST}")
    assert answer.status_code == 200
    run = answer.json()
    assert set(run) == DETAIL
    assert run["artifacts"] == ["a.csv"]
    assert run["tags"] == ["baseline", "sweep"]
    assert run["status"] == "finished"
    assert run["started_at"] == "2025-12-01T09:00:00.000000Z"


def test_a_prefix_that_fits_one_run_names_it_everywhere(client: httpx.Client, three_runs: Path) -> None:
    assert client.get("/runs/b").json()["run_id"] == THIRD
    assert client.get("/runs/aaaa2/metrics").json() == {}
    assert client.get("/runs/aaaa2/artifacts").json() == []
    assert client.patch("/runs/aaaa2/note", json={"note": "x"}).json()["run_id"] == SECOND
    assert client.post("/compare", json={"run_ids": ["b", "aaaa1"]}).json()["run_ids"] == [THIRD, FIRST]
    answer = client.get("/runs/aaaa")
    assert FIRST in problem(answer, 409)
    assert answer.json()["candidates"] == [FIRST, SECOND]
    for path in ("metrics", "artifacts", "artifacts/0"):
        problem(client.get(f"/runs/aaaa/{path}"), 409)
    problem(client.patch("/runs/aaaa/note", json={"note": None}), 409)
    problem(client.get("/runs/compare", params={"ids": ["aaaa"]}), 409)


def test_an_id_that_is_the_beginning_of_others_names_its_own_run(client: httpx.Client, store: Path) -> None:
    write_runs(
        store, [StoredRun("exp"), StoredRun("exp/1"), StoredRun("exp%2"), *(StoredRun(f"m{n}") for n in range(30))]
    )
    assert client.get("/runs/exp").json()["run_id"] == "exp"
    assert client.get("/runs/exp/1").json()["run_id"] == "exp/1"
    assert client.get("/runs/exp%252").json()["run_id"] == "exp%2"
    assert client.get("/runs/exp/1/metrics").json() == {}
    assert client.patch("/runs/exp/1/note", json={"note": "slash"}).json()["note"] == "slash"
    answer = client.get("/runs/m")
    assert len(answer.json()["candidates"]) == 10
    problem(answer, 409)


def test_an_id_may_hold_a_line_break(client: httpx.Client, store: Path) -> None:
    write_runs(store, [StoredRun("exp\n1")])
    for path in ("", "/metrics", "/artifacts", "/notes"):
        assert client.get(f"/runs/exp%0A1{path}").status_code == 200, path
    assert client.patch("/runs/exp%0A1/note", json={"note": "kept"}).json()["run_id"] == "exp\n1"


@pytest.mark.parametrize("left_out", [["pip_freeze"], ["git_diff", "pip_freeze", "device_info", "error"]])
def test_long_texts_can_be_left_out_of_a_comparison(
    client: httpx.Client, three_runs: Path, left_out: list[str]
) -> None:
    sql = "UPDATE manifests SET git_diff = 'a', pip_freeze = 'b', device_info = 'c' WHERE run_id = :run_id"
    execute(three_runs, sql, {"run_id": FIRST})
    execute(three_runs, "UPDATE run_state SET error = 'd' WHERE run_id = :run_id", {"run_id": FIRST})
    (whole,) = client.post("/compare", json={"run_ids": [FIRST]}).json()["runs"]
    assert None not in [whole[name] for name in left_out]
    for answer in (
        client.get("/runs/compare", params={"ids": [FIRST], "leave_out": left_out}),
        client.post("/compare", json={"run_ids": [FIRST], "leave_out": left_out}),
    ):
        assert answer.json()["runs"] == [whole | dict.fromkeys(left_out)]


def test_compares_in_the_order_asked_each_run_once(client: httpx.Client, three_runs: Path) -> None:
    expected = {
        "run_ids": [THIRD, FIRST],
        "metric_keys": ["accuracy", "loss"],
        "param_keys": ["lr", "nested"],
    }
    asked = [THIRD, FIRST, "bbbb", THIRD]
    for answer in (
        client.get("/runs/compare", params={"ids": asked}),
        client.post("/compare", json={"run_ids": asked}),
    ):
        assert answer.status_code == 200
        comparison = answer.json()
        assert [run["run_id"] for run in comparison["runs"]] == [THIRD, FIRST]
        assert set(comparison["runs"][0]) == DETAIL
        assert {key: comparison[key] for key in expected} == expected


def test_a_comparison_names_every_unknown_run(client: httpx.Client, three_runs: Path) -> None:
    for answer in (
        client.get("/runs/compare", params={"ids": ["no-1", FIRST, "no-2"]}),
        client.post("/compare", json={"run_ids": ["no-1", FIRST, "no-2"]}),
    ):
        detail = problem(answer, 404)
        assert "'no-1'" in detail
        assert "'no-2'" in detail
        assert FIRST not in detail


@pytest.mark.parametrize("run_ids", [[], [""], "text", [1], ["x"] * 101, None])
def test_refuses_what_is_no_list_of_run_ids(client: httpx.Client, run_ids: object) -> None:
    problem(client.post("/compare", json={"run_ids": run_ids}), 422)


def test_sets_and_clears_a_note(client: httpx.Client, three_runs: Path) -> None:
    answer = client.patch(f"/runs/{FIRST}/note", json={"note": "PUBLISH"})
    assert answer.status_code == 200
    assert set(answer.json()) == DETAIL
    assert answer.json()["note"] == "PUBLISH"
    assert execute(three_runs, "SELECT note FROM manifests WHERE run_id = :id", {"id": FIRST}) == [("PUBLISH",)]
    assert ids(client.get("/runs", params={"note_substring": "publish"})) == [FIRST]
    assert ids(client.get("/runs", params={"q": "publish"})) == [FIRST]
    assert client.patch(f"/runs/{FIRST}/note", json={"note": None}).json()["note"] is None
    assert ids(client.get("/runs", params={"note_substring": "publish"})) == []
    longest = "ä" * 100_000
    assert client.patch(f"/runs/{FIRST}/note", json={"note": longest}).json()["note"] == longest


@pytest.mark.parametrize(
    "body",
    ["{}", '{"note": 1}', '{"note": "x", "other": 1}', "no json", "[]", '{"note": "\\ud800"}', '{"note": "\\u0000"}'],
)
def test_refuses_what_is_no_note(client: httpx.Client, three_runs: Path, body: str) -> None:
    answer = client.patch(f"/runs/{FIRST}/note", content=body, headers={"content-type": "application/json"})
    problem(answer, 422)
    assert client.get(f"/runs/{FIRST}").json()["note"] is None


def test_refuses_a_note_that_is_too_long(client: httpx.Client, three_runs: Path) -> None:
    answer = client.patch(f"/runs/{FIRST}/note", json={"note": "n" * 100_001})
    assert "100000" in problem(answer, 422)
    assert len(answer.content) < 2_000
    problem(client.patch(f"/runs/{FIRST}/note", json={"note": "n" * 10_000_000}), 413)
    assert client.get(f"/runs/{FIRST}").json()["note"] is None


def test_an_unknown_run_is_a_404_everywhere(client: httpx.Client, three_runs: Path) -> None:
    for path in ("/runs/nope", "/runs/nope/metrics", "/runs/nope/artifacts", "/runs/nope/artifacts/0"):
        assert "'nope'" in problem(client.get(path), 404)
    assert "'nope'" in problem(client.patch("/runs/nope/note", json={"note": "x"}), 404)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=-1", "limit"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "'ten'"),
        ("limit=10&limit=20", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("from_timestamp=yesterday", "'yesterday'"),
        ("to_timestamp=2025-13-01", "'2025-13-01'"),
        ("to_timestamp=2025-12-01T25:00", "'2025-12-01T25:00'"),
        ("metric_min=1", "metric_name"),
        ("metric_max=1", "metric_name"),
        ("metric_name=a&metric_min=nan", "metric_min"),
        ("metric_name=a&metric_max=inf", "metric_max"),
        ("metric_name=a&metric_max=high", "'high'"),
        ("metric_name=", "metric_name"),
        ("has_artifacts=maybe", "'maybe'"),
        ("status=done", "'done'"),
        ("param=lr", "'lr'"),
        ("param=:1", "':1'"),
        ("sort=speed", "'speed'"),
        ("sort=metric:", "'metric:'"),
        ("sort=relevance", "needs q"),
        ("order=up", "'up'"),
        ("note_substring=%00", "note_substring"),
        ("command_substring=" + "x" * 1_001, "command_substring"),
    ],
)
def test_refuses_values_that_cannot_be_meant(client: httpx.Client, three_runs: Path, query: str, named: str) -> None:
    answer = client.get(f"/runs?{query}")
    assert named in problem(answer, 422)
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/version",
        "/runs",
        "/runs/leaderboard",
        "/runs/facets",
        "/runs/compare",
        f"/runs/{FIRST}",
        f"/runs/{FIRST}/metrics",
        f"/runs/{FIRST}/artifacts",
        f"/runs/{FIRST}/artifacts/0",
    ],
)
def test_refuses_unknown_parameters_and_names_the_known(client: httpx.Client, three_runs: Path, path: str) -> None:
    answer = client.get(path, params={"metric": "accuracy", "colour": "red"})
    detail = problem(answer, 422)
    assert "'metric', 'colour'" in detail
    assert "it has" in detail
    assert [error["value"] for error in answer.json()["errors"]] == ["accuracy", "red"]


def test_refuses_unknown_parameters_of_writes(client: httpx.Client, three_runs: Path) -> None:
    problem(client.patch(f"/runs/{FIRST}/note", params={"x": 1}, json={"note": "n"}), 422)
    problem(client.post("/compare", params={"x": 1}, json={"run_ids": [FIRST]}), 422)


@pytest.mark.parametrize("query", ["", "metric_name=a&top_k=0", "metric_name=a&top_k=501", "metric_name=a&order=x"])
def test_refuses_a_leaderboard_of_nothing(client: httpx.Client, query: str) -> None:
    problem(client.get(f"/runs/leaderboard?{query}"), 422)


def test_what_is_not_there_and_what_is_not_possible_are_problems_too(client: httpx.Client) -> None:
    assert "/nothing" in problem(client.get("/nothing"), 404)
    answer = client.delete("/runs")
    assert "GET" in problem(answer, 405)
    assert answer.headers["allow"] == "GET, POST"
    problem(client.post("/runs/leaderboard"), 405)


def test_a_run_whose_process_is_gone_reads_as_killed(client: httpx.Client, store: Path) -> None:
    write_runs(
        store,
        [
            StoredRun("alive", status="running"),
            StoredRun("dead", status="running", lease=DEAD, heartbeat_at="2025-12-01T10:00:30.000000Z"),
        ],
    )
    assert {run["run_id"]: run["status"] for run in client.get("/runs").json()} == {
        "alive": "running",
        "dead": "killed",
    }
    assert ids(client.get("/runs", params={"status": "killed"})) == ["dead"]
    assert client.get("/runs", params={"status": "running"}).headers["X-Total-Count"] == "1"
    dead = client.get("/runs/dead").json()
    assert dead["finished_at"] == "2025-12-01T10:00:30.000000Z"
    statuses = {found["name"]: found["runs"] for found in client.get("/runs/facets").json()["statuses"]}
    assert statuses == {"running": 1, "finished": 0, "failed": 0, "killed": 1}
    assert execute(store, "SELECT status FROM run_state WHERE run_id = 'dead'") == [("killed",)]


def test_health_is_exactly_this(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok", "project": "test-lab"}


def test_version_says_what_is_served(client: httpx.Client, store: Path, database: str) -> None:
    assert client.get("/version").json() == {
        "version": "0.1.0",
        "store_kind": database,
        "store_path": url_at(store) or str(store),  # a URL without a password
        "schema_version": 2,
        "store_error": None,
    }


def test_parameters_are_compared_as_what_they_are(client: httpx.Client, store: Path) -> None:
    values: list[object] = [0.3, 0.1 + 0.2, "0.3", 30, 30.0, "30", 2**53, 2**53 + 1, True, "true", None]
    write_runs(store, [StoredRun(f"{n:02}", params={"p": value}) for n, value in enumerate(values)])
    for text, fitting in {
        "0.3": ["00", "02"],
        "3e-1": ["00"],
        "0.30000000000000004": ["01"],
        "30": ["03", "04", "05"],
        "30.0": ["03", "04"],
        str(2**53): ["06"],
        str(2**53 + 1): ["07"],
        "true": ["08", "09"],
        "null": ["10"],
    }.items():
        assert ids(client.get("/runs", params={"param": f"p:{text}"})) == fitting, text


def test_equal_numbers_rank_alike_however_they_are_spelled(client: httpx.Client, store: Path) -> None:
    at = "2025-12-01T1{}:00:00.000000Z"
    write_runs(
        store,
        [StoredRun(f"r{n}", timestamp=at.format(n), params={"p": value}) for n, value in enumerate([30.0, 30, 30.0])],
    )
    for order in ("asc", "desc"):
        assert ids(client.get("/runs", params={"sort": "param:p", "order": order})) == ["r2", "r1", "r0"]


def test_a_very_deep_document_of_another_program_does_not_spoil_the_list(client: httpx.Client, store: Path) -> None:
    deep = '{"a": ' + "[" * 400 + "7" + "]" * 400 + "}"
    write_runs(store, [StoredRun("deep", documents={"params_json": deep}), StoredRun("plain", params={"lr": 1})])

    runs = TypeAdapter(list[RunSummary]).validate_json(client.get("/runs").content)

    assert {run.run_id: "7" in str(run.params) for run in runs} == {"deep": True, "plain": False}
