"""Plans that rank registered models by a benchmark.

Owns `rank`, and what is said of ties: a model that the scores cannot tell from the best is never called worse.
"""

from collections.abc import Iterator
from typing import Any, Final

from agents.offline.plans.asking import Call, Failure, Plan, ToolFailedError
from agents.offline.plans.model_saying import MAX_LINES, draft, metric_text, model_text
from agents.offline.plans.saying import counted, names_text
from agents.offline.reading.model_reading import ModelReading
from agents.wording import number_text
from backend.registry_views import ModelLeaderboard, RankedModel
from tools.directions import better_order, order_text
from tools.found import ModelsRanked
from tools.registry_names import Metric

_MAX_TOPICS: Final = 4
_SHOWN: Final = 5
_ASKED: Final = 50
_MAX_TIES: Final = 5
_TOP_K: Final = 100


def rank(reading: ModelReading) -> Plan:
    """Ranks models by the metrics asked about, each by itself."""
    topics = reading.topics()
    if not topics:
        return draft(reading, "No model has a metric of that name.", intent="best_model")
    calls = [_call(reading, topic) for topic in topics[:_MAX_TOPICS]]
    results = yield calls
    for result in results:
        if isinstance(result, Failure):
            raise ToolFailedError(result.text)
    boards = [result.leaderboard for result in results if isinstance(result, ModelsRanked)]
    others = [metric_text(topic) for topic in topics[_MAX_TOPICS:]]
    more = f"There are more to rank by: {names_text(others)}." if others else ""
    used = [reading.names.by_id[row.model_id].source_run_id for board in boards for row in _leading(board)
            if row.model_id in reading.names.by_id]  # fmt: skip
    return draft(
        reading,
        *("\n".join(_paragraph(reading, board)) for board in boards),
        more,
        intent="best_model",
        source_runs=used,
        read_as=[f"{metric_text((b.family, b.metric))} {order_text(b.order)}" for b in boards],
    )


def _call(reading: ModelReading, topic: Metric) -> Call:
    family, metric = topic
    arguments: dict[str, Any] = {"metric": metric, "family": family, "top_k": _TOP_K if reading.top_k else _ASKED}
    if reading.run is not None:
        arguments["run"] = reading.run
    if reading.is_worst:
        arguments["order"] = "asc" if better_order(metric) == "desc" else "desc"
    return Call("rank_models", arguments)


def _paragraph(reading: ModelReading, board: ModelLeaderboard) -> Iterator[str]:
    first, *rest = board.rows
    end = "Worst" if reading.is_worst else "Best"
    yield f"{end} on {metric_text((board.family, board.metric))}: {_named(reading, first)}{_ties(reading, board)}."
    shown = board.rows[: min(reading.top_k or _SHOWN, MAX_LINES)]
    if len(shown) > 1:
        yield from (f"{row.rank}. {_named(reading, row)}" for row in shown)
        if board.total_models > len(shown):
            yield f"{counted(board.total_models, 'model')} have it; {len(shown)} are shown."
    if rest and not any(row.tied_with_best is not None for row in rest):
        yield (
            "Ranked by the values alone: there are no per-sample scores to test the differences on, so they may be "
            "chance."
        )


def _ties(reading: ModelReading, board: ModelLeaderboard) -> str:
    first, *rest = board.rows
    tied = [row for row in rest if row.tied_with_best]
    if tied:
        shown = ", ".join(_named(reading, row) for row in tied[:_MAX_TIES])
        others = f" and {len(tied) - _MAX_TIES} others" if len(tied) > _MAX_TIES else ""
        return f", tied with {shown}{others}: the data cannot tell them apart"
    equal = [row for row in rest if row.value == first.value and row.tied_with_best is None]
    if equal:
        names = names_text([model_text(reading, row.model, row.run) for row in equal], limit=_MAX_TIES)
        return f", equal to {names}"
    if rest and all(row.tied_with_best is False for row in rest):
        ahead = "worse" if reading.is_worst else "better"
        return f", significantly {ahead} than every other model"
    return ""


def _leading(board: ModelLeaderboard) -> list[RankedModel]:
    return [row for row in board.rows if row.rank == board.rows[0].rank or row.tied_with_best][:_MAX_TIES]


def _named(reading: ModelReading, row: RankedModel) -> str:
    return f"{model_text(reading, row.model, row.run)} ({number_text(row.value)})"
