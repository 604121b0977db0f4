"""Words that were misspelled, put right.

Owns the choice between the words of a question about runs and the names of a store. It must not touch a word that is
known as it stands.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from agents.offline.language.english import COMMON, CUES, DATE_WORDS
from agents.offline.language.names import Names
from agents.offline.language.words import FIELD, Token, plain, stem

_TOP: Final = re.compile(r"(?:top|best|worst|last)\d+")
_SHORT: Final = 4
_LONG: Final = 9
_SHORT_WORDS: Final = frozenset({"how", "the", "run", "all", "top", "and", "for", "val", "acc", "svm", "best", "runs"})
_MEASURES: Final = frozenset({"accuracy", "accurate", "loss", "losses"})
"""Words of English that name a metric wherever a store has it."""
_EVERYDAY: Final = tuple(sorted(word for word in COMMON if len(word) > _SHORT))
_TERMS: Final = frozenset(
    """
    adam adamw nadam radam adagrad adadelta rmsprop sgd lion lamb mse rmse mae mape nll f1 auc bleu rouge lasso
    ridge relu gelu tanh lstm gru bert gpt mnist fmnist cifar mars wer cer map
    """.split()  # noqa: SIM905 - a list of quoted words would be unreadable
)
"""Names of the field, which are no misspellings of each other."""


def corrected(tokens: Sequence[Token], names: Names, *, fixed: frozenset[int]) -> list[Token]:
    """Gives tokens with misspelled words put right in `lower`; `text` stays as it was written.

    Args:
        tokens: The tokens of a question.
        names: The store's names.
        fixed: Tokens that are not words of English or of the store, such as run ids.
    """
    return [
        token if position in fixed or is_known(token, names) else _corrected(token, names)
        for position, token in enumerate(tokens)
    ]


def is_known(token: Token, names: Names) -> bool:
    """Tells whether a token stands for something as it is: a word of English, of the field, or of the store."""
    word = token.lower
    if (
        token.kind != "word"
        or word in COMMON
        or word in _TERMS
        or word in FIELD
        or stem(word) in COMMON
        or _TOP.fullmatch(word)
    ):
        return True
    word = word.partition("'")[0]
    return word in COMMON or word in names.words or stem(word) in names.words


def is_other_name(token: Token, names: Names) -> bool:
    """Tells whether a token is a word of the field, or of none, that this store does not have: `perplexity`."""
    word = token.lower
    if token.kind != "word" or word in _MEASURES:
        return token.kind == "word"
    return not any(each in COMMON or each in names.words for each in (word, stem(word)))


def _corrected(token: Token, names: Names) -> Token:
    word = plain(token.lower)
    options = [nearest(word, names.spellings), nearest(word, tuple(_english()))]
    found = [option for option in options if option is not None]
    if not found and len(word) > _SHORT:
        found = [option for option in [nearest(word, _EVERYDAY)] if option is not None]
    if not found:
        return token
    _, meant = min(found, key=lambda option: option[0])  # the store's name, where both are as near
    return replace(token, lower=meant)


def mended_dates(text: str, tokens: Sequence[Token]) -> tuple[str, list[int]]:
    """Gives a text with misspelled words for times put right, and where each of its tokens then starts."""
    mended, starts, end = "", [], 0
    for token in tokens:
        mended += text[end : token.start]
        starts.append(len(mended))
        is_word = token.kind == "word" and token.lower not in COMMON and token.lower not in FIELD
        near = nearest(token.lower, DATE_WORDS) if is_word else None
        mended += near[1] if near is not None else token.text
        end = token.end
    return mended + text[end:], starts


def nearest(word: str, known: Sequence[str]) -> tuple[int, str] | None:
    """Gives the known word that a word is a slip of, and how many letters are wrong; None where there is none.

    Args:
        word: Letters and digits, small.
        known: Likewise.
    """
    allowed = 2 if len(word) >= _LONG else 1
    hits = process.extract(word, known, scorer=OSA.distance, score_cutoff=allowed, limit=4)
    return next(((int(distance), hit) for hit, distance, _ in hits if _is_slip(word, hit)), None)


def _is_slip(word: str, meant: str) -> bool:
    """Digits are never slips, nor is the first letter; in a short word, only letters left out or swapped are."""
    if [*filter(str.isdigit, word)] != [*filter(str.isdigit, meant)] or word[0] != meant[0]:
        return False
    if len(word) > _SHORT:
        return True
    if sorted(word) == sorted(meant):
        return True
    if len(meant) < len(word):
        return meant in _SHORT_WORDS and len(word) == _SHORT
    return len(meant) == len(word) + 1 and len(word) >= _SHORT - 1 and not meant.endswith("s")


@cache
def _english() -> frozenset[str]:
    return frozenset(word for word in CUES | FIELD if len(word) >= _SHORT) | _SHORT_WORDS
