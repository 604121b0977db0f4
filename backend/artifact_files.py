"""The files behind artifacts of runs of this machine: what is there now, and handing out only what may be.

Owns the decision and the opening, in one step: what was checked is what is opened, whatever is swapped in between. It
must not follow a link out of the allowed roots, open anything but regular files, or load what it opens.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backend.errors import ForbiddenArtifactError, InvalidRequestError, UnknownArtifactError, list_names
from backend.shapes import Answer
from lab_logger.artifacts import media_type

MAX_LISTED_FILES = 1_000
SECRET = "files of this name hold secrets"

_CHUNK_BYTES = 1 << 18
_SECRET_NAMES = frozenset(
    {
        ".aws", ".env", ".envrc", ".git", ".git-credentials", ".gnupg", ".kube", ".netrc", ".npmrc", ".pgpass",
        ".pypirc", ".ssh", "credentials.json", "id_dsa", "id_ecdsa", "id_ed25519", "id_rsa",
    }
)  # fmt: skip
_HAS_DIR_FD = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_READ_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_READ_FOLDER = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0)


def artifact_url(run_id: str, index: int) -> str:
    """Gives the address that an artifact is downloaded from."""
    return f"/runs/{quote(run_id, safe='')}/artifacts/{index}"


def holds_secrets(parts: Sequence[str]) -> bool:
    """Tells whether a path, given in its parts, has the name of a file or folder that holds secrets."""
    return any(part in _SECRET_NAMES or part.startswith(".env.") for part in map(str.casefold, parts))


@dataclass(frozen=True)
class OpenFile:
    """A file opened for reading; whoever gets it closes it, which `chunks` does.

    Attributes:
        descriptor: The operating system's file descriptor.
        name: The file's name without its folder.
        size_bytes: Its size when it was opened.
        media_type: Its media type, guessed from the name.
    """

    descriptor: int
    name: str
    size_bytes: int
    media_type: str

    def chunks(self) -> Iterator[bytes]:
        """Gives the content, no more than `size_bytes` of it, and closes the file."""
        with open(self.descriptor, "rb", buffering=0) as file:
            remaining = self.size_bytes
            while remaining and (chunk := file.read(min(_CHUNK_BYTES, remaining))):
                remaining -= len(chunk)
                yield chunk


class ArtifactFiles:
    """The artifacts of runs as files of this machine.

    Args:
        roots: Folders that files may be handed out from.
        base: Where relative paths of older loggers start.
    """

    def __init__(self, *, roots: Sequence[Path], base: Path) -> None:
        self._roots = roots
        self._base = base

    def describe(self, recorded: Mapping[str, Any], *, run_id: str) -> Answer:
        """Gives the `ArtifactInfo` of a row that `artifact_rows.list_artifacts` gave."""
        path = self._absolute(recorded["path"])
        found = _stat(path)
        is_file = found is not None and stat.S_ISREG(found.st_mode)
        is_folder = found is not None and stat.S_ISDIR(found.st_mode)
        downloadable = (is_file or is_folder) and self._refusal(os.path.realpath(path)) is None
        kind = "folder" if is_folder else "file" if found is not None else "missing"
        return {
            "index": recorded["position"],
            **{name: recorded[name] for name in ("path", "size_bytes", "sha256", "media_type", "recorded_at")},
            "kind": recorded["kind"] or kind,
            "content": "on_disk",
            "exists": found is not None,
            "current_size_bytes": found.st_size if found is not None and is_file else None,
            "downloadable": downloadable,
            "files": _files_in(path) if is_folder and downloadable else [],
            "url": artifact_url(run_id, recorded["position"]) if downloadable else None,
        }

    def open(self, recorded: Mapping[str, Any], *, within: str | None) -> OpenFile:
        """Opens a recorded artifact for reading.

        Args:
            recorded: A row that `artifact_rows.list_artifacts` gave.
            within: For a folder, the relative path of the file in it.

        Raises:
            UnknownArtifactError: Nothing is there any more.
            ForbiddenArtifactError: It lies outside the allowed roots, looks secret, or is no regular file.
            InvalidRequestError: A path was given for a file, or none, or one that leads out, for a folder.
        """
        path = self._absolute(recorded["path"])
        if _stat(path) is None:
            raise UnknownArtifactError(f"{path} was recorded, but no longer exists")
        if os.path.isdir(path):
            path = self._path_within(path, within)
        elif within is not None:
            raise InvalidRequestError.of_parameter(
                "path", "this artifact is a file, not a folder; leave it out", within
            )
        real_path = os.path.realpath(path)
        refusal = self._refusal(real_path)
        if refusal is not None:
            raise ForbiddenArtifactError(f"{path} is not served: {refusal}")
        return self._open(real_path, shown=path)

    def _path_within(self, folder: str, within: str | None) -> str:
        refusal = self._refusal(os.path.realpath(folder))
        if refusal is not None:
            raise ForbiddenArtifactError(f"{folder} is not served: {refusal}")
        if within is None:
            files = _files_in(folder)
            has = f"it holds {list_names(files)}" if files else "it is empty"
            raise InvalidRequestError(
                f"this artifact is a folder, {folder}; name a file in it with ?path=; {has}", candidates=files
            )
        parts = within.replace("\\", "/").split("/") if os.sep == "\\" else within.split("/")
        if os.path.isabs(within) or ".." in parts or ":" in parts[0]:
            raise InvalidRequestError.of_parameter("path", "it must stay inside the artifact's folder", within)
        inside = os.path.join(folder, *parts)
        if not _is_below(os.path.realpath(inside), os.path.realpath(folder)):
            raise ForbiddenArtifactError(
                f"{within!r} is not served: it is a link that leads out of the artifact's folder"
            )
        return inside

    def _refusal(self, real_path: str) -> str | None:
        """Says why a path without links may not be handed out; None when it may."""
        root = self._root_of(real_path)
        if root is None:
            return "it lies outside the folders that artifacts may be downloaded from; add its folder to ARTIFACT_ROOTS"
        return SECRET if holds_secrets(os.path.relpath(real_path, root).split(os.sep)) else None

    def _root_of(self, real_path: str) -> str | None:
        roots = (os.path.realpath(root) for root in self._roots)
        return next((root for root in roots if _is_below(real_path, root)), None)

    def _open(self, real_path: str, *, shown: str) -> OpenFile:
        root = self._root_of(real_path)
        assert root is not None
        try:
            descriptor = _open_below(root, real_path)
        except FileNotFoundError as error:
            raise UnknownArtifactError(f"{shown} was recorded, but no longer exists") from error
        except (OSError, ValueError) as error:
            raise ForbiddenArtifactError(
                f"{shown} cannot be read ({error}); it may have been replaced just now"
            ) from error
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise ForbiddenArtifactError(f"{shown} is not served: it is no regular file")
        return OpenFile(descriptor, os.path.basename(shown), found.st_size, media_type(shown))

    def _absolute(self, recorded: str) -> str:
        return os.path.normpath(os.path.join(self._base, os.path.expanduser(recorded)))


def _open_below(root: str, real_path: str) -> int:
    """Opens a path folder by folder without following any link, so that nothing swapped in leads elsewhere."""
    if not _HAS_DIR_FD:
        return _open_and_recheck(real_path)
    *folders, name = os.path.relpath(real_path, root).split(os.sep)
    folder = os.open(root, _READ_FOLDER)
    try:
        for part in folders:
            inner = os.open(part, _READ_FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(name, _READ_FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _open_and_recheck(real_path: str) -> int:
    descriptor = os.open(real_path, _READ_FILE)
    if os.path.realpath(real_path) == real_path and os.path.samestat(os.fstat(descriptor), os.lstat(real_path)):
        return descriptor
    os.close(descriptor)
    raise OSError("the path changed while it was opened")


def _is_below(path: str, root: str) -> bool:
    try:
        return os.path.commonpath((path, root)) == root
    except ValueError:  # another drive
        return False


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _files_in(folder: str) -> list[str]:
    found: list[str] = []
    with suppress(OSError):
        for parent, folders, names in os.walk(folder):
            folders.sort()
            here = (os.path.relpath(os.path.join(parent, name), folder) for name in sorted(names))
            found.extend(path.replace(os.sep, "/") for path in here if os.path.isfile(os.path.join(folder, path)))
            if len(found) >= MAX_LISTED_FILES:
                break
    return sorted(found[:MAX_LISTED_FILES])
