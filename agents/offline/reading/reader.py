"""A question read against a store.

Owns putting a `Reading` together from what was found. It must not ask the server anything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from agents.offline.language import cues
from agents.offline.language.names import Names
from agents.offline.language.notes import NoteAsked, read_note
from agents.offline.language.runids import pointed_at
from agents.offline.language.searching import search_words
from agents.offline.reading import intents
from agents.offline.reading.decisions import decide
from agents.offline.reading.filters import read_scope
from agents.offline.reading.findings import Findings, find_all
from agents.offline.reading.followups import go_on
from agents.offline.reading.groups import find_groups
from agents.offline.reading.reading import Reading
from agents.offline.reading.unknowns import find_unheeded, find_unknown

_PER: Final = re.compile(
    r"\b(?:per|for each|for every|of each|of every|each|every|by each|across|grouped by|group by|"
    r"broken down by|split by|"
    r"on each|on every|in each|for all(?: the)?|among(?: the)? different) (?:of (?:the |my )?)?"
    r"(?P<of>PARAM|dataset|data set|model|task|status)e?s?\b|"
    r"\b(?:runs|experiments|trainings|count|counts|split|grouped) by (?P<by>PARAM|dataset|model|task|status)\b|"
    r"\b(?:rank|ranking of|compare)(?: all| the| my| different)* (?P<ranked>PARAM)\b(?! NUMBER)"
)
_WHICH_BEST: Final = re.compile(
    r"\b(?:which|what)(?: \w+)? (?P<of>PARAM|datasets?|models?|classifiers?|algorithms?|architectures?)\b.{0,40}"
    r"\b(?:best|better|worse|worst|wins?|leads?|ahead|on top|most|least|should|(?!(?:latest|newest|oldest|"
    r"suggest|request|earliest)\b)\w{3,}est)\b"
)
_EFFECT: Final = re.compile(
    r"(?P<of>PARAM)\b.{0,30}\b(?:helps?|matters?|affects?|impacts?|influences?|make a difference|worth it|"
    r"buys?|brings?|pays? off|gains?|adds?|contributes?|do for)\b|"
    r"\b(?:effects?|impact|influence|role|affects?|depends? on)\b.{0,20}(?P<on>PARAM)\b|"
    r"\bbest (?P<best>PARAM)\b(?= (?:for|on|with|to|in|by)\b|$)"
)
_RANKED_PARAM: Final = re.compile(
    r"\b(?:most|fewest|least|highest|lowest|largest|biggest|smallest|longest|maximum|minimum|max|min|greatest|"
    r"sort(?:ed)? by|order(?:ed)? by) PARAM\b"
)
_BY_TIME: Final = re.compile(
    r"\b(?:in terms of|by|and|most|least|less|more|lowest|highest|shortest|longest) (?:the |their )?(?:\w+ )?"
    r"(?:speed|time|duration)\b"
)
_BESIDE: Final = re.compile(r"\b(?:compare|vs|versus|against|differ\w*|between|than|with)\b")


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation, and the runs of its answer."""

    question: str
    used_run_ids: tuple[str, ...]


def read_question(
    question: str, names: Names, *, now: datetime, earlier: Sequence[Turn] = (), writing: frozenset[str] = frozenset()
) -> Reading:
    """Reads a question.

    Args:
        question: The question.
        names: The names of the store.
        now: The moment it is asked, with a time zone.
        earlier: The questions before, in order: one that goes on from them takes from them what it does not say.
        writing: The writing tools that are offered, because the question asks for a note to be written.
    """
    note = read_note(question) if writing else None
    last_ids = earlier[-1].used_run_ids if earlier else ()
    findings = find_all(note.rest if note else question, names, now=now)
    reading = _with_intent(_read(findings, names, note=note, last_ids=last_ids), findings, names)
    if earlier:
        reading = go_on(reading, read_question(earlier[-1].question, names, now=now, earlier=earlier[-3:-1]))
    return replace(reading, question=question, writing=writing)


def _read(findings: Findings, names: Names, *, note: NoteAsked | None, last_ids: tuple[str, ...]) -> Reading:
    masked, scope, metrics = findings.masked, read_scope(findings, names), findings.free("metric")
    is_newest = findings.period is None or re.search(r"\b(?:latest|newest)\b", masked) is not None
    return Reading(
        question=findings.text,
        facets=names.facets,
        headline=names.headline,
        runtime=names.runtime_metric,
        model_param=names.model_param,
        metrics=_metrics(findings, names),
        metric_choices=tuple(name.name for name in metrics[0].names) if metrics else (),
        params=_params(findings),
        ends=tuple(cues.ends_of(masked)),
        ranked_param=next(iter(_params(findings)), None) if _RANKED_PARAM.search(masked) else None,
        recency=cues.recency_of(masked) if is_newest else None,
        top_k=cues.top_k_of(masked),
        place=cues.place_of(masked),
        is_plural=cues.is_plural(masked),
        scope=scope,
        groups=find_groups(findings.mentions, findings.numbers, scope, masked),
        per=_per(findings, names),
        run_ids=_run_ids(findings, last_ids),
        note=note,
        spelled=tuple(dict.fromkeys((each.text, each.first.name) for each in findings.mentions if each.how == "typo")),
        masked=masked,
        last_ids=last_ids,
    )


def _with_intent(reading: Reading, findings: Findings, names: Names) -> Reading:
    phrased = intents.phrased_intent(reading.masked)
    unknown, unread = find_unknown(findings, names)
    intent = decide(reading, phrased, unread=[*unread, *(each.text for each in unknown)])
    words = None
    if intent == "search_runs":
        words = search_words(findings.text, findings.tokens, findings.written)
        if words is None and not reading.scope.is_everything:
            intent = "list_runs"
    if words is not None:
        unknown = ()
    if words is not None or intent in {"flag_run", "update_note"}:
        unread = ()
    elif intent != "unanswerable":
        unread = (*unread, *find_unheeded(findings, replace(reading, intent=intent)))
    return replace(reading, intent=intent, words=words, unknown=unknown, unread=unread, was_phrased=phrased is not None)


def _params(findings: Findings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(mention.first.name for mention in findings.free("param")))


def _metrics(findings: Findings, names: Names) -> tuple[str, ...]:
    """Gives the metrics named; the store's time, where only speed or time is spoken of."""
    found = [mention.first.name for mention in findings.free("metric")]
    if names.runtime_metric is not None and _BY_TIME.search(findings.masked):
        found.append(names.runtime_metric)
    return tuple(dict.fromkeys(found))


def _per(findings: Findings, names: Names) -> str | None:
    """Gives the parameter of whose values each is asked for, or `dataset` or `status`."""
    masked = findings.masked
    match = _PER.search(masked) or _WHICH_BEST.search(masked) or _EFFECT.search(masked)
    if match is None:
        return None
    of = next(filter(None, match.groups()), "PARAM")
    if of.startswith(("dataset", "data", "task")):
        return "dataset"
    if of == "status":
        return "status"
    return next(iter(_params(findings)), None) if of == "PARAM" else names.model_param


def _run_ids(findings: Findings, last_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Gives the runs named, else those pointed at; both, where they are set side by side."""
    pointed = pointed_at(findings.masked, last_ids)
    if findings.run_ids and pointed and _BESIDE.search(findings.masked):
        return tuple(dict.fromkeys([*pointed[:1], *findings.run_ids]))
    return findings.run_ids or pointed
