"""Content that goes in and comes out again: in a folder, in a bucket, in memory."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.errors import (
    BackendError,
    BodyTooLargeError,
    DamagedObjectError,
    IncompleteObjectError,
    InvalidRequestError,
    ObjectMismatchError,
    ObjectStoreError,
    UnknownObjectError,
)
from backend.objects import MAX_PART_BYTES, MAX_PARTS, ObjectStore
from tests.backend.objects.conftest import Open
from tests.backend.objects.sending import digest, keep, path_of, put, split

CONTENT = bytes(range(256)) * 10
LARGE = os.urandom(20 << 20)
NOT_SHA256 = ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "../" + "a" * 61, "a" * 64 + "\n", "a/" * 32, "٣" * 64]


def content_of(objects: ObjectStore, sha256: str) -> bytes:
    return b"".join(objects.open(sha256))


def test_what_was_sent_in_parts_comes_out_whole(objects: ObjectStore) -> None:
    assert not objects.has(digest(CONTENT))
    sha256 = keep(objects, CONTENT)
    assert objects.has(sha256)
    assert objects.size_of(sha256) == len(CONTENT)
    assert content_of(objects, sha256) == CONTENT
    assert list(objects.list()) == [(sha256, len(CONTENT))]


def test_nothing_and_much_come_out_whole(objects: ObjectStore) -> None:
    for content in (b"", b"x", LARGE):
        assert content_of(objects, keep(objects, content, part_bytes=6 << 20)) == content
    assert list(objects.uploads()) == []


def test_parts_are_gone_once_they_are_joined(objects: ObjectStore) -> None:
    sha256 = keep(objects, CONTENT)
    assert objects.parts(sha256) == []
    assert list(objects.uploads()) == []


def test_content_is_kept_once_however_often_it_is_sent(objects: ObjectStore, location: str) -> None:
    sha256 = keep(objects, CONTENT)
    before = path_of(location, sha256).stat().st_mtime
    assert keep(objects, CONTENT) == sha256
    objects.complete(sha256, len(CONTENT), 3)
    assert path_of(location, sha256).stat().st_mtime == before
    assert list(objects.list()) == [(sha256, len(CONTENT))]
    assert list(objects.uploads()) == []


def test_an_upload_goes_on_where_it_broke_off(open_objects: Open) -> None:
    put(open_objects(), CONTENT, 2)
    put(open_objects(), CONTENT, 0)
    later = open_objects()
    assert later.parts(digest(CONTENT)) == [(0, 1000), (2, 560)]
    with pytest.raises(IncompleteObjectError, match="1 parts are still to be sent: 1"):
        later.complete(digest(CONTENT), len(CONTENT), 3)
    assert later.parts(digest(CONTENT)) == [(0, 1000), (2, 560)]
    put(later, CONTENT, 1)
    later.complete(digest(CONTENT), len(CONTENT), 3)
    assert content_of(later, digest(CONTENT)) == CONTENT


def test_a_part_that_breaks_off_leaves_nothing(objects: ObjectStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"first"
        raise ConnectionResetError("the client is gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        objects.put_part(digest(CONTENT), 0, broken(), digest(b"first"))
    assert objects.parts(digest(CONTENT)) == []


def test_a_part_that_is_not_what_it_says_is_not_kept(objects: ObjectStore) -> None:
    put(objects, CONTENT, 0)
    with pytest.raises(InvalidRequestError, match="send it again"):
        objects.put_part(digest(CONTENT), 0, [b"other"], digest(b"another"))
    assert objects.parts(digest(CONTENT)) == [(0, 1000)]


def test_a_part_is_not_read_beyond_its_limit(objects: ObjectStore) -> None:
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += 1 << 20
            yield bytes(1 << 20)

    with pytest.raises(BodyTooLargeError, match="in more parts"):
        objects.put_part(digest(CONTENT), 0, endless(), digest(b""))
    assert given <= MAX_PART_BYTES + (1 << 20)
    assert objects.parts(digest(CONTENT)) == []


def test_a_part_of_the_longest_length_is_kept(objects: ObjectStore) -> None:
    part = bytes(MAX_PART_BYTES)
    assert objects.put_part(digest(part), 0, [part], digest(part)) == MAX_PART_BYTES


@pytest.mark.parametrize("index", [-1, MAX_PARTS])
def test_parts_are_counted_within_limits(objects: ObjectStore, index: int) -> None:
    with pytest.raises(InvalidRequestError, match="counted from 0"):
        objects.put_part(digest(CONTENT), index, [b""], digest(b""))


def test_joined_parts_that_are_not_the_content_are_thrown_away(objects: ObjectStore) -> None:
    sha256 = digest(b"other")
    put(objects, CONTENT, 0, sha256=sha256)
    with pytest.raises(ObjectMismatchError, match="send it anew"):
        objects.complete(sha256, 1000, 1)
    assert not objects.has(sha256)
    assert objects.parts(sha256) == []
    assert list(objects.uploads()) == []


def test_large_parts_that_are_not_the_content_are_thrown_away(objects: ObjectStore) -> None:
    sha256 = digest(b"other")
    for index, part in enumerate(split(LARGE, part_bytes=10 << 20)):
        objects.put_part(sha256, index, [part], digest(part))
    with pytest.raises(ObjectMismatchError, match="send it anew"):
        objects.complete(sha256, len(LARGE), 2)
    assert not objects.has(sha256)
    assert list(objects.list()) == []
    assert list(objects.uploads()) == []


def test_a_wrong_size_is_a_mismatch(objects: ObjectStore) -> None:
    for index in range(3):
        put(objects, CONTENT, index)
    with pytest.raises(ObjectMismatchError, match="2560 bytes came, not 2561"):
        objects.complete(digest(CONTENT), len(CONTENT) + 1, 3)
    assert objects.parts(digest(CONTENT)) == []


def test_content_beyond_the_limit_is_refused(open_objects: Open) -> None:
    objects = open_objects(max_bytes=len(CONTENT) - 1)
    with pytest.raises(BodyTooLargeError, match="ARTIFACT_MAX_BYTES"):
        keep(objects, CONTENT)
    assert not objects.has(digest(CONTENT))


def test_servers_that_complete_the_same_at_once_all_succeed(open_objects: Open) -> None:
    servers = [open_objects() for _ in range(4)]
    content = LARGE[: 2 << 20]
    for index, part in enumerate(split(content, part_bytes=1 << 20)):
        servers[0].put_part(digest(content), index, [part], digest(part))
    start = threading.Barrier(len(servers))

    def complete(server: ObjectStore) -> None:
        start.wait()
        server.complete(digest(content), len(content), 2)

    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(complete, servers))
    assert content_of(servers[0], digest(content)) == content
    assert list(servers[0].list()) == [(digest(content), len(content))]
    assert list(servers[0].uploads()) == []


@pytest.mark.parametrize("size_bytes", [1, 3 << 20])
def test_damaged_content_never_arrives_whole(objects: ObjectStore, location: str, size_bytes: int) -> None:
    content = LARGE[:size_bytes]
    sha256 = keep(objects, content, part_bytes=1 << 20)
    damaged = content[:-1] + bytes([content[-1] ^ 1])
    path_of(location, sha256).write_bytes(damaged)
    arrived: list[bytes] = []
    with pytest.raises(DamagedObjectError, match="restore it from a backup"):
        arrived.extend(objects.open(sha256))
    assert len(b"".join(arrived)) < size_bytes


@pytest.mark.parametrize("change", ["cut", "longer"])
def test_content_of_another_length_is_damaged(objects: ObjectStore, location: str, change: str) -> None:
    sha256 = keep(objects, CONTENT)
    path_of(location, sha256).write_bytes(CONTENT[:-1] if change == "cut" else CONTENT + b"\0")
    with pytest.raises(DamagedObjectError):
        content_of(objects, sha256)


def test_damaged_content_of_another_length_is_replaced_when_it_is_sent_again(
    objects: ObjectStore, location: str
) -> None:
    sha256 = keep(objects, CONTENT)
    path_of(location, sha256).write_bytes(CONTENT[:-1])
    keep(objects, CONTENT)
    assert content_of(objects, sha256) == CONTENT


def test_what_is_not_there_is_said_to_be_missing(objects: ObjectStore) -> None:
    with pytest.raises(UnknownObjectError, match="does not hold"):
        content_of(objects, digest(CONTENT))
    objects.delete(digest(CONTENT))
    sha256 = keep(objects, CONTENT)
    objects.delete(sha256)
    assert not objects.has(sha256)
    assert objects.stored_at(sha256) is None
    assert list(objects.list()) == []


@pytest.mark.parametrize("wrong", NOT_SHA256)
def test_only_a_sha256_names_content(objects: ObjectStore, wrong: str) -> None:
    attempts = (
        lambda: objects.has(wrong),
        lambda: objects.parts(wrong),
        lambda: objects.put_part(wrong, 0, [b""], digest(b"")),
        lambda: objects.put_part(digest(b""), 0, [b""], wrong),
        lambda: objects.complete(wrong, 0, 0),
        lambda: next(objects.open(wrong)),
        lambda: objects.delete(wrong),
        lambda: objects.discard(wrong),
        lambda: objects.stored_at(wrong),
    )
    for attempt in attempts:
        with pytest.raises(InvalidRequestError, match="64 hexadecimal digits"):
            attempt()


def test_other_files_beside_the_content_are_not_listed(objects: ObjectStore, location: str) -> None:
    sha256 = keep(objects, CONTENT)
    (path_of(location, sha256).parent / "notes.txt").write_bytes(b"mine")
    assert list(objects.list()) == [(sha256, len(CONTENT))]


def test_a_store_that_was_closed_opens_again(objects: ObjectStore) -> None:
    sha256 = keep(objects, CONTENT)
    objects.close()
    assert content_of(objects, sha256) == CONTENT


def test_a_file_uri_is_the_folder_it_names(tmp_path: Path) -> None:
    sha256 = keep(ObjectStore((tmp_path / "a b").as_uri().replace("%20", " ")), CONTENT)
    assert content_of(ObjectStore(str(tmp_path / "a b")), sha256) == CONTENT


def reason(error: type[BackendError], objects: ObjectStore) -> str:
    with pytest.raises(error) as raised:
        keep(objects, CONTENT)
    objects.close()
    assert raised.value.status == 503
    return raised.value.detail


def test_a_missing_bucket_is_said_to_be(bucket: str) -> None:
    objects = ObjectStore(f"{bucket}-missing/prefix")
    assert "names a bucket that does not exist; make the bucket" in reason(ObjectStoreError, objects)
    with pytest.raises(ObjectStoreError, match="bucket"):
        objects.has(digest(CONTENT))
    with pytest.raises(ObjectStoreError, match="bucket"):
        list(objects.list())
    objects.close()


def test_missing_credentials_are_said_to_be(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    assert "set AWS_ACCESS_KEY_ID" in reason(ObjectStoreError, ObjectStore(bucket))


def test_an_address_for_s3_alone_is_taken(bucket: str, s3_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_address)
    objects = ObjectStore(bucket)
    assert content_of(objects, keep(objects, CONTENT)) == CONTENT
    objects.close()


def test_a_location_that_is_a_file_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is no folder" in reason(ObjectStoreError, ObjectStore(str(tmp_path / "file")))


def test_a_full_disk_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    objects = ObjectStore(str(tmp_path))
    assert "is full (No space left on device); free space there" in reason(ObjectStoreError, objects)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_may_not_be_read_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    objects = ObjectStore(str(tmp_path))
    monkeypatch.setattr(os, "replace", refuse)
    assert "refuses access" in reason(ObjectStoreError, objects)


def test_an_unknown_kind_of_place_is_said_to_be() -> None:
    assert "ARTIFACT_URI cannot be 'ftpx://host/a'" in reason(ObjectStoreError, ObjectStore("ftpx://ada:pw@host/a"))
