"""Looks over the way to the server: whether it answers, what it says to the token, what waits to be sent.

Owns these checks, which `doctor` shows. It changes nothing, here and on the server.
"""

import time
from typing import TYPE_CHECKING

from lab_logger import outboxes
from lab_logger.backlog import Backlog
from lab_logger.delivery import failure
from lab_logger.errors import OutboxError, ServerError
from lab_logger.link import Link
from lab_logger.sender import left_words
from lab_logger.settings import Settings

if TYPE_CHECKING:
    from lab_logger.doctor import Report

_OK = 200
_EMPTY_BEAT = '{"run_ids":[]}'
_OLD_S = 60.0


def examine(server_url: str, settings: Settings, report: "Report") -> None:
    """Examines the server that the settings name, and what waits for it."""
    report.add("server", f"{server_url} (LAB_SERVER_URL): runs are recorded there, not in the store")
    _examine_answer(Link(server_url, settings.api_token), report)
    _examine_outboxes(server_url, settings, report)


def _examine_answer(link: Link, report: "Report") -> None:
    try:
        answer = link.post("/ingest/heartbeat", _EMPTY_BEAT)  # asks for no run: it says whether one might be recorded
    except ServerError as error:
        problem = f"{error}; start it or set LAB_SERVER_URL to where it is; runs are kept here until then"
        report.add("answer", "none", problem=problem)
        return
    finally:
        link.close()
    if answer.status == _OK and isinstance(answer.document.get("unknown"), list):
        report.add("answer", "it takes records")
    elif answer.status == _OK:
        report.add("answer", "not of an ai-lab server", problem=f"{link.server_url} is another program's address")
    else:
        report.add("answer", answer.words, problem=str(failure(answer, link.server_url)))


def _examine_outboxes(server_url: str, settings: Settings, report: "Report") -> None:
    is_anything = False
    for found in outboxes.backlogs(outboxes.places(server_url, settings.outbox)):
        if isinstance(found, OutboxError):
            report.add("outbox", "cannot be read", problem=f"{found}; move it aside only if you can spare its runs")
            is_anything = True
            continue
        if not found.is_empty:
            is_anything = True
            _report_waiting(found, report)
        if found.rejected:
            is_anything = True
            words = f"{found.rejected} records in {found.path} were refused by the server"
            said = f" ({found.refusal})" if found.refusal else ""
            remedy = "its table `rejected` and the folder beside it hold each; delete the file once you have seen them"
            report.add("outbox", words, problem=f"{words}{said}; {remedy}")
    if not is_anything:
        report.add("outbox", "nothing waits")


def _report_waiting(found: Backlog, report: "Report") -> None:
    age_s = 0.0 if found.oldest_ms is None else max(0.0, time.time() - found.oldest_ms / 1000)
    oldest = f", the oldest for {_duration(age_s)}" if found.oldest_ms is not None else ""
    words = f"{left_words(found)} wait in {found.path}{oldest}"
    is_left = age_s > _OLD_S or found.oldest_ms is None
    report.add("outbox", words, problem=f"{words}; send them: python -m lab_logger sync" if is_left else None)


def _duration(seconds: float) -> str:
    for unit, size_s in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.0f} {unit}"
    return f"{seconds:.0f} seconds"
