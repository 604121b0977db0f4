"""The short form of registered models that a model reads.

Owns what is left out and cut, as `trimming` does for the runs. Text out of the registry stays inside JSON strings.
"""

from collections.abc import Sequence
from typing import Final

from backend.registry_models import ModelDetail, ModelSummary, RegistryFacets
from backend.registry_views import ModelComparison, ModelLeaderboard, ModelStats
from tools.directions import order_text
from tools.found import NameUnsettled, SignificanceFound, TestedMetric
from tools.trimming import Document, cut

_MAX_MODELS: Final = 25
_MAX_METRICS: Final = 30
_MAX_ROWS: Final = 20
_MAX_NAME_CHARS: Final = 100


def registry(facets: RegistryFacets, models: Sequence[ModelSummary]) -> Document:
    """Gives the registry's vocabulary, cut, and says how much is left out."""
    families = {
        family.family: [metric.name for metric in family.metrics[:_MAX_METRICS]]
        for family in facets.families[:_MAX_METRICS]
        if len(family.family) <= _MAX_NAME_CHARS
    }
    scored = [f"{each.family}/{m.name}" for each in facets.families for m in each.metrics if m.has_scores]
    shown = [_summary(model) for model in models[:_MAX_MODELS]]
    document: Document = {
        "total_models": facets.total_models,
        "total_checkpoints": facets.total_checkpoints,
        "runs": {_name(run.run_name): run.models for run in facets.runs[:_MAX_MODELS]},
        "families": families,
        "with_per_sample_scores": scored[:_MAX_METRICS],
        "models": shown,
    }
    left_out = {
        "models_left_out": facets.total_models - len(shown),
        "families_left_out": len(facets.families) - len(families),
    }
    return {**document, **{name: count for name, count in left_out.items() if count}}


def leaderboard(found: ModelLeaderboard) -> Document:
    """Gives ranked models, and which the scores cannot tell from the best."""
    rows = [
        {
            "rank": row.rank,
            "model": _name(row.model),
            "run": _name(row.run),
            "value": row.value,
            "tied_with_best": row.tied_with_best,
        }
        for row in found.rows[:_MAX_ROWS]
    ]
    return {
        "family": found.family,
        "metric": found.metric,
        "better": order_text(found.order),
        "total_models": found.total_models,
        "shown": len(rows),
        "models": rows,
        "tied_with_best_is": "true: the scores cannot tell it from the best; null: not tested, ranked by value alone",
    }


def comparison(found: ModelComparison) -> Document:
    """Gives the metrics of two models and their difference."""
    deltas = [
        {"metric": f"{each.family}/{each.metric_name}", "a": each.value_a, "b": each.value_b, "b_minus_a": each.delta,
         "percent": each.pct_change, "b_is": each.verdict}
        for each in found.deltas[:_MAX_METRICS]
    ]  # fmt: skip
    document: Document = {"model_a": _name(found.model_a), "model_b": _name(found.model_b), "metrics": deltas}
    document["summary"] = found.summary
    if len(found.deltas) > len(deltas):
        document["metrics_left_out"] = len(found.deltas) - len(deltas)
    return document


def significance(found: SignificanceFound) -> Document:
    """Gives what the tests of two models said, and why others were not made."""
    tests = [_test(each, each.stats) for each in found.tested if each.stats is not None]
    untested = {f"{each.family}/{each.metric_name}": each.reason for each in found.tested if each.stats is None}
    document: Document = {
        "model_a": _full(found.model_a),
        "model_b": _full(found.model_b),
        "tests": tests,
        "not_tested": dict(list(untested.items())[:_MAX_METRICS]),
    }
    if found.n_left_out:
        document["tests_left_out"] = found.n_left_out
    if not found.tested:
        document["remark"] = "the two models share no such metric, so nothing can be tested"
    return document


def model(found: ModelDetail) -> Document:
    """Gives one model, its metrics cut, and says how many are left out."""
    own = [metric for metric in found.metrics if metric.checkpoint_id is None]
    steps = {checkpoint.id: checkpoint.step for checkpoint in found.checkpoints}
    of_checkpoints = [metric for metric in found.metrics if metric.checkpoint_id is not None]
    document: Document = {
        "model": _name(found.model_name),
        "run": _name(found.run_name),
        "path": cut(found.path),
        "source_run_id": found.source_run_id,
        "made_from": [f"{_name(each.run_name)}/{_name(each.model_name)}" for each in found.lineage.ancestors],
        "models_made_from_it": [
            f"{_name(each.run_name)}/{_name(each.model_name)}" for each in found.lineage.children[:_MAX_MODELS]
        ],
        "checkpoint_steps": [checkpoint.step for checkpoint in found.checkpoints[:_MAX_METRICS]],
        "metrics": {f"{metric.family}/{metric.metric_name}": metric.value for metric in own[:_MAX_METRICS]},
        "metrics_with_scores": [f"{m.family}/{m.metric_name}" for m in own[:_MAX_METRICS] if m.n_samples],
        "checkpoint_metrics": [
            {"step": steps.get(metric.checkpoint_id or 0), "metric": f"{metric.family}/{metric.metric_name}",
             "value": metric.value}
            for metric in of_checkpoints[:_MAX_METRICS]
        ],
    }  # fmt: skip
    left_out = {
        "metrics_left_out": max(0, len(own) - _MAX_METRICS),
        "checkpoints_left_out": max(0, len(found.checkpoints) - _MAX_METRICS),
        "checkpoint_metrics_left_out": max(0, len(of_checkpoints) - _MAX_METRICS),
    }
    return {**document, **{name: count for name, count in left_out.items() if count}}


def unsettled(found: NameUnsettled) -> Document:
    """Says that a name means nothing or several things, and what it may mean."""
    key = "means_one_of" if found.is_known else "did_you_mean"
    said = "ask again with one of these" if found.is_known else f"the registry has no such {found.kind}"
    return {"unsettled": found.kind, "asked": cut(found.asked), key: [cut(each) for each in found.candidates],
            "remark": said}  # fmt: skip


def _summary(found: ModelSummary) -> Document:
    document: Document = {"model": _name(found.model_name), "run": _name(found.run_name), "metrics": found.metrics}
    if found.parent_name is not None:
        document["made_from"] = _name(found.parent_name)
    return document


def _test(tested: TestedMetric, stats: ModelStats) -> Document:
    made = tested.result
    winner = {"a": "model_a", "b": "model_b", None: None}[made.winner if made is not None else None]
    return {
        "metric": f"{tested.family}/{tested.metric_name}",
        "test": stats.test,
        "n_samples": stats.n_samples,
        "p_value": made.p_value if made is not None else None,
        "p_value_with_holms_correction": tested.p_adjusted,
        "significant": tested.is_significant,
        "scored_better": winner,
        "a_minus_b": stats.bootstrap.delta,
        "interval_95": [stats.bootstrap.ci_lower, stats.bootstrap.ci_upper],
        "mean_a": stats.mean_a,
        "mean_b": stats.mean_b,
    }


def _full(found: ModelDetail) -> str:
    return f"{_name(found.run_name)}/{_name(found.model_name)}"


def _name(text: str) -> str:
    return cut(text, chars=_MAX_NAME_CHARS) or ""
