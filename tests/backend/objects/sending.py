"""Content on its way into an artifact store, for the tests."""

import hashlib
from collections.abc import Iterator
from typing import Any

from upath import UPath

from backend.objects import ObjectStore

PART_BYTES = 1_000


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def split(content: bytes, *, part_bytes: int = PART_BYTES) -> list[bytes]:
    return [content[start : start + part_bytes] for start in range(0, len(content), part_bytes)]


def put(objects: ObjectStore, content: bytes, index: int, *, sha256: str | None = None) -> None:
    """Puts one part of some content."""
    part = split(content)[index]
    objects.put_part(sha256 or digest(content), index, iter([part]), digest(part))


def keep(objects: ObjectStore, content: bytes, *, part_bytes: int = PART_BYTES) -> str:
    """Sends content whole, and gives its SHA-256."""
    sha256, parts = digest(content), split(content, part_bytes=part_bytes)
    for index, part in enumerate(parts):
        objects.put_part(sha256, index, _pieces(part), digest(part))
    objects.complete(sha256, len(content), len(parts))
    return sha256


def path_of(location: str, sha256: str) -> Any:
    """Gives where content lies, as whoever looks at the disk or into the bucket finds it."""
    options: dict[str, Any] = {"use_listings_cache": False} if "://" in location else {}
    return UPath(location, **options) / "objects" / sha256[:2] / sha256[2:]


def _pieces(part: bytes) -> Iterator[bytes]:
    for start in range(0, len(part), 65_536):
        yield part[start : start + 65_536]
