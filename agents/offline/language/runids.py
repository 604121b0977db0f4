"""Run ids in a question, and words that point at runs of the answer before.

Owns telling an id from a number, a name or a word. Whether a run has the id is for the server to say.
"""

import re
from collections.abc import Sequence
from typing import Final

from agents.offline.language.names import Names
from agents.offline.language.words import NUMBER_WORDS, Token, plain

_HEX: Final = re.compile(r"[0-9a-f]{4,}")
_LEAD: Final = frozenset({"run", "runs", "id", "ids", "run_id", "experiment"})
_LINK: Final = frozenset({"and", "vs", "versus", "between", "with", "to", "against", "or", "of", "than"})
_LONG: Final = 7
_RAW: Final = re.compile(r"[\w][\w.\-/:@]*[\w]|\w")
_ORDINALS: Final = {
    "first": 0, "1st": 0, "former": 0, "top": 0, "second": 1, "2nd": 1, "latter": 1, "third": 2, "3rd": 2, "fourth": 3,
    "4th": 3, "fifth": 4, "5th": 4, "last": -1, "other": 1,
}  # fmt: skip
_ORDINAL: Final = re.compile(
    rf"\b({'|'.join(_ORDINALS)}) (?:one|run|of (?:them|those|these))\b|\bnumber (two|three|2|3)\b"
)
_NTH_ALONE: Final = re.compile(
    rf"\bthe ({'|'.join(name for name in _ORDINALS if name not in {'top', 'last', 'other'})})"
    r"(?= ?(?:,|$| to\b| as\b| for\b))"
)
_LEADING: Final = re.compile(r"\b(?:the first|the top) (two|three|four|[2-5])\b(?! (?:runs|<))")
_SEVERAL: Final = re.compile(r"\b(?:them|those|these|both|they|the (?:two|three|four|five|\d))\b")
_ONE: Final = re.compile(r"\b(?:it|its|it's|that|this|(?:that|this|the|the same) (?:run|one|experiment))\b")


def find_run_ids(text: str, tokens: Sequence[Token], names: Names) -> tuple[tuple[str, ...], frozenset[int]]:
    """Finds run ids: full ones, beginnings of four hexadecimal digits or more, and other names right behind `run`.

    Returns:
        The ids in order, as written; and the tokens they are made of.
    """
    found: dict[str, None] = {}
    taken: set[int] = set()
    for position, token in enumerate(tokens):
        if position in taken:
            continue
        if _is_id(tokens, position, names):
            found[token.lower] = None
            taken.add(position)
        elif position and tokens[position - 1].lower in {"run", "id"} and (raw := _other_id(text, token, names)):
            found[raw] = None
            end = token.start + len(raw)
            taken.update(index for index, each in enumerate(tokens) if token.start <= each.start < end)
    return tuple(found), frozenset(taken)


def pointed_at(said: str, last: Sequence[str]) -> tuple[str, ...]:
    """Gives the runs of the answer before that a question points at: `it`, `those two`, `the second one`.

    Args:
        said: The question, in small letters.
        last: The runs of the answer before, the most important first.
    """
    index = _place_in(said)
    if index is not None and last:
        return (last[index],) if -len(last) <= index < len(last) else ()
    leading = _LEADING.search(said)
    if leading is not None and last:
        return tuple(last[: int(NUMBER_WORDS.get(leading[1]) or leading[1])])
    if _SEVERAL.search(said):
        return tuple(last[: 2 if re.search(r"\b(?:two|both)\b", said) else 10])
    return tuple(last[:1]) if _ONE.search(said) else ()


def points_at_place(said: str) -> bool:
    """Tells whether a question points at a place in the answer before, be there such a run or not."""
    return _place_in(said) is not None


def _place_in(said: str) -> int | None:
    alone = _NTH_ALONE.search(said)
    if alone is not None:
        return _ORDINALS[alone[1]]
    ordinal = _ORDINAL.search(said)
    if ordinal is None:
        return None
    return _ORDINALS.get(ordinal[1] or "", {"two": 1, "2": 1}.get(ordinal[2] or "", 2))


def _is_id(tokens: Sequence[Token], position: int, names: Names) -> bool:
    token = tokens[position]
    if token.kind == "uuid":
        return True
    is_joined = token.joined or (position + 1 < len(tokens) and tokens[position + 1].joined)
    if is_joined or not _HEX.fullmatch(token.lower) or plain(token.lower) in names.words:
        return False
    before = tokens[position - 1].lower if position else ""
    if before in _LEAD and not token.lower.isalpha():
        return True
    if token.lower.isdecimal():
        return len(token.lower) > _LONG
    if token.lower.isalpha():
        return len(token.lower) > _LONG
    is_power = re.fullmatch(r"\d{1,3}e\d+", token.lower) is not None
    return not is_power or before in _LINK


def _other_id(text: str, token: Token, names: Names) -> str | None:
    """Gives a name behind `run` that is no word: it has digits or punctuation in it."""
    match = _RAW.match(text, token.start)
    raw = match.group() if match else ""
    is_name = any(map(str.isdigit, raw)) and any(map(str.isalpha, raw)) and not re.match(r"\d+(?:st|nd|rd|th)\b", raw)
    return raw if is_name and plain(raw) not in names.words and "=" not in text[token.end : token.end + 2] else None
