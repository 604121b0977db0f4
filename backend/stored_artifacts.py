"""The artifacts of runs of other machines: what of their content is stored, and handing it out.

Owns the way from what was recorded to the artifact store. The path of such an artifact is text: it must never be looked
up on this machine.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from backend.artifact_files import MAX_LISTED_FILES, SECRET, artifact_url, holds_secrets
from backend.errors import ForbiddenArtifactError, InvalidRequestError, UnknownArtifactError, list_names
from backend.objects import ObjectStore
from backend.shapes import Answer
from lab_logger.artifacts import media_type


@dataclass(frozen=True)
class StoredFile:
    """A file of the artifact store, as it is handed out.

    Attributes:
        name: The file's name without its folder.
        size_bytes: Its size.
        media_type: Its media type, guessed from the name.
        content: What it holds.
    """

    name: str
    size_bytes: int
    media_type: str
    content: Iterator[bytes]

    def chunks(self) -> Iterator[bytes]:
        """Gives the content; the last of it only when all of it has proved to be what was stored."""
        return self.content


class StoredArtifacts:
    """The artifacts of runs of other machines, as far as their content was sent.

    Args:
        objects: The artifact store.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def describe(self, recorded: Mapping[str, Any], *, run_id: str) -> Answer:
        """Gives the `ArtifactInfo` of a row that `artifact_rows.list_artifacts` gave."""
        files = recorded["files"]
        here = [file for file in files if file["is_stored"]]
        is_whole = bool(files) and len(here) == len(files)
        is_folder = recorded["kind"] == "folder"
        refused = holds_secrets([_name(recorded["path"])])
        served = [] if refused else [file["path"] for file in here]
        return {
            "index": recorded["position"],
            **{name: recorded[name] for name in ("path", "kind", "size_bytes", "sha256", "media_type", "recorded_at")},
            "content": "stored" if is_whole else "being_sent" if files else "reference",
            "exists": is_whole,
            "current_size_bytes": here[0]["size_bytes"] if here and not is_folder else None,
            "downloadable": bool(served),
            "files": served[:MAX_LISTED_FILES] if is_folder else [],
            "url": artifact_url(run_id, recorded["position"]) if served else None,
        }

    def open(self, recorded: Mapping[str, Any], *, within: str | None) -> StoredFile:
        """Opens a recorded artifact for reading.

        Args:
            recorded: A row that `artifact_rows.list_artifacts` gave.
            within: For a folder, the relative path of the file in it.

        Raises:
            UnknownArtifactError: Its content is not stored, or the folder has no such file.
            ForbiddenArtifactError: It looks secret.
            InvalidRequestError: A path was given for a file, or none for a folder.
            ObjectStoreError: The artifact store does not answer.
            UnknownObjectError: It has lost the content.
            DamagedObjectError: The content is damaged, and so short that this shows before any of it is sent.
        """
        file = _wanted(recorded, within)
        shown = recorded["path"] if within is None else within
        if holds_secrets([_name(recorded["path"]), *file["path"].split("/")]):
            raise ForbiddenArtifactError(f"{shown} is not served: {SECRET}")
        if not file["is_stored"]:
            raise UnknownArtifactError(
                f"the content of {shown} is still on its way: the machine that trained has not sent it yet; "
                "`python -m lab_logger sync` there sends what is left"
            )
        name = _name(shown)
        return StoredFile(name, file["size_bytes"], media_type(name), _begun(self._objects.open(file["sha256"])))


def _wanted(recorded: Mapping[str, Any], within: str | None) -> Mapping[str, Any]:
    files: list[Mapping[str, Any]] = recorded["files"]
    path = recorded["path"]
    if not files:
        raise UnknownArtifactError(
            f"{path} was recorded on another machine as a reference: its content was not sent, and is there if anywhere"
        )
    if recorded["kind"] != "folder":
        if within is not None:
            raise InvalidRequestError.of_parameter(
                "path", "this artifact is a file, not a folder; leave it out", within
            )
        return files[0]
    names = [file["path"] for file in files]
    if within is None:
        raise InvalidRequestError(
            f"this artifact is a folder, {path}; name a file in it with ?path=; it holds {list_names(names)}",
            candidates=names,
        )
    found = next((file for file in files if file["path"] == within), None)
    if found is None:
        raise UnknownArtifactError(f"{path} was recorded without a file {within!r}; it holds {list_names(names)}")
    return found


def _begun(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Reads the first chunk, so that content that cannot be read is answered as an error and not cut off."""
    first = next(chunks, None)
    return iter(()) if first is None else itertools.chain((first,), chunks)


def _name(path: str) -> str:
    """Gives the last part of a path, whichever system wrote it."""
    return PurePosixPath(path.replace("\\", "/")).name or path
