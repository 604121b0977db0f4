"""The sentences of an answer.

Owns how runs, values, lists and the reading are written, so that all answers read alike and only say what was
returned. Text that people wrote stands in double quotes, shortened.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from agents.agents import DraftAnswer, Intent
from agents.offline.language.names import is_runtime
from agents.offline.plans.asking import Batch
from agents.offline.reading.reading import Ranking, Reading
from agents.offline.reading.values import number_in, value_of
from agents.wording import number_text, run_label
from backend.models import RunDetail, RunSummary
from tools.directions import better_order

MAX_LINES: Final = 10
_QUOTE_CHARS: Final = 100
_SECOND_METRICS: Final = 2


def draft(
    reading: Reading,
    *paragraphs: str,
    used: Iterable[str] = (),
    read_as: Iterable[str] = (),
    intent: Intent | None = None,
    fits: bool | None = None,
) -> DraftAnswer:
    """Makes the final answer.

    Args:
        reading: How the question was read.
        paragraphs: What is said; empty ones are left out.
        used: Full ids of the runs it is about, the most important first.
        read_as: How the question was read, beside the runs it is about.
        intent: The kind of answer, where it turned out to be another one.
        fits: Whether any run fits; unless given, whether one is used.
    """
    said = [*read_as, *reading.said()]
    lines = [text for text in paragraphs if text]
    used = list(dict.fromkeys(used))
    fits = bool(used) if fits is None else fits
    heading = "Read as" if fits or reading.scope.is_everything else "Read as, with no run that fits"
    lines.append(f"{heading}: {', '.join(said)}." if said else f"{heading}: all runs.")
    unread = [word for word in reading.unread if len(word) > 3 or not word.isalpha()]  # noqa: PLR2004 - short ones mean little
    if unread:
        lines.append(f"Not understood: {', '.join(quoted(word) for word in unread[:5])}.")
    return DraftAnswer(
        intent=intent or reading.intent,
        natural_language_answer="\n".join(lines),
        used_run_ids=used,
    )


def quoted(text: str) -> str:
    """Gives text that a person wrote between quotation marks, on one line, shortened."""
    flat = " ".join(text.replace('"', "'").split())
    return f'"{flat[:_QUOTE_CHARS]}…"' if len(flat) > _QUOTE_CHARS else f'"{flat}"'


def value_text(name: str, value: object) -> str:
    """Gives a metric's or parameter's value with its name."""
    return f"{name} {number_text(value)}" if number_in(value) is not None else f"{name} {_plain(value)}"


def line(run: RunSummary, names: Sequence[str]) -> str:
    """Gives one run on one line: its label, the named metrics or parameters it has, its state and note."""
    parts = [value_text(name, value_of(run, name)) for name in names if value_of(run, name) is not None]
    if run.status != "finished":
        parts.append(run.status)
    if run.note:
        parts.append(f"note {quoted(run.note)}")
    return f"{run_label(run)}: {', '.join(parts)}" if parts else run_label(run)


def numbered(runs: Sequence[RunSummary], names: Sequence[str]) -> str:
    """Gives runs one a line, numbered, at most `MAX_LINES` of them."""
    return "\n".join(f"{place}. {line(run, names)}" for place, run in enumerate(runs[:MAX_LINES], 1))


def shown_metrics(reading: Reading, runs: Sequence[RunSummary], ranking: Ranking | None = None) -> list[str]:
    """Gives the names of what is told of each run: what was asked for, else the headline metric."""
    names = [ranking.name] if ranking is not None and ranking.kind != "duration" else []
    names += [*reading.metrics, *(bound.name for bound in reading.scope.bounds if bound.target != "duration")]
    names += [name for name in reading.params if name not in {reading.per, reading.model_param}]
    if not reading.metrics and reading.headline and (ranking is None or ranking.kind != "metric"):
        names.append(reading.headline)
    present = [name for name in dict.fromkeys(names) if any(value_of(run, name) is not None for run in runs)]
    return present or own_metrics(runs)[:_SECOND_METRICS]


def own_metrics(runs: Sequence[RunSummary]) -> list[str]:
    """Gives the metrics that most of some runs have, times last."""
    counts: dict[str, int] = {}
    for run in runs:
        for name, value in run.final_metrics.items():
            if number_in(value) is not None:
                counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: (is_runtime(name), -counts[name]))


def best_of(runs: Sequence[RunSummary], metric: str) -> RunSummary:
    """Gives the run with the best value of a metric that at least one has; the first among equals."""
    sign = -1.0 if better_order(metric) == "desc" else 1.0
    having = [(sign * number, run) for run in runs if (number := number_in(run.final_metrics.get(metric))) is not None]
    return min(having, key=lambda pair: pair[0])[1]


def counted(number: int, noun: str = "run") -> str:
    """Gives a number of things: `no runs`, `1 run`, `3 runs`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def total_text(batch: Batch) -> str:
    """Says how many runs fit, and that there may be more where not all were looked at."""
    return counted(batch.total) if batch.is_counted else f"at least {counted(batch.total)}"


def none_text(batch: Batch) -> str:
    """Says that no run fits; where not all were looked at, that none of those does."""
    if batch.is_counted:
        return "No run fits."
    return "None of the runs that were looked at fits; not all could be looked at."


def more_text(batch: Batch, shown: int) -> str:
    """Says that a list goes on, where it does."""
    return "There are more than are shown here." if batch.total > shown else ""


def seconds_text(seconds: float | None) -> str:
    """Gives a duration."""
    return "an unknown time" if seconds is None else f"{number_text(seconds)} s"


def last_error(run: RunDetail) -> str | None:
    """Gives the last line of a failed run's traceback."""
    return (run.error or "").strip().rpartition("\n")[2].strip() or None


def names_text(names: Sequence[str], *, limit: int = 8) -> str:
    """Gives some names in a row, and says when there are others."""
    return ", ".join(names[:limit]) + (" and others" if len(names) > limit else "")


def _plain(value: object) -> str:
    text = "none" if value is None else str(value)
    return f"{text[:60]}…" if len(text) > 60 else text  # noqa: PLR2004 - a line's worth


def mean_text(batch: Batch, metric: str) -> str:
    """Says the mean of a metric over the runs of a sample, and over which runs it is; nothing where none has it."""
    values = [number for run in batch.runs if (number := number_in(run.final_metrics.get(metric))) is not None]
    if not values:
        return ""
    over = counted(len(values)) if batch.is_counted else f"the newest {len(values)} of {batch.total} runs"
    return f"a mean of {number_text(sum(values) / len(values))} over {over}"
