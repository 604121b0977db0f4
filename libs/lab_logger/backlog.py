"""How much an outbox holds.

Owns counting it: what waits, what was refused. It changes nothing.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

_DIGITS_OF_SHA256 = 64
_COUNTS = """
SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM aside),
       (SELECT coalesce(sum(length(record)), 0) FROM records) + (SELECT coalesce(sum(length(record)), 0) FROM aside),
       min(coalesce((SELECT min(kept_at) FROM records), 1e18), coalesce((SELECT min(kept_at) FROM aside), 1e18)),
       (SELECT count(*) FROM rejected), (SELECT error FROM rejected ORDER BY position DESC LIMIT 1)"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one outbox holds.

    Attributes:
        path: The file.
        records: How many records wait.
        size_bytes: The size of those records and of the staged files.
        oldest_ms: When the oldest of them was recorded, in milliseconds since 1970 in UTC; None without records.
        files: How many staged files wait.
        rejected: How many records and files the server refused.
        refusal: What the server said of the last refused record, or None.
    """

    path: Path
    records: int
    size_bytes: int
    oldest_ms: int | None
    files: int
    rejected: int
    refusal: str | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self.records and not self.files


def read_backlog(connection: sqlite3.Connection, path: Path) -> Backlog:
    """Counts what the outbox at a path holds, on a connection to it."""
    records, chars, oldest_ms, rejected, refusal = connection.execute(_COUNTS).fetchone()
    files = content_in(path.with_suffix(".objects"))
    refused = content_in(path.with_suffix(".refused"))
    return Backlog(
        path=path,
        records=records,
        size_bytes=chars + sum(file.stat().st_size for file in files if file.exists()),
        oldest_ms=int(oldest_ms) if records else None,
        files=len(files),
        rejected=rejected + len(refused),
        refusal=refusal,
    )


def content_in(folder: Path) -> list[Path]:
    """Gives the files of a folder that are named by their SHA-256; none where there is no folder."""
    try:
        return [path for path in sorted(folder.iterdir()) if len(path.name) == _DIGITS_OF_SHA256]
    except FileNotFoundError:
        return []
