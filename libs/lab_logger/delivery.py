"""One outbox on its way to the server, a step at a time.

Owns what an answer means for what waits: stored, refused for good, to be asked again, or of a run that the server does
not know yet. It must not wait or run by itself: `sender` and the command line decide when the next step is.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from lab_logger.errors import OutboxError, ServerError
from lab_logger.link import Answer, Link
from lab_logger.outbox import Outbox, Waiting
from lab_logger.uploads import Upload

RECORDS_LIMIT = 2_000
"""How many records go in one request at most."""

_CHARS_LIMIT = 4_000_000  # holds fewer than the 200,000 points that the server takes: one has 24 characters at least
_UNKNOWN_RETRY_S = (1.0, 60.0)
_ABOUT_CONTENT = (409, 413, 422)
_TRY_AGAIN = (408, 425, 429)
_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_LARGE, _SERVER_ERROR = 200, 400, 401, 403, 404, 413, 500
_UNKNOWN_RUN = "unknown-run"
_RECORD_IN_TEXT = re.compile(r"\brecords\D{1,3}(\d+)")

Report = Callable[[str], None]
"""Takes what a person should know, in words."""


@dataclass(slots=True)
class _Unknown:
    """A run that the server did not know: when to ask again, and how long to wait after that."""

    retry_at_s: float
    delay_s: float


class Delivery:
    """Brings what one outbox holds to the server.

    Attributes:
        outbox: The outbox.
        sent_records: How many records the server took.
        sent_files: How many files the server took.
        foreign_runs: The runs that the server takes nothing of with this token, because another user started them.
        is_line_short: Whether the last step sent the few records that there were, so that waiting a little for more
            spares requests.

    Args:
        outbox: The outbox, held by this process.
        link: The connection; the calling thread's own.
        report: Takes what was refused for good.
    """

    def __init__(self, outbox: Outbox, link: Link, *, report: Report) -> None:
        self.outbox = outbox
        self.sent_records = 0
        self.sent_files = 0
        self.is_line_short = False
        self._link = link
        self._report = report
        self._limit = RECORDS_LIMIT
        self.foreign_runs: set[str] = set()
        self._unknown: dict[str, _Unknown] = {}
        self._upload: Upload | None = None
        self.ask_again()

    @property
    def unknown_runs(self) -> list[str]:
        """The runs that the server does not know, or only from another user, of which records wait."""
        return list(self._unknown)

    def ask_again(self) -> None:
        """Has runs that the server did not know tried again with the next step."""
        for run_id in self.outbox.runs_aside():
            self._unknown[run_id] = _Unknown(0.0, _UNKNOWN_RETRY_S[0])

    def retry_in_s(self) -> float | None:
        """Gives how long until a run that the server did not know is to be tried again; None when there is none."""
        waits = [unknown.retry_at_s for unknown in self._unknown.values()]
        return max(0.0, min(waits) - time.monotonic()) if waits else None

    def step(self) -> bool:
        """Sends one batch of records, or else one part of a file.

        Returns:
            Whether there was anything to send.

        Raises:
            ServerError: The server does not take anything now.
            OutboxError: The outbox cannot be used.
        """
        self._bring_back_due()
        self.is_line_short = False
        batch = self.outbox.first(limit=self._limit, limit_chars=_CHARS_LIMIT)
        if batch:
            self._send(batch)
            return True
        return self._send_part()

    def _bring_back_due(self) -> None:
        now_s = time.monotonic()
        for run_id, unknown in self._unknown.items():
            if unknown.retry_at_s <= now_s:
                self.outbox.bring_back(run_id)
                unknown.retry_at_s = float("inf")  # in the line: set anew by the next answer

    def _send(self, batch: Sequence[Waiting]) -> None:
        is_short = len(batch) < min(self._limit, RECORDS_LIMIT // 2)
        aside = {run_id for run_id, unknown in self._unknown.items() if unknown.retry_at_s != float("inf")}
        for index, waiting in enumerate(batch if aside else ()):
            if waiting.run_id in aside:
                if index == 0:
                    self.outbox.set_aside(waiting.run_id)
                    return
                batch, is_short = batch[:index], False
                break
        body = f'{{"sender":"{self.outbox.sender}","records":[{",".join(waiting.text for waiting in batch)}]}}'
        answer = self._link.post("/ingest/records", body)
        if answer.status == _OK:
            self._stored(answer, batch)
            self.is_line_short = is_short
        else:
            self._not_stored(answer, batch)

    def _stored(self, answer: Answer, batch: Sequence[Waiting]) -> None:
        applied = answer.document.get("applied")
        if not isinstance(applied, int) or applied < batch[-1].position:
            raise ServerError(
                f"what answers at {self._link.server_url} is no ai-lab server; check LAB_SERVER_URL",
                needs_a_person=True,
            )
        self.outbox.forget(batch[-1].position)
        self.sent_records += len(batch)
        self._limit = min(RECORDS_LIMIT, self._limit * 2)
        for run_id in {waiting.run_id for waiting in batch} & self._unknown.keys():
            del self._unknown[run_id]

    def _not_stored(self, answer: Answer, batch: Sequence[Waiting]) -> None:
        named = _named_record(answer.document, len(batch))
        handle: Callable[[Waiting, Answer], None]
        if answer.status == _NOT_FOUND and (named is not None or _kind(answer.document) == _UNKNOWN_RUN):
            handle = self._wait_for_run
        elif answer.status == _FORBIDDEN and named is not None:
            handle = self._wait_for_user
        elif _is_about_content(answer, is_named=named is not None):
            handle = self._refuse
        else:
            raise failure(answer, self._link.server_url)
        if named is None and len(batch) > 1:
            self._limit = len(batch) // 2  # in order, from the front: what comes later must not be stored first
        elif named:
            self._limit = named
        else:
            handle(batch[0], answer)

    def _wait_for_run(self, waiting: Waiting, _: Answer) -> None:
        """Its start may be in the outbox of another process, such as the one that this one was forked from."""
        known = self._unknown.get(waiting.run_id)
        delay_s = _UNKNOWN_RETRY_S[0] if known is None else min(known.delay_s * 2, _UNKNOWN_RETRY_S[1])
        self._unknown[waiting.run_id] = _Unknown(time.monotonic() + delay_s, delay_s)
        self.outbox.set_aside(waiting.run_id)
        self._limit = RECORDS_LIMIT

    def _wait_for_user(self, waiting: Waiting, answer: Answer) -> None:
        """The outbox may be one that a process with the token of another user left, who can still send it."""
        if waiting.run_id not in self.foreign_runs:
            self.foreign_runs.add(waiting.run_id)
            self._report(
                f"{self._link.server_url} takes nothing of run {waiting.run_id} with this token ({answer.words}); "
                f"it is kept in {self.outbox.path}: run `python -m lab_logger sync` with the token of the user who "
                "started it"
            )
        self._wait_for_run(waiting, answer)

    def _refuse(self, waiting: Waiting, answer: Answer) -> None:
        self.outbox.reject(waiting.position, answer.words)
        self._limit = min(RECORDS_LIMIT, self._limit * 2)
        self._report(
            f"{self._link.server_url} refused a record ({answer.words}) of run {waiting.run_id}; the rest is sent, "
            f"what is refused is kept in the table `rejected` of {self.outbox.path}"
        )

    def _send_part(self) -> bool:
        if self._upload is None:
            staged = self.outbox.staged_files()
            if not staged:
                return False
            self._upload = self._begin(staged[0])
        upload = self._upload
        try:
            answer = upload.step()
            if upload.is_stored:
                upload.path.unlink(missing_ok=True)
        except OSError as error:
            self._upload = None
            raise OutboxError(f"cannot use the staged file {upload.path} ({error})") from error
        if answer is not None and answer.status not in _ABOUT_CONTENT:
            raise failure(answer, self._link.server_url)
        if answer is not None:
            self.outbox.refuse_file(upload.path, answer.words)
            self._report(
                f"{self._link.server_url} refused the content of an artifact ({answer.words}); "
                f"it is kept in {self.outbox.refused_folder / upload.path.name}"
            )
            self._upload = None
        elif upload.is_stored:
            self.sent_files += 1
            self._upload = None
        return True

    def _begin(self, path: Path) -> Upload:
        try:
            return Upload(path, self._link)
        except OSError as error:  # somebody removed it just now
            raise OutboxError(f"cannot use the staged file {path} ({error})") from error


def failure(answer: Answer, server_url: str) -> ServerError:
    """Gives the error that an answer means which is about the server, the token or the way there."""
    if answer.status == _UNAUTHORIZED:
        remedy = "set LAB_API_TOKEN to a token of that server with the role write"
    elif answer.status == _FORBIDDEN:
        remedy = "ask for a token with the role write and set it as LAB_API_TOKEN"
    elif answer.status in _TRY_AGAIN or answer.status >= _SERVER_ERROR:
        return ServerError(f"{server_url} cannot take records now ({answer.words})", retry_after_s=answer.retry_after_s)
    elif answer.location is not None:
        remedy = f"it sends on to {answer.location}: set LAB_SERVER_URL to where the server really is"
    else:
        remedy = "it is no ai-lab server, or an older one that takes no records: check LAB_SERVER_URL"
    return ServerError(f"{server_url} takes no records ({answer.words}); {remedy}", needs_a_person=True)


def _is_about_content(answer: Answer, *, is_named: bool) -> bool:
    """Tells whether the server will never take what was sent; an answer without words may come from anybody."""
    if answer.status in _ABOUT_CONTENT:
        return bool(answer.document) or answer.status == _TOO_LARGE
    return is_named and answer.status == _BAD_REQUEST


def _kind(document: Mapping[str, object]) -> str:
    return str(document.get("type", "")).rpartition(":")[2]


def _named_record(document: Mapping[str, object], count: int) -> int | None:
    """Gives the index of the record that a problem document names first, or None."""
    errors = document.get("errors")
    for error in errors if isinstance(errors, list) else ():
        index = _index_in(error) if isinstance(error, dict) else None
        if index is not None and index < count:
            return index
    return None


def _index_in(error: Mapping[str, object]) -> int | None:
    loc = error.get("loc")
    if isinstance(loc, list):
        following = [later for name, later in pairwise(loc) if name == "records"]
        return following[0] if following and isinstance(following[0], int) else None
    found = _RECORD_IN_TEXT.search(str(error.get("location", "")))
    return int(found[1]) if found else None
