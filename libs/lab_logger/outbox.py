"""What is on its way to the server: one private SQLite file a process, written ahead of every request.

Owns those files: the records that wait, in their order, those set aside until the server knows their run, those that
the server refused for good, and staged copies of artifacts beside them. It must not send anything: `delivery` does.

The training thread writes on a connection of its own that never syncs and never tidies the log; whoever sends reads and
checkpoints on another, so that a log call costs one write to the system's memory.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from lab_logger.backlog import Backlog, content_in, read_backlog
from lab_logger.errors import OutboxError
from lab_logger.locks import FileLock
from lab_logger.storage import close_in_forks

BUSY_TIMEOUT_S = 10.0
_ROWS_A_STATEMENT = 200
_CHECKPOINT_COMMITS = 2_000
_CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"
_LONG_LOG_PAGES = 8_000
_SET_ASIDE = (
    "INSERT INTO aside (run_id, kept_at, record) "
    "SELECT run_id, kept_at, record FROM records WHERE run_id = ? ORDER BY position",
    "DELETE FROM records WHERE run_id = ?",
)
_BRING_BACK = (
    "INSERT INTO records (run_id, kept_at, record) "
    "SELECT run_id, kept_at, record FROM aside WHERE run_id = ? ORDER BY place",
    "DELETE FROM aside WHERE run_id = ?",
)


class Waiting(NamedTuple):
    """A record that waits: its position, its run, and its JSON with the position in it."""

    position: int
    run_id: str
    text: str


class Outbox:
    """One outbox, held by this process; safe to share between threads. Made by `outboxes`.

    After a fork it belongs to the parent alone: the child finds it closed.

    Args:
        path: The file.
        lock: The lock that says whose it is, held already.
    """

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self.is_closed = False
        self._lock_file = lock
        self._pid = os.getpid()
        self._writing = threading.RLock()
        self._sending = threading.RLock()  # taken before _writing where both are
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._commits = 0
        with self._translated(), closing(connect(path)) as connection:
            self.sender, self.token_mark = connection.execute("SELECT sender, token_mark FROM outbox").fetchone()
        close_in_forks(self)

    @property
    def files_folder(self) -> Path:
        """Where staged files wait, each under its SHA-256."""
        return self.path.with_suffix(".objects")

    @property
    def refused_folder(self) -> Path:
        """Where staged files are that the server refused."""
        return self.path.with_suffix(".refused")

    def append(self, records: Sequence[tuple[str, str]], *, durable: bool = False) -> None:
        """Keeps records, as (run_id, JSON); they outlive the process when this returns.

        Args:
            records: The records in order, each a JSON object with at least one member.
            durable: Whether they must outlive a power cut as well.

        Raises:
            OutboxError: The file cannot be written.
        """
        now_ms = time.time_ns() // 1_000_000
        with self._writing, self._translated():
            connection = self._open_writer()
            if durable:
                connection.execute("PRAGMA synchronous = FULL")
            for start in range(0, len(records), _ROWS_A_STATEMENT):
                rows = records[start : start + _ROWS_A_STATEMENT]
                places = ", ".join(["(?, ?, ?)"] * len(rows))
                values = [value for run_id, text in rows for value in (run_id, now_ms, text)]
                connection.execute(f"INSERT INTO records (run_id, kept_at, record) VALUES {places}", values)
                self._commits += 1
            if durable:
                connection.execute("PRAGMA synchronous = NORMAL")

    def first(self, *, limit: int, limit_chars: int) -> list[Waiting]:
        """Gives the records that wait longest, in order: at least one if any waits, else as many as the limits allow.

        Raises:
            OutboxError: The file cannot be read.
        """
        found: list[Waiting] = []
        chars = 0
        with self._sending, self._translated():
            rows = self._open_reader().execute(
                "SELECT position, run_id, '{\"position\":' || position || ',' || substr(record, 2) "
                "FROM records ORDER BY position LIMIT ?",
                (limit,),
            )
            for position, run_id, text in rows:
                chars += len(text) + 1
                if found and chars > limit_chars:
                    break
                found.append(Waiting(position, run_id, text))
            rows.close()
        return found

    def forget(self, position: int) -> None:
        """Drops the records up to a position: the server has them.

        Raises:
            OutboxError: The file cannot be written.
        """
        with self._changing() as connection:
            connection.execute("DELETE FROM records WHERE position <= ?", (position,))
        self.tidy()

    def tidy(self) -> None:
        """Lets the log be written from its beginning again once it has become long; for whoever sends, now and then.

        Raises:
            OutboxError: The file cannot be written.
        """
        if self._commits >= _CHECKPOINT_COMMITS and not self.is_closed:
            with self._sending, self._translated():
                _, log_pages, _ = self._open_reader().execute(_CHECKPOINT).fetchone()
                if log_pages > _LONG_LOG_PAGES:
                    with self._writing:  # what came meanwhile too: the log begins anew only once all of it is copied
                        self._open_reader().execute(_CHECKPOINT).fetchall()
                self._commits = 0

    def reject(self, position: int, error: str) -> None:
        """Moves a record out of the way that the server refuses for good, with the server's words.

        Raises:
            OutboxError: The file cannot be written.
        """
        with self._changing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO rejected SELECT position, run_id, kept_at, record, ? FROM records "
                "WHERE position = ?",
                (error, position),
            )
            connection.execute("DELETE FROM records WHERE position = ?", (position,))

    def set_aside(self, run_id: str) -> None:
        """Takes a run's records out of the line, so that those of others pass.

        Raises:
            OutboxError: The file cannot be written.
        """
        with self._changing() as connection:
            for statement in _SET_ASIDE:
                connection.execute(statement, (run_id,))

    def bring_back(self, run_id: str) -> None:
        """Puts a run's records, those set aside first, at the end of the line.

        Raises:
            OutboxError: The file cannot be written.
        """
        with self._changing() as connection:
            for statement in (*_SET_ASIDE, *_BRING_BACK):
                connection.execute(statement, (run_id,))

    def runs_aside(self) -> list[str]:
        """Gives the ids of the runs whose records are set aside.

        Raises:
            OutboxError: The file cannot be read.
        """
        with self._sending, self._translated():
            return [run_id for (run_id,) in self._open_reader().execute("SELECT DISTINCT run_id FROM aside").fetchall()]

    def staged_files(self) -> list[Path]:
        """Gives the staged files that wait to be sent.

        Raises:
            OutboxError: Their folder cannot be read.
        """
        with self._translated():
            return content_in(self.files_folder)

    def refuse_file(self, path: Path, error: str) -> None:
        """Moves a staged file out of the way that the server refuses for good, with the server's words beside it.

        Raises:
            OutboxError: It cannot be moved.
        """
        with self._translated():
            self.refused_folder.mkdir(mode=0o700, exist_ok=True)
            self.refused_folder.joinpath(path.name + ".error").write_text(error + "\n", encoding="utf-8")
            path.replace(self.refused_folder / path.name)

    def backlog(self) -> Backlog:
        """Tells what the outbox holds.

        Raises:
            OutboxError: The file cannot be read.
        """
        with self._sending, self._translated():
            return read_backlog(self._open_reader(), self.path)

    def close(self) -> None:
        """Closes the file and lets it go, for another process to take; what it holds stays."""
        with self._sending, self._writing:
            self.is_closed = True
            self._disconnect()
            self._lock_file.release()

    def remove_if_empty(self) -> bool:
        """Closes the outbox, and removes it if it holds nothing.

        Returns:
            Whether it was empty of what waits; one that holds refused records is kept, closed.

        Raises:
            OutboxError: The file cannot be read or removed.
        """
        with self._sending, self._writing:
            found = self.backlog()
            if not found.is_empty:
                return False
            self.is_closed = True
            self._disconnect()
            if not found.rejected:
                with self._translated():
                    remove_files(self.path)
                self._lock_file.remove()
            self._lock_file.release()
            return True

    def before_fork(self) -> None:
        """Waits for what is being done with the file, holds back what comes next and closes the file."""
        self._sending.acquire()
        self._writing.acquire()
        self._disconnect()

    def after_fork(self) -> None:
        """Lets it go on in the parent; the child gets none of it."""
        if os.getpid() != self._pid:
            self.is_closed = True
            self._lock_file.release()
        self._writing.release()
        self._sending.release()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of whoever sends; the training thread waits for it here and not in SQLite's longer sleeps."""
        with self._sending, self._writing, self._translated():
            connection = self._open_reader()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._commits += 1

    def _open_writer(self) -> sqlite3.Connection:
        self._check_open()
        if self._writer is None:
            self._writer = connect(self.path)
        return self._writer

    def _open_reader(self) -> sqlite3.Connection:
        self._check_open()
        if self._reader is None:
            self._reader = connect(self.path)
        return self._reader

    def _check_open(self) -> None:
        if self.is_closed:
            raise OutboxError(f"the outbox {self.path} is closed")

    def _disconnect(self) -> None:
        for connection in (self._writer, self._reader):
            if connection is not None:
                connection.close()
        self._writer = self._reader = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise OutboxError(
                f"cannot use the outbox {self.path} ({error}); check the disk and its free space"
            ) from error


def connect(path: Path) -> sqlite3.Connection:
    """Opens an outbox that exists; what is written is on disk at the next checkpoint, which nobody makes by itself."""
    address = f"file:{_quoted(path)}?mode=rw"  # not made anew where somebody removed it
    connection = sqlite3.connect(
        address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))


def remove_files(path: Path) -> None:
    """Removes an outbox and what is staged beside it."""
    import shutil

    folder = path.with_suffix(".objects")
    if folder.exists():
        shutil.rmtree(folder)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
