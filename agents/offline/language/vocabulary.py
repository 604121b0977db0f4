"""The store's names found in a question, as people write them: with synonyms or in part.

Owns the search over the indexes of `names`. It must not decide what a question asks for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from agents.offline.language.english import COMMON, RESERVED
from agents.offline.language.names import Name, Names
from agents.offline.language.spelling import nearest
from agents.offline.language.words import Token, canonical, pieces_of, plain

How = Literal["exact", "part", "typo"]

_LONGEST: Final = 6
_LONGEST_PART: Final = 3
_WORDS_FOR_PARTS: Final = frozenset(
    "loss losses accuracy error errors model models epoch epochs batch seed seeds step steps duration score".split()  # noqa: SIM905
)
"""Common words that may still stand for a metric or a parameter with that word in its name."""
_KINDS: Final = {"metric": 0, "dataset": 1, "value": 4, "param": 5, "tag": 6}
_ARTICLES: Final = frozenset({"the", "a", "an", "of", "my", "number", "num", "n"})
_TIMES: Final = frozenset(
    {"over", "last", "first", "this", "each", "every", "any", "same", "next", "some", "long", "in"}
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A name of the store in a question.

    Attributes:
        start: The token it starts at.
        end: The token after its last.
        names: What it may mean, the likeliest first: one name, or several values of one parameter.
        how: How it was recognised.
        text: As it was written.
    """

    start: int
    end: int
    names: tuple[Name, ...]
    how: How
    text: str

    @property
    def first(self) -> Name:
        """The likeliest."""
        return self.names[0]


def find_mentions(text: str, tokens: Sequence[Token], names: Names, *, taken: set[int]) -> list[Mention]:
    """Finds the store's names in a question.

    Args:
        text: The question.
        tokens: Its tokens.
        names: The store's names.
        taken: Tokens that are something else; those of the names found are added.

    Returns:
        The names in order, no two over the same token.
    """
    found: list[Mention] = []
    for search, longest in ((_whole, _LONGEST), (_joined, _LONGEST), (_part, _LONGEST_PART)):
        for start, end in _spans(tokens, longest):
            if taken.isdisjoint(range(start, end)) and (hit := search(tokens[start:end], tokens[:start], names)):
                is_typo = any(token.lower != token.text.lower().replace("’", "'") for token in tokens[start:end])
                is_typo = is_typo or search is _joined
                how: How = "typo" if is_typo else "exact" if search is _whole else "part"
                said = text[tokens[start].start : tokens[end - 1].end]
                found.append(Mention(start, end, _as_written(hit, said), how, said))
                taken.update(range(start, end))
    return sorted(found, key=lambda mention: mention.start)


def _as_written(names: tuple[Name, ...], said: str) -> tuple[Name, ...]:
    """Puts first what is spelled exactly so: `Accuracy` is not `accuracy`; of datasets, keeps it alone."""
    same = tuple(name for name in names if name.name == said)
    if same and names[0].kind == "dataset":
        return same
    return (*same, *(name for name in names if name not in same))


def closest(word: str, known: Sequence[str], *, limit: int = 3) -> list[str]:
    """Gives the names most like a word, the likest first; none where nothing is alike."""
    keys = {name: plain(name) for name in known}
    hits = process.extract(plain(word), keys, scorer=OSA.normalized_similarity, score_cutoff=0.45, limit=limit)
    return [name for _, _, name in hits]


def _spans(tokens: Sequence[Token], longest: int) -> Iterator[tuple[int, int]]:
    """Gives runs of words without a break in between, the longer first."""
    for length in range(min(longest, len(tokens)), 0, -1):
        for start in range(len(tokens) - length + 1):
            span = tokens[start : start + length]
            if length > 1 and not span[1].joined and (span[0].lower in _ARTICLES or span[-1].lower in _ARTICLES):
                continue
            if all(token.kind in {"word", "number"} for token in span) and not any(token.breaks for token in span[1:]):
                yield start, start + length


def _whole(span: Sequence[Token], before: Sequence[Token], names: Names) -> tuple[Name, ...]:
    if len(span) == 1 and (span[0].kind == "number" or span[0].lower in RESERVED):
        return ()
    words = _pieces(span)
    hits = names.exact.get("".join(words)) or names.same.get("".join(canonical(words))) or []
    if not hits or (span[0].lower == "time" and before and before[-1].lower in _TIMES):
        return ()
    return () if _is_really_several(span, hits, names) else _ranked(hits)


def _joined(span: Sequence[Token], before: Sequence[Token], names: Names) -> tuple[Name, ...]:
    """A name with a slip in it that was written as one word, such as `vall_loss`."""
    if len(span) == 1 or not all(token.joined for token in span[1:]):
        return ()
    near = nearest("".join(plain(token.lower) for token in span), names.spellings)
    if near is None:
        return ()
    hits = names.exact.get(near[1]) or names.same.get(near[1]) or []
    return _ranked(hits) if hits else ()


def _part(span: Sequence[Token], before: Sequence[Token], names: Names) -> tuple[Name, ...]:
    """A name that holds all the words, such as `linear_svm` for SVM."""
    words = list(canonical(_pieces(span)))
    is_phrase = len(words) < len(span)
    if any(token.kind == "number" for token in span) or (not is_phrase and any(map(_is_too_common, span))):
        return ()
    if not all(word in names.parts for word in words):
        words = [word for token in span for word in _parts_of(token, names)]
    kept = [name for name in names.parts.get(words[0], []) if all(name in names.parts.get(word, []) for word in words)]
    common = not is_phrase and any(token.lower in COMMON for token in span)
    hits = [name for name in kept if not common or name.kind in {"metric", "param"}]
    return _ranked(hits, words) if hits else ()


def _parts_of(token: Token, names: Names) -> tuple[str, ...]:
    """Gives the words of a token: itself, where a name has such a word."""
    return (token.lower,) if token.lower in names.parts else canonical(_words(token))


def _is_too_common(token: Token) -> bool:
    return token.lower in COMMON and token.lower not in _WORDS_FOR_PARTS


def _is_really_several(span: Sequence[Token], hits: Sequence[Name], names: Names) -> bool:
    """Tells whether words written apart are rather a dataset and a model than the experiment named after both."""
    if len(span) == 1 or all(token.joined for token in span[1:]):
        return False
    if any(name.kind in {"metric", "dataset", "param"} or name.is_model for name in hits):
        return False
    return all(_stands_alone(token, names) for token in span)


def _stands_alone(token: Token, names: Names) -> bool:
    words = canonical(_pieces([token]))
    hits = [*names.exact.get(plain(token.lower), []), *names.parts.get(words[0], [])]
    return any(name.kind == "dataset" or name.is_model or name.is_dataset_value for name in hits)


def _pieces(span: Sequence[Token]) -> list[str]:
    return [piece for token in span for piece in ([token.lower] if token.kind == "number" else _words(token))]


def _words(token: Token) -> list[str]:
    written = token.text.replace("’", "'").partition("'")[0]
    if token.lower != token.text.lower().replace("’", "'"):
        written = token.lower
    is_camel = any(a.islower() and b.isupper() for a, b in pairwise(written))
    return pieces_of(written if is_camel else written.lower()) or [token.lower]


def _ranked(hits: Sequence[Name], words: Sequence[str] = ()) -> tuple[Name, ...]:
    """Orders names by kind and use; of values, keeps those of one parameter."""
    ordered = sorted(hits, key=lambda name: _rank(name, words))
    first = ordered[0]
    if first.kind == "value":
        return tuple(name for name in ordered if name.kind == "value" and name.param == first.param)
    return tuple(name for name in ordered if name.kind == first.kind)


def _rank(name: Name, words: Sequence[str]) -> tuple[int, int, int, int]:
    kind = 2 if name.is_dataset_value else 3 if name.is_model else _KINDS[name.kind]
    pieces = set(canonical(pieces_of(name.name)))
    split = 0 if "val" in pieces else 1 if "test" in pieces else 3 if "train" in pieces else 2
    return kind, split if words and name.kind == "metric" else 0, len(pieces) if words else 0, -name.runs
