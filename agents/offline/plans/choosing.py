"""Which plan answers which kind of question.

Owns that table, and what is true of every plan: it answers from an empty store, and it says so when a tool fails.
"""

from collections.abc import Callable
from typing import Final

from agents.agents import Intent
from agents.offline.plans.asking import Plan, ToolFailedError
from agents.offline.plans.comparisons import compare
from agents.offline.plans.curves import follow
from agents.offline.plans.details import show_details
from agents.offline.plans.differences import diff
from agents.offline.plans.listings import count, list_runs, search
from agents.offline.plans.neighbours import find_similar
from agents.offline.plans.overviews import summarize
from agents.offline.plans.rankings import rank
from agents.offline.plans.refusals import refuse, refuse_unknown, say_empty, say_failure
from agents.offline.plans.suggestions import suggest
from agents.offline.plans.writes import write
from agents.offline.reading.reading import Reading

PLANS: Final[dict[Intent, Callable[[Reading], Plan]]] = {
    "best_run": rank,
    "list_runs": list_runs,
    "count_runs": count,
    "compare_runs": compare,
    "run_details": show_details,
    "flag_run": write,
    "update_note": write,
    "summarize_runs": summarize,
    "metric_trend": follow,
    "search_runs": search,
    "diff_runs": diff,
    "suggest_params": suggest,
    "similar_runs": find_similar,
    "unanswerable": refuse,
}
_ABOUT_NAMED_RUNS: Final = frozenset(
    {"run_details", "metric_trend", "diff_runs", "similar_runs", "flag_run", "update_note"}
)


def plan_answer(reading: Reading) -> Plan:
    """Answers a question, whatever the tools say."""
    try:
        return (yield from _plan(reading)(reading))
    except ToolFailedError as failed:
        return (yield from say_failure(reading, str(failed)))


def _plan(reading: Reading) -> Callable[[Reading], Plan]:
    if reading.facets.total == 0:
        return say_empty
    if reading.intent == "unanswerable":
        return refuse
    is_named = reading.intent in _ABOUT_NAMED_RUNS and bool(reading.run_ids)
    can_search = reading.intent == "list_runs" and all(each.kind == "value" for each in reading.unknown)
    if reading.unknown and not is_named and not can_search:
        return refuse_unknown
    return PLANS[reading.intent]
