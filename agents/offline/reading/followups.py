"""Questions that go on from the one before: `and on wine?`, `now by f1`, `which of them failed?`.

Owns telling such questions, and what they take over from the one before.
"""

import re
from dataclasses import replace
from typing import Final

from agents.agents import Intent
from agents.offline.reading.decisions import is_about_them, is_foreign
from agents.offline.reading.reading import Group, Reading

_LEADS: Final = re.compile(
    r"(?:and|now|what about|how about|but|only|just|also|then|same|ok|okay|instead|or|what if|which of|how many of|by|"
    r"on|for|with|in)\b"
)
_POINTS: Final = re.compile(r"\b(?:those|them|these|they|it|its|ones?|same|instead)\b")
_RUNS: Final = re.compile(r"\bruns?\b|\bexperiments?\b")
_WHY: Final = re.compile(r"(?:but |and )?why\b(?: (?:is|was) (?:that|it|this))?$")
_ABOUT_MANY: Final = frozenset({"count_runs", "list_runs", "best_run", "summarize_runs"})
_ABOUT_ALL: Final = frozenset({"count_runs", "suggest_params"})
_ABOUT_ONE: Final = frozenset({"flag_run", "update_note", "run_details", "diff_runs"})


def go_on(reading: Reading, before: Reading) -> Reading:
    """Gives a reading completed from the one before, where it goes on from it; as it is otherwise."""
    if _WHY.match(reading.masked) and reading.last_ids:
        return replace(reading, intent="run_details", run_ids=reading.last_ids[:1])
    if before.intent == "unanswerable" or reading.note is not None or not _goes_on(reading):
        return reading
    if before.intent == "search_runs" and not reading.was_phrased and (reading.unread or reading.unknown):
        words = " ".join([*reading.unread, *(each.text for each in reading.unknown)])
        return replace(reading, intent="search_runs", words=words, unread=(), unknown=())
    if reading.intent == "unanswerable" and (reading.unread or is_foreign(reading.masked)):
        return reading
    if reading.run_ids and not is_about_them(reading.masked) and reading.intent not in _ABOUT_MANY:
        is_ranked = reading.intent == "compare_runs" and bool(reading.ends) and reading.scope.is_everything
        return replace(reading, scope=before.scope, metrics=reading.metrics or before.metrics) if is_ranked else reading
    return _completed(reading, before, reading.intent if reading.was_phrased else _kept(reading, before))


def _goes_on(reading: Reading) -> bool:
    if _LEADS.match(reading.masked) or _POINTS.search(reading.masked):
        return True
    says_enough = reading.was_phrased and not (reading.scope.is_everything and reading.intent in _ABOUT_ALL)
    return not says_enough and not _RUNS.search(reading.masked)


def _completed(reading: Reading, before: Reading, intent: Intent) -> Reading:
    return replace(
        reading,
        intent=intent,
        metrics=reading.metrics or before.metrics,
        metric_choices=reading.metric_choices or before.metric_choices,
        ends=reading.ends or before.ends,
        ranked_param=reading.ranked_param or (None if reading.metrics else before.ranked_param),
        recency=reading.recency or before.recency,
        top_k=reading.top_k or before.top_k,
        is_plural=reading.is_plural or before.is_plural,
        scope=reading.scope.over(before.scope),
        groups=reading.groups or tuple(Group(each.label, each.scope.moved(reading.scope)) for each in before.groups),
        per=reading.per or before.per,
        run_ids=() if intent in _ABOUT_MANY else reading.run_ids,
    )


def _kept(reading: Reading, before: Reading) -> Intent:
    """Gives the kind of answer of a question that goes on without saying which."""
    if reading.run_ids and reading.intent == "run_details":
        return "run_details"
    if len(reading.groups) > 1 or (len(reading.run_ids) > 1 and not reading.ends):
        return reading.intent
    if reading.ends and reading.intent == "best_run" and before.intent != "compare_runs":
        return "best_run"
    if before.intent in _ABOUT_ONE and reading.intent != "unanswerable":
        return reading.intent
    return before.intent
