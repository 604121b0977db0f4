"""Everything that was found in a question: its words put right, its names, numbers, dates and ids.

Owns the order in which these are looked for, and the masked text. What they ask for is for others to say.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.offline.language.dates import Period, find_period
from agents.offline.language.names import Kind, Names
from agents.offline.language.runids import find_run_ids
from agents.offline.language.spelling import corrected, mended_dates
from agents.offline.language.vocabulary import Mention, find_mentions
from agents.offline.language.words import Token, tokenize
from agents.offline.reading.bounds import NumberReader, Numbers

_MAX_WORDS: Final = 150
_CLOCK: Final = re.compile(r"(?<![\w:])\d{1,2}:\d\d(?::\d\d)?(?![\w:])")
_STATES: Final = re.compile(r"runs? (?:finished|failed|killed|running|completed|crashed)", re.IGNORECASE)


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        text: The question.
        written: Its tokens as they were written.
        tokens: Its tokens, misspellings put right.
        period: The time it names.
        run_ids: The run ids it names.
        mentions: The names of the store in it.
        numbers: What its numbers say.
        read: Tokens that are part of a date, an id or a number that was understood.
        masked: Its words with one such as `METRIC` for each name, number, date and id.
    """

    text: str
    written: Sequence[Token]
    tokens: Sequence[Token]
    period: Period | None
    run_ids: tuple[str, ...]
    mentions: Sequence[Mention]
    numbers: Numbers
    read: frozenset[int]
    masked: str

    def free(self, kind: Kind) -> list[Mention]:
        """Gives the mentions of a kind that no number belongs to."""
        return [
            mention
            for index, mention in enumerate(self.mentions)
            if mention.first.kind == kind and index not in self.numbers.mentions
        ]

    def words(self, start: int, end: int) -> str:
        """Gives the words from one token up to another."""
        return " ".join(token.lower for token in self.tokens[max(0, start) : end])


def find_all(text: str, names: Names, *, now: datetime) -> Findings:
    """Finds everything in a question, in its first `_MAX_WORDS` words.

    Args:
        text: The question.
        names: The names of the store.
        now: The moment it is asked, with a time zone.
    """
    written = tokenize(text)[:_MAX_WORDS]
    period, dated = _find_period(text, written, now=now)
    run_ids, id_tokens = find_run_ids(text, written, names)
    fixed = dated | id_tokens
    tokens = corrected(written, names, fixed=fixed)
    clocks = frozenset(
        at for match in _CLOCK.finditer(text) for at, token in enumerate(tokens)
        if at not in fixed and match.start() <= token.start < match.end()
    )  # fmt: skip
    mentions = _but_states(find_mentions(text, tokens, names, taken={*fixed, *clocks}), tokens)
    numbers = NumberReader(tokens, mentions, names, taken=fixed | clocks).read()
    masked = _mask(tokens, mentions, {"WHEN": dated, "ID": id_tokens, "NUMBER": numbers.tokens})
    return Findings(text, written, tokens, period, run_ids, mentions, numbers, fixed | numbers.tokens, masked)


def _find_period(text: str, tokens: Sequence[Token], *, now: datetime) -> tuple[Period | None, frozenset[int]]:
    """Finds the time that a question names, misspelled if need be, and the tokens that say it."""
    starts = [token.start for token in tokens]
    period = find_period(text, now=now)
    if period is None:
        mended, starts = mended_dates(text, tokens)
        period = find_period(mended, now=now)
    if period is None:
        return None, frozenset()
    return period, frozenset(at for at, start in enumerate(starts) if period.start <= start < period.end)


def _but_states(mentions: list[Mention], tokens: Sequence[Token]) -> list[Mention]:
    """Leaves out a metric such as `runs_finished` where it is written as `runs finished`, which tells of states."""
    return [
        mention
        for mention in mentions
        if not _STATES.fullmatch(mention.text) or any(each.joined for each in tokens[mention.start + 1 : mention.end])
    ]


def _mask(tokens: Sequence[Token], mentions: Sequence[Mention], others: dict[str, frozenset[int]]) -> str:
    """Gives the words of a question, a comma for each break, one capital word for each thing that was found."""
    starts = {mention.start: mention for mention in mentions}
    covered = {position for mention in mentions for position in range(mention.start + 1, mention.end)}
    words: list[str] = []
    for position, token in enumerate(tokens):
        if position in covered:
            continue
        if token.breaks and position:
            words.append(",")
        found = next((mask for mask, positions in others.items() if position in positions), None)
        if position in starts:
            words.append(starts[position].first.kind.upper())
        elif found is None:
            words.append(token.lower)
        elif words[-1:] != [found]:
            words.append(found)
    return " ".join(words)
