"""The sentences of an answer about registered models.

Owns how models, metrics and tests are written, as `saying` does for runs.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from agents.agents import DraftAnswer, Intent
from agents.offline.plans.saying import counted, names_text, quoted
from agents.offline.reading.model_reading import ModelReading
from agents.wording import number_text
from backend.registry_models import ModelSummary
from tools.found import NameUnsettled, TestedMetric
from tools.registry_names import Metric, near_metrics, near_models, plain

MAX_LINES: Final = 10
MAX_NAMES: Final = 8
_TESTS: Final = {"mcnemar": "McNemar's exact test", "permutation": "a paired permutation test"}


def draft(
    reading: ModelReading,
    *paragraphs: str,
    intent: Intent,
    source_runs: Iterable[str | None] = (),
    read_as: Iterable[str] = (),
) -> DraftAnswer:
    """Makes the final answer.

    Args:
        reading: How the question was read.
        paragraphs: What is said; empty ones are left out.
        intent: The kind of answer.
        source_runs: The tracker's runs that made the models it is about, where there are any.
        read_as: How the question was read, beside the models it is about.
    """
    said = [*read_as, *([f"run={name_text(reading.run)}"] if reading.run is not None else [])]
    said += [f"{quoted(written)} as {name_text(name)}" for written, name in reading.spelled]
    lines = [text for text in paragraphs if text]
    lines.append(f"Read as: models of the registry{''.join(f', {text}' for text in said)}.")
    strangers = [] if intent == "unanswerable" else [*reading.unknown_models, *reading.unknown_metrics]
    if strangers:
        lines.append(f"Not understood: {', '.join(quoted(word) for word in strangers[:5])}.")
    used = dict.fromkeys(run_id for run_id in source_runs if run_id is not None)
    return DraftAnswer(intent=intent, natural_language_answer="\n".join(lines), used_run_ids=list(used))


def name_text(name: str) -> str:
    """Gives a name as it is, between quotation marks where it is not of one piece."""
    return name if name and all(c.isalnum() or c in "-_./@+:,|" for c in name) and len(name) <= 100 else quoted(name)  # noqa: PLR2004 - a line's worth


def model_text(reading: ModelReading, name: str, run: str) -> str:
    """Names a model, with its run where others have one of that name, or where it could be taken for a number."""
    is_unclear = name in reading.names.twins or not any(map(str.isalpha, name))
    return name_text(f"{run}/{name}" if is_unclear else name)


def label(reading: ModelReading, model: ModelSummary) -> str:
    """Names a listed model."""
    return model_text(reading, model.model_name, model.run_name)


def metric_text(pair: Metric) -> str:
    """Names a metric with its family."""
    return name_text("/".join(pair))


def test_text(tested: TestedMetric, one: str, other: str) -> str:
    """Says what the test of two models on one metric came to; nothing where none was made."""
    stats, made = tested.stats, tested.result
    if stats is None or made is None:
        return ""
    interval = f"{number_text(stats.bootstrap.ci_lower)} to {number_text(stats.bootstrap.ci_upper)}"
    is_adjusted = tested.p_adjusted is not None and tested.p_adjusted != made.p_value
    adjusted = (
        f", {number_text(tested.p_adjusted)} with Holm's correction for all tests made here" if is_adjusted else ""
    )
    return (
        f"- {metric_text((tested.family, tested.metric_name))}, {counted(stats.n_samples, 'sample')}: {one} has a mean "
        f"of {number_text(stats.mean_a)}, {other} {number_text(stats.mean_b)}; a difference of "
        f"{number_text(stats.bootstrap.delta)} (95 % confidence interval {interval}); "
        f"{'significant' if tested.is_significant else 'not significant'}, p = {number_text(made.p_value)} by "
        f"{_TESTS[stats.test]}{adjusted}."
    )


def untested_text(tested: TestedMetric, values: Sequence[float | None], one: str, other: str) -> str:
    """Says why two models were not tested on a metric, and which values they have."""
    pair = (tested.family, tested.metric_name)
    return (
        f"- {metric_text(pair)}: not tested, {tested.reason}; {one} has {number_text(values[0])}, "
        f"{other} {number_text(values[1])}."
    )


def unsettled_text(found: NameUnsettled) -> str:
    """Says that a name means nothing, or which things."""
    names = names_text([name_text(name) for name in found.candidates], limit=MAX_NAMES)
    if found.is_known:
        return f"{quoted(found.asked)} may mean several: {names}. Name one of them."
    there_are = f" There are: {names}." if names else ""
    return f"The registry has no {_KINDS[found.kind]} {quoted(found.asked)}.{there_are}"


def unknown_text(reading: ModelReading) -> list[str]:
    """Says which names of a question the registry does not have, and which it has."""
    described = reading.names.described
    datasets = names_text([name_text(name) for name in reading.datasets], limit=MAX_NAMES)
    is_dataset = {*map(plain, reading.unknown_metrics)} & {*map(plain, reading.datasets)}
    of_runs = [f"No run is on a dataset of that name, either; theirs: {datasets}."] if datasets else []
    of_runs = ["Runs are on a dataset of that name: ask for the best run on it."] if is_dataset else of_runs
    return [
        *(
            unsettled_text(NameUnsettled("model", name, tuple(near_models(described.models, name)), is_known=False))
            for name in reading.unknown_models[:2]
        ),
        *(
            unsettled_text(NameUnsettled("metric", name, tuple(near_metrics(described.facets, name)), is_known=False))
            for name in reading.unknown_metrics[:2]
        ),
        *(of_runs if reading.unknown_metrics else []),
    ]


_KINDS: Final = {"model": "model", "metric": "benchmark or metric"}
