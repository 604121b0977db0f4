"""Sends everything that dead processes left for a server, from the command line.

Owns going through the outboxes one by one and saying what became of each. What a living process holds is that
process's to send.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from lab_logger import outboxes
from lab_logger.backlog import Backlog
from lab_logger.delivery import Delivery
from lab_logger.errors import OutboxError, ServerError
from lab_logger.link import Link
from lab_logger.outbox import Outbox
from lab_logger.sender import left_words
from lab_logger.settings import Settings

_TRIES = 5
_FIRST_WAIT_S = 0.5
_PROGRESS_S = 0.5


@dataclass(slots=True)
class Sent:
    """What was sent.

    Attributes:
        server_url: The server.
        records: How many records it took.
        files: How many files it took.
        left: What is left and why, one sentence each.
    """

    server_url: str
    records: int = 0
    files: int = 0
    left: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """What was sent, in one line."""
        if not self.records and not self.files and not self.left:
            return f"nothing waits for {self.server_url}"
        files = f" and {self.files} files" if self.files else ""
        return f"sent {self.records} records{files} to {self.server_url}"


def send_waiting(server_url: str, settings: Settings, *, progress: TextIO | None = None) -> Sent:
    """Sends what waits in the outboxes of processes that are gone.

    A server that does not answer is asked a few times, waiting longer each time, before the rest is left.

    Args:
        server_url: The server.
        settings: Where the outboxes are, and the token.
        progress: Where to show how far it is, when that takes long.
    """
    folders = outboxes.places(server_url, settings.outbox)
    sent = Sent(server_url)
    link = Link(server_url, settings.api_token)
    sending = _Sending(sent, link, progress)
    for found in outboxes.take_abandoned(folders):
        try:
            sending.send(found)
        finally:
            found.close()
    link.close()
    sending.end_progress()
    sent.left += _left_behind(folders, sending)
    return sent


class _Sending:
    def __init__(self, sent: Sent, link: Link, progress: TextIO | None) -> None:
        self.problem: ServerError | None = None
        self.unknown_runs: dict[Path, Sequence[str]] = {}
        self.foreign_runs: set[str] = set()
        self._sent = sent
        self._link = link
        self._progress = progress
        self._shown_at_s = time.monotonic()
        self._has_shown = False

    def send(self, outbox: Outbox) -> None:
        if self.problem is not None:
            return
        try:
            delivery = Delivery(outbox, self._link, report=self._sent.left.append)
            try:
                while self._step(delivery):
                    self._show(delivery)
            finally:
                self._sent.records += delivery.sent_records
                self._sent.files += delivery.sent_files
                self.unknown_runs[outbox.path] = delivery.unknown_runs
                self.foreign_runs |= delivery.foreign_runs
            outbox.remove_if_empty()
        except ServerError as error:
            self.problem = error
        except OutboxError as error:
            self._sent.left.append(str(error))

    def _step(self, delivery: Delivery) -> bool:
        """One step, repeated where the server fails for a moment."""
        for tried in range(_TRIES):
            try:
                return delivery.step()
            except ServerError as error:
                if error.needs_a_person or tried == _TRIES - 1:
                    raise
                time.sleep(error.retry_after_s or _FIRST_WAIT_S * 2**tried)
        raise AssertionError("the last try returns or raises")

    def end_progress(self) -> None:
        """Ends the line that shows how far it is."""
        if self._progress is not None and self._has_shown:
            self._progress.write("\n")

    def _show(self, delivery: Delivery) -> None:
        if self._progress is None or time.monotonic() < self._shown_at_s + _PROGRESS_S:
            return
        self._shown_at_s, self._has_shown = time.monotonic(), True
        sent = self._sent.records + delivery.sent_records
        self._progress.write(f"\rsent {sent} records, {self._sent.files + delivery.sent_files} files … ")
        self._progress.flush()


def _left_behind(folders: Sequence[Path], sending: _Sending) -> list[str]:
    left = []
    for found in outboxes.backlogs(folders):
        if isinstance(found, OutboxError):
            left.append(str(found))
        elif not found.is_empty:
            left.append(f"{left_words(found)} are left in {found.path}: {_reason(found, sending)}")
        elif found.rejected:
            left.append(f"{found.rejected} refused records are kept in {found.path}; the server said {found.refusal}")
    return left


def _reason(found: Backlog, sending: _Sending) -> str:
    unknown = sending.unknown_runs.get(found.path)
    if sending.problem is not None:
        return str(sending.problem)
    if unknown and unknown[0] in sending.foreign_runs:
        return f"another user started the run {unknown[0]}; sync with that user's token"
    if unknown:
        return f"the server does not know the run {unknown[0]}, whose start another process has yet to send"
    return "the process that recorded them still runs and sends them" if unknown is None else "try again"
