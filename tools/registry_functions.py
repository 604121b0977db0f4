"""The questions an agent may ask of the model registry, as plain async functions over HTTP.

Owns each tool's arguments, and what its reply says, as `functions` does for the runs. A name that means nothing, or
several things, is answered with what it may mean; nothing is guessed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final, Literal

from pydantic import Field

from backend.registry_models import Metric, ModelDetail, ModelSummary
from tools import registry_names, registry_trimming, trimming
from tools.client import AsyncLabClient
from tools.found import (
    ModelFound,
    ModelsCompared,
    ModelsRanked,
    NameUnsettled,
    RegistryDescribed,
    RegistryFound,
    Reply,
    SignificanceFound,
    TestedMetric,
)

MAX_MODELS: Final = 2_000
"""How many models are listed to find a name among."""

_PAGE: Final = 500
_MAX_TESTS: Final = 8
_NAME_CHARS: Final = 500

ModelName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=_NAME_CHARS,
        description="A registered model's name; RUN/MODEL where several runs of the registry have one of that name.",
    ),
]
Family = Annotated[
    str | None,
    Field(max_length=_NAME_CHARS, description="Only metrics of this family, such as a benchmark: 'mmlu'."),
]


async def describe_registry(client: AsyncLabClient) -> Reply:
    """Gives the model registry's own vocabulary: its models, which was made from which, runs, benchmarks and metrics.

    The registry holds trained models and their evaluation results; it is another thing than the runs. Ask this first
    when a question is about models, benchmarks or evaluations, and use its spelling.
    """
    facets = await client.registry.facets()
    models = await _all_models(client) if facets.total_models else []
    return _reply(registry_trimming.registry(facets, models), RegistryDescribed(facets, models))


async def rank_models(
    client: AsyncLabClient,
    *,
    metric: Annotated[
        str,
        Field(
            min_length=1,
            max_length=_NAME_CHARS,
            description="The metric, its family, or FAMILY/METRIC; where it means several, the reply lists them.",
        ),
    ],
    family: Family = None,
    run: Annotated[
        str | None, Field(max_length=_NAME_CHARS, description="Only models of this run of the registry.")
    ] = None,
    top_k: Annotated[int, Field(ge=1, le=100, description="How many models at most.")] = 5,
    order: Annotated[
        Literal["asc", "desc"] | None,
        Field(description="Unless given, the better end first: 'asc' for losses, errors and times, else 'desc'."),
    ] = None,
) -> Reply:
    """Ranks registered models by a benchmark's metric, best first.

    Models share a rank where the stored scores cannot tell them apart: say so, do not call one of them the best.
    """
    facets = await client.registry.facets()
    found = registry_names.metrics_named(facets, metric, family=family)
    if len(found) != 1:
        asked = metric if family is None else f"{family}/{metric}"
        known = ["/".join(pair) for pair in found] or registry_names.near_metrics(facets, asked)
        return _unsettled(NameUnsettled("metric", asked, tuple(known), is_known=bool(found)))
    leaderboard = await client.registry.leaderboard(*found[0], run=run, top_k=top_k, order=order)
    return _reply(registry_trimming.leaderboard(leaderboard), ModelsRanked(leaderboard))


async def compare_models(
    client: AsyncLabClient, *, model_a: ModelName, model_b: ModelName, family: Family = None
) -> Reply:
    """Puts the metrics of two registered models side by side, with the difference B - A of each.

    A is the baseline and B the candidate. A difference may be chance: check_significance tells.
    """
    pair = await _pair(client, model_a, model_b)
    if isinstance(pair, NameUnsettled):
        return _unsettled(pair)
    one, other = pair
    comparison = await client.registry.compare(f"id:{one.id}", f"id:{other.id}", family=await _spelled(client, family))
    full = {"model_a": registry_names.full_name(one), "model_b": registry_names.full_name(other)}
    comparison = comparison.model_copy(update=full)
    return _reply(registry_trimming.comparison(comparison), ModelsCompared(comparison))


async def check_significance(
    client: AsyncLabClient,
    *,
    model_a: ModelName,
    model_b: ModelName,
    metric: Annotated[
        str | None,
        Field(max_length=_NAME_CHARS, description="Only this metric, or this family; all that both have unless given."),
    ] = None,
    family: Family = None,
) -> Reply:
    """Tests whether the difference of two registered models is real or may be chance, on their per-sample scores.

    Where no per-sample scores are stored, the reply says that nothing can be tested: then say that, too. Where several
    metrics are tested, what is significant is told with Holm's correction.
    """
    pair = await _pair(client, model_a, model_b)
    if isinstance(pair, NameUnsettled):
        return _unsettled(pair)
    one, other = await asyncio.gather(*(client.registry.model(each.id) for each in pair))
    wanted = await _wanted(client, metric, family)
    if isinstance(wanted, NameUnsettled):
        return _unsettled(wanted)
    shared = _shared(one, other, wanted)
    testable = [each for each, values in shared.items() if _why_untested(*values) is None]
    tested = await _tests(client, one, other, testable[:_MAX_TESTS])
    tested += [
        TestedMetric(*each, stats=None, reason=reason)
        for each, values in shared.items()
        if (reason := _why_untested(*values)) is not None
    ]
    found = SignificanceFound(one, other, tested, max(0, len(testable) - _MAX_TESTS))
    return _reply(registry_trimming.significance(found), found)


async def get_model(client: AsyncLabClient, *, model: ModelName) -> Reply:
    """Gives one registered model: what it was made from and what from it, checkpoints, metrics, and its source run."""
    settled = _settled(await _all_models(client), model)
    if isinstance(settled, NameUnsettled):
        return _unsettled(settled)
    detail = await client.registry.model(settled.id)
    return _reply(registry_trimming.model(detail), ModelFound(detail))


async def _all_models(client: AsyncLabClient) -> list[ModelSummary]:
    """Lists every model, up to `MAX_MODELS`."""
    page = await client.registry.models(limit=_PAGE)
    models = list(page.models)
    while page.models and len(models) < min(page.total, MAX_MODELS):
        page = await client.registry.models(limit=_PAGE, offset=len(models))
        models += page.models
    return models


async def _pair(
    client: AsyncLabClient, model_a: str, model_b: str
) -> tuple[ModelSummary, ModelSummary] | NameUnsettled:
    """Gives two models by their names, or the first name that does not mean one model."""
    models = await _all_models(client)
    one, other = _settled(models, model_a), _settled(models, model_b)
    if isinstance(one, NameUnsettled):
        return one
    return other if isinstance(other, NameUnsettled) else (one, other)


async def _wanted(
    client: AsyncLabClient, metric: str | None, family: str | None
) -> set[registry_names.Metric] | NameUnsettled | None:
    """Gives the metrics that are meant; None for all."""
    asked = metric or family
    if asked is None:
        return None
    facets = await client.registry.facets()
    found = registry_names.metrics_named(facets, asked, family=family if metric else None)
    near = tuple(registry_names.near_metrics(facets, asked))
    return set(found) or NameUnsettled("metric", asked, near, is_known=False)


async def _tests(
    client: AsyncLabClient, one: ModelDetail, other: ModelDetail, metrics: Sequence[registry_names.Metric]
) -> list[TestedMetric]:
    """Tests two models on some metrics, with Holm's correction for their number."""
    asked = [
        client.registry.stats(f"id:{one.id}", f"id:{other.id}", family=family, metric=metric)
        for family, metric in metrics
    ]
    tested = [TestedMetric(*each, stats=made) for each, made in zip(metrics, await asyncio.gather(*asked), strict=True)]
    adjusted = _holm([each.result.p_value if each.result is not None else 1.0 for each in tested])
    return [replace(each, p_adjusted=p_value) for each, p_value in zip(tested, adjusted, strict=True)]


def _holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p-values for their number by Holm's step-down procedure (Holm 1979)."""
    adjusted, highest = [1.0] * len(p_values), 0.0
    for place, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[at]))
        adjusted[at] = highest
    return adjusted


def _settled(models: list[ModelSummary], name: str) -> ModelSummary | NameUnsettled:
    found = registry_names.models_named(models, name)
    if len(found) == 1:
        return found[0]
    if found:
        names = tuple(registry_names.full_name(each) for each in found[: registry_names.MAX_CANDIDATES])
        return NameUnsettled("model", name, names, is_known=True)
    return NameUnsettled("model", name, tuple(registry_names.near_models(models, name)), is_known=False)


async def _spelled(client: AsyncLabClient, family: str | None) -> str | None:
    """Gives a family as the registry spells it, where that is one; else as it was given."""
    if family is None:
        return None
    found = {pair[0] for pair in registry_names.metrics_named(await client.registry.facets(), family)}
    return found.pop() if len(found) == 1 else family


def _shared(
    one: ModelDetail, other: ModelDetail, wanted: set[registry_names.Metric] | None
) -> dict[registry_names.Metric, tuple[Metric, Metric]]:
    """Gives the metrics that both models have themselves, of those wanted."""
    own = [
        {(metric.family, metric.metric_name): metric for metric in model.metrics if metric.checkpoint_id is None}
        for model in (one, other)
    ]
    return {
        pair: (metric, own[1][pair])
        for pair, metric in own[0].items()
        if pair in own[1] and (wanted is None or pair in wanted)
    }


def _why_untested(one: Metric, other: Metric) -> str | None:
    if not one.n_samples and not other.n_samples:
        return "no per-sample scores are stored"
    if not one.n_samples or not other.n_samples:
        return "per-sample scores are stored of one of them alone"
    if one.n_samples != other.n_samples:
        return f"the scores are of unequal number: {one.n_samples} and {other.n_samples}"
    return None


def _unsettled(found: NameUnsettled) -> Reply:
    return _reply(registry_trimming.unsettled(found), found)


def _reply(document: trimming.Document, found: RegistryFound) -> Reply:
    return Reply(trimming.text_of(document), found)
