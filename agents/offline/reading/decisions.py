"""Which kind of answer a question gets, from its phrases and from what was found beside them.

Owns that decision. The phrases alone are in `intents`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agents.agents import Intent
from agents.offline.language import cues
from agents.offline.reading import intents
from agents.offline.reading.reading import Reading

_FOREIGN: Final = re.compile(
    r"^(?:please |can you |could you |now |just |go |and |then )*"
    r"(?:delete|remove|erase|drop|rerun|re-run|restart|resume|relaunch|stop|kill|cancel|abort|retrain|deploy|upload|"
    r"download|export|e?mail|send|buy|order|install|translate|rename|archive|launch|schedule|wipe|"
    r"start (?:a|another|the|new|training)|train (?:a|an|another|me|my|the|new)|sing|compose|cook|convert|"
    r"remind|google|browse|"
    r"(?:write|make|tell|draw|paint|bake|book|fetch)(?: me| us)? (?:a|an|some) (?!summary|note|report|recap|"
    r"overview|comparison|list|"
    r"table|ranking|leaderboard|plot|graph|chart|curve|diff|comment|remark))\b"
)
"""Orders that reading runs and writing notes cannot carry out."""
_GENERAL: Final = re.compile(
    r"\bwhat (?:does|do|did) (?:the |a |an )?(?:word |term )?[A-Z]+ (?:even |actually |really )?(?:mean|means|"
    r"stand for|measure)\b|"
    r"\b(?:definition|meaning|purpose|formula) (?:of|for)\b|^(?:please )?define\b|"
    r"^what(?:'s| is| are) (?:a|an) (?!good|better|best|typical|average)[\w']+\b(?! run)|"
    r"\bhow (?:does |do |did )?(?:a |an |the )?(?:[A-Z]+|\w+) (?:works?|functions?)\b(?! (?:on|for|with|in|"
    r"best|well|better))|"
    r"\bhow (?:do|can|would|should|could) (?:i|we|you|one) (?:install|use|import|implement|write|code|build|"
    r"set up|download|"
    r"flag|publish|mark|note|log|record|delete|start|run|train|export)\b|\bhow to (?:install|use|implement|"
    r"write|code|build|set up|flag|delete)\b|"
    r"^(?:who|when|where|why) (?:\w+ )?(?:invented|discovered|founded|created|wrote|proposed|introduced|coined|"
    r"built|designed)\b"
)
"""Questions about the field or the program."""
_ASKS_FACT: Final = re.compile(
    r"(?:who|why|when|where|how|is|are|was|were|does|do|did|can|could|will|would|what (?:is|are|does|do|was|were))\b"
)
_PLAIN: Final = re.compile(r"\b(?:everything|anything|all|did (?:i|we))\b")
_SEARCH: Final = re.compile(r"\b(?:search|find|look|grep|mention|notes?|about|anything|wrote|write)")
_SUMMARY: Final = re.compile(r"\b(?:summ|over(?:all|view)|recap|digest|report|gist)")
_SUM: Final = re.compile(r"\b(?:average|mean|median|happen)")
_OF_THEM: Final = re.compile(r"\b(?:of|among) (?:those|them|these)\b")
_OF_RUN: Final = re.compile(r"\b(?:of|in|for|by|during|did|does|from) (?:the )?(?:run )?ID\b")
_NEXT: Final = re.compile(r"\bnext|\btry|\btune|hyper|\bparam")
_HOW: Final = re.compile(r"\bhow (?:did|do|does|well|good)\b")
_WHICH_RUNS: Final = re.compile(
    r"\b(?:which|what|any|all|list|how many) (?:of (?:the |my )?)?(?:(?:[A-Z]+ )*runs?|VALUE)\b"
)
_ASKS_END: Final = re.compile(
    r"\b(?:which|what) PARAM (?:is|was|are|were|works?|worked|performs?|performed|comes?|"
    r"came) (?:the )?(?:best|worst|most|\w+est)\b|"
    r"\bhow long (?:did|does|was)\b"
)
"""An end of a ranking is asked for first, whatever else of its run."""
_CURVE_WORDS: Final = re.compile(r"overfit|diverg|plateau|converg")
_WHICH_IS: Final = re.compile(
    r"\b(?:which|what) PARAM (?:is|are|works?|performs?|does|do|gives?|gets?|has|wins?|leads?)\b"
)
_TWO: Final = 2


def is_foreign(masked: str) -> bool:
    """Tells whether a question orders what is neither reading runs nor writing notes."""
    return _FOREIGN.search(masked) is not None


def is_about_them(masked: str) -> bool:
    """Tells whether a question is about some among the runs of the answer before."""
    return _OF_THEM.search(masked) is not None


def decide(reading: Reading, phrased: Intent | None, *, unread: Sequence[str]) -> Intent:
    """Decides which kind of answer is asked for.

    Args:
        reading: What else was read.
        phrased: The kind that a phrase asks for.
        unread: Words that nothing was made of.
    """
    if reading.note is not None:
        return "flag_run" if reading.note.kind == "flag" else "update_note"
    if not _is_answerable(reading, phrased, unread):
        return "unanswerable"
    settle = _SETTLED.get(phrased) if phrased is not None else None
    settled = settle(reading) if settle is not None else phrased
    return settled or _unphrased(reading)


def _is_answerable(reading: Reading, phrased: Intent | None, unread: Sequence[str]) -> bool:
    masked = reading.masked
    if is_foreign(masked) or _is_general(reading) or _is_riddle(reading, phrased, unread):
        return False
    if cues.RUN_WORDS.search(masked) or reading.run_ids or reading.scope.statuses or reading.scope.note:
        return True
    asks_end = bool(reading.ends or reading.recency)
    asks = phrased is not None or asks_end or reading.scope.period is not None or intents.asks_for_list(masked)
    if not asks:
        return False
    if phrased == "search_runs" and _SEARCH.search(masked):
        return True
    return not unread and (phrased is not None or asks_end or _PLAIN.search(masked) is not None)


def _is_general(reading: Reading) -> bool:
    """Tells whether a question asks what a term means or how something is done, not what the runs hold."""
    return not reading.run_ids and not reading.ends and _GENERAL.search(reading.masked) is not None


def _is_riddle(reading: Reading, phrased: Intent | None, unread: Sequence[str]) -> bool:
    """Tells whether all that says what a question asks of the names in it is words that were not understood."""
    says_what = phrased or reading.ends or reading.recency or reading.run_ids or reading.metrics or reading.per
    scope = reading.scope
    is_filtered = scope.statuses or scope.bounds or scope.period or scope.note or reading.groups
    return bool(unread) and not says_what and not is_filtered and _ASKS_FACT.match(reading.masked) is not None


def _settle_diff(reading: Reading) -> Intent:
    is_of_groups = len(reading.groups) > 1 and len(reading.run_ids) < _TWO
    return "compare_runs" if is_of_groups else "diff_runs"


def _settle_suggest(reading: Reading) -> Intent:
    """A model to use is the best one so far; a value to try next is a proposal."""
    masked = reading.masked
    if len(reading.groups) > 1:
        return "compare_runs"
    asks_which = re.search(r"\b(?:which|what) (?:model|PARAM|run|one)\b", masked) is not None
    if not asks_which or _NEXT.search(masked):
        return "suggest_params"
    if re.search(r"\brecommend", masked):
        return "best_run"
    is_model = reading.per is not None and reading.per == reading.model_param
    return "best_run" if is_model and re.search(r"\bPARAM should\b", masked) else "suggest_params"


def _settle_count(reading: Reading) -> Intent:
    """How many epochs a run has is one of its details."""
    is_of_run = bool(reading.run_ids or reading.ends) and bool(reading.params)
    counts_runs = re.search(r"\bhow many (?:[A-Z]+ )*runs\b", reading.masked) is not None
    return "run_details" if is_of_run and not counts_runs else "count_runs"


def _settle_summary(reading: Reading) -> Intent:
    if _SUMMARY.search(reading.masked):
        return "summarize_runs"
    if reading.run_ids:
        return "run_details"
    return "best_run" if reading.ends and not _SUM.search(reading.masked) else "summarize_runs"


def _settle_details(reading: Reading) -> Intent | None:
    if reading.ends and not reading.run_ids and _ASKS_END.search(reading.masked):
        return "best_run"
    """Which model is best asks for a ranking; which one the best run used, for a detail."""
    if reading.ends and not reading.run_ids and _WHICH_IS.search(reading.masked):
        return "best_run"
    if reading.run_ids or reading.ends or reading.recency or reading.last_ids:
        return "run_details"
    if reading.scope.is_everything:
        is_of_all = re.search(r"\b(?:everything|all|things|lab|project|overall)\b", reading.masked) is not None
        return None if reading.metrics else "summarize_runs" if is_of_all else "run_details"
    if reading.metrics and re.search(r"\bwhat METRIC (?:did|does|do|has|have)\b", reading.masked):
        return "best_run"
    return "run_details" if re.search(r"\bwhy\b|\bthe (?:\w+ )*run\b", reading.masked) else None


def _settle_search(reading: Reading) -> Intent:
    """What was noted on a run that is named is one of its details."""
    return "run_details" if reading.run_ids and not reading.last_ids else "search_runs"


def _settle_trend(reading: Reading) -> Intent:
    """Which of all runs overfit is only known where a note says so."""
    if reading.scope.note is not None and not reading.run_ids and not reading.metrics:
        return "list_runs"
    is_of_many = _WHICH_RUNS.search(reading.masked) is not None and not reading.run_ids
    return "search_runs" if is_of_many and _CURVE_WORDS.search(reading.masked) else "metric_trend"


def _settle_similar(reading: Reading) -> Intent | None:
    has_target = reading.run_ids or reading.ends or reading.recency or reading.last_ids
    return "similar_runs" if has_target else None


_SETTLED: Final[Mapping[Intent, Callable[[Reading], Intent | None]]] = {
    "diff_runs": _settle_diff,
    "suggest_params": _settle_suggest,
    "count_runs": _settle_count,
    "summarize_runs": _settle_summary,
    "run_details": _settle_details,
    "search_runs": _settle_search,
    "metric_trend": _settle_trend,
    "similar_runs": _settle_similar,
}
"""What the names beside a phrase make of it; None where it does not fit them."""


def _unphrased(reading: Reading) -> Intent:
    """Decides where no phrase says which kind of answer is asked for."""
    about_them = is_about_them(reading.masked)
    if len(reading.run_ids) == 1 and reading.metrics and reading.ends and _OF_RUN.search(reading.masked):
        return "metric_trend"
    is_pointed = bool(reading.ends and reading.last_ids)
    if len(reading.groups) > 1 or (len(reading.run_ids) > 1 and not is_pointed and not about_them):
        return "compare_runs"
    if reading.run_ids and not about_them and not (reading.ends and (len(reading.run_ids) > 1 or not is_pointed)):
        return "run_details"
    if reading.ends:
        return "best_run"
    lists = reading.recency is not None or intents.asks_for_list(reading.masked)
    if lists or not _HOW.search(reading.masked):
        return "best_run" if reading.per or (reading.metrics and not lists) else "list_runs"
    return "best_run"
