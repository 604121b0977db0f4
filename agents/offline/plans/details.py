"""Plans about one run: everything about it.

Owns `run_details`.
"""

from collections.abc import Iterator
from typing import Final

from agents.offline.plans.asking import Plan, ask_details, together
from agents.offline.plans.saying import draft, last_error, names_text, quoted, value_text
from agents.offline.plans.targets import find_target
from agents.offline.reading.reading import Reading
from agents.offline.reading.values import flat, value_of
from agents.wording import number_text, run_label
from backend.models import RunDetail

_MAX_VALUES: Final = 25
_MAX_RUNS: Final = 4


def show_details(reading: Reading) -> Plan:
    """Tells everything about a run, or about a few."""
    if len(reading.run_ids) > 1:
        found = yield from together([ask_details(run_id) for run_id in reading.run_ids[:_MAX_RUNS]])
        texts = ["\n".join(_sentences(each.run)) for each in found]
        return draft(reading, *texts, used=[each.run.run_id for each in found], read_as=["runs named"])
    target, _ = yield from find_target(reading, by_named_metric=not _asks_for_metric(reading))
    if target is None:
        return draft(reading, "No run fits." if not reading.scope.is_everything else _WHICH)
    details = yield from ask_details(target)
    run = details.run
    asked = [
        value_text(name, value_of(run, name))
        for name in (*reading.params, *reading.metrics)
        if value_of(run, name) is not None
    ]
    answer = f"{', '.join(asked)}: run {run_label(run)}." if asked and not reading.run_ids else ""
    return draft(reading, answer, "\n".join(_sentences(run)), used=[run.run_id], read_as=[_how(reading)])


_WHICH: Final = "Which run? Give its id or the beginning of it, or say for example: the best run, the latest run."


def _asks_for_metric(reading: Reading) -> bool:
    return reading.masked.startswith(("what", "which", "how"))


def _how(reading: Reading) -> str:
    if reading.run_ids:
        return "the run named"
    ranking = reading.ranking()
    return ranking.said() if reading.ends and ranking is not None else "the newest run"


def _sentences(run: RunDetail) -> Iterator[str]:
    moment = run.started_at or run.timestamp
    started = f", started {moment[:16].replace('T', ' ')} UTC" if moment else ""
    took = f", took {number_text(run.duration_s)} s" if run.duration_s is not None else ""
    yield f"Run {run_label(run)}: {run.status}{started}{took}."
    error = last_error(run)
    if error:
        yield f"Error: {quoted(error)}."
    metrics = [value_text(name, value) for name, value in run.final_metrics.items()][:_MAX_VALUES]
    yield f"Metrics: {', '.join(metrics)}." if metrics else "It has no final metrics."
    params = [value_text(name, value) for name, value in flat(run.params).items()][:_MAX_VALUES]
    if params:
        yield f"Parameters: {', '.join(params)}."
    yield from _extras(run)


def _extras(run: RunDetail) -> Iterator[str]:
    if run.note:
        yield f"Note: {quoted(run.note)}."
    if run.tags:
        yield f"Tags: {names_text(run.tags)}."
    if run.artifacts:
        yield f"Artifacts: {names_text(run.artifacts)}."
    if run.git_hash:
        yield f"Code: commit {run.git_hash[:8]}{', with uncommitted changes' if run.git_diff else ''}."
    if run.command:
        yield f"Command: {quoted(run.command)}."
