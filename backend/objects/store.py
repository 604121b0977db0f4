"""Content by its SHA-256: taken in parts, checked on its way in and out, kept once however often it is sent.

Owns the layout, `objects/ab/cdef…` for what is there and `uploads/<sha256>/<index>` for parts that are being sent. It
must not know who refers to content: the store of runs does.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from backend.errors import (
    MAX_CANDIDATES,
    BodyTooLargeError,
    DamagedObjectError,
    IncompleteObjectError,
    InvalidRequestError,
    ObjectMismatchError,
    UnknownObjectError,
)
from backend.objects.place import Place

MAX_PART_BYTES: Final = 1 << 24
"""How long a part may be."""
MAX_PARTS: Final = 10_000
"""How many parts content may be sent in; their indexes start at 0."""

_PREFIX_CHARS: Final = 2
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,3}", re.ASCII)


class Upload(NamedTuple):
    """What has come of content that is being sent.

    Attributes:
        sha256: The content.
        size_bytes: How much has come.
        last_sent_at: When the youngest of it came; None when nothing has.
    """

    sha256: str
    size_bytes: int
    last_sent_at: datetime | None


class ObjectStore:
    """Content by its SHA-256; safe to share between threads, and a location between servers.

    Nothing is opened before it is needed. Every method raises `ObjectStoreError` when the place cannot be used, and
    `InvalidRequestError` for a SHA-256 that is not 64 hexadecimal digits in lower case.

    Args:
        location: A folder, or a URI such as `file:///srv/artifacts` or `s3://bucket/prefix`. Credentials and the
            address of a bucket come from the environment, as the AWS command line reads them.
        max_bytes: How long content may be, in bytes.
    """

    def __init__(self, location: str, *, max_bytes: int = 50 * 10**9) -> None:
        self.max_bytes = max_bytes
        self._place = Place(location)
        self.location = self._place.location
        """Where it is, in words that hold no password."""

    def has(self, sha256: str) -> bool:
        """Tells whether the content is there, whole."""
        return self.size_of(sha256) is not None

    def size_of(self, sha256: str) -> int | None:
        """Gives the size of content in bytes; None when it is not there."""
        return self._place.size_of(_object_path(sha256))

    def check_size(self, size_bytes: int) -> None:
        """Checks that content of a size is taken.

        Raises:
            BodyTooLargeError: It is longer than `max_bytes`.
        """
        if size_bytes > self.max_bytes:
            raise BodyTooLargeError(f"content may have {self.max_bytes} bytes (ARTIFACT_MAX_BYTES), not {size_bytes}")

    def parts(self, sha256: str) -> list[tuple[int, int]]:
        """Gives the parts that wait to be joined: index and size in bytes, in order of their index."""
        found = self._place.entries(_upload_folder(sha256))
        return sorted((int(one.name), one.size_bytes) for one in found if _INDEX.fullmatch(one.name))

    def put_part(self, sha256: str, index: int, chunks: Iterable[bytes], part_sha256: str) -> int:
        """Keeps a part of content that is being sent; one that is there already is replaced.

        Args:
            sha256: The SHA-256 of the content.
            index: Which part, from 0.
            chunks: The part, read as it is kept.
            part_sha256: The SHA-256 of the part.

        Returns:
            Its size in bytes.

        Raises:
            InvalidRequestError: The index is out of range, or the part is not what its SHA-256 says; it was not kept.
            BodyTooLargeError: It is longer than `MAX_PART_BYTES`; it was not kept.
        """
        folder = _upload_folder(sha256)
        _check_digest("X-Content-SHA256", part_sha256)
        if not 0 <= index < MAX_PARTS:
            raise InvalidRequestError(f"part {index} cannot be: parts are counted from 0 to {MAX_PARTS - 1}")
        with self._place.appearing(f"{folder}/{index}", workplace=folder, max_bytes=MAX_PART_BYTES) as file:
            if not file.write(chunks, max_bytes=MAX_PART_BYTES):
                raise BodyTooLargeError(f"a part may have {MAX_PART_BYTES} bytes; send the content in more parts")
            if file.sha256 != part_sha256:
                raise InvalidRequestError(
                    f"part {index} has the SHA-256 {file.sha256}, not {part_sha256} as X-Content-SHA256 says; "
                    "send it again"
                )
        return file.size_bytes

    def complete(self, sha256: str, size_bytes: int, parts: int) -> None:
        """Joins the parts, and keeps the content if it is what it should be; content that is there already is kept.

        Args:
            sha256: The SHA-256 of the content.
            size_bytes: Its size in bytes.
            parts: How many parts it was sent in.

        Raises:
            BodyTooLargeError: It is longer than `max_bytes`.
            IncompleteObjectError: Parts are missing; those that are there stay.
            ObjectMismatchError: It has another size or SHA-256; the parts are removed, so that it is sent anew.
        """
        _check_digest("sha256", sha256)
        self.check_size(size_bytes)
        if not 0 <= parts <= MAX_PARTS:
            raise InvalidRequestError(f"content cannot have {parts} parts, but 0 to {MAX_PARTS}")
        try:
            if self.size_of(sha256) != size_bytes:
                self._join(sha256, size_bytes, parts)
        except IncompleteObjectError:
            if self.size_of(sha256) != size_bytes:  # else another server was quicker
                raise
        except ObjectMismatchError:
            self._discard_parts(sha256)
            raise
        self._discard_parts(sha256)

    def open(self, sha256: str) -> Iterator[bytes]:
        """Gives the content in chunks; the last one only when all of it has proved to be what was stored.

        Raises:
            UnknownObjectError: It is not there.
            DamagedObjectError: It is not what was stored; what was given of it is to be thrown away.
        """
        missing = UnknownObjectError(
            f"the artifact store {self.location} does not hold {sha256}; restore it from a backup, or send it again"
        )
        digest, held_back = hashlib.sha256(), b""
        for chunk in self._place.read(_object_path(sha256), missing=missing):
            digest.update(chunk)
            if held_back:
                yield held_back
            held_back = chunk
        if digest.hexdigest() != sha256:
            raise DamagedObjectError(
                f"the artifact store {self.location} holds damaged content: {sha256} reads as {digest.hexdigest()}; "
                "restore it from a backup, or remove it there and send it again"
            )
        if held_back:
            yield held_back

    def delete(self, sha256: str) -> None:
        """Removes content; what is not there is gone already."""
        folder, _, name = _object_path(sha256).rpartition("/")
        self._place.remove(folder, [name])

    def discard(self, sha256: str) -> None:
        """Removes what an upload that will not go on has left."""
        folder = _upload_folder(sha256)
        self._place.remove(folder, [one.name for one in self._place.entries(folder)])

    def stored_at(self, sha256: str) -> datetime | None:
        """Gives when the content came to be there, in UTC; None when it is not there."""
        return self._place.changed_at(_object_path(sha256))

    def uploads(self) -> Iterator[Upload]:
        """Gives what is being sent, or was and never came to an end."""
        for upload in self._place.entries("uploads"):
            if _SHA256.fullmatch(upload.name):
                folder = _upload_folder(upload.name)
                found = self._place.entries(folder)
                times = [self._place.changed_at(f"{folder}/{one.name}") for one in found]
                last = max((time for time in times if time is not None), default=None)
                yield Upload(upload.name, sum(one.size_bytes for one in found), last)

    def close(self) -> None:
        """Closes the connections; the next call opens them again."""
        self._place.close()

    def _join(self, sha256: str, size_bytes: int, parts: int) -> None:
        waiting = dict(self.parts(sha256))
        missing = [index for index in range(parts) if index not in waiting]
        if missing:
            raise _incomplete(missing)
        sent_bytes = sum(waiting[index] for index in range(parts))
        if sent_bytes != size_bytes:
            raise ObjectMismatchError(f"{parts} parts with {sent_bytes} bytes came, not {size_bytes}; send them anew")
        folder = _upload_folder(sha256)
        with self._place.appearing(_object_path(sha256), workplace=folder, max_bytes=size_bytes) as file:
            fits = file.write(self._waiting(folder, parts), max_bytes=size_bytes)
            if not fits or (file.size_bytes, file.sha256) != (size_bytes, sha256):
                raise ObjectMismatchError(f"what came has the SHA-256 {file.sha256}, not {sha256}; send it anew")

    def _waiting(self, folder: str, parts: int) -> Iterator[bytes]:
        for index in range(parts):
            yield from self._place.read(f"{folder}/{index}", missing=_incomplete([index]))

    def _discard_parts(self, sha256: str) -> None:
        """Removes the parts, and leaves what another server is joining just now."""
        self._place.remove(_upload_folder(sha256), [str(index) for index, _ in self.parts(sha256)])

    # Last, for within the class its name hides that of the type.
    def list(self) -> Iterator[tuple[str, int]]:
        """Gives what is there: SHA-256 and size in bytes, in no particular order."""
        for folder in self._place.entries("objects"):
            for one in self._place.entries(f"objects/{folder.name}"):
                sha256 = folder.name + one.name
                if len(folder.name) == _PREFIX_CHARS and _SHA256.fullmatch(sha256) and not one.is_folder:
                    yield sha256, one.size_bytes


def _object_path(sha256: str) -> str:
    _check_digest("sha256", sha256)
    return f"objects/{sha256[:_PREFIX_CHARS]}/{sha256[_PREFIX_CHARS:]}"


def _upload_folder(sha256: str) -> str:
    _check_digest("sha256", sha256)
    return f"uploads/{sha256}"


def _check_digest(name: str, digest: str) -> None:
    if not _SHA256.fullmatch(digest):
        raise InvalidRequestError(f"{name} must be 64 hexadecimal digits in lower case, not {digest[:100]!r}")


def _incomplete(missing: Sequence[int]) -> IncompleteObjectError:
    shown = ", ".join(map(str, missing[:MAX_CANDIDATES])) + (" …" if len(missing) > MAX_CANDIDATES else "")
    return IncompleteObjectError(f"{len(missing)} parts are still to be sent: {shown}")
