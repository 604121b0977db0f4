"""The words that a question wants searched for.

Owns telling them from the words around them.
"""

import re
from collections.abc import Sequence
from typing import Final

from agents.offline.language.english import COMMON
from agents.offline.language.words import Token

_QUOTED: Final = re.compile(r"\"([^\"]+)\"|“([^”]+)”|'([^']{2,})'(?!\w)|`([^`]+)`")
_TRIGGER: Final = frozenset(
    """
    mention mentions mentioned mentioning contain contains containing about for says say saying said reads related
    regarding concerning with like to word words grep search something anything up keyword text phrase has have
    through
    """.split()  # noqa: SIM905 - a list of quoted words would be unreadable
)
_GLUE: Final = frozenset(
    """
    a an the any all my our your me i we you of in its their his her this that it note notes comment comments
    command commands run runs experiment experiments which who whose where what find show list search look looking
    get give mention mentions mentioned mentioning contain contains containing about for says say saying said reads
    is are was were with please related to regarding something anything did do does write wrote written noted word
    words text up and or somewhere there have has had can could one ones them those from on at grep keyword phrase
    through by everything every logs log pls remark remarks down let us want need be been summaries summary
    """.split()  # noqa: SIM905
)
_MAX_WORDS: Final = 6


def search_words(text: str, tokens: Sequence[Token], written: Sequence[Token]) -> str | None:
    """Gives the words to search for: what is quoted, else what stands behind the last word that asks to search.

    Args:
        text: The question.
        tokens: Its tokens, misspellings put right.
        written: Its tokens as they were written.

    Returns:
        The words as they were written, those that carry no meaning left out; None where there is none.
    """
    quoted = _QUOTED.search(text)
    if quoted is not None:
        return next(group for group in quoted.groups() if group)
    triggers = [position for position, token in enumerate(tokens) if token.lower in _TRIGGER]
    for start in reversed(triggers):
        words = _meaningful(tokens, written, start=start + 1)
        if words:
            return " ".join(words[:_MAX_WORDS])
    words = _meaningful(tokens, written, start=0)
    return " ".join(words[:_MAX_WORDS]) or None


def _meaningful(tokens: Sequence[Token], written: Sequence[Token], *, start: int) -> list[str]:
    kept = [
        own.text
        for token, own in zip(tokens[start:], written[start:], strict=True)
        if token.kind in {"word", "number", "date", "uuid"} and token.lower not in _GLUE
    ]
    rare = [word for word in kept if word.lower() not in COMMON]
    return kept if len(kept) <= 2 else rare or kept  # noqa: PLR2004 - two words are no sentence
