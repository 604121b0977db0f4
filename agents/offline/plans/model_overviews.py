"""Plans about the registry as a whole: how many models, which, and what they were evaluated on.

Owns those plans, and the answer to what was not understood.
"""

import re
from typing import Final

from agents.offline.plans.asking import Plan
from agents.offline.plans.model_saying import draft, label, name_text
from agents.offline.plans.saying import counted, names_text
from agents.offline.reading.model_reading import ModelReading
from backend.registry_models import ModelSummary

_MAX_MODELS: Final = 20
_MAX_FAMILIES: Final = 15


def count_models(reading: ModelReading) -> Plan:
    """Counts what is asked for: models, of one run if it is named, or checkpoints, benchmarks, metrics."""
    yield from ()
    facets = reading.names.described.facets
    if re.search(r"\bcheckpoints?\b", reading.masked):
        said = f"The registry holds {counted(facets.total_checkpoints, 'checkpoint')}."
    elif re.search(r"\b(?:benchmarks?|families|evals?|tasks?)\b", reading.masked):
        said = f"{_families_text(reading)}"
    elif reading.families:
        said = _counted_on(reading)
    elif reading.run is not None:
        said = f"The run {name_text(reading.run)} has {counted(len(_models(reading)), 'model')}."
    else:
        said = f"The registry holds {counted(facets.total_models, 'model')} in {counted(len(facets.runs), 'run')}."
    return draft(reading, said, intent="list_models")


def describe(reading: ModelReading, *, before: str = "") -> Plan:
    """Tells which models there are, and what they were evaluated on.

    Args:
        reading: The question.
        before: What is said first.
    """
    yield from ()
    models = _models(reading)
    total = reading.names.described.facets.total_models if reading.run is None else len(models)
    shown = [_line(reading, model) for model in models[:_MAX_MODELS]]
    more = f"{len(shown)} of them are shown." if total > len(shown) else ""
    where = f"The run {name_text(reading.run)}" if reading.run is not None else "The registry"
    asks_for_families = re.search(r"\b(?:benchmarks?|evals?|evaluations?|metrics|families|tasks)\b", reading.masked)
    if asks_for_families and not re.search(r"\bmodels\b", reading.masked):
        return draft(reading, _families_text(reading), intent="list_models")
    heading = f"{where} holds {counted(total, 'model')}:" if shown else f"{where} holds no models."
    return draft(
        reading, before, heading, "\n".join(shown), more, _families_text(reading), intent="list_models",
        source_runs=[model.source_run_id for model in models[:_MAX_MODELS]],
    )  # fmt: skip


def refuse(reading: ModelReading) -> Plan:
    """Says that it is not clear what is asked of the models, and what can be."""
    yield from ()
    names = [label(reading, model) for model in reading.names.described.models[:2]]
    family = next((name_text(family) for family, _ in reading.names.metrics), None)
    examples = [f"which model is best on {family}?"] if family is not None else []
    if len(names) > 1:
        examples += [f"is {names[1]} significantly better than {names[0]}?", f"compare {names[0]} with {names[1]}"]
    examples += [f"what does {names[-1]} descend from?", "which models are in the registry?"]
    listed = "\n".join(f"- {text}" for text in examples)
    return draft(reading, f"It is not clear what is asked of the models. These questions work:\n{listed}",
                 intent="unanswerable")  # fmt: skip


def _models(reading: ModelReading) -> list[ModelSummary]:
    return [model for model in reading.names.described.models if reading.run in (None, model.run_name)]


def _line(reading: ModelReading, model: ModelSummary) -> str:
    parent = f", made from {name_text(model.parent_name)}" if model.parent_name is not None else ""
    has = [counted(model.metrics, "metric"), *([counted(model.checkpoints, "checkpoint")] if model.checkpoints else [])]
    return f"- {label(reading, model)}{parent}, with {' and '.join(has)}"


def _families_text(reading: ModelReading) -> str:
    families = [name_text(each.family) for each in reading.names.described.facets.families]
    if not families:
        return "No model has metrics yet."
    listed = names_text(families, limit=_MAX_FAMILIES)
    return f"Models were evaluated on {counted(len(families), 'benchmark')}: {listed}."


def _counted_on(reading: ModelReading) -> str:
    """Says how many models have a metric of each family named: as many as have the one that most have."""
    return " ".join(
        f"{counted(max(metric.models for metric in each.metrics), 'model')} have {name_text(each.family)}."
        for each in reading.names.described.facets.families
        if each.family in reading.families
    )
