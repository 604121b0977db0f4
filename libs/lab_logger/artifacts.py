"""What is known of an artifact: a file or a folder that a run left behind.

Owns describing paths (size, sha256, media type). It reads what it is pointed at and changes nothing; a path that does
not exist, or cannot be read, is described as missing.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

FOLDER_MEDIA_TYPE = "inode/directory"
_CHUNK_BYTES = 1 << 20
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_OPAQUE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """A file whose content is sent to the server.

    Attributes:
        path: Path in the artifact's folder with `/` between its parts; empty where the artifact is the file itself.
        size_bytes: Size.
        sha256: Of its content.
    """

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact as it was found.

    Attributes:
        path: Absolute path.
        kind: "file", "folder" or "missing".
        size_bytes: Size; of a folder the sum of its files; None when missing.
        sha256: Of a file its content; of a folder a digest over the relative path and sha256 of every file in it, in
            path order, one `<sha256>  <path>` line each. None when missing.
        media_type: Guessed from the name; `inode/directory` for a folder, None when missing.
        files: The files whose content is sent to the server that the run is recorded on; empty without one.
    """

    path: str
    kind: str
    size_bytes: int | None = None
    sha256: str | None = None
    media_type: str | None = None
    files: tuple[ArtifactFile, ...] = field(default=(), repr=False)


Read = Callable[[str], tuple[int, str]]
"""Reads a file and gives its size in bytes and its SHA-256."""


def describe(path: str | os.PathLike[str], *, read: Read | None = None) -> Artifact:
    """Describes a file or a folder as it is now; links to files are followed, links to folders are not.

    Args:
        path: The file or folder.
        read: What reads each file, so that it need not be read twice by one who wants its content as well.
    """
    read = read or _digest
    absolute = os.path.expanduser(os.fspath(path))
    try:
        absolute = os.path.abspath(absolute)  # fails when the current folder has been removed
        if os.path.isdir(absolute):
            return _describe_folder(absolute, read)
        if not os.path.isfile(absolute):
            return Artifact(absolute, "missing")
        size_bytes, digest = read(absolute)
        return Artifact(absolute, "file", size_bytes, digest, media_type(absolute))
    except OSError:
        return Artifact(absolute, "missing")


def media_type(path: str) -> str:
    """Guesses a file's media type from its name; `application/octet-stream` when the name says nothing."""
    known = _MEDIA_TYPES.get(os.path.splitext(path)[1].lower())
    if known is None:
        import mimetypes

        known = mimetypes.guess_type(path)[0]
    return known or _OPAQUE


def _describe_folder(folder: str, read: Read) -> Artifact:
    import hashlib

    total_bytes = 0
    digest = hashlib.sha256()
    for relative in sorted(_files_in(folder)):
        size_bytes, file_digest = read(os.path.join(folder, relative))
        total_bytes += size_bytes
        digest.update(f"{file_digest}  {relative}\n".encode("utf-8", "surrogateescape"))
    return Artifact(folder, "folder", total_bytes, digest.hexdigest(), FOLDER_MEDIA_TYPE)


def _files_in(folder: str) -> list[str]:
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.isfile(path):
                found.append(os.path.relpath(path, folder).replace(os.sep, "/"))
    return found


def _digest(path: str) -> tuple[int, str]:
    import hashlib

    size_bytes = 0
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            size_bytes += len(chunk)
            digest.update(chunk)
    return size_bytes, digest.hexdigest()
