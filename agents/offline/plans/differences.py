"""Plans that say what changed between two runs: metrics, parameters, code.

Owns `diff_runs`.
"""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from agents.offline.plans.asking import Plan, ask_comparison
from agents.offline.plans.comparisons import find_pair, metric_lines, params_text
from agents.offline.plans.saying import draft
from agents.offline.reading.reading import Reading
from agents.wording import run_label, short_id
from backend.models import RunDetail

_MAX_QUOTED: Final = 10
_LINE_CHARS: Final = 100
_HEADERS: Final = ("--", "++", "@@", "diff ", "index ")
_TWO: Final = 2


def diff(reading: Reading) -> Plan:
    """Says in what two runs differ."""
    if len(reading.run_ids) < _TWO and not reading.ends and reading.scope.is_everything and not reading.run_ids:
        reading = replace(reading, recency=reading.recency or "latest")
    run_ids, ranking = yield from find_pair(reading)
    if len(run_ids) < _TWO:
        return draft(reading, "There are not two runs to set against each other: fewer fit.", used=run_ids)
    runs = (yield from ask_comparison(run_ids[:_TWO]))[:_TWO]
    if len(runs) < _TWO:
        return draft(reading, "Both ids name the same run.", used=[run.run_id for run in runs])
    metrics = metric_lines(runs, first=reading.metrics)
    return draft(
        reading,
        f"{run_label(runs[0])} against {run_label(runs[1])}:",
        params_text(runs),
        "\n".join(metrics) or "They have no metric in common.",
        _code_text(runs),
        used=[run.run_id for run in runs],
        read_as=[ranking.said()]
        if ranking is not None
        else ["the runs named" if reading.run_ids else "the newest runs"],
    )


def _code_text(runs: Sequence[RunDetail]) -> str:
    """Says whether the code differs, and quotes the changed lines of what was not committed."""
    one, other = runs
    if one.git_hash is None and other.git_hash is None and not one.git_diff and not other.git_diff:
        return "Code: no commit was recorded for either."
    if one.git_hash is None and other.git_hash is None:
        commits = "Code: no commit was recorded"
    elif one.git_hash != other.git_hash:
        commits = f"Code: commit {_short(one.git_hash)} against {_short(other.git_hash)}"
    else:
        commits = f"Code: the same commit {_short(one.git_hash)}"
    changed = changed_lines(one.git_diff or "", other.git_diff or "")
    if not changed:
        return f"{commits}, and the same uncommitted changes." if one.git_diff else f"{commits}, nothing uncommitted."
    sides = {"-": short_id(one.run_id), "+": short_id(other.run_id)}
    quoted = "\n".join(
        f"only {sides[line[0]]}: code `{line[1:_LINE_CHARS].replace('`', chr(39))}`" for line in changed[:_MAX_QUOTED]
    )
    more = "\nand further lines." if len(changed) > _MAX_QUOTED else ""
    return f"{commits}; the uncommitted changes differ, in the diff:\n{quoted}{more}"


def changed_lines(before: str, after: str) -> list[str]:
    """Gives the lines that only one of two diffs has, marked with `-` for the first and `+` for the second."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:1] in "+-" and not line[1:].startswith(_HEADERS) and line[1:].strip()]


def _short(git_hash: str | None) -> str:
    return git_hash[:8] if git_hash else "none"
