"""What a question asks to be written on a run.

Owns telling a mark from a note, and the note's words from the words around it. Whether anything may be written is
decided elsewhere, by the tools that are offered.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from agents.offline.language.english import COMMON
from agents.offline.language.spelling import nearest

FLAG: Final = "flag_run_for_publish"
NOTE: Final = "update_note"

_ORDERS: Final = ("flag", "publish", "published", "mark", "note", "annotate", "comment", "unflag", "label", "best")
_QUOTED: Final = re.compile(r"\"([^\"]+)\"|“([^”]+)”|'([^']{2,})'(?!\w)|`([^`]+)`")
_ABOUT_NOTES: Final = re.compile(
    r"\b(?:notes?|annotate|comment|remark|write|jot|add|put|attach|append|record|leave|say|saying|remember)\b",
    re.IGNORECASE,
)
_ABOUT_WRITING: Final = re.compile(
    r"\b(?:un)?(?:flag|publish|promote|mark|label|tag|star|annotate|note|comment|remark|annotation)|"
    r"\b(?:write|jot|remember)\b",
    re.IGNORECASE,
)
_CLEAR: Final = re.compile(
    r"\b(?:unflag|unmark|unpublish)\b|\b(?:clear|remove|delete|drop|erase|empty|reset)\b.*"
    r"\b(?:notes?|comment|remark|annotation|flag|mark)\b",
    re.IGNORECASE,
)
_BAD: Final = re.compile(
    r"\s*\b(?:as|is|to|:)?\s*(?:an?|the)?\s*bad(?:[ _]run)?\b\s*[.!?]*\s*$|\bbad[ _]run\b", re.IGNORECASE
)
_BEST: Final = re.compile(
    r"\s*\b(?:as|with|to)\s+(?:an?|the|my|our)?\s*[\"']?best\b(?: (?:run|one|so far))*[\"']?\s*[.!?]*\s*$",
    re.IGNORECASE,
)
_PUBLISH: Final = re.compile(
    r"\s*\b(?:for|as|to|with|be)?\s*[\"']?(?:publish(?:ed|able|ing)?|publication)\b[\"']?", re.IGNORECASE
)
_ORDERING: Final = re.compile(
    r"(?:(?:please|also|now|just|can you|could you) )*(?:(?:flag|publish|unflag|unmark|mark|label|tag|star|annotate)\b|"
    r"(?:clear|remove|delete|add|write|put|leave|set) (?:\w+ ){0,3}(?:notes?|comments?|remarks?|flags?|marks?)\b|"
    r"note (?:on|down)\b)(?! (?:is|was|are|were)\b)",
    re.IGNORECASE,
)
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE | re.DOTALL)
    for form in (
        r"^(?P<rest>.*?):\s+(?P<note>.+)$",
        r"^(?P<rest>.*?(?<!\d)):(?P<note>.+)$",
        r"^(?P<rest>\s*(?:please )?(?:write|jot|"
        r"note)(?: down)? that\s+(?:run\s+)?(?:(?=[0-9a-f-]*\d)[0-9a-f][\w-]{3,}|it|this run|"
        r"that run))\s+(?P<note>.+)$",
        r"^(?P<rest>.*?)\b(?:saying|that says|which says|reading|stating|to say|says)\s+(?:that\s+)?(?P<note>.+)$",
        r"^(?P<rest>.*?\bnotes?\s+that\s+(?:run\s+)?(?:[0-9a-f][\w-]{3,}|it|this run|that run))\s+(?P<note>.+)$",
        r"^(?P<rest>.*?\b(?:note|comment|remark)\b.*?)\s+to\s+(?P<note>.+)$",
        r"^(?P<rest>.*?\bannotate\b.*?)\s+(?:with|as)\s+(?P<note>.+)$",
        r"^(?P<rest>.*?\b(?:label|tag|mark)\b.*?)\s+(?:as|with)\s+(?:an?\s+|the\s+)?(?P<note>.+)$",
        r"^(?P<before>.*?\b(?:add|write|put|leave|attach|append|give)\b)\s+(?:the |a )?(?:note|comment|"
        r"remark)?\s*(?P<note>.+?)\s+"
        r"(?P<rest>(?:as (?:a |the )?(?:note|comment)\s+)?(?:to|on|for|in)\s+.+)$",
        r"^(?P<rest>.*?\bnote\s+(?:on|for|to)\s+(?:run\s+)?[0-9a-f][\w-]{3,})\s+(?P<note>.+)$",
    )
)


@dataclass(frozen=True, slots=True)
class NoteAsked:
    """What is to be written.

    Attributes:
        kind: A mark such as PUBLISH, or a note in the user's words.
        note: The mark or note; empty to clear it; None when a note is asked for and no words are given.
        rest: The question without those words: which run it is.
    """

    kind: Literal["flag", "note"]
    note: str | None
    rest: str


def read_note(question: str) -> NoteAsked | None:
    """Reads what a question wants written, and on what; None where it speaks of no note and no mark."""
    question = _mended(question)
    if not _ABOUT_WRITING.search(question):
        return None
    if _CLEAR.search(question):
        return NoteAsked("note", "", question)
    quoted = next((match for match in _QUOTED.finditer(question)), None)
    is_inside = quoted is not None and re.search(r":\s*[^\s\"“'`]", question[: quoted.start()]) is not None
    if quoted is not None and not is_inside and _ABOUT_NOTES.search(question):
        note = next(group for group in quoted.groups() if group)
        return _as_mark(note, question[: quoted.start()] + " " + question[quoted.end() :])
    if not re.search(r"\bnotes?\b|\bcomment\b|\bremark\b|\bannotate\b", question, re.IGNORECASE):
        marked = _marked(question)
        if marked is not None:
            return marked
    for form in _FORMS:
        match = form.search(question.strip())
        if match is not None:
            before = match.groupdict().get("before") or ""
            return _as_mark(_unquoted(match["note"]), f"{before} {match['rest']}".strip())
    return _marked(question) or NoteAsked("note", None, question)


def n_orders(question: str) -> int:
    """Counts the parts of a question that each order a mark or a note; what is quoted or follows a colon is none."""
    told = re.split(r":", _QUOTED.sub(" ", question), maxsplit=1)[0]
    parts = re.split(r"[,;.!?\n]+\s*|\b(?:and then|and|then|but)\b", _mended(told))
    return sum(_ORDERING.match(part.strip()) is not None for part in parts)


def _mended(question: str) -> str:
    """Puts right the words that ask for a write; what is quoted or follows a colon stays as it is."""
    end = min((place for mark in ":\"“'`" if (place := question.find(mark)) >= 0), default=len(question))
    return re.sub(r"[A-Za-z]{4,}", _mended_word, question[:end]) + question[end:]


def _mended_word(match: re.Match[str]) -> str:
    word = match[0].lower()
    near = None if word in COMMON or word in _ORDERS else nearest(word, _ORDERS)
    return near[1] if near is not None else match[0]


def _unquoted(note: str) -> str:
    """Gives a note without the quotation marks around the whole of it."""
    bare = note.strip()
    is_quoted = len(bare) > 1 and bare[0] in "\"'`" and bare[-1] == bare[0] and bare[0] not in bare[1:-1]
    return bare[1:-1].strip() if is_quoted else bare


def _marked(question: str) -> NoteAsked | None:
    for form, mark in ((_BAD, "BAD RUN"), (_BEST, "BEST"), (_PUBLISH, "PUBLISH")):
        if form.search(question):
            return NoteAsked("flag", mark, form.sub(" ", question))
    if re.search(r"\b(?:flag|publish|promote|star)\b", question, re.IGNORECASE):
        return NoteAsked("flag", "PUBLISH", question)
    return None


def _as_mark(note: str, rest: str) -> NoteAsked:
    mark = re.sub(r"[\s_]+", " ", note.strip(" .!?")).upper()
    if mark in {"PUBLISH", "BEST", "BAD RUN"}:
        return NoteAsked("flag", mark, rest)
    if mark == "BAD":
        return NoteAsked("flag", "BAD RUN", rest)
    return NoteAsked("note", note, rest)
