"""Numbers made from numbers: differences, ratios, means, and values worth trying next.

Owns which of them a sentence speaks of, and what they come to. The words that name one stand close to it: a sentence
that says "higher" somewhere does not make a difference of every number in it.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from agents.truth.claims import Claim

Derive = Callable[[Sequence[float]], Iterator[float]]

_NEAR_CHARS: Final = 48
_DIFFERENCE_BEFORE: Final = re.compile(
    r"differ|delta|Δ|\bgap\b|margin|\bby\b|improv|gain|drop|\brise|\brose\b|\bfell\b|\bfalls?\b|increas|decreas|\bgrew\b|"
    r"shrank|ahead|behind|\bbeats\b|apart|\bchange|\bloses\b|\blost\b|\bwins?\b",
    re.IGNORECASE,
)
_DIFFERENCE_AFTER: Final = re.compile(
    r"higher|lower|better|worse|\bmore\b|\bless\b|faster|slower|longer|shorter|larger|smaller|greater|fewer|\babove\b|"
    r"\bbelow\b|\bover\b|ahead|behind|apart|\bdifference|\bgap\b|margin|improvement|gain|drop|increase|decrease|point|"
    r"\bshort of\b|\bof (?:a )?difference",
    re.IGNORECASE,
)
_RATIO_BEFORE: Final = re.compile(r"\bfactor|\bratio\b", re.IGNORECASE)
_RATIO_AFTER: Final = re.compile(r"^\s*-?(?:times|fold)\b", re.IGNORECASE)
_SHARE_AFTER: Final = re.compile(
    r"^\s*(?:of\b|as\b|failed|finished|crashed|succeeded|completed|running|are\b|were\b|have\b|had\b|use\b|used\b)",
    re.IGNORECASE,
)
_SHARE_BEFORE: Final = re.compile(
    r"\b(?:success|failure|completion|crash)\s+rate|\bshare\b|\bfraction\b|\bproportion\b", re.IGNORECASE
)
_MEAN: Final = re.compile(r"mean|average|\bavg\b|midpoint|middle|halfway", re.IGNORECASE)
_PROPOSAL: Final = re.compile(
    r"\b(?:try|trying|suggest\w*|propos\w*|explor\w*|consider\w*|recommend\w*|worth testing)\b|"
    r"\bnext\s+(?:value|step|experiment|run|candidate)",
    re.IGNORECASE,
)


def derivations(claim: Claim) -> list[Derive]:
    """Gives what a number may be made by, told from the words close to it; nothing when none of them says so."""
    before = re.split(r"[;|]", claim.before)[-1][-_NEAR_CHARS:]
    after = re.split(r"[,;|]|\s(?:and|than|but)\s", claim.after)[0][:_NEAR_CHARS]
    is_signed = claim.text[0] in "+-−±"  # noqa: RUF001 - a minus sign
    is_difference = is_signed or bool(_DIFFERENCE_BEFORE.search(before) or _DIFFERENCE_AFTER.search(after))
    is_percent = claim.unit in ("%", "percent")
    found: list[Derive] = []
    if is_difference:
        found.append(differences)
    if is_percent and is_difference:
        found.append(changes)
    is_ratio = claim.unit in ("x", "×") or _RATIO_AFTER.search(claim.after) or _RATIO_BEFORE.search(before)
    if is_ratio or (is_percent and is_share(claim)):
        found.append(ratios)
    if _MEAN.search(before) or _MEAN.search(after):
        found.append(means)
    return found


def is_share(claim: Claim) -> bool:
    """Tells whether a percentage is one of some whole: "20% of the runs"."""
    return bool(_SHARE_AFTER.search(claim.after) or _SHARE_BEFORE.search(claim.before))


def is_proposal(claim: Claim) -> bool:
    """Tells whether a sentence proposes what has not been run."""
    return _PROPOSAL.search(claim.sentence) is not None


def differences(values: Sequence[float]) -> Iterator[float]:
    """Gives every value less every other."""
    for one, other in itertools.permutations(values, 2):
        yield one - other


def ratios(values: Sequence[float]) -> Iterator[float]:
    """Gives every value over every other."""
    for one, other in itertools.permutations(values, 2):
        if other:
            yield one / other


def changes(values: Sequence[float]) -> Iterator[float]:
    """Gives how much every value differs from every other, in parts of that other."""
    for one, other in itertools.permutations(values, 2):
        if other:
            yield (one - other) / other


def means(values: Sequence[float]) -> Iterator[float]:
    """Gives the mean of all, and of every two, the geometric one too."""
    yield sum(values) / len(values)
    for one, other in itertools.combinations(values, 2):
        yield (one + other) / 2
        if one * other > 0:
            yield math.sqrt(one * other)


def proposals(values: Sequence[float]) -> Iterator[float]:
    """Gives values worth trying next to those that were: between two, or as far beyond one as the other lies before."""
    yield from means(values)
    for one, other in itertools.permutations(values, 2):
        yield one + (one - other)
        if other:
            yield one * one / other
