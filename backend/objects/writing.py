"""How a file appears in the artifact store: under its name when it is whole, and until then not at all.

Owns writing, for a local folder, for a bucket and for any other filesystem that fsspec knows.
"""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final, cast
from uuid import uuid4

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

ONE_REQUEST_BYTES: Final = 1 << 24
"""What is no longer than this is sent to a bucket in one request."""

_MOST_PIECES: Final = 9_000  # an S3 upload takes 10,000 at the most
_ATTEMPTS: Final = 10
_BUCKETS: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "az"})
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@contextmanager
def appearing(fs: AbstractFileSystem, path: str, *, workplace: str, max_bytes: int) -> Iterator[BinaryIO]:
    """Opens a file for writing that takes its name when the block ends, and leaves nothing when the block raises.

    Of several that write the same name at once, the last to end gives the content.

    Args:
        fs: The filesystem.
        path: The name it takes.
        workplace: A folder of the same filesystem, for what is not whole yet; names in it that start with a dot.
        max_bytes: How long it becomes at the most.
    """
    unfinished = f"{workplace}/.{uuid4().hex}"
    if isinstance(fs, LocalFileSystem):
        with _local_file(path, unfinished) as file:
            yield file
    elif max_bytes <= ONE_REQUEST_BYTES:
        buffer = io.BytesIO()
        yield buffer
        fs.pipe_file(path, buffer.getvalue())
    else:
        with _committed(fs, path, max_bytes) if _is_bucket(fs) else _renamed(fs, path, unfinished) as file:
            yield file


def remove_files(fs: AbstractFileSystem, paths: list[str]) -> None:
    """Removes files, those that are gone already included."""
    if isinstance(fs, LocalFileSystem):
        for path in paths:
            with suppress(FileNotFoundError):
                os.unlink(path)
    elif paths:
        with suppress(FileNotFoundError):
            fs.rm(paths)


def remove_folder(fs: AbstractFileSystem, path: str) -> None:
    """Removes a local folder if nothing is in it; a bucket has none."""
    if isinstance(fs, LocalFileSystem):
        with suppress(OSError):  # gone, or something new is being put there
            os.rmdir(path)


@contextmanager
def _local_file(path: str, unfinished: str) -> Iterator[BinaryIO]:
    try:
        with _made(unfinished) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(unfinished, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
        raise
    for folder in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):  # either may be new
        _sync_folder(folder)


def _made(path: str) -> BinaryIO:
    """Makes a file, its folder too."""
    for _ in range(_ATTEMPTS):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with suppress(FileNotFoundError):  # another server may remove the folder as empty just then
            return os.fdopen(os.open(path, _NEW_FILE, 0o644), "wb")
    raise OSError(errno.EBUSY, f"the folder of {path} vanished each time it was made")


def _sync_folder(path: str) -> None:
    """Makes a new name in a folder survive a power cut, where the system has a way to."""
    with suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _committed(fs: AbstractFileSystem, path: str, max_bytes: int) -> Iterator[BinaryIO]:
    piece_bytes = max(ONE_REQUEST_BYTES, -(-max_bytes // _MOST_PIECES))
    file: Any = fs.open(path, "wb", block_size=piece_bytes, autocommit=False)
    try:
        yield cast(BinaryIO, file)
        file.close()
        file.commit()
    except BaseException:
        file.discard()
        file.closed = True  # else it is sent after all when it is collected
        raise


@contextmanager
def _renamed(fs: AbstractFileSystem, path: str, unfinished: str) -> Iterator[BinaryIO]:
    try:
        with fs.open(unfinished, "wb") as file:
            yield cast(BinaryIO, file)
        fs.mv(unfinished, path)
    except BaseException:
        remove_files(fs, [unfinished])
        raise


def _is_bucket(fs: AbstractFileSystem) -> bool:
    """Tells whether a file of the filesystem takes its name when it is committed."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
    return not _BUCKETS.isdisjoint(protocols)
