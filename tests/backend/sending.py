"""Records as training machines send them, for the tests of the backend."""

import gzip
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

SENDER = "5b0e5d1c6f6a4f0f8d8b1f0e2c3d4e5f"
AT = "2025-12-01T10:00:00.000000Z"
AT_MS = 1_764_583_200_000
ELSEWHERE = {"host": "node-7", "boot": "0d3c6b8e", "pid": 4711, "pid_started": "183512"}
JSON = {"Content-Type": "application/json"}


def new_run_id() -> str:
    return str(uuid4())


def start(run_id: str, **given: Any) -> dict[str, Any]:
    """A `start` record without a position."""
    return {"kind": "start", "run_id": run_id, "started_at": AT, "lease": ELSEWHERE, **given}


def points(run_id: str, name: str, values: Mapping[int, object], *, at_ms: int = AT_MS) -> dict[str, Any]:
    """A `points` record without a position."""
    return {
        "kind": "points",
        "run_id": run_id,
        "points": [[name, step, at_ms + step, value] for step, value in values.items()],
    }


def finish(run_id: str, **given: Any) -> dict[str, Any]:
    """A `finish` record without a position."""
    ended = {"status": "finished", "finished_at": "2025-12-01T10:01:00.000000Z", "duration_s": 60.0}
    return {"kind": "finish", "run_id": run_id, **ended, **given}


def numbered(*records: dict[str, Any], first: int = 1, sender: str = SENDER) -> dict[str, Any]:
    """A body of records, numbered from a first position."""
    return {
        "sender": sender,
        "records": [{"position": first + place, **record} for place, record in enumerate(records)],
    }


def send(client: httpx.Client, body: object, **given: Any) -> httpx.Response:
    return client.post("/ingest/records", json=body, **given)


def send_packed(client: httpx.Client, body: object) -> httpx.Response:
    content = gzip.compress(json.dumps(body).encode())
    return client.post("/ingest/records", content=content, headers={**JSON, "Content-Encoding": "gzip"})
