"""What of a registry tool's answer may be said, whoever the model is: numbers by name, counts, names, source runs.

Owns that list for each kind of answer. It must not judge a text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.truth.models import Named, numbers_of
from backend.registry_models import ModelDetail, ModelSummary, RegistryFacets
from backend.registry_views import ModelComparison, ModelLeaderboard
from tools.found import (
    ModelFound,
    ModelsCompared,
    ModelsRanked,
    NameUnsettled,
    RegistryDescribed,
    RegistryFound,
    SignificanceFound,
)


@dataclass
class RegistryFacts:
    """What may be said.

    Attributes:
        values: Numbers, each with what it is about.
        counts: How many of something there are.
        names: Names of the registry.
        texts: Paths, which people wrote.
        moments: Timestamps.
        run_ids: The tracker's runs that made models.
    """

    values: list[Named] = field(default_factory=list)
    counts: set[int] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    moments: set[str] = field(default_factory=set)
    run_ids: dict[str, None] = field(default_factory=dict)

    def metric(self, family: str, metric_name: str, value: float | None) -> None:
        """Takes in a value under its metric, its family, and both, since an answer may call it by any of these."""
        names = (metric_name, family, f"{family}/{metric_name}")
        self.names.update(names)
        self.values += [(name, value) for name in names if value is not None]

    def samples(self, numbers: Iterable[int]) -> None:
        """Takes in how many scores something rests on."""
        self.values += [("test samples", float(number)) for number in numbers if number]

    def owner(self, model: ModelDetail | ModelSummary) -> None:
        """Takes in where a model's weights are, and which run made it."""
        if model.source_run_id is not None:
            self.run_ids[model.source_run_id] = None
        if model.path:
            self.names.add(model.path)
            self.texts.add(model.path)


def facts_of(found: RegistryFound) -> RegistryFacts:
    """Gives what may be said after a tool's answer."""
    facts = RegistryFacts()
    match found:
        case RegistryDescribed(registry, models):
            _of_registry(facts, registry, models)
        case ModelsRanked(board):
            _of_ranking(facts, board)
        case ModelsCompared(comparison):
            _of_comparison(facts, comparison)
        case ModelFound(model):
            _of_model(facts, model)
        case SignificanceFound():
            _of_tests(facts, found)
        case NameUnsettled():
            facts.names.update(found.candidates)
            facts.counts.add(len(found.candidates))
    return facts


def _of_registry(facts: RegistryFacts, registry: RegistryFacets, models: Iterable[ModelSummary]) -> None:
    facts.counts |= {registry.total_models, registry.total_checkpoints, registry.total_metrics, len(registry.runs)}
    facts.counts |= {len(registry.families), *(run.models for run in registry.runs)}
    for family in registry.families:
        facts.counts |= {len(family.metrics), *(metric.models for metric in family.metrics)}
        for metric in family.metrics:
            facts.metric(family.family, metric.name, None)
    for model in models:
        facts.counts |= {model.checkpoints, model.metrics}
        facts.owner(model)


def _of_ranking(facts: RegistryFacts, board: ModelLeaderboard) -> None:
    facts.counts |= {board.total_models, len(board.rows), *(row.rank for row in board.rows)}
    facts.samples(row.n_samples for row in board.rows)
    for row in board.rows:
        facts.metric(board.family, board.metric, row.value)


def _of_comparison(facts: RegistryFacts, comparison: ModelComparison) -> None:
    facts.counts |= {len(comparison.deltas), *comparison.summary.values()}
    for delta in comparison.deltas:
        for value in (delta.value_a, delta.value_b):
            facts.metric(delta.family, delta.metric_name, value)
        for number in (delta.delta, delta.pct_change):
            if number is not None:
                facts.values += [("difference of models", number), ("difference of models", -number)]


def _of_tests(facts: RegistryFacts, found: SignificanceFound) -> None:
    _of_model(facts, found.model_a)
    _of_model(facts, found.model_b)
    facts.counts |= {len(found.tested), found.n_left_out, sum(bool(each.stats) for each in found.tested)}
    facts.values += numbers_of(found)


def _of_model(facts: RegistryFacts, model: ModelDetail) -> None:
    facts.owner(model)
    own = [metric for metric in model.metrics if metric.checkpoint_id is None]
    facts.counts |= {len(model.checkpoints), len(model.metrics), len(own), len({metric.family for metric in own})}
    facts.counts |= {len(model.lineage.ancestors), len(model.lineage.children)}
    for checkpoint in model.checkpoints:
        facts.values.append(("step", float(checkpoint.step)))
        if checkpoint.path:
            facts.texts.add(checkpoint.path)
        if checkpoint.created_at:
            facts.moments.add(checkpoint.created_at.replace(" ", "T"))
    for metric in model.metrics:
        facts.metric(metric.family, metric.metric_name, metric.value)
    facts.samples(metric.n_samples for metric in model.metrics)
