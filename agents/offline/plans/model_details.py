"""Plans about one registered model: everything of it, where it comes from, its checkpoints, its metrics.

Owns those plans.
"""

from collections.abc import Callable, Sequence
from typing import Final

from agents.agents import DraftAnswer
from agents.offline.plans.asking import Call, Plan, Steps, ask
from agents.offline.plans.model_overviews import describe
from agents.offline.plans.model_saying import (
    MAX_LINES,
    draft,
    label,
    metric_text,
    model_text,
    name_text,
    unsettled_text,
)
from agents.offline.plans.saying import counted, names_text, quoted
from agents.offline.reading.model_reading import ModelReading
from agents.wording import number_text, short_id
from backend.registry_models import Metric, ModelDetail
from tools.found import ModelFound, NameUnsettled
from tools.registry_names import full_name

_MAX_MODELS: Final = 4
_MAX_METRICS: Final = 25

Say = Callable[[ModelDetail], list[str]]
"""Gives what is said of one model."""


def show_model(reading: ModelReading) -> Plan:
    """Tells everything about the models named."""

    def say(model: ModelDetail) -> list[str]:
        rest = [_checkpoints(reading, model), _metrics(reading, model)]
        return [_head(reading, model), *_lineage(reading, model), *rest]

    return (yield from _about(reading, say))


def show_lineage(reading: ModelReading) -> Plan:
    """Tells what models were made from, and what from them."""
    return (yield from _about(reading, lambda model: _lineage(reading, model)))


def show_checkpoints(reading: ModelReading) -> Plan:
    """Tells which checkpoints models have."""
    return (yield from _about(reading, lambda model: [_checkpoints(reading, model)]))


def show_benchmarks(reading: ModelReading) -> Plan:
    """Tells what models were evaluated on."""
    return (yield from _about(reading, lambda model: [_benchmarks(reading, model)]))


def show_values(reading: ModelReading) -> Plan:
    """Tells the values of the metrics asked for."""
    return (yield from _about(reading, lambda model: [_values(reading, model)]))


def _about(reading: ModelReading, say: Say) -> Plan:
    if not reading.models:
        return (yield from describe(reading, before="No model of the registry is named in the question."))
    found = yield from _ask_models(reading)
    if isinstance(found, DraftAnswer):
        return found
    said = [text for model in found for text in say(model)]
    return draft(reading, *said, intent="model_details", source_runs=[model.source_run_id for model in found])


def _ask_models(reading: ModelReading) -> Steps[list[ModelDetail] | DraftAnswer]:
    models = []
    for named in reading.models[:_MAX_MODELS]:
        found = yield from ask(Call("get_model", {"model": full_name(named[0])}))
        if isinstance(found, NameUnsettled):
            return draft(reading, unsettled_text(found), intent="unanswerable")
        assert isinstance(found, ModelFound)
        models.append(found.model)
    return models


def _name(reading: ModelReading, model: ModelDetail) -> str:
    return model_text(reading, model.model_name, model.run_name)


def _head(reading: ModelReading, model: ModelDetail) -> str:
    run_id = model.source_run_id
    source = f", made by run {short_id(run_id)}" if run_id is not None else ", with no link to a recorded run"
    path = f" Its weights: {quoted(model.path)}." if model.path else ""
    return f"{_name(reading, model)} is in the registry's run {name_text(model.run_name)}{source}.{path}"


def _lineage(reading: ModelReading, model: ModelDetail) -> list[str]:
    name = _name(reading, model)
    ancestors = [model_text(reading, each.model_name, each.run_name) for each in model.lineage.ancestors]
    children = [model_text(reading, each.model_name, each.run_name) for each in model.lineage.children]
    if ancestors:
        made = f"{name} was made from {', which was made from '.join(ancestors[:MAX_LINES])}."
        if len(ancestors) > MAX_LINES:
            made += f" It has {len(ancestors)} ancestors in all."
    elif model.parent_id is not None:
        made = f"The model that {name} was made from is no longer in the registry."
    else:
        made = f"No model is registered that {name} was made from."
    direct = {each.id for each in model.lineage.children}
    further = [label(reading, each) for each in reading.names.descendants(model.id) if each.id not in direct]
    made_from_it = names_text(children) if children else "none is registered"
    from_those = f" Further down: {names_text(further)}." if further else ""
    return [made, f"Models made from {name}: {made_from_it}.{from_those}"]


def _checkpoints(reading: ModelReading, model: ModelDetail) -> str:
    name, steps = _name(reading, model), [f"step {checkpoint.step}" for checkpoint in model.checkpoints]
    if not steps:
        return f"{name} has no checkpoints."
    return f"{name} has {counted(len(steps), 'checkpoint')}: {names_text(steps, limit=_MAX_METRICS)}."


def _metrics(reading: ModelReading, model: ModelDetail) -> str:
    own = _own(model)
    if not own:
        return f"{_name(reading, model)} has no metrics."
    return f"Its metrics: {_listed(own)}."


def _benchmarks(reading: ModelReading, model: ModelDetail) -> str:
    families = list(dict.fromkeys(name_text(metric.family) for metric in _own(model)))
    name = _name(reading, model)
    if not families:
        return f"{name} was evaluated on nothing that is in the registry."
    return f"{name} was evaluated on {names_text(families, limit=_MAX_METRICS)}. Its metrics: {_listed(_own(model))}."


def _values(reading: ModelReading, model: ModelDetail) -> str:
    asked = [
        metric
        for metric in _own(model)
        if (not reading.families or metric.family in reading.families)
        and (metric.metric_name in reading.metric_names if reading.metric_names else "stderr" not in metric.metric_name)
    ]
    name = _name(reading, model)
    if not asked:
        wanted = names_text([name_text(each) for each in (*reading.families, *reading.metric_names)])
        return f"{name} has no value for {wanted}. {_metrics(reading, model)}"
    return f"{name}: {_listed(asked)}."


def _own(model: ModelDetail) -> list[Metric]:
    return [metric for metric in model.metrics if metric.checkpoint_id is None]


def _listed(metrics: Sequence[Metric]) -> str:
    shown = [
        f"{metric_text((metric.family, metric.metric_name))} {number_text(metric.value)}"
        for metric in metrics[:_MAX_METRICS]
    ]
    return ", ".join(shown) + (" and others" if len(metrics) > _MAX_METRICS else "")
