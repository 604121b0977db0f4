"""What an artifact holds, as far as it can be shown: tables, text, JSON and pictures; anything else is a download.

Owns which kind a file is, the limits, fetching it through the client and reading it. It must not import Streamlit, and
nothing is unpickled, rendered as HTML or drawn from SVG, which may hold scripts.
"""

import io
import json
import mimetypes
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import pandas as pd
from PIL import Image, UnidentifiedImageError

from backend.models import ArtifactInfo
from tools.client import LabClient
from ui.formatting import moment_text, short_id, size_text

Kind = Literal["table", "json", "image", "text", "none"]

_TEXT_ENDINGS: Final = frozenset({".yaml", ".yml", ".toml", ".ini", ".cfg", ".log", ".md"})

MAX_PREVIEW_BYTES: Final = 5_000_000
"""A larger file is not fetched to be shown."""
MAX_DOWNLOAD_BYTES: Final = 200_000_000
"""A larger file goes from the server straight to a file; the browser's download would pass through memory."""
MAX_ROWS: Final = 1_000
MAX_TEXT_CHARS: Final = 100_000
MAX_PIXELS: Final = 40_000_000
"""A picture with more pixels is not drawn: a small file may unpack to gigabytes."""

_PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
_TEXTS: Final = frozenset(
    {
        "application/jsonl",
        "application/yaml",
        "application/xml",
        "application/toml",
        "application/x-sh",
        "image/svg+xml",
    }
)

State = Literal["there", "gone", "not served", "on its way", "reference"]

_ADVICE: Final[dict[State, str]] = {
    "there": "there.",
    "gone": "gone: nothing is at its path any more.",
    "not served": "there, but not served: its folder is not among the server's ARTIFACT_ROOTS.",
    "on its way": "on its way: the machine that trained has not sent all of it yet. "
    "`python -m lab_logger sync` there sends what is left.",
    "reference": "a reference: it stayed where it was on the machine that trained, and no copy was sent.",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """What can be shown of a file.

    Attributes:
        kind: What it is shown as; "none" when it cannot be.
        content: A data frame, a JSON value, the bytes of a picture, or text; None when nothing can be shown.
        remark: What the reader should know of it, such as that it is cut; None when there is nothing to say.
    """

    kind: Kind
    content: Any = None
    remark: str | None = None


def file_kind(name: str, *, recorded: str | None = None) -> Kind:
    """Tells what a file can be shown as, from its recorded media type, else from its name."""
    media = recorded if recorded and recorded != "inode/directory" else _guess(name)
    if media in ("text/csv", "text/tab-separated-values"):
        return "table"
    if media == "application/json":
        return "json"
    if media in _PICTURES:
        return "image"
    return "text" if media.startswith("text/") or media in _TEXTS else "none"


def fetch(client: LabClient, run_id: str, index: int, *, path: str | None = None, max_bytes: int) -> bytes:
    """Fetches the content of an artifact into memory.

    Raises:
        FileTooLargeError: It has more than `max_bytes`, which it may have come to since its size was asked for.
        LabClientError: The server does not hand it out.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "content"
        client.download_artifact(run_id, index, to=target, path=path, max_bytes=max_bytes)
        return target.read_bytes()


def preview(content: bytes, *, kind: Kind, separator: str = ",") -> Preview:
    """Reads what can be shown of a file; one that is not what its name says is shown as text, or not at all."""
    if kind == "table":
        return _table(content, separator)
    if kind == "json":
        return _json(content)
    if kind == "image":
        return _image(content)
    return _text(content) if kind == "text" else Preview("none")


def size_of(artifact: ArtifactInfo) -> int | None:
    """Gives the size as it is now, else as it was recorded; of a folder that of all its files."""
    return artifact.size_bytes if artifact.current_size_bytes is None else artifact.current_size_bytes


def file_name(path: str) -> str:
    """Gives the last part of a path, whichever system wrote it."""
    return PurePosixPath(path.replace("\\", "/")).name or path


def state(artifact: ArtifactInfo) -> State:
    """Says in a word whether an artifact can be had; of a folder that is being sent, what has come can."""
    if artifact.content == "being_sent":
        return "on its way"
    if artifact.content == "reference":
        return "reference" if artifact.kind != "missing" else "gone"
    if artifact.downloadable:
        return "there"
    return "not served" if artifact.exists else "gone"


def availability(artifact: ArtifactInfo) -> str:
    """Says whether an artifact can be had, and if not what to do."""
    if artifact.content == "stored" and not artifact.downloadable:
        return "there, but not served: files of this name hold secrets."
    if artifact.content == "reference" and artifact.kind == "missing":
        return "gone: nothing was at its path when it was recorded."
    return _ADVICE[state(artifact)]


def artifact_text(artifact: ArtifactInfo) -> str:
    """Says where an artifact is, when it was recorded, and with which content."""
    where = artifact.path if artifact.content == "on_disk" else f"{artifact.path} on the machine that trained"
    if artifact.content == "reference":
        where = f"reference: {where}"
    recorded = f"recorded {moment_text(artifact.recorded_at)} UTC" if artifact.recorded_at else None
    digest = f"sha256 {short_id(artifact.sha256)}" if artifact.sha256 else None
    return ", ".join(part for part in (where, recorded, digest) if part)


def artifacts_frame(artifacts: Sequence[ArtifactInfo]) -> pd.DataFrame:
    """Gives a table of artifacts, a row for each in their order."""
    rows = [
        {
            "name": file_name(one.path),
            "kind": one.media_type if one.kind == "file" and one.media_type else one.kind,
            "size": size_text(size_of(one)),
            "state": state(one),
        }
        for one in artifacts
    ]
    return pd.DataFrame(rows, columns=["name", "kind", "size", "state"])


def _table(content: bytes, separator: str) -> Preview:
    try:
        frame = pd.read_csv(io.BytesIO(content), sep=separator, nrows=MAX_ROWS + 1)
    except ValueError:  # pandas' own errors are ValueErrors: nothing in it, or no table
        return _text(content)
    is_cut = len(frame) > MAX_ROWS
    return Preview("table", frame.head(MAX_ROWS), f"The first {MAX_ROWS:,} rows." if is_cut else None)


def _json(content: bytes) -> Preview:
    if len(content) > MAX_TEXT_CHARS:
        return _text(content)
    try:
        return Preview("json", json.loads(content))
    except (ValueError, RecursionError):
        return _text(content)


def _image(content: bytes) -> Preview:
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError):
        return Preview("none", remark="This is not a picture that can be drawn.")
    if width * height > MAX_PIXELS:
        return Preview("none", remark=f"A picture of {width:,} x {height:,} pixels is too large to be drawn here.")
    return Preview("image", content, f"{width:,} x {height:,} pixels")


def _text(content: bytes) -> Preview:
    text = content.decode("utf-8", "replace").replace("\x00", "�")
    if len(text) <= MAX_TEXT_CHARS:
        return Preview("text", text)
    return Preview("text", text[:MAX_TEXT_CHARS], f"The first {MAX_TEXT_CHARS:,} of {len(text):,} characters.")


def _guess(name: str) -> str:
    """Guesses a media type from a name; text files that Python's own table does not know are text all the same."""
    if PurePosixPath(name).suffix.lower() in _TEXT_ENDINGS:
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
