"""Names that a question sets against each other: `logreg vs svm`, `adam or sgd`, `wine against iris`.

Owns telling such names from a filter that allows several.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from agents.offline.language.vocabulary import Mention
from agents.offline.reading.bounds import Numbers
from agents.offline.reading.reading import Group
from agents.offline.reading.scopes import ParamIs, Scope

_MAX_GROUPS: Final = 5
_AGAINST: Final = re.compile(
    r"\b(?:vs|versus|compare[sd]?|comparing|comparison|against|difference|differ|stack(?:s)? up|side by side|"
    r"head to head|"
    r"contrast|better than|worse than|beats?|outperforms?|pit|(?<!more )(?<!less )(?<!higher )(?<!lower )than)\b|"
    r"\b(?:better|best|worse|faster|stronger|wins?|prefer|which|should|choose|pick|is|are)\b.*[A-Z]+ or [A-Z]+|"
    r"[A-Z]+ or (?:the )?[A-Z]+.{0,12}(?:DATASET|$)|[A-Z]+ or [A-Z]+.*\b(?:better|best|faster|stronger|would|"
    r"should|prefer)\b|"
    r"\bbetween (?:VALUE|DATASET|TAG) and [A-Z]"
)

_RANKED: Final = re.compile(
    r"\b(?:compare[sd]?|vs|versus|better|worse|faster|slower|stronger|weaker|wins?|beats?|prefer|should|choose|pick)\b"
)
_FILTER: Final = re.compile(
    r"\b(?:runs?|experiments?|models?) (?:with|on|that|from|where|using)\b|"
    r"[A-Z]+ or [A-Z]+ (?:[A-Z]+ )*(?:runs|experiments|models|ones|trainings|jobs)\b"
)


def find_groups(mentions: Sequence[Mention], numbers: Numbers, scope: Scope, masked: str) -> tuple[Group, ...]:
    """Finds the sides of a comparison.

    Args:
        mentions: The names in the question.
        numbers: The numbers in it.
        scope: Which runs it is about; a side is all of that but what tells the sides apart.
        masked: The question with a word for each name.

    Returns:
        Two sides or more; none where nothing is set against anything.
    """
    if scope.left_out or not _AGAINST.search(masked) or _allows_several(masked):
        return ()
    for groups in (
        _of_values(mentions, scope),
        _of_numbers(numbers, scope),
        _of_tags(mentions, scope),
        _of_datasets(mentions, scope),
    ):
        if len(groups) > 1:
            return tuple(groups[:_MAX_GROUPS])
    return ()


def _allows_several(masked: str) -> bool:
    """Tells whether `or` stands in a filter, as in `runs with adam or sgd`, `which adam or sgd runs exist`."""
    if " or " not in masked or _RANKED.search(masked):
        return False
    return _FILTER.search(masked) is not None


def _of_values(mentions: Sequence[Mention], scope: Scope) -> list[Group]:
    by_param: dict[str, dict[str, tuple[str, ...]]] = {}
    for mention in mentions:
        if mention.first.kind == "value" and mention.first.param is not None:
            values = tuple(name.name for name in mention.names)
            by_param.setdefault(mention.first.param, {})[" or ".join(values)] = values
    sides = max(by_param.items(), key=lambda item: len(item[1]), default=None)
    if sides is None:
        return []
    return [Group(label, _with_param(scope, ParamIs(sides[0], values))) for label, values in sides[1].items()]


def _of_numbers(numbers: Numbers, scope: Scope) -> list[Group]:
    for param in numbers.params:
        if len(param.values) > 1:
            return [
                Group(f"{param.name}={value}", _with_param(scope, ParamIs(param.name, (value,))))
                for value in param.values
            ]
    return []


def _of_tags(mentions: Sequence[Mention], scope: Scope) -> list[Group]:
    tags = dict.fromkeys(mention.first.name for mention in mentions if mention.first.kind == "tag")
    return [Group(tag, replace(scope, tags=(tag,))) for tag in tags]


def _of_datasets(mentions: Sequence[Mention], scope: Scope) -> list[Group]:
    found = {mention.first.name: mention for mention in mentions if mention.first.kind == "dataset"}
    return [
        Group(name, replace(scope, datasets=tuple(each.name for each in mention.names)))
        for name, mention in found.items()
    ]


def _with_param(scope: Scope, param: ParamIs) -> Scope:
    others = tuple(each for each in scope.params if each.name != param.name)
    return replace(scope, params=(*others, param))
