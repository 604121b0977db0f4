"""Whether a question asks for a note to be written, and what may then be written.

Owns the one decision that nothing out of the store can sway: it looks at the user's own words alone. At most one note
is written for a question, on a run that the user named or a tool returned, in words that the user used.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from tools.functions import PUBLISH

MARKS: Final = (PUBLISH, "BEST", "BAD RUN")
"""The notes that mark a run; a flagged run has one of them."""

FLAG_TOOL: Final = "flag_run_for_publish"
NOTE_TOOL: Final = "update_note"

_QUOTE: Final = "§"
"""What stands for a quotation: what is quoted is no order."""
_QUOTATION: Final = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|`[^`\n]*`|(?<!\w)'[^'\n]*'(?!\w)|\u2018[^’\n]*’")
_REPORTED: Final = re.compile(
    r"\b(?:say|says|said|saying|read|reads|reading|wrote|writes|written|told\s+\w+|tells?\s+\w+|asks?|asked|orders?|"
    r"quote|text|message|contains?|containing|called|titled)\s*:[^\n]*",
    re.IGNORECASE,
)
_DANGLING_NOT: Final = re.compile(
    r"(?:\b(?:not|never)|n['’]t)\b\s*(?:,[^,.!?;\n]*,|\([^)]*\)|[-–—][^-–—.!?;\n]*[-–—])[^.!?;,\n]*", re.IGNORECASE
)
_CLAUSE_BREAK: Final = re.compile(r"[.!?;:,\n]+\s*|\s+(?:and then|and|then|but)\s+|\s+[-–—]\s+", re.IGNORECASE)
_POLITE: Final = re.compile(
    r"^(?:please|pls|plz|kindly|now|ok(?:ay)?|hey|hi|so|also|just|finally|next|and|then|after that|afterwards|"
    r"go ahead and|go on and|(?:can|could|would|will) you|(?:i|we)(?:'d|’d| would) like (?:you )?to|"
    r"(?:i|we) want (?:you )?to|(?:i|we) need (?:you )?to|let(?:'s|’s| us|s)|you (?:can|may|should)|"
    r"be so kind (?:and|(?:as )?to)|make sure (?:to|you)|remember to|(?:do not|don['’]?t) forget to|do)\b[\s,]*",
    re.IGNORECASE,
)
_NOUN: Final = (
    r"-|\s+(?:is|was|are|were|means?|status|state|counts?|list|date|day|time|history|column|field|names?|rates?|ready|"
    r"noise|smoothing|values?|distribution|encoding|my words|schema|cloud|of|in|on the)\b|\s*$"
)
"""What follows a word that is no order but names a thing: "publish date", "label noise"."""
_FLAG_WORD: Final = r"(?:flag|falg|flga|publi?sh|promote)"  # two of them as hasty fingers spell them
_FLAG: Final = re.compile(rf"^{_FLAG_WORD}\b(?!{_NOUN})|^{_FLAG_WORD}$", re.IGNORECASE)
_MARK: Final = re.compile(rf"^(?:mark|label|tag|star)\b(?!{_NOUN})", re.IGNORECASE)
_WORDS_BETWEEN: Final = (
    rf"\s+(?!me\b|us\b|out\b)(?:(?!(?:list|table|summary|report|overview|chart|csv|leaderboard|runs|with|without|having|"
    rf"whose)\b)[\w'’{_QUOTE}/-]+\s+){{0,8}}?"
)
_NOTED: Final = r"(?:notes?|comments?|remarks?|annotations?)\b"
_NOTE: Final = re.compile(
    rf"^(?:annotate\b|note\s+(?:down|on|onto|it|{_QUOTE})(?:\s|$)|"
    rf"(?:add|set|write|leave|put|attach|append|change|update|edit|replace|make|save|record|give)"
    rf"{_WORDS_BETWEEN}{_NOTED}|(?:jot|write)\s+down\b)",
    re.IGNORECASE,
)
_CLEAR: Final = re.compile(
    rf"^(?:unflag|unmark|unpublish)\b|^(?:clear|remove|delete|drop|erase|empty|reset|take)"
    rf"{_WORDS_BETWEEN}(?:{_NOTED}|flags?\b|marks?\b)",
    re.IGNORECASE,
)
_GIVE_FLAG: Final = re.compile(
    rf"^(?:set|put|add|give){_WORDS_BETWEEN}(?:flag|mark|publish)\b(?!\s+(?:status|counts?|list|date))", re.IGNORECASE
)
_MARK_WORDS: Final = {"BEST": frozenset({"best"}), "BAD RUN": frozenset({"bad", "worst", "broken", "wrong"})}

_WORD: Final = re.compile(r"\w+")
_TOKEN: Final = re.compile(r"[\w.:/-]*\w")
_CALLED_RUN: Final = re.compile(r"\b(?:run|id)\s+#?([\w.:/-]*\w)", re.IGNORECASE)
_HEX_ID: Final = re.compile(r"(?=[0-9a-f-]*\d)(?=[0-9a-f-]*[a-f])[0-9a-f][0-9a-f-]{6,}", re.IGNORECASE)
_MIN_NAME_CHARS: Final = 4
_WHOLE_WORD_CHARS: Final = 8


@dataclass(frozen=True)
class WriteRequest:
    """What a question allows to be written.

    Attributes:
        tools: The writing tools to offer; none when the question does not ask for a write.
        may_clear: Whether the note may be emptied.
    """

    tools: frozenset[str]
    may_clear: bool = False


def asked_write(question: str) -> WriteRequest:
    """Tells what a question asks to be written: imperatives count; questions, negations and quotations do not."""
    tools: set[str] = set()
    may_clear = False
    for clause in _clauses(question):
        if _CLEAR.search(clause):
            tools.add(NOTE_TOOL)
            may_clear = True
        elif _FLAG.search(clause) or _MARK.search(clause) or _GIVE_FLAG.search(clause):
            tools.add(FLAG_TOOL)
            if not _FLAG.search(clause) or _names_mark(clause):
                tools.add(NOTE_TOOL)
        elif _NOTE.search(clause):
            tools.add(NOTE_TOOL)
    return WriteRequest(frozenset(tools), may_clear)


def is_mark(note: str | None) -> bool:
    """Tells whether a note marks its run, as a flag does."""
    return (note or "").upper().startswith(MARKS)


class Fence:
    """Guards the writes of one question.

    Args:
        question: The user's words.
    """

    def __init__(self, question: str) -> None:
        self._question = question
        self._words = set(_words(question))
        self._is_spent = False
        self._is_refused = False
        self.request = asked_write(question)
        """What the question allows."""

    @property
    def open_tools(self) -> frozenset[str]:
        """The writing tools that may still be used."""
        return frozenset() if self._is_spent else self.request.tools

    @property
    def may_be_written(self) -> bool:
        """Whether the one note was sent to the server, which did not refuse it."""
        return self._is_spent and not self._is_refused

    def refusal(self, tool: str, arguments: dict[str, Any], *, known_ids: Collection[str]) -> str | None:
        """Says why a write is not let through; None when it is.

        Args:
            tool: The writing tool.
            arguments: Its arguments, as the model gave them.
            known_ids: Ids of runs that a tool returned in this conversation.
        """
        if tool not in self.request.tools:
            return "the user did not ask for a note to be written, so nothing is written"
        if self._is_spent:
            return "one note was written for this question already; no other is"
        run_id = str(arguments.get("run_id", ""))
        named = self._named_runs(known_ids)
        if named and not any(_names(name, run_id, known_ids) for name in named):
            return f"the user named {', '.join(named)}, so no note is written on {run_id}"
        if not named and not _fits_any(run_id, known_ids):
            return f"{run_id} was neither named by the user nor returned by a tool; find the run first"
        return self._refused_note(arguments) if tool == NOTE_TOOL else None

    def spend(self) -> None:
        """Remembers that the one note was written, or may have been."""
        self._is_spent = True

    def take_refusal(self) -> None:
        """Remembers that the server refused the one note, so that nothing was written."""
        self._is_refused = True

    def _named_runs(self, known_ids: Collection[str]) -> list[str]:
        """Gives what the user names runs by: beginnings of known ids, and what can be nothing but an id."""
        called = {match[1] for match in _CALLED_RUN.finditer(self._question)}
        tokens = [match[0].removesuffix("'s") for match in _TOKEN.finditer(self._question)]
        return [
            token
            for token in dict.fromkeys(tokens)
            if _HEX_ID.fullmatch(token)
            or token in known_ids
            or (_may_name(token, is_called=token in called) and _fits_any(token, known_ids))
        ]

    def _refused_note(self, arguments: dict[str, Any]) -> str | None:
        note = str(arguments.get("note", ""))
        words = _words(note)
        if not words:
            return None if self.request.may_clear else "the user did not ask to clear the note"
        if self._is_asked_mark(note.strip().upper()):
            return None
        foreign = [word for word in words if word not in self._words]
        if foreign:
            return f"the note may hold the user's own words alone; these are not: {', '.join(foreign[:5])}"
        return None

    def _is_asked_mark(self, mark: str) -> bool:
        """Tells whether a note is the very mark that the user asked for."""
        if mark == PUBLISH:
            return FLAG_TOOL in self.request.tools
        return bool(self._words & _MARK_WORDS.get(mark, frozenset()))


def _clauses(question: str) -> list[str]:
    """Gives the parts of a question that may each be an order, without what is polite around them."""
    bare = question.strip()
    whole = _QUOTATION.fullmatch(bare)
    told = bare[1:-1] if whole else _QUOTATION.sub(_QUOTE, bare)
    told = _DANGLING_NOT.sub(" not ", _REPORTED.sub(":", told))
    clauses = []
    for part in _CLAUSE_BREAK.split(told):
        clause = part.strip().strip("\"'`*")
        while (shorter := _POLITE.sub("", clause, count=1)) != clause:
            clause = shorter
        clauses.append(clause)
    return clauses


def _names_mark(clause: str) -> bool:
    return re.search(r"\b(?:best|bad|note)\b", clause, re.IGNORECASE) is not None


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _may_name(token: str, *, is_called: bool) -> bool:
    """Tells whether a word may be the beginning of an id: not a short one of letters or of digits alone.

    Args:
        token: The word.
        is_called: Whether it stands behind `run`; then digits alone may be one, too.
    """
    has_digit, has_letter = any(c.isdigit() for c in token), any(c.isalpha() for c in token)
    is_mixed = has_digit and (has_letter or is_called)
    return len(token) >= _WHOLE_WORD_CHARS or (len(token) >= _MIN_NAME_CHARS and is_mixed)


def _fits_any(prefix: str, run_ids: Collection[str]) -> bool:
    return bool(prefix) and any(run_id.lower().startswith(prefix.lower()) for run_id in run_ids)


def _names(name: str, run_id: str, known_ids: Collection[str]) -> bool:
    """Tells whether a name the user gave fits the run that an id, perhaps a shortened one, stands for."""
    full = [known for known in known_ids if known.lower().startswith(run_id.lower())] if run_id else []
    meant = full[0] if len(full) == 1 else run_id
    return bool(run_id) and meant.lower().startswith(name.lower())
