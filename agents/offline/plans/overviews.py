"""Plans that sum up what is in the store, or in a part of it.

Owns `summarize_runs`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median_high, median_low
from typing import Final

from agents.agents import DraftAnswer
from agents.offline.language.names import headline_of
from agents.offline.plans.asking import Batch, Plan, ask_details, list_scope, sample, together
from agents.offline.plans.listings import each_of
from agents.offline.plans.rankings import has_more
from agents.offline.plans.saying import (
    best_of,
    counted,
    draft,
    last_error,
    line,
    mean_text,
    names_text,
    numbered,
    own_metrics,
    quoted,
    total_text,
)
from agents.offline.reading.reading import Ranking, Reading
from agents.offline.reading.values import number_in
from agents.wording import number_text, run_label
from backend.models import RunDetail, RunSummary
from tools.calls import Order
from tools.directions import better_order, order_text

_LOOKED_AT: Final = 50
_BOTH_ORDERS: Final[tuple[Order, ...]] = ("desc", "asc")
_MAX_FAILED: Final = 3
_OF_TIMES: Final = re.compile(r"\b(?:durations?|times?|runtimes?|long|seconds|minutes|hours)\b")


def summarize(reading: Reading) -> Plan:
    """Sums up runs: how many, how they ended, the best on each dataset, what failed."""
    vocabulary = _vocabulary(reading)
    if vocabulary is not None:
        yield from ()
        return vocabulary
    if re.search(r"\b(?:average|mean|median|typical)\b", reading.masked):
        return (yield from _average(reading))
    limit = reading.top_k if reading.top_k and reading.recency else _LOOKED_AT
    batch = yield from list_scope(reading.scope, limit=limit)
    if not batch.runs:
        return draft(reading, "No run fits.")
    best = _best_by_dataset(reading, batch.runs)
    failed = [run for run in batch.runs if run.status in {"failed", "killed"}]
    n_failed, failed = len(failed), failed[:_MAX_FAILED]
    details = yield from together([ask_details(run.run_id) for run in failed])
    among = " among those" if batch.total > len(batch.runs) or not batch.is_counted else ""
    lines = [f"- {line(run, [metric])}" for run, metric in best]
    return draft(
        reading,
        _opening(batch),
        f"The best on each dataset{among}:\n{chr(10).join(lines)}" if lines else "",
        _failures([each.run for each in details], n_failed=n_failed),
        f"The newest:\n{numbered(batch.runs[:3], [name for name in [headline_of(own_metrics(batch.runs))] if name])}",
        used=[
            *(run.run_id for run, _ in best),
            *(run.run_id for run in failed),
            *(run.run_id for run in batch.runs[:3]),
        ],
        read_as=[
            f"{metric}, {order_text(better_order(metric))}" for metric in dict.fromkeys(metric for _, metric in best)
        ],
    )


def _opening(batch: Batch) -> str:
    runs = batch.runs
    statuses = Counter(run.status for run in runs)
    states = ", ".join(f"{number} {status}" for status, number in statuses.most_common())
    times = sorted(run.timestamp for run in runs if run.timestamp)
    span = f", started from {times[0][:10]} to {times[-1][:10]}" if times else ""
    seen = f"{total_text(batch)}; of the newest {len(runs)}" if batch.total > len(runs) else total_text(batch)
    datasets = Counter(run.dataset_id for run in runs if run.dataset_id)
    on = f" On {', '.join(f'{name} {number}' for name, number in datasets.most_common(8))}." if datasets else ""
    return f"{seen[:1].upper()}{seen[1:]}: {states}{span}.{on}"


def _best_by_dataset(reading: Reading, runs: Sequence[RunSummary]) -> list[tuple[RunSummary, str]]:
    """Gives the best run on each dataset and the metric it is judged by."""
    by_dataset: dict[str | None, list[RunSummary]] = {}
    for run in runs:
        by_dataset.setdefault(run.dataset_id, []).append(run)
    if len(by_dataset) > 1:
        by_dataset.pop(None, None)
    found: list[tuple[RunSummary, str]] = []
    for own in sorted(by_dataset.values(), key=len, reverse=True)[:8]:
        metrics = own_metrics(own)
        metric = next((name for name in reading.metrics if name in metrics), None) or headline_of(metrics)
        if metric is not None:
            found.append((best_of(own, metric), metric))
    return found


def _failures(runs: Sequence[RunDetail], *, n_failed: int) -> str:
    if not runs:
        return "None of them failed or was killed."
    lines = [f"- {run_label(run)}, {run.status}{_why(run)}" for run in runs]
    more = ", and there are more" if n_failed > len(runs) else ""
    return f"Failed or killed, the newest first{more}:\n" + "\n".join(lines)


def _why(run: RunDetail) -> str:
    error = last_error(run)
    note = f", note {quoted(run.note)}" if run.note else ""
    return f": error {quoted(error)}{note}" if error else note


def _average(reading: Reading) -> Plan:
    """Gives the mean of a metric over the runs of a scope, and its ends."""
    metric = reading.metric
    if _OF_TIMES.search(reading.masked) and not reading.metrics:
        metric = reading.runtime
        if metric is None:
            return draft(reading, "No metric of this store tells how long a run took, so there is no mean of it.")
    if metric is None:
        return draft(reading, "No run that fits has a metric.")
    if reading.per is not None:
        return (yield from _average_each(reading, reading.per, metric))
    ends = [list_scope(reading.scope, ranking=Ranking("metric", metric, order), limit=1) for order in _BOTH_ORDERS]
    batch, highest, lowest = yield from together([sample(reading.scope, metric), *ends])
    if not (batch.runs and highest.runs and lowest.runs):
        return draft(reading, f"No run that fits has {metric}.")
    high, low = highest.runs[0], lowest.runs[0]
    best = high if better_order(metric) == "desc" else low
    return draft(
        reading,
        f"Of {metric}: {mean_text(batch, metric)}; the lowest is {number_text(low.final_metrics[metric])}, "
        f"the highest {number_text(high.final_metrics[metric])}.",
        _median_text(batch, metric) if "median" in reading.masked else "",
        f"Best: {line(best, [metric])}.",
        used=[best.run_id],
        read_as=[f"mean of {metric}"],
    )


def _average_each(reading: Reading, per: str, metric: str) -> Plan:
    """Gives the mean of a metric over the runs of each dataset, model or other value."""
    sides = [(label, scope) for label, scope, _ in each_of(reading, per)]
    batches = yield from together([sample(scope, metric) for _, scope in sides])
    means = {label: mean_text(batch, metric) for (label, _), batch in zip(sides, batches, strict=True)}
    lines = [f"- {label}: {mean}" for label, mean in means.items() if mean]
    if not lines:
        return draft(reading, f"No run that fits has {metric}.")
    others = f"There are more of {per} than these." if has_more(reading, per, len(sides)) else ""
    used = [batch.runs[0].run_id for batch in batches if batch.runs]
    return draft(reading, f"Of {metric}:", "\n".join(lines), others, used=used, read_as=[f"mean of {metric} per {per}"])


def _median_text(batch: Batch, metric: str) -> str:
    """Says the median of a sample: a value that a run has, or the two that it lies between."""
    numbers = [number for run in batch.runs if (number := number_in(run.final_metrics.get(metric))) is not None]
    low, high = median_low(numbers), median_high(numbers)
    is_at = f"is {number_text(low)}" if low == high else f"lies between {number_text(low)} and {number_text(high)}"
    return f"The median of these {is_at}."


def _vocabulary(reading: Reading) -> DraftAnswer | None:
    """Lists the datasets, metrics, parameters, tags or a parameter's values, where that is asked."""
    match = re.search(
        r"\b(?:what|which|list|show|name)(?: me)?(?: are)?(?: all)?(?: of)?(?: the| my)?(?: different)? "
        r"(datasets?|metrics|tags|params|parameters|hyperparameters|models|PARAMs?)(?: |$)(?!\w* ?(?:best|"
        r"better|work|perform|win))",
        reading.masked,
    )
    if match is None or not reading.scope.is_everything or reading.ends or re.search(r"\bruns?\b", reading.masked):
        return None
    facets = reading.facets
    if match[1].startswith("dataset"):
        parts = [f"{each.dataset_id} ({counted(each.runs)})" for each in facets.datasets if each.dataset_id]
    elif match[1] == "metrics":
        parts = [f"{each.name} from {number_text(each.min)} to {number_text(each.max)}" for each in facets.metrics]
    elif match[1] == "tags":
        parts = [f"{each.name} ({counted(each.runs)})" for each in facets.tags]
    elif match[1] in {"params", "parameters", "hyperparameters"}:
        parts = [each.name for each in facets.params]
    else:
        param = next((each for each in facets.params if each.name in (*reading.params, reading.per)), None)
        parts = [f"{value.name} ({counted(value.runs)})" for value in param.values] if param else []
    what = match[1] if "<" not in match[1] else names_text(list(reading.params))
    return draft(
        reading, f"The {what} of this store: {names_text(parts, limit=25)}." if parts else f"This store has no {what}."
    )
