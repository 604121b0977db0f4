"""Answers about registered models composed from what the tools returned, as `composing` does for runs.

Owns these sentences. They hold nothing but the data.
"""

from collections.abc import Callable, Mapping
from typing import Final

from agents.agents import DraftAnswer, Intent
from agents.wording import number_text
from tools.directions import order_text
from tools.found import (
    Found,
    ModelFound,
    ModelsCompared,
    ModelsRanked,
    NameUnsettled,
    RegistryDescribed,
    SignificanceFound,
)

_MAX_LISTED: Final = 10


def _of_registry(found: Found) -> DraftAnswer:
    assert isinstance(found, RegistryDescribed)
    families = ", ".join(family.family for family in found.facets.families[:_MAX_LISTED])
    models = ", ".join(f"{model.run_name}/{model.model_name}" for model in found.models[:_MAX_LISTED])
    total = found.facets.total_models
    return _draft(
        "list_models",
        f"The registry holds {total} models. Models: {models or 'none'}. Benchmarks: {families or 'none'}.",
    )


def _of_ranking(found: Found) -> DraftAnswer:
    assert isinstance(found, ModelsRanked)
    board = found.leaderboard
    lines = [
        f"{row.rank}. {row.run}/{row.model}: {number_text(row.value)}"
        + (" (the scores cannot tell it from the best)" if row.tied_with_best and place else "")
        for place, row in enumerate(board.rows[:_MAX_LISTED])
    ]
    heading = f"Models ranked by {board.family}/{board.metric}, {order_text(board.order)}:"
    return _draft("best_model", "\n".join([heading, *lines]))


def _of_comparison(found: Found) -> DraftAnswer:
    assert isinstance(found, ModelsCompared)
    comparison = found.comparison
    lines = [
        f"{delta.family}/{delta.metric_name}: {number_text(delta.value_a)} against {number_text(delta.value_b)}"
        for delta in comparison.deltas[:_MAX_LISTED]
    ]
    return _draft("compare_models", "\n".join([f"{comparison.model_a} against {comparison.model_b}:", *lines]))


def _of_model(found: Found) -> DraftAnswer:
    assert isinstance(found, ModelFound)
    model = found.model
    own = [metric for metric in model.metrics if metric.checkpoint_id is None]
    values = [f"{each.family}/{each.metric_name} {number_text(each.value)}" for each in own[:_MAX_LISTED]]
    made = f", made from {model.parent_name}" if model.parent_name is not None else ""
    text = f"The model {model.run_name}/{model.model_name}{made}: {', '.join(values) or 'no metrics'}."
    return _draft("model_details", text, [model.source_run_id])


def _of_tests(found: Found) -> DraftAnswer:
    assert isinstance(found, SignificanceFound)
    one, other = (f"{model.run_name}/{model.model_name}" for model in (found.model_a, found.model_b))
    lines = []
    for each in found.tested[:_MAX_LISTED]:
        name, result = f"{each.family}/{each.metric_name}", each.result
        if result is None or result.winner is None:
            lines.append(f"{name}: {each.reason or 'both score the same'}.")
        else:
            is_real = "significantly" if each.is_significant else "not significantly"
            ahead = one if result.winner == "a" else other
            lines.append(f"{name}: {ahead} is {is_real} better, p = {number_text(result.p_value)}.")
    heading = f"{one} and {other}:" if lines else f"{one} and {other} share no such metric."
    ids = [found.model_a.source_run_id, found.model_b.source_run_id]
    return _draft("compare_models", "\n".join([heading, *lines]), ids)


def _of_unsettled(found: Found) -> DraftAnswer:
    assert isinstance(found, NameUnsettled)
    names = ", ".join(found.candidates)
    said = "That name may mean" if found.is_known else f"The registry has no such {found.kind}. There are"
    return _draft("unanswerable", f"{said}: {names}." if names else "The registry holds nothing of that name.")


MODEL_COMPOSERS: Final[Mapping[type, Callable[[Found], DraftAnswer]]] = {
    RegistryDescribed: _of_registry,
    ModelsRanked: _of_ranking,
    ModelsCompared: _of_comparison,
    ModelFound: _of_model,
    SignificanceFound: _of_tests,
    NameUnsettled: _of_unsettled,
}


def _draft(intent: Intent, text: str, run_ids: list[str | None] | None = None) -> DraftAnswer:
    used = [run_id for run_id in run_ids or [] if run_id is not None]
    return DraftAnswer(intent=intent, natural_language_answer=text, used_run_ids=used)
