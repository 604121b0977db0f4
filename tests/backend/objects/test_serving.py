"""Content that goes over HTTP into any kind of place, and comes back when the machine that trained is gone."""

import os

from tests.backend.conftest import Ask
from tests.backend.remote_artifacts import digest, file_of, recorded, upload

PART_BYTES = 8 << 20


def test_content_comes_back_through_another_server(ask: Ask, location: str) -> None:
    content = os.urandom(PART_BYTES + 1)
    first, second = ask(artifact_uri=location), ask(artifact_uri=location)
    run_id = recorded(first, "/there/model.bin", files=[file_of(content)])
    upload(first, content, part_bytes=PART_BYTES)
    (one,) = second.get(f"/runs/{run_id}/artifacts").json()
    assert one["content"] == "stored"
    assert second.get(one["url"]).content == content
    assert second.get(f"/ingest/objects/{digest(content)}").json() == {"stored": True, "parts": []}


def test_a_bucket_that_is_missing_is_told_to_who_sends(ask: Ask, bucket: str) -> None:
    client = ask(artifact_uri=f"{bucket}-missing")
    answer = client.get(f"/ingest/objects/{'a' * 64}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "names a bucket that does not exist" in answer.json()["detail"]
