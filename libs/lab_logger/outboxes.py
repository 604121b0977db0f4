"""The outboxes of this machine: where they may be, making one, and taking those whose process is gone.

Owns their places and their tables. What one outbox holds is `outbox`'s.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from lab_logger import spool
from lab_logger.backlog import Backlog, read_backlog
from lab_logger.errors import OutboxError
from lab_logger.locks import FileLock
from lab_logger.outbox import BUSY_TIMEOUT_S, Outbox, connect, remove_files

_SUFFIX = ".db"
_NO_TABLE = "no such table"
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE outbox (sender TEXT NOT NULL, server_url TEXT NOT NULL, token_mark TEXT NOT NULL);
CREATE TABLE records (
    position INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, kept_at INTEGER NOT NULL, record TEXT NOT NULL);
CREATE TABLE aside (
    place INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, kept_at INTEGER NOT NULL, record TEXT NOT NULL);
CREATE TABLE rejected (
    position INTEGER PRIMARY KEY, run_id TEXT NOT NULL, kept_at INTEGER NOT NULL, record TEXT NOT NULL,
    error TEXT NOT NULL);
INSERT INTO outbox VALUES (lower(hex(randomblob(16))), {url}, '{mark}');
COMMIT;
"""


def places(server_url: str, folder: Path | None) -> list[Path]:
    """Gives the folders that the outboxes of a server may lie in, in the order they are tried.

    Args:
        server_url: The server.
        folder: The folder of the setting LAB_OUTBOX, where one is set.
    """
    import zlib

    name = f"{zlib.crc32(server_url.encode()):08x}"
    parents = [own / "outbox" for own in spool.own_folders()]
    return [parent / name for parent in ([folder, *parents] if folder is not None else parents)]


def mark_of(token: str | None) -> str:
    """Gives what tells a token from others without giving it away; empty for none."""
    import hashlib

    return "" if token is None else hashlib.sha256(token.encode()).hexdigest()[:16]


def create(server_url: str, tried: Iterable[Path], *, token: str | None = None) -> Outbox:
    """Makes an outbox for this process in the first of some folders that takes one.

    Args:
        server_url: The server.
        tried: The folders.
        token: The token that its records are sent with.

    Raises:
        OutboxError: None of them does.
    """
    import secrets

    problems = []
    for folder in tried:
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        lock = FileLock(path.with_suffix(".lock"))
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not lock.acquire():
                raise OSError("somebody holds its lock")
            _make(path, server_url, mark_of(token))
            return Outbox(path, lock)
        except (sqlite3.Error, OSError, OutboxError) as error:
            problems.append(f"{path}: {error}")
            with suppress(OSError):
                remove_files(path)
                lock.remove()
            lock.release()
    raise OutboxError("no place for what is to be sent; tried " + "; ".join(problems))


def take_abandoned(
    folders: Iterable[Path], *, but: Iterable[Path] = (), token_mark: str | None = None
) -> Iterator[Outbox]:
    """Takes the outboxes whose process is gone, one after the other, the oldest first; the caller closes each.

    Args:
        folders: Where to look.
        but: Files to leave alone.
        token_mark: Leaves alone what was meant for another token: the server would take it for this token's user's.
    """
    left_alone = set(but)
    for path in _files(folders):
        lock = FileLock(path.with_suffix(".lock"))
        try:
            if path in left_alone or not lock.acquire():
                continue
            if not path.exists():
                lock.remove()
                continue
            spool.make_private(path)
            if _is_unfinished(path):
                remove_files(path)
                lock.remove()
                continue
            taken = Outbox(path, lock)
            if token_mark is not None and taken.token_mark != token_mark:
                taken.close()
                continue
            yield taken
        except (OSError, OutboxError):  # `backlogs` tells of a file that cannot be used
            lock.release()


def backlogs(folders: Iterable[Path]) -> list[Backlog | OutboxError]:
    """Tells what every outbox in some folders holds, whoever owns it; an error stands for one that cannot be read."""
    found: list[Backlog | OutboxError] = []
    for path in _files(folders):
        try:
            with closing(connect(path)) as connection:
                found.append(read_backlog(connection, path))
        except (sqlite3.Error, OSError) as error:
            if path.exists() and _NO_TABLE not in str(error):
                found.append(OutboxError(f"cannot read the outbox {path} ({error})"))
    return found


def _files(folders: Iterable[Path]) -> list[Path]:
    paths = [path for folder in folders if folder.is_dir() for path in folder.glob(f"*{_SUFFIX}")]
    return sorted(paths, key=lambda path: path.stat().st_ctime if path.exists() else 0.0)


def _is_unfinished(path: Path) -> bool:
    """Tells whether the process that made a file died before it was an outbox."""
    try:
        with closing(connect(path)) as connection:
            connection.execute("SELECT sender FROM outbox").fetchone()
    except sqlite3.Error as error:
        return _NO_TABLE in str(error)
    return False


def _make(path: Path, server_url: str, mark: str) -> None:
    spool.make_private(path)
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_SCHEMA.format(url="'" + server_url.replace("'", "''") + "'", mark=mark))
