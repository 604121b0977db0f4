"""The short form of runs that a model reads.

Owns what is left out and cut, and that the reader is told. Text out of the store stays inside JSON strings: it is data,
quoted, never part of a sentence.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, isnan
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar

from backend.models import (
    DatasetFacet,
    Facets,
    MetricFacet,
    MetricSeries,
    NamedCount,
    ParamFacet,
    RunComparison,
    RunDetail,
    RunSummary,
)
from tools.directions import better_order, order_text

Document = dict[str, Any]
Entry = tuple[str, object, int]
Facet = TypeVar("Facet", DatasetFacet, MetricFacet, NamedCount, ParamFacet)

MAX_LISTED: Final = 20
"""How many runs of a list are shown to a model."""
MAX_COMPARED: Final = 10
"""How many runs of a comparison are shown to a model."""
MAX_DETAIL_BYTES: Final = 1_000
"""What one run may cost a model to read, its curves aside."""

_MAX_SUMMARY_BYTES: Final = 600
_VALUES_BYTES: Final = 300
_LEFT_OUT_BYTES: Final = 90
_MAX_VALUES: Final = 12
_MAX_TEXT_CHARS: Final = 120
_MAX_SHORT_CHARS: Final = 40
_MAX_NAME_CHARS: Final = 100
_MAX_NAMES: Final = 25
_MAX_FACET_VALUES: Final = 6
_MAX_CURVES: Final = 6
_SHOWN_POINTS: Final = 8
_MAX_INT_BITS: Final = 64


def text_of(document: Mapping[str, Any]) -> str:
    """Gives a document as compact JSON, without what UTF-8 cannot say."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def cut(text: str | None, *, chars: int = _MAX_TEXT_CHARS) -> str | None:
    """Gives text cut to a length, to less where its characters take many bytes, and says how long it was."""
    if text is None or (len(text) <= chars and _size(text) <= 2 * chars):
        return text
    kept = text[:chars]
    while _size(kept) > 2 * chars:
        kept = kept[:-4]
    return f"{kept}… [{len(text):,} characters in all]"


def summary(run: RunSummary, *, first: Sequence[str] = ()) -> Document:
    """Gives a run of a list: id, status, start, dataset, note, metrics, params.

    Args:
        run: The run.
        first: Names of metrics and params to show before others.
    """
    document: Document = {
        "run_id": run.run_id,
        "status": run.status,
        "started": (run.timestamp or "")[:19] or None,
        "dataset": cut(run.dataset_id, chars=_MAX_SHORT_CHARS),
    }
    if run.note:
        document["note"] = cut(run.note, chars=80)
    return _with_values(document, run, first=first, max_bytes=_MAX_SUMMARY_BYTES)


def runs(
    found: Sequence[RunSummary], *, ordered_by: str, total: int | None = None, first: Sequence[str] = ()
) -> Document:
    """Gives a list of runs, cut to `MAX_LISTED`.

    Args:
        found: The runs.
        ordered_by: Their order in words.
        total: How many runs there are in all, those not found here included; None when nobody counted.
        first: Names of metrics and params to show of each run before others.
    """
    shown = [summary(run, first=first) for run in found[:MAX_LISTED]]
    counted = {"total": total} if total is not None else {"listed": len(found)}
    return {**counted, "shown": len(shown), "ordered_by": ordered_by, "runs": shown}


def detail(run: RunDetail) -> Document:
    """Gives one run in at most `MAX_DETAIL_BYTES`, whatever it holds, unless the id alone takes more than half."""
    document: Document = {"run_id": run.run_id, "status": run.status}
    others: Document = {
        "started": (run.started_at or run.timestamp or "")[:19],
        "duration_s": run.duration_s,
        "dataset": cut(run.dataset_id, chars=_MAX_SHORT_CHARS),
        "note": cut(run.note, chars=80),
        "error": cut((run.error or "").strip().rpartition("\n")[2], chars=80),
        "git_hash": (run.git_hash or "")[:8],
        "git_diff_chars": len(run.git_diff or ""),
        "artifacts": len(run.artifacts),
        "tags": [cut(tag, chars=20) for tag in run.tags[:5]],
    }
    left_out = []
    for name, value in others.items():
        if value and _size({**document, name: value}) <= MAX_DETAIL_BYTES - _VALUES_BYTES:
            document[name] = value
        elif value:
            left_out.append(name)
    if left_out:
        document["left_out"] = left_out
    return _with_values(document, run, max_bytes=MAX_DETAIL_BYTES)


def curves(series: Mapping[str, MetricSeries]) -> Document:
    """Gives live curves by name, the first ones, and says how many are left out."""
    return _named("curves", [(name, curve(points)) for name, points in series.items()], limit=_MAX_CURVES)


def curve(series: MetricSeries) -> Document:
    """Gives a live curve: the first number, the last, the extremes, some between, and how many points are none."""
    points = zip(series.steps, series.values, strict=True)
    numbers = [(step, value) for step, value in points if isinstance(value, float | int) and isfinite(value)]
    document: Document = {"not_finite": len(series.steps) - len(numbers)}
    if numbers:
        document["first"], document["last"] = list(numbers[0]), list(numbers[-1])
        by_value = sorted(numbers, key=itemgetter(1))
        document["lowest"], document["highest"] = list(by_value[0]), list(by_value[-1])
        stride = -(-len(numbers) // _SHOWN_POINTS)
        document["some"] = [list(point) for point in numbers[::stride]]
    return document


def comparison(found: RunComparison) -> Document:
    """Gives runs side by side: a value per run of every metric, and of the params that differ."""
    shown = found.runs[:MAX_COMPARED]
    metrics = [(name, _side_by_side(name, shown)) for name in found.metric_keys]
    params = [(name, [run.params.get(name) for run in shown]) for name in found.param_keys]
    differing = [
        (name, [short(value) for value in values]) for name, values in params if any(v != values[0] for v in values)
    ]
    diffs = {run.git_diff for run in shown}
    return {
        "total": len(found.runs),
        "shown": len(shown),
        "run_ids": [run.run_id for run in shown],
        "datasets": [cut(run.dataset_id, chars=_MAX_SHORT_CHARS) for run in shown],
        "statuses": [run.status for run in shown],
        **_named("metrics", metrics),
        **_named("params_that_differ", differing),
        "same_git_diff": None if diffs == {None} else len(diffs) == 1,
    }


def store(facets: Facets) -> Document:
    """Gives the store's vocabulary, the most used names first, cut, and says how much is left out."""
    datasets = [(dataset.dataset_id, dataset.runs) for dataset in _most_used(facets.datasets)]
    return {
        "total": facets.total,
        "statuses": {status.name: status.runs for status in facets.statuses},
        **_named("datasets", [(name, runs) for name, runs in datasets if name is not None]),
        "runs_without_dataset": sum(runs for name, runs in datasets if name is None),
        **_named("metrics", [(metric.name, _range(metric)) for metric in _most_used(facets.metrics)]),
        **_named("params", [(param.name, _values(param)) for param in _most_used(facets.params)]),
        **_named("tags", [(tag.name, tag.runs) for tag in _most_used(facets.tags)]),
    }


def short(value: object) -> object:
    """Gives a param's or metric's value as JSON that costs little: text cut, a number that is none as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) and value.bit_length() <= _MAX_INT_BITS:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cut(text, chars=_MAX_SHORT_CHARS)


def _side_by_side(name: str, runs: Sequence[RunSummary]) -> Document:
    return {"better": order_text(better_order(name)), "values": [short(run.final_metrics.get(name)) for run in runs]}


def _range(metric: MetricFacet) -> Document:
    return {"runs": metric.runs, "min": metric.min, "max": metric.max, "best": order_text(better_order(metric.name))}


def _values(param: ParamFacet) -> list[str | None]:
    most_used = _most_used(param.values)
    shown = [cut(value.name, chars=_MAX_SHORT_CHARS) for value in most_used[:_MAX_FACET_VALUES]]
    return shown if len(shown) == len(most_used) else [*shown, "…"]


def _most_used(facets: Iterable[Facet]) -> list[Facet]:
    return sorted(facets, key=attrgetter("runs"), reverse=True)


def _named(kind: str, items: Sequence[tuple[str, object]], *, limit: int = _MAX_NAMES) -> Document:
    """Gives the first of some named things; a name is given in full or not at all, so that it can be asked for."""
    shown = dict([item for item in items if len(item[0]) <= _MAX_NAME_CHARS][:limit])
    left_out = len(items) - len(shown)
    return {kind: shown, f"{kind}_left_out": left_out} if left_out else {kind: shown}


def _with_values(document: Document, run: RunSummary, *, max_bytes: int, first: Sequence[str] = ()) -> Document:
    """Adds metrics and params, as many as the budget holds, half of it for each; says how many were left out."""
    room = max_bytes - _size(document) - _LEFT_OUT_BYTES
    metrics, params = _entries(run.final_metrics, first=first), _entries(run.params, first=first)
    for_params = min(room // 2, sum(size for _, _, size in params[:_MAX_VALUES]))
    used = _add_entries(document, "metrics", metrics, room=room - for_params)
    _add_entries(document, "params", params, room=room - used)
    return document


def _entries(values: Mapping[str, object], *, first: Sequence[str]) -> list[Entry]:
    """Gives names with their values and what both take, those asked for first."""
    names = dict.fromkeys([*(name for name in first if name in values), *values])
    return [(name, value, _size({name: value}) - 1) for name in names for value in [short(values[name])]]


def _add_entries(document: Document, kind: str, entries: Sequence[Entry], *, room: int) -> int:
    """Adds what fits into a number of bytes; gives how many it took."""
    shown: Document = {}
    used = 0
    for name, value, size in entries:
        if len(shown) < _MAX_VALUES and used + size <= room:
            shown[name] = value
            used += size
    document[kind] = shown
    if len(shown) < len(entries):
        document[f"{kind}_left_out"] = len(entries) - len(shown)
    return used


def _size(value: object) -> int:
    """Gives how many bytes a value takes as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
