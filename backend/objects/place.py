"""The folder or bucket that content is kept in, as the artifact store sees it: a few kinds of access, and one error.

Owns the filesystem behind the location. It must not know what the files are.
"""

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any, BinaryIO, Final, NamedTuple, cast

from backend.errors import BackendError, ObjectStoreError
from backend.objects.failures import explained

_CHUNK_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 1 << 23  # what is fetched from a bucket at once


class Entry(NamedTuple):
    """What a folder lists: the name of a file or folder, and a file's size."""

    name: str
    size_bytes: int
    is_folder: bool


class Place:
    """A folder or bucket; opened at the first access, and safe to share between threads.

    Paths are relative to it. Every method raises `ObjectStoreError` when the place cannot be used.

    Args:
        location: A folder, or a URI such as `s3://bucket/prefix`.
    """

    def __init__(self, location: str) -> None:
        self._uri = location
        self.location = re.sub(r"(?<=//)[^/@]*@", "", location)
        """Where it is, in words that hold no password."""
        self._lock = threading.Lock()
        self._opened: tuple[Any, str] | None = None

    def size_of(self, path: str) -> int | None:
        """Gives the size of a file in bytes; None when it is not there."""
        fs, root = self._open()
        try:
            with explained(self.location, passes_missing=True):
                return int(fs.info(f"{root}/{path}")["size"])
        except FileNotFoundError:
            return None

    def changed_at(self, path: str) -> datetime | None:
        """Gives when a file was written, in UTC; None when it is not there."""
        fs, root = self._open()
        try:
            with explained(self.location, passes_missing=True):
                return cast(datetime, fs.modified(f"{root}/{path}"))
        except FileNotFoundError:
            return None

    def entries(self, folder: str) -> list[Entry]:
        """Gives what is in a folder; nothing when it is not there."""
        fs, root = self._open()
        try:
            with explained(self.location, passes_missing=True):
                found = fs.ls(f"{root}/{folder}", detail=True)
        except FileNotFoundError:
            return []
        return [
            Entry(str(one["name"]).rstrip("/").rpartition("/")[2], int(one["size"] or 0), one["type"] == "directory")
            for one in found
        ]

    def read(self, path: str, *, missing: BackendError) -> Iterator[bytes]:
        """Gives the content of a file in chunks, or raises `missing`."""
        fs, root = self._open()
        with self._finding(missing):
            file = fs.open(f"{root}/{path}", "rb", block_size=_BLOCK_BYTES)
        with file:
            while True:
                with self._finding(missing):
                    chunk: bytes = file.read(_CHUNK_BYTES)
                if not chunk:
                    return
                yield chunk

    @contextmanager
    def appearing(self, path: str, *, workplace: str, max_bytes: int) -> Iterator["Writing"]:
        """Opens a file for writing that takes its name when the block ends, and leaves nothing when the block raises.

        Args:
            path: The name it takes.
            workplace: A folder for what is not whole yet.
            max_bytes: How long it becomes at the most.
        """
        from backend.objects.writing import appearing

        fs, root = self._open()
        with ExitStack() as stack:
            with explained(self.location):
                unnamed = appearing(fs, f"{root}/{path}", workplace=f"{root}/{workplace}", max_bytes=max_bytes)
                file = stack.enter_context(unnamed)
            yield Writing(file, self.location)  # what is raised in the block is no failure of the place
            with explained(self.location):
                stack.close()

    def remove(self, folder: str, names: Sequence[str]) -> None:
        """Removes files of a folder, and the folder when nothing else is in it; what is gone already is no error."""
        from backend.objects.writing import remove_files, remove_folder

        fs, root = self._open()
        with explained(self.location):
            remove_files(fs, [f"{root}/{folder}/{name}" for name in names])
            remove_folder(fs, f"{root}/{folder}")

    def close(self) -> None:
        """Closes the connections; the next access opens them again."""
        with self._lock:
            opened, self._opened = self._opened, None
        session = getattr(opened[0], "_s3creator", None) if opened else None
        if opened and session is not None:
            opened[0].close_session(opened[0].loop, session)

    @contextmanager
    def _finding(self, missing: BackendError) -> Iterator[None]:
        try:
            with explained(self.location, passes_missing=True):
                yield
        except FileNotFoundError as error:
            raise missing from error

    def _open(self) -> tuple[Any, str]:
        with self._lock:
            if self._opened is None:
                self._opened = _opened(self._uri, self.location)
            return self._opened


class Writing:
    """A file that is being written, and the SHA-256 of what was written.

    Args:
        file: The file.
        location: Where it is, for messages.
    """

    def __init__(self, file: BinaryIO, location: str) -> None:
        self._file = file
        self._location = location
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written."""
        return self._digest.hexdigest()

    def write(self, chunks: Iterable[bytes], *, max_bytes: int) -> bool:
        """Writes chunks; gives False, and stops, when they are longer than `max_bytes`."""
        for chunk in chunks:
            self.size_bytes += len(chunk)
            if self.size_bytes > max_bytes:
                return False
            self._digest.update(chunk)
            with explained(self._location):
                self._file.write(chunk)
        return True


def _opened(uri: str, location: str) -> tuple[Any, str]:
    from upath import UPath

    # Other servers write there too, so a listing is never answered from memory.
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True} if "://" in uri else {}
    try:
        root = UPath(uri, **options)
        return root.fs, root.path.rstrip("/")
    except (ImportError, ValueError) as error:
        said = f"ARTIFACT_URI cannot be {location!r} ({error}); set it to a folder or to s3://bucket/prefix"
        raise ObjectStoreError(said) from error
