"""What cannot be stored now is kept in a file of its own and brought in later, exactly once.

Owns the spool: a small SQLite file beside the store, or in the user's state folder or the temporary folder when the
store's folder cannot be written. It holds batches of writes as JSON, numbered in the order they were made; the store
notes the last number it applied in the same transaction as the batch, so that no crash makes a batch count twice.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab_logger.errors import RejectedBatchError, SpoolError
from lab_logger.statements import Write
from lab_logger.storage import EmbeddedStore

_BUSY_TIMEOUT_S = 10.0
_INFINITIES = {"inf": float("inf"), "-inf": float("-inf")}
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS spool (spool_id TEXT NOT NULL, store TEXT NOT NULL);
INSERT INTO spool SELECT lower(hex(randomblob(16))), {store} WHERE NOT EXISTS (SELECT 1 FROM spool);
CREATE TABLE IF NOT EXISTS batches (position INTEGER PRIMARY KEY AUTOINCREMENT, batch TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rejected (position INTEGER PRIMARY KEY, batch TEXT NOT NULL, error TEXT NOT NULL);
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one spool file holds: batches still to bring in, and batches the store does not accept."""

    path: Path
    waiting: int
    rejected: int


def candidates(store_path: Path) -> list[Path]:
    """Gives the places a store's spool may lie in, in the order they are tried."""
    import zlib

    own_name = f"{store_path.stem}-{zlib.crc32(os.fsencode(store_path)):08x}.spool.db"
    return [store_path.with_name(store_path.name + ".spool.db"), *(folder / own_name for folder in own_folders())]


def own_folders() -> list[Path]:
    """Gives the folders of this user that records may be kept in, in the order they are tried."""
    state = Path(os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state"))
    return [state / "lab_logger", _temporary_folder() / f"lab_logger-{_user()}"]


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def _temporary_folder() -> Path:
    """The usual place, untried: `tempfile` writes a file to find it, and raises where the disk is full."""
    named = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return Path(next((place for place in named if place), "/tmp"))


def append(store_path: Path, batch: Sequence[Write]) -> Path:
    """Keeps a batch for later; it is on disk when this returns.

    Returns:
        The file that holds it.

    Raises:
        SpoolError: None of the places can be written.
    """
    text = json.dumps([(name, _spelled(values)) for name, values in batch], allow_nan=False)
    problems = []
    for path in sorted(candidates(store_path), key=_is_empty):  # one place while it lasts, to keep the order
        try:
            with closing(_open(path, store_path)) as connection:
                connection.execute("INSERT INTO batches (batch) VALUES (?)", (text,))
            return path
        except (sqlite3.Error, OSError) as error:
            problems.append(f"{path}: {error}")
    raise SpoolError("no place for the records that could not be stored; tried " + "; ".join(problems))


def drain(store: EmbeddedStore) -> int:
    """Brings everything that was kept for a store into it, oldest first.

    Returns:
        How many batches were brought in.

    Raises:
        StoreError: The store cannot be written; what was not brought in is still kept.
        SpoolError: A spool file cannot be read.
    """
    brought_in = 0
    problem = None
    for path in candidates(store.path):
        try:
            brought_in += 0 if _is_empty(path) else _drain_file(path, store)
        except SpoolError as error:
            problem = error  # the other places are brought in all the same
    if problem is not None:
        raise problem
    return brought_in


def backlog(store_path: Path) -> list[Backlog]:
    """Tells what is kept for a store, one entry for each spool file there is.

    Raises:
        SpoolError: A spool file cannot be read.
    """
    found = []
    for path in candidates(store_path):
        if os.path.exists(path):
            with _reading(path, store_path) as connection:
                counts = connection.execute("SELECT (SELECT count(*) FROM batches), (SELECT count(*) FROM rejected)")
                found.append(Backlog(path, *counts.fetchone()))
    return found


def stamp(paths: Iterable[Path]) -> tuple[tuple[int, int], ...]:
    """Gives a mark of spool files that changes whenever something is kept in them; empty while there are none."""
    marks = []
    for path in paths:
        try:
            stat = os.stat(path)
        except OSError:
            continue
        marks.append((stat.st_mtime_ns, stat.st_size))
        log = f"{path}-wal"
        if os.path.exists(log):
            stat = os.stat(log)
            marks.append((stat.st_mtime_ns, stat.st_size))
    return tuple(marks)


def _drain_file(path: Path, store: EmbeddedStore) -> int:
    brought_in = 0
    with _reading(path, store.path) as connection:
        (spool_id,) = connection.execute("SELECT spool_id FROM spool").fetchone()
        while rows := connection.execute("SELECT position, batch FROM batches ORDER BY position LIMIT 500").fetchall():
            for position, text in rows:
                try:
                    store.bring_in(spool_id, position, _read_batch(text))
                    brought_in += 1
                except RejectedBatchError as error:
                    reject = "INSERT OR REPLACE INTO rejected (position, batch, error) VALUES (?, ?, ?)"
                    connection.execute(reject, (position, text, str(error)))
            connection.execute("DELETE FROM batches WHERE position <= ?", (rows[-1][0],))
    return brought_in


def _spelled(values: Mapping[str, object]) -> dict[str, object]:
    """Infinities, which JSON has no number for, become text."""
    return {name: str(value) if value in _INFINITIES.values() else value for name, value in values.items()}


def _read_batch(text: str) -> list[Write]:
    try:
        return [(name, values | _numbers(values)) for name, values in json.loads(text)]
    except (ValueError, TypeError, AttributeError) as error:
        raise RejectedBatchError(f"no batch of writes: {error}") from error


def _numbers(values: Mapping[str, object]) -> dict[str, object]:
    value = values.get("value")
    return {"value": _INFINITIES[value]} if isinstance(value, str) and value in _INFINITIES else {}


def _is_empty(path: Path) -> bool:
    """Tells whether a spool file is missing or holds nothing that waits; one that cannot be read may hold anything."""
    if not os.path.exists(path):
        return True
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)) as connection:
            return connection.execute("SELECT 1 FROM batches LIMIT 1").fetchone() is None
    except sqlite3.Error as error:
        return "no such table" in str(error)  # made on a full disk


@contextmanager
def _reading(path: Path, store_path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(_open(path, store_path)) as connection:
            yield connection
    except (sqlite3.Error, OSError) as error:
        raise SpoolError(f"cannot read the spool {path} ({error}); it holds runs not yet in {store_path}") from error


def _open(path: Path, store_path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_private(path)
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'rejected'").fetchone():
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA.format(store="'" + str(store_path).replace("'", "''") + "'"))
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def make_private(path: Path) -> None:
    """Makes the file readable for its owner alone: it holds what a run holds, perhaps in a folder of everybody's.

    Raises:
        PermissionError: The file is a link, or somebody else put it there; what it says would be believed.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    if hasattr(os, "getuid") and os.lstat(path).st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user; remove it")
