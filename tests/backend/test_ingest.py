"""Runs that come in over HTTP: the same rows as the logger's own, each record once, and only from who may send it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from backend.api import create_app
from backend.opening import open_store
from backend.store import Store
from backend.tables import run_state
from backend.tokens import make_token
from lab_logger import start_run
from lab_logger.leases import own_lease
from tests.backend.conftest import Ask, settings_for
from tests.backend.sending import AT, AT_MS, ELSEWHERE, finish, new_run_id, numbered, points, send, send_packed, start
from tests.live_server import serving


@pytest.fixture
def opened(store: Path) -> Iterator[Store]:
    """The test's store, beside the server that has it open."""
    opened = open_store(settings_for(store))
    yield opened
    opened.close()


def user(ask: Ask, opened: Store, name: str, role: Any = "write") -> httpx.Client:
    """A client with a token of its own."""
    _, secret = make_token(opened, name, role)
    client = ask()
    client.headers["Authorization"] = f"Bearer {secret}"
    return client


def values(client: httpx.Client, run_id: str, name: str = "loss") -> list[Any]:
    return list(client.get(f"/runs/{run_id}/metrics").json()[name]["values"])


def test_a_run_sent_over_http_is_the_run_that_the_logger_wrote(ask: Ask, client: httpx.Client, tmp_path: Path) -> None:
    embedded = tmp_path / "embedded" / "runs.db"
    (tmp_path / "curve.csv").write_text("epoch,loss\n")
    (tmp_path / "folder").mkdir()
    given = {"lr": 0.1, "optimizer": {"name": "adam", "betas": [0.9, 0.999]}, "warm": True, "none": None}
    with start_run(given, dataset_id="iris", tags=["baseline", "ä"], store=embedded, note="first") as run:
        for value in (0.5, float("nan"), float("inf"), -2, 1e-300):
            run.log_metrics({"loss": value, "step/time": 1})
        run.log_artifact(tmp_path / "curve.csv")
        run.log_artifact(tmp_path / "folder")
        run.set_note("look")
        run.set_tags("later")
    there = ask(db_path=embedded)
    run_id = run.run_id
    wanted = there.get(f"/runs/{run_id}").json()
    series = there.get(f"/runs/{run_id}/metrics").json()

    answer = send_packed(client, numbered(*records_of(embedded, run_id)))

    assert (answer.status_code, answer.json()["stored"]) == (200, answer.json()["applied"])
    assert client.get(f"/runs/{run_id}").json() == wanted
    assert client.get(f"/runs/{run_id}/metrics").json() == series
    recorded = ("index", "path", "kind", "size_bytes", "sha256", "media_type", "recorded_at")
    assert [[one[name] for name in recorded] for one in client.get(f"/runs/{run_id}/artifacts").json()] == [
        [one[name] for name in recorded] for one in there.get(f"/runs/{run_id}/artifacts").json()
    ]
    assert client.get("/runs/facets").json() == there.get("/runs/facets").json()
    for query in (
        {"q": "look adam"}, {"tag": ["baseline", "later"]}, {"param": "optimizer.name:adam"}, {"has_artifacts": True},
        {"status": "finished"}, {"dataset_id": "iris"}, {"note_substring": "loo"}, {"sort": "metric:loss"},
    ):  # fmt: skip
        assert client.get("/runs", params=query).json() == there.get("/runs", params=query).json() != []


def records_of(store: Path, run_id: str) -> list[dict[str, Any]]:
    """The records that say what a store of the logger holds of a run."""
    with closing(sqlite3.connect(store)) as connection:
        connection.row_factory = sqlite3.Row
        sql = "SELECT m.*, s.* FROM manifests m JOIN run_state s USING (run_id) WHERE run_id = ?"
        row = dict(connection.execute(sql, (run_id,)).fetchone())
        tags = [tag for (tag,) in connection.execute("SELECT tag FROM run_tags WHERE run_id = ?", (run_id,))]
        artifacts = [dict(one) for one in connection.execute("SELECT * FROM artifacts ORDER BY position")]
        sql = "SELECT name, step, timestamp, value FROM metric_points JOIN metric_series USING (series)"
        logged = [list(point) for point in connection.execute(sql)]
    import json

    texts = ("git_hash", "git_diff", "command", "python_version", "pip_freeze", "device_info", "dataset_id")
    begun = {name: row[name] for name in (*texts, "project", "parent_run_id", "started_at")}
    lease = {name: row[f"lease_{name}"] for name in ("host", "boot", "pid", "pid_started")}
    spelled = {float("inf"): "Infinity", float("-inf"): "-Infinity"}
    for point in logged:
        point[3] = spelled.get(point[3], point[3])
    described = ("path", "size_bytes", "sha256", "media_type", "recorded_at")
    ended = {name: row[name] for name in ("status", "finished_at", "duration_s", "error")}
    return [
        start(run_id, **begun, lease=lease, params=json.loads(row["params_json"]), tags=tags[:1], note="first"),
        {"kind": "points", "run_id": run_id, "points": logged},
        {"kind": "tags", "run_id": run_id, "tags": tags},
        *(
            {
                "kind": "artifact",
                "run_id": run_id,
                "index": one["position"],
                "artifact_kind": one["kind"],
                **{name: one[name] for name in described},
            }
            for one in artifacts
        ),
        {"kind": "note", "run_id": run_id, "note": row["note"]},
        finish(run_id, **ended, final_metrics=json.loads(row["final_metrics_json"])),
    ]


def test_the_same_batch_twice_and_overlapping_ones_store_each_record_once(client: httpx.Client) -> None:
    run_id = new_run_id()
    records = [start(run_id), *(points(run_id, "loss", {step: float(step)}) for step in range(9))]
    note = {"kind": "note", "run_id": run_id, "note": "once"}
    body = numbered(*records, note)

    assert send(client, body).json() == {"applied": 11, "stored": 11}
    client.patch(f"/runs/{run_id}/note", json={"note": "a person's"})
    assert send(client, body).json() == {"applied": 11, "stored": 0}
    late = numbered(note, points(run_id, "loss", {9: 9.0}), first=11)
    assert send(client, late).json() == {"applied": 12, "stored": 1}

    assert client.get(f"/runs/{run_id}").json()["note"] == "a person's"
    assert values(client, run_id) == [float(step) for step in range(10)]


def test_senders_are_numbered_each_for_itself(client: httpx.Client) -> None:
    run_id = new_run_id()
    send(client, numbered(start(run_id), points(run_id, "loss", {0: 1.0})))
    answer = send(client, numbered(points(run_id, "loss", {1: 2.0}), sender="f" * 32))

    assert answer.json() == {"applied": 1, "stored": 1}
    assert values(client, run_id) == [1.0, 2.0]


def test_two_requests_of_one_sender_at_once_store_each_record_once(store: Path) -> None:
    runs = [new_run_id() for _ in range(4)]
    # The last to be stored wins a step: were a record stored twice, an earlier value would come back.
    records = [record for run_id in runs for record in (start(run_id), points(run_id, "loss", {0: 1.0}))]
    records += [points(run_id, "loss", {0: 2.0, step: 3.0}) for step in range(1, 20) for run_id in runs]
    answers: list[dict[str, Any]] = []

    with serving(create_app(settings_for(store, busy_timeout_s=60))) as address:

        def push(first: int) -> None:
            with httpx.Client(base_url=address, timeout=60) as client:
                for last in range(first, len(records) + 1, 6):
                    body = {"sender": "a" * 32, "records": numbered(*records)["records"][:last]}
                    answers.append(send(client, body).json())

        threads = [threading.Thread(target=push, args=(first,)) for first in (1, 2, 3, 5, 8, len(records))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with httpx.Client(base_url=address, timeout=60) as client:
            for run_id in runs:
                assert values(client, run_id) == [2.0, *[3.0] * 19]
            assert send(client, numbered(points(runs[0], "loss", {0: 7.0}), sender="a" * 32)).json()["stored"] == 0
    assert sum(answer["stored"] for answer in answers) == len(records)
    assert max(answer["applied"] for answer in answers) == len(records)


def test_a_run_that_was_sent_ranks_filters_and_draws_like_any_other(client: httpx.Client) -> None:
    worse, better = new_run_id(), new_run_id()
    for number, (run_id, accuracy) in enumerate([(worse, 0.5), (better, 0.9)]):
        body = numbered(
            start(
                run_id, dataset_id="iris", params={"lr": 0.1 * (number + 1)}, command=f"python train.py --n {number}"
            ),
            points(run_id, "loss", {step: accuracy / (step + 1) for step in range(100)}),
            finish(run_id, final_metrics={"accuracy": accuracy, "broken": "NaN"}),
            first=3 * number + 1,
        )
        send(client, body)

    board = client.get("/runs/leaderboard", params={"metric_name": "accuracy", "dataset_id": "iris"}).json()
    assert [run["run_id"] for run in board] == [better, worse]
    assert board[0]["final_metrics"] == {"accuracy": 0.9, "broken": "NaN"}
    found = client.get("/runs", params={"metric_name": "accuracy", "metric_min": 0.6, "param": "lr:0.2"}).json()
    assert [run["run_id"] for run in found] == [better]
    curves = client.get("/runs/curves", params={"ids": [worse, better], "name": "loss", "max_points": 10}).json()
    assert set(curves) == {worse, better}


def test_a_start_of_a_known_run_changes_nothing(client: httpx.Client) -> None:
    run_id = new_run_id()
    send(client, numbered(start(run_id, params={"lr": 0.1}, tags=["first"]), finish(run_id)))
    before = client.get(f"/runs/{run_id}").json()

    assert send(client, numbered(start(run_id, params={"lr": 9}, tags=["second"]), sender="b" * 32)).status_code == 200

    assert client.get(f"/runs/{run_id}").json() == before


def test_a_record_of_an_unknown_run_waits_for_its_start(client: httpx.Client) -> None:
    known, unknown = new_run_id(), new_run_id()
    body = numbered(start(known), points(known, "loss", {0: 1.0}), points(unknown, "loss", {0: 2.0}))

    answer = send(client, body)

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:ai-lab:problem:unknown-run")
    assert [(error["loc"], error["value"]) for error in answer.json()["errors"]] == [
        (["records", 2, "run_id"], unknown)
    ]
    assert client.get("/runs").json() == []
    send(client, numbered(start(unknown), sender="c" * 32))
    assert send(client, body).json() == {"applied": 3, "stored": 3}


def test_a_run_belongs_to_who_started_it(ask: Ask, opened: Store) -> None:
    ada, bob, root = (
        user(ask, opened, name, role) for name, role in (("ada", "write"), ("bob", "write"), ("root", "admin"))
    )
    run_id = new_run_id()
    assert send(ada, numbered(start(run_id))).status_code == 200
    assert ada.get(f"/runs/{run_id}").json()["created_by"] == "ada"

    refusals = [
        send(bob, numbered(points(run_id, "loss", {0: 1.0}), sender="b" * 32)),
        send(bob, numbered(start(run_id), sender="b" * 32)),
        bob.post("/ingest/heartbeat", json={"run_ids": [run_id]}),
        bob.post(f"/runs/{run_id}/finish", json={"status": "killed", "finished_at": AT}),
    ]

    for answer in refusals:
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:ai-lab:problem:forbidden-run")
        assert answer.json()["errors"][0]["value"] == run_id
    assert ada.get(f"/runs/{run_id}/metrics").json() == {}
    assert send(root, numbered(points(run_id, "loss", {0: 1.0}), sender="d" * 32)).status_code == 200
    assert values(ada, run_id) == [1.0]


def test_a_run_without_an_owner_takes_records_of_anybody_who_may_write(ask: Ask, opened: Store) -> None:
    run_id = new_run_id()
    send(ask(), numbered(start(run_id)))
    ada, reader = user(ask, opened, "ada"), user(ask, opened, "eve", "read")

    assert send(ada, numbered(points(run_id, "loss", {0: 1.0}), sender="b" * 32)).status_code == 200
    refused = send(reader, numbered(points(run_id, "loss", {1: 1.0}), sender="e" * 32))
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:ai-lab:problem:role-too-low")
    assert reader.get("/ingest/objects/" + "a" * 64).status_code == 403
    assert send(ask(), numbered(start(new_run_id()), sender="f" * 32)).status_code == 401


def test_a_run_whose_heartbeat_stays_out_is_presumed_dead_until_it_is_heard(client: httpx.Client) -> None:
    run_id = new_run_id()
    send(client, numbered(start(run_id), points(run_id, "loss", {0: 3.0, 5: 1.0})))

    presumed = client.get(f"/runs/{run_id}").json()
    assert (presumed["status"], presumed["final_metrics"], presumed["duration_s"]) == ("killed", {"loss": 1.0}, 0.005)

    assert client.post("/ingest/heartbeat", json={"run_ids": [run_id]}).json() == {"unknown": []}
    heard = client.get(f"/runs/{run_id}").json()
    assert (heard["status"], heard["final_metrics"], heard["finished_at"]) == ("running", {}, None)

    send(client, numbered(finish(run_id, final_metrics={"loss": 0.5}), first=3))
    ended = client.get(f"/runs/{run_id}").json()
    assert (ended["status"], ended["final_metrics"], ended["duration_s"]) == ("finished", {"loss": 0.5}, 60.0)


def test_the_first_record_of_another_users_run_is_named(ask: Ask, opened: Store) -> None:
    ada, bob = (user(ask, opened, name) for name in ("ada", "bob"))
    hers, his = new_run_id(), new_run_id()
    send(ada, numbered(start(hers)))
    body = numbered(start(his), *[points(hers, "loss", {step: 1.0}) for step in range(3)], sender="b" * 32)
    answer = send(bob, body)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (403, ["records", 1, "run_id"])


def test_a_clock_that_is_ahead_keeps_no_run_alive(client: httpx.Client, opened: Store) -> None:
    run_id = new_run_id()
    ahead = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    send(client, numbered(start(run_id, started_at=ahead)))
    with opened.read() as connection:
        heard = connection.execute(select(run_state.c.heartbeat_at)).scalar_one()
    assert datetime.fromisoformat(heard) <= datetime.now(UTC)
    assert client.get(f"/runs/{run_id}").json()["status"] == "running"


def test_of_two_ends_the_last_one_counts(client: httpx.Client) -> None:
    run_id = new_run_id()
    first, last = (finish(run_id, status=status, final_metrics={"loss": 1.0}) for status in ("failed", "finished"))
    artifact = {"kind": "artifact", "run_id": run_id, "index": 0, "path": "/far/a", "artifact_kind": "file"}
    send(client, numbered(start(run_id), first, last, {**artifact, "recorded_at": AT}))
    run = client.get(f"/runs/{run_id}").json()
    assert (run["status"], run["final_metrics"], run["artifacts"]) == ("finished", {"loss": 1.0}, ["/far/a"])
    client.post(f"/runs/{run_id}/finish", json={"status": "killed", "finished_at": AT})
    assert client.get(f"/runs/{run_id}").json()["status"] == "killed"


@pytest.mark.parametrize("status", ["finished", "failed", "killed"])
def test_an_end_that_was_told_is_not_taken_back(client: httpx.Client, status: str) -> None:
    run_id = new_run_id()
    send(client, numbered(start(run_id), finish(run_id, status=status, final_metrics={"loss": 1.0})))
    before = client.get(f"/runs/{run_id}").json()

    client.post("/ingest/heartbeat", json={"run_ids": [run_id]})

    assert client.get(f"/runs/{run_id}").json() == before
    assert before["status"] == status


def test_a_run_of_the_servers_own_machine_is_told_by_its_process(client: httpx.Client) -> None:
    own = own_lease()
    lease = {"host": own.host, "boot": own.boot, "pid": own.pid, "pid_started": own.pid_started}
    alive, dead, namesake = new_run_id(), new_run_id(), new_run_id()
    just_now = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    # A machine of the same name that was started another time is another machine.
    elsewhere = {**lease, "boot": "another"}
    send(
        client,
        numbered(
            start(alive, lease=lease),
            start(dead, lease={**lease, "pid": 2**22 + 1}, started_at=just_now),
            start(namesake, lease=elsewhere, started_at=just_now),
        ),
    )
    assert [client.get(f"/runs/{run_id}").json()["status"] for run_id in (alive, dead, namesake)] == [
        "running", "killed", "running",
    ]  # fmt: skip


def test_heartbeats_name_the_runs_that_are_not_known(client: httpx.Client) -> None:
    known, unknown = new_run_id(), new_run_id()
    send(client, numbered(start(known)))

    answer = client.post("/ingest/heartbeat", json={"run_ids": [unknown, known, unknown]})

    assert answer.json() == {"unknown": [unknown]}
    assert client.post("/ingest/heartbeat", json={"run_ids": []}).json() == {"unknown": []}


def test_other_programs_log_a_run_without_numbering_anything(client: httpx.Client) -> None:
    run_id = new_run_id()
    calls = [
        ("/runs", {"run_id": run_id, "started_at": AT, "params": {"lr": 0.1}}),
        (f"/runs/{run_id}/points", {"points": [["loss", 0, AT_MS, 1], ["loss", 1, AT_MS, "NaN"]]}),
        (f"/runs/{run_id}/tags", {"tags": ["theirs", "theirs"]}),
        (
            f"/runs/{run_id}/artifacts",
            {"index": 0, "path": "model.bin", "artifact_kind": "file", "recorded_at": AT, "size_bytes": 3},
        ),
        (f"/runs/{run_id}/heartbeat", None),
        (f"/runs/{run_id}/finish", {"status": "failed", "finished_at": AT, "error": "Traceback", "duration_s": 1}),
    ]
    statuses: list[list[int]] = []
    seen: list[Any] = []
    for _ in range(2):
        statuses.append([client.post(path, json=body).status_code for path, body in calls])
        seen.append([client.get(f"/runs/{run_id}{part}").json() for part in ("", "/metrics", "/artifacts")])

    assert statuses == [[201, 200, 200, 200, 200, 200], [200] * 6]
    assert seen[0] == seen[1]
    run, series, artifacts = seen[0]
    assert (run["status"], run["tags"], run["artifacts"]) == ("failed", ["theirs"], ["model.bin"])
    assert series["loss"]["values"] == [1.0, "NaN"]
    assert [one["path"] for one in artifacts] == ["model.bin"]
    for path, body in calls[1:]:
        assert client.post(path.replace(run_id, new_run_id()), json=body).status_code == 404


def test_a_note_that_is_sent_keeps_what_was_there(ask: Ask, opened: Store) -> None:
    ada, bob = user(ask, opened, "ada"), user(ask, opened, "bob")
    run_id = new_run_id()
    note = {"kind": "note", "run_id": run_id}
    send(ada, numbered(start(run_id, note="first"), {**note, "note": "second"}, {**note, "note": None}))
    bob.patch(f"/runs/{run_id}/note", json={"note": "bob's"})

    history = ada.get(f"/runs/{run_id}/notes").json()

    assert [(one["changed_by"], one["former_note"], one["note"]) for one in history] == [
        ("bob", None, "bob's"), ("ada", "second", None), ("ada", "first", "second"),
    ]  # fmt: skip


def test_content_is_sent_in_parts_that_can_be_resumed(client: httpx.Client) -> None:
    content = bytes(range(256)) * 40
    pieces = [content[:4_000], content[4_000:]]
    name = sha256(content).hexdigest()

    def put(index: int, piece: bytes) -> int:
        headers = {"X-Content-SHA256": sha256(piece).hexdigest()}
        return client.put(f"/ingest/objects/{name}/parts/{index}", content=piece, headers=headers).status_code

    whole = {"size_bytes": len(content), "parts": 2}
    assert client.get(f"/ingest/objects/{name}").json() == {"stored": False, "parts": []}
    assert put(0, pieces[0]) == 204
    assert client.get(f"/ingest/objects/{name}").json()["parts"] == [{"index": 0, "size_bytes": 4_000}]
    assert client.post(f"/ingest/objects/{name}/complete", json=whole).status_code == 409
    assert put(1, pieces[1]) == 204
    for _ in range(2):
        answer = client.post(f"/ingest/objects/{name}/complete", json=whole)
        assert (answer.status_code, answer.json()) == (200, {"stored": True})
    assert client.get(f"/ingest/objects/{name}").json() == {"stored": True, "parts": []}

    run_id = new_run_id()
    file = {"path": "", "size_bytes": len(content), "sha256": name}
    artifact = {
        "kind": "artifact",
        "run_id": run_id,
        "index": 0,
        "path": "/far/away/model.bin",
        "artifact_kind": "file",
    }
    artifact |= {"recorded_at": AT, "size_bytes": len(content), "sha256": name, "files": [file]}
    send(client, numbered(start(run_id), artifact))
    assert client.get(f"/runs/{run_id}/artifacts/0").content == content


def test_content_that_is_not_what_it_should_be_is_not_kept(client: httpx.Client) -> None:
    name = sha256(b"right").hexdigest()
    wrong = {"X-Content-SHA256": sha256(b"wrong").hexdigest()}

    assert client.put(f"/ingest/objects/{name}/parts/0", content=b"right", headers=wrong).status_code == 422
    assert client.put(f"/ingest/objects/{name}/parts/0", content=b"wrong", headers=wrong).status_code == 204
    answer = client.post(f"/ingest/objects/{name}/complete", json={"size_bytes": 5, "parts": 1})

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:ai-lab:problem:object-mismatch")
    assert client.get(f"/ingest/objects/{name}").json() == {"stored": False, "parts": []}


def test_content_longer_than_the_limit_is_refused(ask: Ask) -> None:
    client = ask(artifact_max_bytes=10)
    answer = client.post(f"/ingest/objects/{'a' * 64}/complete", json={"size_bytes": 11, "parts": 1})

    assert answer.status_code == 413
    assert "ARTIFACT_MAX_BYTES" in answer.json()["detail"]
    before_any_part = client.get(f"/ingest/objects/{'a' * 64}", headers={"X-Content-Size": "11"})
    assert before_any_part.status_code == 413
    assert before_any_part.json()["detail"] == answer.json()["detail"]
    assert client.get(f"/ingest/objects/{'a' * 64}", headers={"X-Content-Size": "10"}).status_code == 200


def test_a_lease_may_be_left_out(client: httpx.Client) -> None:
    run_id = new_run_id()
    send(client, numbered(start(run_id, lease=None, started_at=datetime.now(UTC).isoformat())))

    assert client.get(f"/runs/{run_id}").json()["status"] == "running"
    assert ELSEWHERE["host"] != own_lease().host
