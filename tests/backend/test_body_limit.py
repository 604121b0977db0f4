import json
from collections.abc import Iterator
from pathlib import Path

import httpx

from backend.api import create_app
from tests.backend.conftest import settings_for
from tests.backend.stores import StoredRun, write_runs
from tests.live_server import serving

KIND = {"Content-Type": "application/json"}


def test_a_body_that_is_too_long_is_refused_however_it_is_sent(store: Path) -> None:
    write_runs(store, [StoredRun("run", note="kept")])

    def in_pieces() -> Iterator[bytes]:
        yield b'{"note": "'
        for _ in range(100):
            yield b"n" * 100_000
        yield b'"}'

    with serving(create_app(settings_for(store))) as address, httpx.Client(base_url=address, timeout=30) as client:
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

    with serving(create_app(settings_for(store))) as address, httpx.Client(base_url=address) as client:
        for content in (body, in_pieces()):
            answer = client.patch("/runs/run/note", content=content, headers=KIND)
            assert answer.json()["note"] == "note"
