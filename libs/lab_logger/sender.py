"""The thread that sends: what this process recorded, what dead processes left behind, and signs of life.

Owns when something is sent, how long to wait after a failure, and how long the end of the process waits. It never
raises into the training code: what a person should know is a warning, once.
"""

import json
import logging
import queue
import random
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from lab_logger import outboxes
from lab_logger.backlog import Backlog
from lab_logger.delivery import Delivery
from lab_logger.errors import OutboxError, ServerError
from lab_logger.link import TIMEOUT_S, Link
from lab_logger.outbox import Outbox

LINGER_S = 0.2
"""How long records gather before they are sent, so that a request carries many."""

_BACKOFF_S, _BACKOFF_LIMIT_S, _LAST_BACKOFF_S = 0.5, 30.0, 1.0
_RESCAN_S = 60.0
_BEAT_TIMEOUT_S = 10.0
_OUTBOX_RETRY_S = 1.0
_TIDY_S = 1.0
_WARN_AT_FAILURE = 3


class Sender:
    """Sends one outbox to its server from a daemon thread, and then those that dead processes left behind.

    Args:
        outbox: The outbox of this process.
        server_url: The server.
        token: What the server is shown.
        folders: Where the outboxes of other processes may be.
        flush_timeout_s: How long the end of the process waits for the outbox to be empty, in seconds.

    Raises:
        RuntimeError: No thread can be started.
    """

    def __init__(
        self, outbox: Outbox, *, server_url: str, token: str | None, folders: Sequence[Path], flush_timeout_s: float
    ) -> None:
        self._outbox = outbox
        self._server_url = server_url
        self._token = token
        self._link = Link(server_url, token)
        self._own = Delivery(outbox, self._link, report=self._warn)
        self._folders = folders
        self._token_mark = outboxes.mark_of(token)
        self._flush_timeout_s = flush_timeout_s
        self._beats: Iterable[str] = ()
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()  # put to by signal handlers too
        self._closing = threading.Event()
        self._given_up = threading.Event()
        self._done = threading.Event()
        self._failures = 0
        self._last_problem: Exception | None = None
        self._warned: set[str] = set()
        self._taken: Delivery | None = None
        self._left_alone: set[Path] = set()
        self._next_scan_s = 0.0
        threading.Thread(target=self._run, name="lab_logger-sender", daemon=True).start()
        # Not `atexit`, which `multiprocessing` does not run: see `courier`.
        threading.Thread(target=self._watch_the_end, name="lab_logger-sender-watch", daemon=False).start()

    def wake(self) -> None:
        """Says that there is something to send; returns at once."""
        if self._wakes.empty():
            self._wakes.put(None)

    def beat(self, run_ids: Iterable[str]) -> None:
        """Has the server told that runs live; asks it from the calling thread when the other is held up."""
        is_held_up = bool(self._beats) and not self._failures  # by a long part, say; not by a server that is away
        self._beats = tuple(run_ids)
        self.wake()
        if is_held_up:
            link = Link(self._server_url, self._token)
            with suppress(ServerError):  # the other thread finds out what is wrong
                _send_beats(link, self._beats, timeout_s=_BEAT_TIMEOUT_S)
            link.close()

    def flush(self) -> None:
        """Sends what is left, for a bounded time, and ends; says in a warning what could not be sent."""
        self._closing.set()
        self.wake()
        self._done.wait(self._flush_timeout_s)
        self._given_up.set()
        self._say_what_is_left()

    def _run(self) -> None:
        try:
            while not self._given_up.is_set():
                try:
                    if not self._turn():
                        if self._closing.is_set() and self._outbox.remove_if_empty():
                            return
                        self._pause()
                except OutboxError as error:  # such as a disk that is full
                    self._last_problem = error
                    self._warn(f"{error}; nothing is sent from this process until that is mended")
                    self._given_up.wait(_OUTBOX_RETRY_S)
        finally:
            self._done.set()
            self._link.close()
            if self._taken is not None:
                self._taken.outbox.close()

    def _turn(self) -> bool:
        """Sends what is next; gives whether there is more that need not be waited for."""
        while not self._wakes.empty():  # before looking: what comes after that wakes it again
            self._wakes.get_nowait()
        try:
            self._send_beats()
            is_busy = self._own.step()
            if self._own.is_line_short:
                self._closing.wait(LINGER_S)
            elif not is_busy and not self._closing.is_set():
                is_busy = self._step_of_others()
        except ServerError as error:
            self._fail(error)
            return True
        self._failures = 0
        self._last_problem = None
        return is_busy

    def _send_beats(self) -> None:
        run_ids, self._beats = self._beats, ()
        if run_ids:
            _send_beats(self._link, run_ids)

    def _step_of_others(self) -> bool:
        """Goes on with an outbox whose process is gone, or looks for one."""
        if self._taken is None:
            self._take_next()
        if self._taken is None:
            return False
        taken = self._taken
        try:
            if taken.step():
                return True
            self._taken = None
            if not taken.outbox.remove_if_empty():
                taken.outbox.close()  # its runs are not known yet: the next process asks again
            self._left_alone.add(taken.outbox.path)
        except OutboxError as error:
            self._taken = None
            self._left_alone.add(taken.outbox.path)
            taken.outbox.close()
            self._warn(f"{error}; `python -m lab_logger doctor` says more")
        return True

    def _take_next(self) -> None:
        if time.monotonic() < self._next_scan_s:
            return
        abandoned = outboxes.take_abandoned(self._folders, but=self._left_alone, token_mark=self._token_mark)
        for found in abandoned:
            try:
                self._taken = Delivery(found, self._link, report=self._warn)
            except OutboxError:
                self._left_alone.add(found.path)
                found.close()
                continue
            return
        self._next_scan_s = time.monotonic() + _RESCAN_S

    def _pause(self) -> None:
        waits_s = [_RESCAN_S] + [wait for wait in [self._own.retry_in_s()] if wait is not None]
        if self._closing.is_set():
            self._own.ask_again()
            self._given_up.wait(_LAST_BACKOFF_S / 2)
            return
        with suppress(queue.Empty):
            self._wakes.get(timeout=min(waits_s))
        self._closing.wait(LINGER_S)

    def _fail(self, error: ServerError) -> None:
        """Waits longer after each failure, by chance, so that many clients do not come back at the same moment."""
        self._failures += 1
        self._last_problem = error
        if error.needs_a_person:
            self._warn(f"{error}; until then runs are kept in {self._outbox.path}")
        elif self._failures == _WARN_AT_FAILURE:
            self._warn(f"{error}; it is asked again and again, until then runs are kept in {self._outbox.path}")
        limit_s = _LAST_BACKOFF_S if self._closing.is_set() else _BACKOFF_LIMIT_S
        wait_s = random.uniform(0.0, min(limit_s, _BACKOFF_S * 2 ** min(self._failures, 10)))
        if error.needs_a_person:
            wait_s = max(wait_s, limit_s)
        wait_s = max(wait_s, error.retry_after_s or 0.0)
        self._wait_tidily(self._given_up if self._closing.is_set() else self._closing, wait_s)

    def _wait_tidily(self, until: threading.Event, wait_s: float) -> None:
        """Waits while what is recorded meanwhile gathers in the outbox, whose log must not grow for as long."""
        end_s = time.monotonic() + wait_s
        while (left_s := end_s - time.monotonic()) > 0 and not until.wait(min(left_s, _TIDY_S)):
            self._outbox.tidy()

    def _watch_the_end(self) -> None:
        threading.main_thread().join()
        for thread in threading.enumerate():
            if not thread.daemon and thread is not threading.current_thread() and not _is_watch(thread):
                thread.join()  # it may still log
        self.flush()

    def _say_what_is_left(self) -> None:
        try:
            left = self._outbox.backlog()
        except OutboxError:
            return  # closed: everything was sent just now
        if not left.is_empty:
            unknown = self._own.unknown_runs
            is_foreign = bool(unknown) and unknown[0] in self._own.foreign_runs
            waits_for = "takes nothing with this token of" if is_foreign else "does not know"
            reason = self._last_problem or (f"it {waits_for} the run {unknown[0]}" if unknown else "it was too slow")
            self._warn(
                f"the process ends before {self._server_url} took everything ({reason}); "
                f"{left_words(left)} wait in {left.path}; send them: python -m lab_logger sync"
            )

    def _warn(self, message: str) -> None:
        key = message.partition("(")[0]
        if key not in self._warned:  # once for each thing that can go wrong
            self._warned.add(key)
            logging.getLogger("lab_logger").warning("%s", message)


def left_words(left: Backlog) -> str:
    """Says how much waits in an outbox."""
    words = [f"{left.records} records"] if left.records else []
    if left.files:
        words.append(f"{left.files} files")
    return f"{' and '.join(words)} ({left.size_bytes / 1e6:.1f} MB)"


def _send_beats(link: Link, run_ids: Iterable[str], *, timeout_s: float = TIMEOUT_S) -> None:
    # Whatever the answer is: the records that follow find out what is wrong.
    link.post("/ingest/heartbeat", json.dumps({"run_ids": list(run_ids)}), timeout_s=timeout_s)


def _is_watch(thread: threading.Thread) -> bool:
    return thread.name.startswith("lab_logger-") or thread is threading.main_thread()
