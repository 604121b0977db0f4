"""Words of a question that nothing was made of.

Owns telling those that stand where a name of the store belongs, and must not be passed over, from the rest.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

from agents.offline.language.names import Names
from agents.offline.language.spelling import is_known, is_other_name
from agents.offline.language.vocabulary import closest
from agents.offline.language.words import Token, number_of
from agents.offline.reading.filters import left_out_tags
from agents.offline.reading.findings import Findings
from agents.offline.reading.reading import Reading, Unknown

Kind = Literal["dataset", "metric", "value"]

_ARTICLES: Final = frozenset({"the", "a", "an", "my", "our", "any", "all", "=", ":", "is", "of"})
_BEFORE: Final[dict[str, Kind]] = {
    "on": "dataset", "dataset": "dataset", "data": "dataset", "by": "metric", "metric": "metric", "best": "metric",
    "highest": "metric", "lowest": "metric", "maximum": "metric", "minimum": "metric", "max": "metric", "min": "metric",
    "smallest": "metric", "largest": "metric", "terms": "metric", "most": "metric", "least": "metric",
    "with": "value", "using": "value", "used": "value", "use": "value", "uses": "value", "model": "value",
    "optimizer": "value", "tagged": "value", "tag": "value", "called": "value", "named": "value", "for": "dataset",
    "in": "dataset", "and": "value", "or": "value", "vs": "value", "versus": "value", "compare": "value",
}  # fmt: skip
_UNHEEDED: Final = re.compile(
    r"\b(?:tomorrow|noon|midnight|total|sum|combined|percentiles?|quantiles?|nan|inf|infinite|infinity|untagged|"
    r"(?:without|no|missing|lacking)(?: any| a| an| the)? (?:tags?|tag|durations?|commands?|commits?|params|parameters|"
    r"metrics|curves?|errors?))\b"
)
"""What is asked of runs and cannot be told from a list of them."""
_NO_VALUE: Final = re.compile(r"PARAM (?:(?:=|is|of|:|set to) )?(?:none|null)\b")
_TOP: Final = re.compile(r"(?:top|best|worst|last)\d+", re.IGNORECASE)
_OF_STEPS: Final = frozenset({"metric_trend", "suggest_params"})
"""Kinds of answers in which numbers may be steps, or values to come."""
_AFTER: Final[dict[str, Kind]] = {
    "run": "value", "runs": "value", "score": "metric", "experiments": "value", "experiment": "value",
    "dataset": "dataset", "metric": "metric", "value": "metric", "scores": "metric", "=": "value",
    "optimizer": "value",
}  # fmt: skip


def find_unknown(findings: Findings, names: Names) -> tuple[tuple[Unknown, ...], tuple[str, ...]]:
    """Finds the words that nothing was made of.

    Returns:
        Those in a name's place, and the others.
    """
    tokens = findings.tokens
    covered = {*findings.read, *(at for mention in findings.mentions for at in range(mention.start, mention.end))}
    unknown: list[Unknown] = []
    unread: list[str] = []
    has_metric = any(mention.first.kind == "metric" for mention in findings.mentions)
    for start, end in _stretches(tokens, names, covered):
        text = " ".join(token.text for token in findings.written[start:end])
        if _TOP.fullmatch(text):
            continue
        kind = _kind(tokens, start, end)
        if kind is None or (kind == "metric" and has_metric and findings.words(start - 1, start) in {"most", "least"}):
            unread.append(text)
        else:
            unknown.append(Unknown(text, kind, _close(text, kind, names)))
    return tuple(unknown), tuple(unread)


def find_unheeded(findings: Findings, reading: Reading) -> tuple[str, ...]:
    """Finds what was well understood but is not heeded: numbers that nothing was made of, clock times, sums.

    Args:
        findings: What was found in the question.
        reading: What was made of it.
    """
    masked, tokens = findings.masked, findings.tokens
    covered = {*findings.read, *(at for mention in findings.mentions for at in range(mention.start, mention.end))}
    counts = {float(number) for number in (reading.top_k, reading.place if reading.place > 1 else None) if number}
    numbers = [
        token.text
        for at, token in enumerate(tokens)
        if token.kind == "number" and at not in covered and number_of(token) not in counts
    ]
    if reading.intent in _OF_STEPS:
        numbers = []
    said = [match.group() for match in _UNHEEDED.finditer(masked)]
    said += [f"without {name}" for name in left_out_tags(findings)]
    if _NO_VALUE.search(masked) and not reading.scope.params:
        said.append("none")
    if reading.intent == "count_runs":
        said = [word for word in said if word not in {"total", "sum"}]
    return tuple(dict.fromkeys([*said, *numbers]))


def _stretches(tokens: Sequence[Token], names: Names, covered: set[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for position, token in enumerate(tokens):
        if position in covered or token.kind != "word" or (is_known(token, names) and not is_other_name(token, names)):
            continue
        if found and found[-1][1] == position and not token.breaks:
            found[-1] = (found[-1][0], position + 1)
        else:
            found.append((position, position + 1))
    return found


def _kind(tokens: Sequence[Token], start: int, end: int) -> Kind | None:
    position = start - 1
    while position >= 0 and tokens[position].lower in _ARTICLES:
        position -= 1
    before = tokens[position].lower if position >= 0 else ""
    after = tokens[end].lower if end < len(tokens) else ""
    if after in {"best", "better", "well", "worse"} and before not in {"on", "with", "using"}:
        return None  # what a model does best is no name
    if after in {"score", "scores", "metric", "value"}:
        return "metric"
    if before in {"best", "highest", "lowest", "most", "least"} and after in {"run", "runs", "model", "models"}:
        return "value"
    return _BEFORE.get(before) or _AFTER.get(after)


def _close(text: str, kind: Kind, names: Names) -> tuple[str, ...]:
    known: Sequence[str] = names.datasets if kind == "dataset" else names.metrics
    if kind == "value":
        known = [
            *(
                value
                for param in names.params
                for value in names.values_of(param)
                if not re.fullmatch(r"[\d.e+-]*", value)
            )
        ]
    return tuple(closest(text, known))
