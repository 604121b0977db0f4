"""The shapes of models beside each other: table, comparison, significance, leaderboard, lineage.

Owns this part of the wire contract of `/registry`, with a description and an example for every field. It must not read
settings, a file or the network.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.registry_models import Order

_NUMBER_OR_NULL = "Null where another program stored no finite number."
_VERDICTS = ("improved", "regressed", "unchanged", "missing")

Verdict = Literal["improved", "regressed", "unchanged", "missing"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _example(model: type[BaseModel]) -> dict[str, Any]:
    return {name: field.examples[0] for name, field in model.model_fields.items() if field.examples}


class PivotColumn(_Answer):
    """A metric of the table."""

    family: str = Field(description="The metric's family.", examples=["hellaswag_0shot"])
    metric_name: str = Field(description="Its name.", examples=["acc"])
    order: Order = Field(description="Which way it is better: `asc` where less is.", examples=["desc"])
    best: float | None = Field(
        description="The best value, whatever `q` and the page show; null where fewer than two values differ.",
        examples=[0.71],
    )
    worst: float | None = Field(description="The worst value, as `best`.", examples=[0.42])


class PivotRow(_Answer):
    """A model of the table, or one of its checkpoints."""

    kind: Literal["model", "checkpoint"] = Field(description="Which of the two it is.", examples=["model"])
    model_id: int = Field(description="The model's id.", examples=[7])
    model_name: str = Field(description="The model's name.", examples=["llama-3-8b-sft"])
    run_name: str = Field(description="The registry's run it is in.", examples=["llama-sft"])
    checkpoint_id: int | None = Field(description="The checkpoint's id; null for a model.", examples=[None])
    step: int | None = Field(description="The checkpoint's step; null for a model.", examples=[None])
    path: str | None = Field(
        description="Where the weights of the model or checkpoint are.", examples=["/models/llama-3-8b-sft"]
    )
    source_run_id: str | None = Field(
        description="The tracker's run that made the model.", examples=["3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"]
    )
    parent_id: int | None = Field(description="The model it was made from.", examples=[1])
    values: list[float | None] = Field(
        description="One per column; null where the metric was not logged.", examples=[[0.634]]
    )


class Pivot(_Answer):
    """Models against metrics."""

    families: list[str] = Field(
        description="Every family that the models have metrics in, also those filtered out.",
        examples=[["hellaswag_0shot", "mmlu"]],
    )
    columns: list[PivotColumn] = Field(
        description="The metrics by family and name.", examples=[[_example(PivotColumn)]]
    )
    rows: list[PivotRow] = Field(
        description="The models of the page, each followed by its checkpoints by step where those are asked for.",
        examples=[[_example(PivotRow)]],
    )
    total_models: int = Field(description="How many models fit, those beyond the page included.", examples=[12])


class MetricDelta(_Answer):
    """A metric of two models, A the baseline and B the candidate."""

    family: str = Field(description="The metric's family.", examples=["hellaswag_0shot"])
    metric_name: str = Field(description="Its name.", examples=["acc"])
    value_a: float | None = Field(description="The value of A; null where it has none.", examples=[0.6])
    value_b: float | None = Field(description="The value of B; null where it has none.", examples=[0.63])
    delta: float | None = Field(description="B - A; null where a value is missing.", examples=[0.03])
    pct_change: float | None = Field(
        description="100 * delta / |A|; null where a value is missing or A is zero.", examples=[5.0]
    )
    verdict: Verdict = Field(
        description="Whether B is better, worse or equal, or one of them lacks the metric. Less is better for losses, "
        "errors and times.",
        examples=["improved"],
    )


_DELTAS = [_example(MetricDelta)]


class ModelComparison(_Answer):
    """Two models side by side."""

    model_a: str = Field(description="The baseline, as asked for.", examples=["base/llama-3-8b"])
    model_b: str = Field(description="The candidate, as asked for.", examples=["llama-sft/llama-3-8b-sft"])
    run_name: str | None = Field(description="The run both were looked for in; null for every run.", examples=[None])
    family: str | None = Field(description="The only family compared; null for all.", examples=["hellaswag_0shot"])
    deltas: list[MetricDelta] = Field(description="Every metric that either has, by family.", examples=[_DELTAS])
    improved: list[MetricDelta] = Field(description="Those that are better in B.", examples=[_DELTAS])
    regressed: list[MetricDelta] = Field(description="Those that are worse in B.", examples=[[]])
    unchanged: list[MetricDelta] = Field(description="Those that are equal.", examples=[[]])
    missing: list[MetricDelta] = Field(description="Those that only one has.", examples=[[]])
    summary: dict[Verdict, int] = Field(
        description="How many there are of each verdict.",
        examples=[{verdict: int(verdict == "improved") for verdict in _VERDICTS}],
    )


class Contingency(_Answer):
    """How many samples each of two models has right."""

    both_correct: int = Field(description="Both.", examples=[5000])
    only_a: int = Field(description="A alone.", examples=[300])
    only_b: int = Field(description="B alone.", examples=[420])
    both_wrong: int = Field(description="Neither.", examples=[4322])
    n_discordant: int = Field(description="One of them alone.", examples=[720])


class PairedTest(_Answer):
    """The result of a test of two models."""

    p_value: float = Field(description="Two-sided.", examples=[8.6e-06])
    significant: bool = Field(description="Whether it is below 0.05.", examples=[True])
    winner: Literal["a", "b"] | None = Field(
        description="Which scored better here, significantly or not; null when they scored the same.", examples=["b"]
    )


class BootstrapInterval(_Answer):
    """How large a difference is, by the bootstrap."""

    delta: float = Field(description="Mean of A - mean of B.", examples=[-0.012])
    ci_lower: float = Field(description="The lower end of the percentile interval.", examples=[-0.017])
    ci_upper: float = Field(description="The upper end.", examples=[-0.0067])
    confidence: float = Field(description="How sure the interval is.", examples=[0.95])


class ModelStats(_Answer):
    """Whether the difference of two models is real, from their per-sample scores."""

    test: Literal["mcnemar", "permutation"] = Field(
        description="McNemar's exact test where all scores are 0 or 1, else a paired permutation test of the means.",
        examples=["mcnemar"],
    )
    n_samples: int = Field(description="How many samples both have scores of.", examples=[10042])
    contingency: Contingency | None = Field(
        description="Null where scores are not all 0 or 1.", examples=[_example(Contingency)]
    )
    mcnemar: PairedTest | None = Field(
        None, description="The result, where this is the test.", examples=[_example(PairedTest)]
    )
    permutation: PairedTest | None = Field(None, description="The result, where this is the test.", examples=[None])
    bootstrap: BootstrapInterval = Field(
        description="The interval of the difference.", examples=[_example(BootstrapInterval)]
    )
    mean_a: float = Field(description="The mean of A's scores.", examples=[0.5278])
    mean_b: float = Field(description="The mean of B's scores.", examples=[0.5398])


class RankedModel(_Answer):
    """A model on the leaderboard."""

    rank: int = Field(
        description="1 + how many models are better: significantly where two can be tested, else by value. Models that "
        "cannot be told apart share a rank.",
        examples=[1],
    )
    model_id: int = Field(description="The model's id.", examples=[7])
    model: str = Field(description="The model's name.", examples=["llama-3-8b-sft"])
    run: str = Field(description="The registry's run it is in.", examples=["llama-sft"])
    value: float | None = Field(description=f"What it is ranked by. {_NUMBER_OR_NULL}", examples=[0.634])
    n_samples: int = Field(description="How many per-sample scores are stored; 0 for none.", examples=[10042])
    tied_with_best: bool | None = Field(
        description="Whether it cannot be told from the best; null where that was not tested.", examples=[True]
    )
    ties_known: bool = Field(description="Whether it was tested against every other.", examples=[True])


class ModelLeaderboard(_Answer):
    """Models ranked by a metric, with ties where the data cannot tell them apart."""

    family: str = Field(description="The metric's family.", examples=["hellaswag_0shot"])
    metric: str = Field(description="The metric's name.", examples=["acc"])
    run_name: str | None = Field(description="The run whose models are ranked; null for every run.", examples=[None])
    order: Order = Field(description="Which way is better: `asc` where less is.", examples=["desc"])
    alpha: float = Field(description="The chance of even one difference called real that is not.", examples=[0.05])
    correction: Literal["holm"] = Field(description="How many tests at once are allowed for.", examples=["holm"])
    rows: list[RankedModel] = Field(description="The best models first.", examples=[[_example(RankedModel)]])
    total_models: int = Field(description="How many models are ranked, those beyond `top_k` too.", examples=[12])


class LineageNode(_Answer):
    """A model in the lineage."""

    id: int = Field(description="The model's id.", examples=[7])
    model_name: str = Field(description="Its name.", examples=["llama-3-8b-sft"])
    path: str | None = Field(description="Where its weights are.", examples=["/models/llama-3-8b-sft"])
    parent_id: int | None = Field(description="The model it was made from.", examples=[1])
    run_id: int = Field(description="The id of its run in the registry.", examples=[2])
    run_name: str = Field(description="The name of that run.", examples=["llama-sft"])
    source_run_id: str | None = Field(description="The tracker's run that made it.", examples=[None])
    checkpoints: int = Field(description="How many checkpoints it has.", examples=[4])
    benchmarks: list[tuple[str, str]] = Field(
        description="The family and name of each of its own metrics.", examples=[[["hellaswag_0shot", "acc"]]]
    )
    is_orphan: bool = Field(description="Whether the model it was made from was deleted.", examples=[False])


class LineageEdge(_Answer):
    """That one model was made from another."""

    parent_id: int = Field(description="The model it was made from.", examples=[1])
    child_id: int = Field(description="The model that was made.", examples=[7])


class Lineage(_Answer):
    """Models, and which was made from which."""

    nodes: list[LineageNode] = Field(description="The models by run and name.", examples=[[_example(LineageNode)]])
    edges: list[LineageEdge] = Field(
        description="From each parent to its child, where both are nodes.", examples=[[_example(LineageEdge)]]
    )
