"""A copy of a file as it is now, so that it can be sent later however often it is overwritten.

Owns the copying. The copy is named by the SHA-256 of its content, so that the same content is kept once.
"""

import os
import secrets
from pathlib import Path

from lab_logger.artifacts import ArtifactFile
from lab_logger.errors import OutboxError

_CHUNK_BYTES = 1 << 20


def stage(path: str, folder: Path, staged: list[ArtifactFile]) -> tuple[int, str]:
    """Copies a file while reading it once.

    Args:
        path: The file.
        folder: Where the copy goes.
        staged: Takes the file, under the path given.

    Returns:
        Its size in bytes and its SHA-256.

    Raises:
        OSError: The file cannot be read.
        OutboxError: The copy cannot be written.
    """
    import hashlib

    digest = hashlib.sha256()
    size_bytes = 0
    partial = folder / f"{secrets.token_hex(8)}.part"
    with open(path, "rb") as source:
        try:
            with _Copy(partial) as copy:
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size_bytes += len(chunk)
                    copy.write(chunk)
            copy.keep_as(folder / digest.hexdigest())
        finally:
            partial.unlink(missing_ok=True)
    staged.append(ArtifactFile(path, size_bytes, digest.hexdigest()))
    return size_bytes, digest.hexdigest()


class _Copy:
    """A file being written, whose errors are told apart from those of the file that is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> "_Copy":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.close(self._descriptor)
        except OSError as error:
            raise self._failure(error) from error

    def write(self, chunk: bytes) -> None:
        try:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise self._failure(error) from error

    def keep_as(self, path: Path) -> None:
        try:
            self._path.replace(path)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> OutboxError:
        return OutboxError(f"cannot copy an artifact to {self._path.parent} ({error.strerror}); check the disk's space")
