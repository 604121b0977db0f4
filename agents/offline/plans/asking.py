"""The steps of a plan: which tools are called, and what came back.

Owns those shapes, and lists of runs that take several calls. A plan is a generator: it yields the calls of one step and
is sent their results.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from agents.agents import DraftAnswer
from agents.offline.reading.reading import Ranking
from agents.offline.reading.scopes import Scope
from agents.offline.reading.values import number_in, param_of, value_of
from backend.models import RunDetail, RunSummary
from tools.directions import order_text
from tools.found import ComparisonFound, DetailsFound, Found, RunsFound

MAX_LISTED: Final = 200
_MAX_TIMED: Final = 12
_MANY: Final = 2
"""Up to so many lists are asked for at once; instead of more, one longer list is tried first."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """What a tool says went wrong."""

    text: str


Result = Found | Failure
Value = TypeVar("Value")
Steps = Generator[list[Call], list[Result], Value]
Plan = Steps[DraftAnswer]


class ToolFailedError(Exception):
    """A tool that the plan cannot go on without failed; the message is the tool's own."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs that fit a scope.

    Attributes:
        runs: Those that were returned, in the order asked.
        total: How many fit in all.
        is_counted: Whether that is known; otherwise more may fit.
        seconds: By run id, how long it took, where that was asked for.
    """

    runs: list[RunSummary]
    total: int
    is_counted: bool
    seconds: dict[str, float]


def list_scope(
    scope: Scope, *, ranking: Ranking | None = None, limit: int, oldest: bool = False, with_runs: bool = True
) -> Steps[Batch]:
    """Lists the runs of a scope: ranked, else the newest first.

    Args:
        scope: Which runs.
        ranking: By what they are ranked; runs without a value are left out.
        limit: How many at most.
        oldest: Whether the oldest come first.
        with_runs: Whether the runs are wanted, not their number alone.

    Raises:
        ToolFailedError: A tool failed.
    """
    if ranking is not None and with_runs and len(scope.alternatives()) > _MANY:
        leading = yield from _leading(scope, ranking, limit=limit)
        if leading is not None:
            return leading
    is_filtered = scope.is_sifted
    asked = MAX_LISTED if is_filtered else limit
    calls = [Call("list_runs", _arguments(each, scope, ranking, asked, oldest)) for each in scope.alternatives()]
    if ranking is not None and ranking.kind == "metric" and len(calls) == 1 and scope == Scope(datasets=scope.datasets):
        calls = [_leaderboard(scope, ranking, asked)]
    found = yield from ask_runs(calls)
    runs = _unique(run for each in found for run in each.runs)
    total = sum(each.total for each in found)
    runs = [run for run in runs if scope.keeps(run) and (ranking is None or has_value(run, ranking))]
    is_counted = not is_filtered or sum(len(each.runs) for each in found) == total
    seconds: dict[str, float] = {}
    if with_runs and ((ranking and ranking.kind == "duration") or _timed(scope)):
        n_before, looked_at = len(runs), runs[:_MAX_TIMED]
        seconds = yield from _durations(looked_at)
        if _timed(scope):
            runs = [run for run in looked_at if all(bound.holds(seconds.get(run.run_id)) for bound in _timed(scope))]
            # In the order of their durations, all that come after one that is beyond the bound are so, too.
            is_exhausted = len(calls) == 1 and ranking is None and len(runs) < len(looked_at)
            is_counted = is_exhausted or (is_counted and n_before == len(looked_at))
    if len(calls) > 1:
        runs = _merged(runs, ranking, seconds, oldest=oldest)
    return Batch(runs[:limit], len(runs) if is_filtered else total, is_counted, seconds)


def _leading(scope: Scope, ranking: Ranking, *, limit: int) -> Steps[Batch | None]:
    """Ranks the runs of a scope out of one list of more; None where too few of them are in it."""
    wider = replace(scope, datasets=(), params=())
    (arguments,) = wider.alternatives()
    (found,) = yield from ask_runs([Call("list_runs", _arguments(arguments, wider, ranking, MAX_LISTED, False))])
    runs = [run for run in found.runs if scope.keeps(run) and has_value(run, ranking)]
    is_timed = ranking.kind == "duration" or bool(_timed(scope))
    return Batch(runs[:limit], len(runs), False, {}) if len(runs) >= limit and not is_timed else None


def sample(scope: Scope, metric: str) -> Steps[Batch]:
    """Lists the newest runs of a scope that have a metric, up to `MAX_LISTED`, to take a mean over.

    Raises:
        ToolFailedError: A tool failed.
    """
    wanted = [
        {"metric_name": metric} | _arguments(each, scope, None, MAX_LISTED, False) for each in scope.alternatives()
    ]
    found = yield from ask_runs([Call("list_runs", arguments) for arguments in wanted])
    runs = _unique(run for each in found for run in each.runs)
    runs = [run for run in runs if scope.keeps(run) and number_in(run.final_metrics.get(metric)) is not None]
    listed, total = sum(len(each.runs) for each in found), sum(each.total for each in found)
    return Batch(runs, len(runs) if listed == total else total, listed == total, {})


def together(plans: Sequence[Steps[Value]]) -> Steps[list[Value]]:
    """Runs several plans side by side: their calls of one step are made at once.

    Raises:
        ToolFailedError: One of them failed.
    """
    values: dict[int, Value] = {}
    waiting: dict[int, list[Call]] = {}

    def advance(index: int, results: list[Result] | None) -> None:
        try:
            waiting[index] = next(plans[index]) if results is None else plans[index].send(results)
        except StopIteration as stop:
            values[index] = stop.value
            waiting.pop(index, None)

    for index in range(len(plans)):
        advance(index, None)
    while waiting:
        asked = dict(waiting)
        results = yield [call for calls in asked.values() for call in calls]
        start = 0
        for index, calls in asked.items():
            advance(index, results[start : start + len(calls)])
            start += len(calls)
    return [values[index] for index in range(len(plans))]


def ask(call: Call) -> Steps[Found]:
    """Makes one call.

    Raises:
        ToolFailedError: It failed.
    """
    (result,) = yield [call]
    if isinstance(result, Failure):
        raise ToolFailedError(result.text)
    return result


def ask_runs(calls: Sequence[Call]) -> Steps[list[RunsFound]]:
    """Makes calls that return lists of runs.

    Raises:
        ToolFailedError: One of them failed.
    """
    results = yield list(calls)
    found: list[RunsFound] = []
    for result in results:
        if isinstance(result, Failure):
            raise ToolFailedError(result.text)
        if isinstance(result, RunsFound):
            found.append(result)
    return found


def ask_details(run_id: str, *, curve: str | None = None) -> Steps[DetailsFound]:
    """Asks for everything about a run.

    Raises:
        ToolFailedError: There is no such run, or the tool failed.
    """
    arguments = {"run_id": run_id} | ({"curve": curve} if curve else {})
    found = yield from ask(Call("get_run_details", arguments))
    if not isinstance(found, DetailsFound):
        raise ToolFailedError("the run's details came back in an unknown shape")
    return found


def ask_comparison(run_ids: Sequence[str]) -> Steps[list[RunDetail]]:
    """Puts runs side by side.

    Raises:
        ToolFailedError: One of them does not exist, or the tool failed.
    """
    found = yield from ask(Call("compare_runs", {"run_ids": list(run_ids)}))
    if not isinstance(found, ComparisonFound):
        raise ToolFailedError("the comparison came back in an unknown shape")
    return found.comparison.runs


def order_said(scope: Scope, *, oldest: bool) -> str:
    """Says in which order `list_scope` gives the runs of a scope that are not ranked."""
    first = scope.leftover()[0] if scope.leftover() else None
    if first is None or first.target == "metric" or len(scope.alternatives()) > 1:
        return "oldest first" if oldest else "newest first"
    return f"{first.name}, {order_text('desc' if first.low is not None else 'asc')}"


def has_value(run: RunSummary, ranking: Ranking) -> bool:
    """Tells whether a run has what is ranked by."""
    if ranking.kind == "duration":
        return True
    if ranking.kind == "param":
        return param_of(run, ranking.name) is not None
    return number_in(run.final_metrics.get(ranking.name)) is not None


def _arguments(base: dict[str, Any], scope: Scope, ranking: Ranking | None, limit: int, oldest: bool) -> dict[str, Any]:
    arguments = dict(base)
    if ranking is not None:
        arguments |= {"sort": ranking.sort, "order": ranking.order}
        if ranking.kind == "metric":
            arguments.setdefault("metric_name", ranking.name)
    elif scope.leftover() and scope.leftover()[0].target == "param":
        bound = scope.leftover()[0]
        arguments |= {"sort": f"param:{bound.name}", "order": "desc" if bound.low is not None else "asc"}
    elif _timed(scope):
        arguments |= {"sort": "duration", "order": "desc" if _timed(scope)[0].low is not None else "asc"}
    elif oldest:
        arguments["order"] = "asc"
    return arguments | {"limit": limit}


def _leaderboard(scope: Scope, ranking: Ranking, top_k: int) -> Call:
    arguments: dict[str, Any] = {"metric_name": ranking.name, "top_k": top_k, "order": ranking.order}
    return Call("leaderboard", arguments | ({"dataset_id": scope.datasets[0]} if scope.datasets else {}))


def _durations(runs: Sequence[RunSummary]) -> Steps[dict[str, float]]:
    if not runs:
        return {}
    results = yield [Call("get_run_details", {"run_id": run.run_id}) for run in runs]
    details = [result.run for result in results if isinstance(result, DetailsFound)]
    return {run.run_id: run.duration_s for run in details if run.duration_s is not None}


def _timed(scope: Scope) -> list[Any]:
    return [bound for bound in scope.bounds if bound.target == "duration"]


def _unique(runs: Any) -> list[RunSummary]:
    return list({run.run_id: run for run in runs}.values())


def _merged(
    runs: list[RunSummary], ranking: Ranking | None, seconds: dict[str, float], *, oldest: bool
) -> list[RunSummary]:
    """Orders runs that came from several lists as one list would be."""
    newest_first = sorted(runs, key=lambda run: run.timestamp or "", reverse=not oldest)
    if ranking is None:
        return newest_first

    def key(run: RunSummary) -> float:
        value = seconds.get(run.run_id) if ranking.kind == "duration" else value_of(run, ranking.name)
        number = number_in(value)
        return float("inf") if number is None else -number if ranking.order == "desc" else number

    return sorted(newest_first, key=key)
