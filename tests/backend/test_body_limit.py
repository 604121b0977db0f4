import json
from collections.abc import Iterator
from pathlib import Path

import httpx
from starlette.types import Receive, Scope, Send

from backend.api import create_app
from tests.backend.conftest import settings_for
from tests.backend.sending import start
from tests.backend.stores import StoredRun, write_runs
from tests.live_server import serving

KIND = {"Content-Type": "application/json"}
SHA256 = "a" * 64


def test_a_body_that_is_too_long_is_refused_however_it_is_sent(store: Path) -> None:
    write_runs(store, [StoredRun("run", note="kept")])

    def in_pieces() -> Iterator[bytes]:
        yield b'{"note": "'
        for _ in range(100):
            yield b"n" * 100_000
        yield b'"}'

    with serving(create_app(settings_for(store))) as address, httpx.Client(base_url=address, timeout=60) as client:
        whole = client.patch("/runs/run/note", content=b"".join(in_pieces()), headers=KIND)
        pieces = client.patch("/runs/run/note", content=in_pieces(), headers=KIND)
        compare = client.post("/compare", content=b" " * 1_000_001, headers=KIND)
        for answer in (whole, pieces, compare):
            assert answer.status_code == 413
            assert "1,000,000" in answer.json()["detail"]
        assert client.get("/runs/run").json()["note"] == "kept"


def test_a_body_up_to_the_limit_arrives_whole(store: Path) -> None:
    write_runs(store, [StoredRun("run")])
    body = json.dumps({"note": "note"}).encode().ljust(1_000_000)

    def in_pieces() -> Iterator[bytes]:
        yield from (body[start : start + 64_000] for start in range(0, len(body), 64_000))

    with serving(create_app(settings_for(store))) as address, httpx.Client(base_url=address, timeout=60) as client:
        for content in (body, in_pieces()):
            answer = client.patch("/runs/run/note", content=content, headers=KIND)
            assert answer.json()["note"] == "note"


def test_a_body_of_records_may_be_longer(store: Path) -> None:
    body = json.dumps({"sender": "a" * 32, "records": [start("3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11", position=1)]})
    longest = body.encode().ljust(16_000_000)

    def in_pieces() -> Iterator[bytes]:
        yield from (longest[begin : begin + 64_000] for begin in range(0, len(longest), 64_000))
        yield b" "

    with serving(create_app(settings_for(store))) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/ingest/records", content=longest, headers=KIND).json() == {"applied": 1, "stored": 1}
        for content in (longest + b" ", in_pieces()):
            answer = client.post("/ingest/records", content=content, headers=KIND)
            assert (answer.status_code, "16,000,000" in answer.json()["detail"]) == (413, True)
        assert client.post("/ingest/heartbeat", content=longest, headers=KIND).status_code == 413


def test_the_limits_are_the_same_behind_a_prefix(store: Path) -> None:
    body = json.dumps({"sender": "a" * 32, "records": [start("3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11", position=1)]})
    longer = body.encode().ljust(2_000_000)
    app = create_app(settings_for(store))

    async def behind_prefix(scope: Scope, receive: Receive, send: Send) -> None:
        # What `uvicorn --root-path /lab` makes of a request whose prefix the proxy took off.
        if scope["type"] == "http":
            scope = {**scope, "root_path": "/lab", "path": "/lab" + scope["path"]}
        await app(scope, receive, send)

    with serving(behind_prefix) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert client.post("/ingest/records", content=longer, headers=KIND).json() == {"applied": 1, "stored": 1}
        part = client.put(f"/ingest/objects/{'a' * 64}/parts/0", content=longer, headers={"X-Content-SHA256": SHA256})
        assert (part.status_code, SHA256 in part.json()["detail"]) == (422, True)
        assert client.post("/compare", content=longer, headers=KIND).status_code == 413
