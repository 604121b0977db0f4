"""Which runs a question is about, read from its names, numbers and words.

Owns making a `Scope` of them: names that are left out, values that only count beside their parameter's name.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from agents.offline.language import cues
from agents.offline.language.names import Names, is_number
from agents.offline.language.vocabulary import Mention
from agents.offline.language.words import plain
from agents.offline.reading.findings import Findings
from agents.offline.reading.scopes import A_DATASET, ParamIs, Scope

_NEGATION: Final = re.compile(
    r"\b(?:not|no|non|except|excluding|exclude|without|ignoring|ignore|leaving out|apart from|besides|other than|"
    r"isn't|aren't|wasn't|weren't|didn't|don't|doesn't|never)(?: (?:a|an|the|any|for|on|in|from|with|using|use|used|"
    r"tags?|tagged|involve|involving|be|come|run|have|of))*$|"
    r"\b(?:(?:do|does|did|is|are|was|were) not|\w+n't) \w+(?: (?:a|an|the|any|for|on|in|from|with|to))*$"
)
_JOINING: Final = frozenset({"", "or", "nor", "and", "or on", "nor on", "or the", "and the"})
_MISSING: Final = "without|no|missing|lacking|lacks?|(?:do|does|did)(?:n't| not) have"
_NOTE_TEXT: Final = re.compile(
    r"\b(?:with|has|have|having) (?:a |the )?notes? "
    r"(?:\"([^\"]+)\"|'([^']+)'|(?!(?:and|or|that|on|in|from|for|at|but|by|about|like|of|with|without|saying|says|set|yet|at|attached|please|so|the|a)\b)([\w-]+)[.?!]?$)",
    re.IGNORECASE,
)
_ABSENT: Final = frozenset({"without", "no", "zero"})
_EQUALS: Final = frozenset({"", "=", "==", ":", "is", "of"})
_TAG: Final = re.compile(r"(?:^| )(?:tag|tags|tagged)(?: (?:as|:|=))?$")


@dataclass
class _Filters:
    """The names taken in so far."""

    datasets: list[str] = field(default_factory=list)
    params: dict[str, list[str]] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_scope(findings: Findings, names: Names) -> Scope:
    """Gives the runs that a question is about."""
    taken = _Filters(params={param.name: [*param.values] for param in findings.numbers.params})
    meant = [mention for mention in findings.mentions if mention.first.kind not in {"metric", "param"}]
    negated = _negated(meant, findings)
    for mention in meant:
        if mention not in negated:
            _take_in(mention, taken, findings, names)
    for mention in negated:
        _leave_out(mention, taken, names)
    _add_tags(taken, findings, names)
    ruled_out = left_out_tags(findings)
    taken.tags = [tag for tag in taken.tags if tag not in ruled_out]
    _add_values(taken, findings, names)
    period, masked = findings.period, findings.masked
    return Scope(
        datasets=tuple(dict.fromkeys(taken.datasets)),
        params=tuple(ParamIs(name, tuple(dict.fromkeys(values))) for name, values in taken.params.items() if values),
        statuses=cues.statuses_of(masked),
        tags=tuple(dict.fromkeys(taken.tags)),
        bounds=findings.numbers.bounds,
        since=period.since if period else None,
        until=period.until if period else None,
        period=period.said if period else None,
        note=cues.flagged_note_of(masked) or _note_text(findings),
        has_note=cues.notes_of(masked),
        has_artifacts=cues.artifacts_of(masked),
        left_out=tuple(taken.left_out),
        lacks=tuple(_lacking(findings)),
    )


def left_out_tags(findings: Findings) -> list[str]:
    """Gives the tags that a question rules out."""
    tags = [mention for mention in findings.mentions if mention.first.kind == "tag"]
    return [mention.first.name for mention in _negated(tags, findings)]


def _lacking(findings: Findings) -> Iterator[str]:
    """Gives what the runs are said not to have: metrics, or a dataset."""
    if re.search(rf"\b(?:{_MISSING})(?: any| a| an)? (?:dataset|data set)\b", findings.masked):
        yield A_DATASET
    for mention in findings.free("metric"):
        if re.search(rf"(?:^| )(?:{_MISSING})(?: an?| any| final)?$", findings.words(mention.start - 3, mention.start)):
            yield mention.first.name


def _note_text(findings: Findings) -> str | None:
    """Gives the words behind `with the note`, up to the end of the question."""
    match = _NOTE_TEXT.search(findings.text)
    return next(filter(None, match.groups()), None) if match else None


def _negated(mentions: Sequence[Mention], findings: Findings) -> list[Mention]:
    """Gives the names that are ruled out, and those that `or` joins to one."""
    found: list[Mention] = []
    for mention in mentions:
        if (found and _is_joined(found[-1], mention, findings)) or _NEGATION.search(_clause_before(mention, findings)):
            found.append(mention)
    return found


def _is_joined(mention: Mention, other: Mention, findings: Findings) -> bool:
    is_alike = (mention.first.kind, mention.first.param) == (other.first.kind, other.first.param)
    return is_alike and findings.words(mention.end, other.start) in _JOINING


def _clause_before(mention: Mention, findings: Findings) -> str:
    """Gives the few words before a name, as far back as a comma or the like."""
    start = max(0, mention.start - 5)
    breaks = [at for at in range(start, mention.start + 1) if findings.tokens[at].breaks]
    return findings.words(breaks[-1] if breaks else start, mention.start)


def _take_in(mention: Mention, taken: _Filters, findings: Findings, names: Names) -> None:
    first, meant = mention.first, [name.name for name in mention.names]
    if first.kind == "dataset":
        taken.datasets += meant
    elif first.kind == "tag":
        taken.tags.append(first.name)
    elif first.param is not None:
        param = _param_before(mention, findings)
        own = [value for value in names.values_of(param or "") if plain(value) == plain(mention.text)]
        if param is not None and own:
            taken.params.setdefault(param, []).extend(own)
        else:
            taken.params.setdefault(first.param, []).extend(meant)


def _leave_out(mention: Mention, taken: _Filters, names: Names) -> None:
    """Takes in every other name of the same kind, of those wanted where some are."""
    if mention.first.kind == "tag":
        return  # a list of runs does not tell their tags
    unwanted = {name.name for name in mention.names}
    taken.left_out += unwanted
    if mention.first.kind == "dataset":
        taken.datasets = [name for name in taken.datasets or names.datasets if name not in unwanted]
    elif (param := mention.first.param) is not None:
        wanted = taken.params.get(param) or names.values_of(param)
        taken.params[param] = [value for value in wanted if value not in unwanted]


def _param_before(mention: Mention, findings: Findings) -> str | None:
    """Gives the parameter that stands right before a value, as in `optimizer=adam`."""
    for other in findings.mentions:
        is_before = other.first.kind == "param" and other.end <= mention.start
        if is_before and findings.words(other.end, mention.start) in _EQUALS:
            return other.first.name
    return None


def _add_tags(taken: _Filters, findings: Findings, names: Names) -> None:
    """Adds tags that are words of everyday English, where the word `tag` stands before them."""
    for position, token in enumerate(findings.tokens):
        if _TAG.search(findings.words(position - 2, position)):
            taken.tags += [tag.name for tag in names.facets.tags if plain(tag.name) == plain(token.text)]


def _add_values(taken: _Filters, findings: Findings, names: Names) -> None:
    """Adds values that are words of everyday English, where their parameter's name stands before them."""
    for mention in findings.mentions:
        if mention.first.kind != "param" or mention.first.name in taken.params:
            continue
        following = findings.tokens[mention.end : mention.end + 3]
        rest = [token.lower for token in following if token.lower not in {*_EQUALS, "set", "to"}]
        values = names.values_of(mention.first.name)
        if findings.words(mention.start - 1, mention.start) in _ABSENT:
            taken.params[mention.first.name] = [value for value in values if _is_off(value)]
            continue
        taken.params[mention.first.name] = [
            value for value in values if value.lower() in rest[:1] and not value.isdecimal()
        ]


def _is_off(value: str) -> bool:
    return float(value) == 0 if is_number(value) else value.lower() in {"none", "null", "false", "off", "no"}
