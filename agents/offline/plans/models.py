"""Plans about registered models: which answers what is asked of them.

Owns that table, what is true of every plan, and the names that must be settled before a tool is asked.
"""

from collections.abc import Callable
from typing import Final

from agents.agents import DraftAnswer
from agents.offline.language.models import is_namelike
from agents.offline.plans.asking import Plan, ToolFailedError
from agents.offline.plans.model_details import show_benchmarks, show_checkpoints, show_lineage, show_model, show_values
from agents.offline.plans.model_overviews import count_models, describe, refuse
from agents.offline.plans.model_rankings import rank
from agents.offline.plans.model_saying import draft, label, unknown_text
from agents.offline.plans.model_tests import compare, test
from agents.offline.plans.saying import names_text, quoted
from agents.offline.reading.model_reading import Asked, ModelReading

_PLANS: Final[dict[Asked, Callable[[ModelReading], Plan]]] = {
    "rank": rank,
    "significance": test,
    "compare": compare,
    "lineage": show_lineage,
    "checkpoints": show_checkpoints,
    "benchmarks": show_benchmarks,
    "values": show_values,
    "details": show_model,
    "count": count_models,
    "overview": describe,
    "unclear": refuse,
}
_ABOUT_NAMED: Final = frozenset({"significance", "compare", "lineage", "checkpoints", "values", "details", "unclear"})


def plan_model_answer(reading: ModelReading) -> Plan:
    """Answers a question about models, whatever the tools say."""
    try:
        return (yield from _plan(reading)(reading))
    except ToolFailedError as failed:
        said = " ".join(str(failed).split())[:600]
        return draft(reading, f"This could not be answered: {said}", intent="unanswerable")


def _plan(reading: ModelReading) -> Callable[[ModelReading], Plan]:
    if reading.names.is_empty:
        return _say_empty
    if any(len(models) > 1 for models in reading.models):
        return _ask_which
    n_needed = {"significance": 2, "compare": 2}.get(reading.asked, 1)
    is_missing = len(reading.models) < n_needed or any(map(is_namelike, reading.unknown_models))
    if reading.unknown_metrics and not reading.families:
        return _say_unknown
    if reading.unknown_models and reading.asked in _ABOUT_NAMED and is_missing:
        return _say_unknown
    return _PLANS[reading.asked]


def _say_empty(reading: ModelReading) -> Plan:
    yield from ()
    return DraftAnswer(
        intent="list_models",
        natural_language_answer="The model registry is empty: no model was registered yet. Register one with "
        "`lightml model-register`, or import evaluation results with `lightml scan`; then ask again.",
    )


def _ask_which(reading: ModelReading) -> Plan:
    yield from ()
    said = []
    for models in reading.models:
        if len(models) > 1:
            names = names_text([label(reading, model) for model in models])
            is_one_name = len({model.model_name for model in models}) == 1
            where = f"{quoted(models[0].model_name)} is in several runs of the registry: " if is_one_name else ""
            said.append(f"{where}{names}. Which one is meant?")
    return draft(reading, *said, intent="unanswerable")


def _say_unknown(reading: ModelReading) -> Plan:
    yield from ()
    return draft(reading, *unknown_text(reading), intent="unanswerable")
