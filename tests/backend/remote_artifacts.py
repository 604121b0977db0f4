"""Runs of other machines and the content of their artifacts, sent over HTTP, for the tests."""

import hashlib
import os
from typing import Any

import httpx

from tests.backend.sending import AT, finish, new_run_id, numbered, send, start


def digest(content: bytes) -> str:
    """Gives the SHA-256 of content."""
    return hashlib.sha256(content).hexdigest()


def file_of(content: bytes, path: str = "") -> dict[str, Any]:
    """Gives a file of an artifact as it is recorded."""
    return {"path": path, "size_bytes": len(content), "sha256": digest(content)}


def upload(client: httpx.Client, content: bytes, *, part_bytes: int = 1_000_000) -> None:
    """Sends content whole."""
    name, parts = digest(content), range(0, len(content), part_bytes)
    for index, begin in enumerate(parts):
        part = content[begin : begin + part_bytes]
        headers = {"X-Content-SHA256": digest(part)}
        answer = client.put(f"/ingest/objects/{name}/parts/{index}", content=part, headers=headers)
        assert answer.status_code == 204, answer.text
    answer = client.post(f"/ingest/objects/{name}/complete", json={"size_bytes": len(content), "parts": len(parts)})
    assert answer.status_code == 200, answer.text


def recorded(client: httpx.Client, path: str, **given: Any) -> str:
    """Sends a run with one artifact, and gives the run's id."""
    run_id = new_run_id()
    artifact = {"kind": "artifact", "run_id": run_id, "index": 0, "path": path, "artifact_kind": "file"}
    records = (start(run_id), {**artifact, "recorded_at": AT, **given}, finish(run_id))
    answer = send(client, numbered(*records, sender=os.urandom(16).hex()))
    assert answer.status_code == 200, answer.text
    return run_id
