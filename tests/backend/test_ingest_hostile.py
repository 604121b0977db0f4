"""Requests that mean harm, or were made by a broken program: a clear refusal, nothing stored, the server up."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from backend.api import create_app
from backend.opening import open_store
from backend.store import Store
from backend.tables import metadata
from tests.backend.conftest import Ask, settings_for
from tests.backend.sending import AT, AT_MS, JSON, finish, new_run_id, numbered, points, send, start
from tests.live_server import serving

RUN = "3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"
LATER = (datetime.now(UTC) + timedelta(days=2)).isoformat()
LATER_MS = int((datetime.now(UTC) + timedelta(days=2)).timestamp() * 1000)
DEEP: Any = None
for _ in range(60):
    DEEP = [DEEP]


@pytest.fixture
def opened(store: Path) -> Iterator[Store]:
    """The test's store, beside the server that has it open."""
    opened = open_store(settings_for(store))
    yield opened
    opened.close()


def counts(opened: Store) -> dict[str, int]:
    """How many rows each table has."""
    tables = {table.name: table for table in metadata.sorted_tables if table.name != "run_text"}
    with opened.read() as connection:
        found = {
            name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
            for name, table in tables.items()
        }
        spools = connection.execute(text("SELECT count(*) FROM applied_spools")).scalar_one()
    return {**found, "applied_spools": int(spools)}


@pytest.fixture
def known(client: httpx.Client) -> httpx.Client:
    """A client of a server that knows one run."""
    send(client, numbered(start(RUN), points(RUN, "loss", {0: 1.0})))
    return client


def _point(*, name: object = "loss", step: object = 0, at: object = AT_MS, value: object = 1.0) -> dict[str, Any]:
    return {"kind": "points", "run_id": RUN, "points": [[name, step, at, value]]}


def _artifact(**given: object) -> dict[str, Any]:
    usual = {"index": 0, "path": "/far/model.bin", "artifact_kind": "file", "recorded_at": AT}
    return {"kind": "artifact", "run_id": RUN, **usual, **given}


def _file(path: str, **given: object) -> dict[str, Any]:
    return {"path": path, "size_bytes": 1, "sha256": "a" * 64, **given}


def _folder(*files: dict[str, Any]) -> dict[str, Any]:
    return _artifact(artifact_kind="folder", files=list(files))


UNUSABLE: dict[str, tuple[dict[str, Any], list[object]]] = {
    "an unknown kind": ({"kind": "drop_tables", "run_id": RUN}, []),
    "no kind": ({"run_id": RUN}, []),
    "a run id that is none": ({"kind": "tags", "run_id": "../../etc/passwd", "tags": []}, ["run_id"]),
    "a run id in capitals": ({"kind": "tags", "run_id": RUN.upper(), "tags": []}, ["run_id"]),
    "a field that is not known": ({"kind": "tags", "run_id": RUN, "tags": [], "created_by": "root"}, ["created_by"]),
    "a negative step": (_point(step=-1), ["points"]),
    "a step that is too large": (_point(step=2**63), ["points"]),
    "a step of 400 digits": (_point(step=10**400), ["points"]),
    "a step with a fraction": (_point(step=0.5), ["points"]),
    "a step that is a boolean": (_point(step=True), ["points"]),
    "a step that is text": (_point(step="1"), ["points"]),
    "a time in the future": (_point(at=LATER_MS), ["points"]),
    "a time before 1970": (_point(at=-1), ["points"]),
    "a value of 400 digits": (_point(value=10**400), ["points"]),
    "a value that is text": (_point(value="1.0"), ["points"]),
    "a value that is a boolean": (_point(value=False), ["points"]),
    "a value that is a list": (_point(value=[1.0]), ["points"]),
    "a name that is a list": (_point(name=["loss"]), ["points"]),
    "a blank name": (_point(name=" "), ["points"]),
    "a name with NUL": (_point(name="lo\x00ss"), ["points"]),
    "a name that is too long": (_point(name="n" * 501), ["points"]),
    "a name that is half a character": (_point(name="\ud83d"), ["points"]),
    "a point of three": ({"kind": "points", "run_id": RUN, "points": [["loss", 0, AT_MS]]}, ["points"]),
    "a point that is text": ({"kind": "points", "run_id": RUN, "points": ["loss"]}, ["points"]),
    "points that are an object": ({"kind": "points", "run_id": RUN, "points": {}}, ["points"]),
    "a tag that is half a character": ({"kind": "tags", "run_id": RUN, "tags": ["\ud83d"]}, ["tags", 0]),
    "a tag that is too long": ({"kind": "tags", "run_id": RUN, "tags": ["t" * 501]}, ["tags", 0]),
    "tags that are text": ({"kind": "tags", "run_id": RUN, "tags": "abc"}, ["tags"]),
    "a note that is too long": ({"kind": "note", "run_id": RUN, "note": "n" * 100_001}, ["note"]),
    "a dataset that is too long": ({"kind": "dataset", "run_id": RUN, "dataset_id": "d" * 501}, ["dataset_id"]),
    "a page that runs a script": ({"kind": "url", "run_id": RUN, "wandb_url": "javascript:alert(1)"}, ["wandb_url"]),
    "a start in the future": (start(new_run_id(), started_at=LATER), ["started_at"]),
    "a start that is no time": (start(new_run_id(), started_at="yesterday"), ["started_at"]),
    "a start at a number": (start(new_run_id(), started_at=AT_MS), ["started_at"]),
    "params that are a list": (start(new_run_id(), params=[1]), ["params"]),
    "a param with a long name": (start(new_run_id(), params={"a": {"b" * 500: 1}}), ["params"]),
    "params that are nested deeply": (start(new_run_id(), params={"a": DEEP}), ["params"]),
    "a process id that is too large": (
        start(new_run_id(), lease={"host": "h", "boot": "b", "pid": 2**63, "pid_started": ""}),
        ["lease", "pid"],
    ),
    "an end in the future": (finish(RUN, finished_at=LATER), ["finished_at"]),
    "a negative duration": (finish(RUN, duration_s=-1.0), ["duration_s"]),
    "an end that goes on": (finish(RUN, status="running"), ["status"]),
    "metrics that are text": (finish(RUN, final_metrics="accuracy"), ["final_metrics"]),
    "an artifact with NUL in its path": (_artifact(path="/far/\x00model.bin"), ["path"]),
    "an artifact without a path": (_artifact(path=""), ["path"]),
    "an artifact at a negative place": (_artifact(index=-1), ["index"]),
    "an artifact at a huge place": (_artifact(index=2**31), ["index"]),
    "an artifact of a negative size": (_artifact(size_bytes=-1), ["size_bytes"]),
    "an artifact with a hash that is none": (_artifact(sha256="../../etc/passwd"), ["sha256"]),
    "an artifact recorded in the future": (_artifact(recorded_at=LATER), ["recorded_at"]),
    "a file that leads out": (_folder(_file("../../etc/passwd")), ["files", 0, "path"]),
    "a file at an absolute path": (_folder(_file("/etc/passwd")), ["files", 0, "path"]),
    "a file that leads out on Windows": (_folder(_file("..\\x")), ["files", 0, "path"]),
    "a file with NUL": (_folder(_file("a\x00")), ["files", 0, "path"]),
    "a file whose path no index holds": (_folder(_file("\u4e00" * 1_000)), ["files", 0, "path"]),
    "a file twice": (_folder(_file("a"), _file("a")), []),
    "two files of one": (_artifact(files=[_file(""), _file("a")]), []),
    "files of what is missing": (_artifact(artifact_kind="missing", files=[_file("")]), []),
    "a record without its fields": ({"kind": "finish", "run_id": RUN}, ["status"]),
}  # fmt: skip


def test_a_record_that_cannot_be_used_is_named_and_nothing_is_stored(known: httpx.Client, opened: Store) -> None:
    before = counts(opened)
    fine = points(RUN, "loss", {7: 7.0})
    for name, (record, place) in UNUSABLE.items():
        answer = known.post("/ingest/records", content=json.dumps(numbered(fine, record, first=3)), headers=JSON)

        assert (answer.status_code, answer.json()["type"]) == (422, "urn:ai-lab:problem:invalid-request"), name
        assert answer.json()["errors"][0]["loc"] == ["records", 1, *place], name
        assert answer.json()["detail"].startswith("body records 1"), name
    assert counts(opened) == before
    assert send(known, numbered(fine, first=3)).json() == {"applied": 3, "stored": 1}


def test_positions_that_do_not_ascend_are_refused(known: httpx.Client, opened: Store) -> None:
    before = counts(opened)
    wrong: list[tuple[list[Any], int]] = [
        ([3, 3], 1), ([4, 3], 1), ([0], 0), ([-1], 0), ([2**63], 0), ([3, 4, 5, 5], 3), ([True], 0), ([3.5], 0),
    ]  # fmt: skip
    for positions, place in wrong:
        body = numbered(*(points(RUN, "loss", {9: 9.0}) for _ in positions))
        for record, position in zip(body["records"], positions, strict=True):
            record["position"] = position

        answer = send(known, body)

        assert answer.status_code == 422, positions
        assert answer.json()["errors"][0]["loc"] == ["records", place, "position"], positions
    assert counts(opened) == before


UNREADABLE: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 422),
    "no JSON": (b"{", 422),
    "text": (b'"records"', 422),
    "a list": (b"[]", 422),
    "null": (b"null", 422),
    "no records": (b'{"sender": "' + b"a" * 32 + b'", "records": []}', 422),
    "a sender that is none": (b'{"sender": "me", "records": []}', 422),
    "bare NaN": (b'{"sender": NaN}', 422),
    "bare Infinity": (b'{"sender": -Infinity}', 422),
    "no UTF-8": (b'{"sender": "\xff\xfe"}', 422),
    "UTF-16": ('{"sender": ""}'.encode("utf-16"), 422),
    "half a character in UTF-8": (b'{"sender": "\xed\xa0\xbd"}', 422),
    "a name twice": (b'{"sender": "a", "sender": "b"}', 422),
    "deep nesting": (b"[" * 100_000, 422),
    "deep objects": (b'{"a":' * 100_000, 422),
    "a number of 100,000 digits": (b'{"sender": ' + b"9" * 100_000 + b"}", 422),
    "millions of lists": (b"[" + b"[]," * 2_000_000 + b"[]]", 413),
    "too many records": (json.dumps({"sender": "a" * 32, "records": [{}] * 10_001}).encode(), 413),
    "too long a body": (b" " * 16_000_001, 413),
}


def test_a_body_that_cannot_be_read_is_refused(known: httpx.Client, opened: Store) -> None:
    before = counts(opened)
    for name, (body, status) in UNREADABLE.items():
        answer = known.post("/ingest/records", content=body, headers=JSON)

        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), name
        assert len(answer.text) < 2_000, name
    assert counts(opened) == before
    assert known.get("/health").status_code == 200


def test_more_values_than_one_body_may_have_are_refused(known: httpx.Client, opened: Store) -> None:
    before = counts(opened)
    half = points(RUN, "loss", dict.fromkeys(range(100_001), 1.0))

    answer = known.post("/ingest/records", content=_packed(numbered(half, half, first=3)), headers=_GZIP)

    assert (answer.status_code, "200,002 metric values" in answer.json()["detail"]) == (413, True)
    assert counts(opened) == before


def test_ten_million_values_are_refused_however_they_are_packed(known: httpx.Client, opened: Store) -> None:
    before = counts(opened)
    head = json.dumps(numbered(_point(), first=3)).encode().removesuffix(b"]}]}")
    packer = zlib.compressobj(wbits=31)
    more = b', ["l", 0, 0, 0]' * 100_000
    packed = packer.compress(head) + b"".join(packer.compress(more) for _ in range(100)) + packer.compress(b"]}]}")

    answer = known.post("/ingest/records", content=packed + packer.flush(), headers=_GZIP)

    assert (answer.status_code, "64,000,000 bytes when unpacked" in answer.json()["detail"]) == (413, True)
    assert counts(opened) == before


def test_a_gzip_bomb_is_refused(known: httpx.Client, opened: Store) -> None:
    before = counts(opened)
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    bomb = b"".join(packer.compress(zeros) for _ in range(100)) + packer.flush()

    for path in ("/ingest/records", "/ingest/heartbeat", f"/runs/{RUN}/points"):
        assert known.post(path, content=bomb, headers=_GZIP).status_code == 413
    assert counts(opened) == before


BROKEN = gzip.compress(b'{"sender": "x"}')


@pytest.mark.parametrize(
    ("body", "headers", "status", "word"),
    [
        (b"not gzip at all", {"Content-Encoding": "gzip"}, 422, "gzip"),
        (BROKEN[:-4], {"Content-Encoding": "gzip"}, 422, "ends early"),
        (BROKEN + BROKEN, {"Content-Encoding": "gzip"}, 422, "goes on"),
        (BROKEN[:-8] + bytes(8), {"Content-Encoding": "gzip"}, 422, "gzip"),
        (b"{}", {"Content-Encoding": "br"}, 415, "'br'"),
        (b"{}", {"Content-Encoding": "gzip, gzip"}, 415, "gzip"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "application/json"),
        (b"{}", {"Content-Type": ""}, 415, "application/json"),
        (b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"),
    ],
)
def test_a_body_that_is_packed_wrongly_is_refused(
    known: httpx.Client, body: bytes, headers: dict[str, str], status: int, word: str
) -> None:
    for path in ("/ingest/records", "/ingest/heartbeat", "/runs", f"/runs/{RUN}/finish"):
        answer = known.post(path, content=body, headers={**JSON, **headers})
        assert (answer.status_code, word in answer.json()["detail"]) == (status, True), answer.text


def test_an_artifact_that_names_a_file_of_the_server_neither_shows_nor_serves_it(ask: Ask, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("the server's own")
    client = ask(artifact_roots=(tmp_path,))
    digest = sha256(secret.read_bytes()).hexdigest()
    send(client, numbered(start(RUN)))
    paths = [str(secret), str(tmp_path), "../../etc/passwd", "/etc/passwd", f"file://{secret}", "secret.csv"]
    for index, path in enumerate(paths):
        claimed = {"artifact_kind": "folder" if path == str(tmp_path) else "file", "index": index, "path": path}
        record = _artifact(**claimed, size_bytes=16, sha256=digest)
        assert send(client, numbered(record, first=2 + index)).status_code == 200

    listed = client.get(f"/runs/{RUN}/artifacts").json()

    assert [one["path"] for one in listed] == paths
    for one in listed:
        assert (one["exists"], one["current_size_bytes"], one["downloadable"]) == (False, None, False), one
        assert (one["files"], one["url"]) == ([], None)
        for query in ({}, {"path": "secret.csv"}, {"path": "../secret.csv"}):
            answer = client.get(f"/runs/{RUN}/artifacts/{one['index']}", params=query)
            assert answer.status_code in (403, 404, 422)
            assert "the server's own" not in answer.text


def test_content_cannot_be_put_anywhere_else(known: httpx.Client, tmp_path: Path) -> None:
    headers = {"X-Content-SHA256": sha256(b"x").hexdigest()}
    for name in ("../../etc/passwd", "..%2f..%2fetc", "A" * 64, "a" * 63, "a" * 65, "%00" + "a" * 63):
        answer = known.put(f"/ingest/objects/{name}/parts/0", content=b"x", headers=headers)
        assert answer.status_code in (404, 422), name
    for index in ("-1", "10000", "x", "0.5", "9" * 30):
        answer = known.put(f"/ingest/objects/{'a' * 64}/parts/{index}", content=b"x", headers=headers)
        assert answer.status_code == 422, index
    for wrong in ({}, {"X-Content-SHA256": "x"}):
        answer = known.put(f"/ingest/objects/{'a' * 64}/parts/0", content=b"x", headers=wrong)
        assert answer.status_code == 422
    assert [path for path in tmp_path.rglob("*") if path.is_file() and "artifacts" in path.parts] == []


def test_a_part_that_is_too_long_is_refused_however_it_is_sent(store: Path) -> None:
    headers = {"X-Content-SHA256": "a" * 64}
    piece = bytes(1 << 20)

    def in_pieces() -> Iterator[bytes]:
        yield from (piece for _ in range(17))

    with serving(create_app(settings_for(store))) as address, httpx.Client(base_url=address, timeout=60) as client:
        for content in (piece * 16 + b"x", in_pieces()):
            answer = client.put(f"/ingest/objects/{'a' * 64}/parts/0", content=content, headers=headers)
            assert (answer.status_code, "16,777,216" in answer.json()["detail"]) == (413, True)
        assert client.get(f"/ingest/objects/{'a' * 64}").json() == {"stored": False, "parts": []}


def test_an_upload_that_breaks_off_leaves_nothing(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = bytes(1 << 20)
    name = sha256(content).hexdigest()
    path = f"/ingest/objects/{name}/parts/0"
    with serving(create_app(settings_for(store))) as address, httpx.Client(base_url=address, timeout=60) as client:
        lines = (f"PUT {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}")
        head = "\r\n".join([*lines, f"X-Content-SHA256: {name}", "", ""])
        with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as connection:
            connection.sendall(head.encode() + content[:500_000])
        assert client.get(f"/ingest/objects/{name}").json() == {"stored": False, "parts": []}
        assert client.put(path, content=content, headers={"X-Content-SHA256": name}).status_code == 204
        whole = {"size_bytes": len(content), "parts": 1}
        assert client.post(f"/ingest/objects/{name}/complete", json=whole).json() == {"stored": True}
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_parts_that_come_slowly_keep_nobody_else_waiting(store: Path) -> None:
    head = "\r\n".join([f"PUT /ingest/objects/{'a' * 64}/parts/0 HTTP/1.1", "Host: localhost", "Content-Length: 2"])
    slow = f"{head}\r\nX-Content-SHA256: {'a' * 64}\r\n\r\nx".encode()
    with ExitStack() as stack:
        address = stack.enter_context(serving(create_app(settings_for(store))))
        client = stack.enter_context(httpx.Client(base_url=address, timeout=60))
        port = client.base_url.port or 0
        for _ in range(80):
            stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(slow)
        assert send(client, numbered(start(RUN))).json() == {"applied": 1, "stored": 1}
        assert client.get(f"/runs/{RUN}").json()["run_id"] == RUN


def test_a_run_has_no_more_tags_than_are_stored_in_time(known: httpx.Client) -> None:
    def tags(first: int, count: int) -> dict[str, Any]:
        return {"kind": "tags", "run_id": RUN, "tags": [f"t{number}" for number in range(first, first + count)]}

    too_many = send(known, numbered(tags(0, 600), tags(500, 501), first=3))
    assert (too_many.status_code, too_many.json()["errors"][0]["loc"]) == (422, ["records", 1, "tags"])
    assert "1,001 tags; 1,000 is the most" in too_many.json()["detail"]
    assert send(known, numbered(tags(0, 600), tags(500, 500), tags(0, 1_000), first=3)).json()["stored"] == 3
    assert known.post(f"/runs/{RUN}/tags", json={"tags": ["one more"]}).status_code == 422
    assert len(known.get(f"/runs/{RUN}").json()["tags"]) == 1_000


def test_text_that_a_database_may_not_hold_is_stored_without_it(client: httpx.Client) -> None:
    params = {"prompt": "a\x00b", "nested": {"list": ["\x00"], "ke\x00y": "\ud83d"}}
    record = start(RUN, params=params, command="train \x00", note="\x00")
    answer = client.post("/ingest/records", content=json.dumps(numbered(record)), headers=JSON)

    assert answer.status_code == 200, answer.text
    run = client.get(f"/runs/{RUN}").json()
    assert run["params"] == {"prompt": "a\ufffdb", "nested": {"list": ["\ufffd"], "ke\ufffdy": "\\ud83d"}}
    assert (run["command"], run["note"]) == ("train \ufffd", "\ufffd")


def test_numbers_of_any_length_are_kept_or_refused(client: httpx.Client) -> None:
    body = json.dumps(numbered(start(RUN, params={"big": 10**30}), finish(RUN, final_metrics={"huge": 0.25})))
    beyond_floats = client.post("/ingest/records", content=body.replace("0.25", "1e999"), headers=JSON)

    assert beyond_floats.status_code == 422
    assert beyond_floats.json()["errors"][0]["loc"][:4] == ["records", 1, "final_metrics", "huge"]
    assert client.post("/ingest/records", content=body, headers=JSON).status_code == 200
    assert client.get(f"/runs/{RUN}").json()["params"] == {"big": "1" + "0" * 30}


_GZIP = {**JSON, "Content-Encoding": "gzip"}


def _packed(body: object) -> bytes:
    return gzip.compress(json.dumps(body).encode(), compresslevel=1)
