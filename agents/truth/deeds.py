"""Whether an answer claims a write that did not happen.

Owns the reading of sentences such as "I flagged it". What was written stands in the `Evidence`: a note that a tool
wrote for this question, or the mark that a returned run already has.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Final

from agents.fence import is_mark
from agents.truth.evidence import Evidence
from agents.wording import short_id

_FLAGGED: Final = (
    r"(?:un|re)?flagg(?:ed|ing)|(?:un|re)?publish(?:ed|ing)|promot(?:ed|ing)|(?:un)?mark(?:ed|ing)\s+"
    r"(?:(?:it|them|this|that|(?:the\s+)?(?:best\s+)?run|run\s+\S+|\S*\d\S*)\s+)?(?:as|for)"
)
_NOTED: Final = r"annotated|annotating|label+ed|tagged|starred|noted|marked|unmarked"
_MADE: Final = (
    r"set|added|put|written|updated|changed|edited|replaced|saved|recorded|attached|appended|cleared|removed|deleted|"
    r"erased|emptied|applied"
)
_CHANGED: Final = rf"{_MADE}|wrote|updates?|updating|given|gave|left|in place|now|reads|gone|on it"
_NOTE: Final = r"notes?|flags?|mark|annotation|comment|remark|publish|publication|best|bad run"
_SUBJECT: Final = r"\b(?:i|we)(?:['’]ve|\s+have)?(?:\s+(?:now|just|also|successfully|already|then|since|hereby))*\s+"
_DEED: Final = re.compile(
    rf"\b(?:{_FLAGGED})\b|{_SUBJECT}(?:{_NOTED})\b|"
    rf"\b(?:{_NOTE})\b[^.;]*?\b(?:{_CHANGED})\b|\b(?:{_CHANGED})\b\s+(?:\S+\s+){{0,5}}?[\"'`]?(?:{_NOTE})\b",
    re.IGNORECASE,
)
_NOTE_NAMED: Final = re.compile(r"\b(?:[Nn]otes?|[Ff]lags?|[Aa]nnotation|[Cc]omment|[Rr]emark|PUBLISH|BAD RUN)\b")
_MARK_NAMED: Final = re.compile(r"\bPUBLISH\b|\b(?:[Pp]ublish|[Pp]ublication) flag\b")
"""What no clause says of a run that has no mark, whatever the verb."""
_SOLEMN: Final = re.compile(rf"\b(?:{_FLAGGED})\b|{_SUBJECT}(?:{_NOTED})\b", re.IGNORECASE)
_OWN: Final = re.compile(
    rf"\b(?:was|were|been|got)\s+(?:\w+\s+)?(?:{_MADE})\b|{_SUBJECT}|\bi['’]m\b|\bjust\b|\bsuccess|\bdone\b|"
    r"\bnow\b|\bas (?:you )?(?:asked|requested|instructed)",
    re.IGNORECASE,
)
_OBLIGING: Final = re.compile(
    r"^\W*(?:(?:it['’]?s|that['’]?s|all|everything|and|it|that|is|been|has|ok(?:ay)?|yes|sure|now)\W+)*done\b|"
    r"\bsuccessful|"
    r"\bas (?:you )?(?:asked|requested|instructed|wished)\b|\btaken care of\b",
    re.IGNORECASE,
)
_NOT_SO: Final = re.compile(
    r"(?:\b(?:not|no|never|none|nothing|nobody|cannot|without|unable|failed|neither|nor|if|whether|unless|before|once|"
    r"until|when|can|could|would|should|may|might|must|shall|will|to be|to get|want|like|which|who|what|how)\b|"
    r"n['’]t\b)(?!\s+(?:problem|problems|worries|doubt|only|just)\b)(?:(?!\b(?:i|we)\b)[^,;:.]){0,50}$",
    re.IGNORECASE,
)
_NOT_SO_AFTER: Final = re.compile(
    r"^[^,;:.]{0,30}(?:\bnot\b|\bno longer\b|\bnever\b|n['’]t\b|\bfailed\b|\brefused\b)", re.I
)
_SEVERAL: Final = re.compile(
    r"\b(?:both|all|each|every|two|three|four|five|[2-9]|these|those|them|they|runs)\b", re.IGNORECASE
)
_CLAUSE: Final = re.compile(r"(?<=[.!?;,:])\s+|\n+")
_QUOTED: Final = re.compile(r'"[^"]*"|`[^`]*`|“[^”]*”')
_MARKED_QUOTE: Final = re.compile(r"\W*(?:publish|best|bad run)\b", re.IGNORECASE)


def false_deeds(text: str, evidence: Evidence, *, asked: bool) -> list[str]:
    """Gives what is to be said of sentences that claim a write which did not happen.

    Args:
        text: The answer.
        evidence: What the tools returned and wrote.
        asked: Whether the user asked for a write: then "done" claims one too.
    """
    found: list[str] = []
    named: list[str] = []
    for clause in _CLAUSE.split(_QUOTED.sub(_without_words, text)):
        here = [run_id for run_id in evidence.known_ids if short_id(run_id).lower() in clause.lower()]
        named = here or ([] if _SEVERAL.search(clause) else named)
        if _is_false(clause, named, evidence, asked=asked):
            found.append(f"the claim that something was written ({clause.strip()[:200]!r})")
    return found


def _is_false(clause: str, named: list[str], evidence: Evidence, *, asked: bool) -> bool:
    written = evidence.written
    if asked and written is None and _OBLIGING.search(clause) and not _NOT_SO.search(clause):
        return True
    deeds = list(_claimed(clause, is_of_run=bool(named)))
    if not deeds:
        return False
    is_flag = any(re.match(r"(?:re)?(?:flag|publish|promot|mark)", deed, re.IGNORECASE) for deed in deeds)
    done = set(evidence.marked) if is_flag else {*evidence.marked, *evidence.noted}
    if written is not None and (not is_flag or is_mark(written.run.note)):
        done.add(written.run.run_id)
    if named:
        is_own = _OWN.search(clause) is not None
        own = {*evidence.marked_before, *([written.run.run_id] if written is not None else [])}
        return not set(named) <= done or (is_own and not own & set(named))
    if _SEVERAL.search(clause):
        return len(done) < 2 or _OWN.search(clause) is not None  # noqa: PLR2004 - several are two at least
    if written is not None:
        return written.run.run_id not in done
    return not done or _OWN.search(clause) is not None


def _claimed(clause: str, *, is_of_run: bool) -> Iterator[str]:
    """Gives the words by which a clause asserts a write, or that one was made."""
    if clause.rstrip().endswith("?"):
        return
    marks = _MARK_NAMED.finditer(clause) if is_of_run else iter(())
    for match in itertools.chain(_DEED.finditer(clause), marks):
        is_about_notes = _SOLEMN.search(match[0]) or _NOTE_NAMED.search(match[0])
        before, after = clause[: match.start()], clause[match.end() :]
        if is_about_notes and not _NOT_SO.search(before + " ") and not _is_undone(match[0], after):
            yield match[0]


def _is_undone(deed: str, after: str) -> bool:
    inner = re.search(
        r"\b(?:not|no|never|without|cannot|can|could|would|should|to be|if)\b|n['’]t\b", deed, re.IGNORECASE
    )
    return inner is not None or _NOT_SO_AFTER.search(after) is not None


def _without_words(match: re.Match[str]) -> str:
    """Leaves of a quotation only whether it is a mark."""
    inside = match[0][1:-1]
    return f'"{inside.split()[0]}"' if _MARKED_QUOTE.match(inside) else '"…"'
