"""The shapes of what `/registry` answers about models and metrics, with a description and an example for every field.

Owns the wire contract of the model registry, which clients may import as they do `models`; what models look like beside
each other is `registry_views`. It must not read settings, a file or the network.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_RUN_ID = "3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"
_NUMBER_OR_NULL = "Null where another program stored no finite number."

Order = Literal["asc", "desc"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _example(model: type[BaseModel]) -> dict[str, Any]:
    return {name: field.examples[0] for name, field in model.model_fields.items() if field.examples}


class RegistryRun(_Answer):
    """A run of the registry: an experiment that models belong to."""

    id: int = Field(description="Its id in the registry.", examples=[1])
    run_name: str = Field(description="Its name.", examples=["llama-sft"])
    description: str | None = Field(description="What it is about.", examples=["Supervised fine-tuning, autumn"])
    models: int = Field(description="How many models it has.", examples=[12])


class FamilyMetric(_Answer):
    """A metric of a family."""

    name: str = Field(description="The metric.", examples=["acc"])
    models: int = Field(description="How many models have it, themselves or on a checkpoint.", examples=[12])
    has_scores: bool = Field(
        description="Whether any model has per-sample scores for it, which significance needs.", examples=[True]
    )
    order: Order = Field(
        description="Which way it is better, told from its name: `asc` where less is.", examples=["desc"]
    )


class MetricFamily(_Answer):
    """A group of metrics, such as a benchmark."""

    family: str = Field(description="The family.", examples=["hellaswag_0shot"])
    metrics: list[FamilyMetric] = Field(description="Its metrics in text order.", examples=[[_example(FamilyMetric)]])


class RegistryFacets(_Answer):
    """The registry's own vocabulary."""

    runs: list[RegistryRun] = Field(description="Runs by name.", examples=[[_example(RegistryRun)]])
    families: list[MetricFamily] = Field(description="Families by name.", examples=[[_example(MetricFamily)]])
    total_models: int = Field(description="How many models there are.", examples=[12])
    total_checkpoints: int = Field(description="How many checkpoints there are.", examples=[40])
    total_metrics: int = Field(description="How many metrics there are, those of checkpoints included.", examples=[640])


class ModelName(_Answer):
    """A model by its names."""

    id: int = Field(description="The model's id.", examples=[1])
    model_name: str = Field(description="The model's name.", examples=["llama-3-8b"])
    run_name: str = Field(description="The registry's run it is in.", examples=["base"])


class _Model(_Answer):
    id: int = Field(description="Its id in the registry, never given out twice.", examples=[7])
    model_name: str = Field(description="Its name, once per run.", examples=["llama-3-8b-sft"])
    path: str | None = Field(description="Where its weights are.", examples=["/models/llama-3-8b-sft"])
    parent_id: int | None = Field(
        description="The model it was made from, which may have been deleted since.", examples=[1]
    )
    parent_name: str | None = Field(
        description="The name of that model; null without one, and when it was deleted.", examples=["llama-3-8b"]
    )
    run_id: int = Field(description="The id of its run in the registry.", examples=[2])
    run_name: str = Field(description="The name of that run.", examples=["llama-sft"])
    source_run_id: str | None = Field(
        description="The tracker's run that made it, as in `GET /runs/{run_id}`.", examples=[_RUN_ID]
    )


class ModelSummary(_Model):
    """A model in a list."""

    checkpoints: int = Field(description="How many checkpoints it has.", examples=[4])
    metrics: int = Field(description="How many metrics it has, those of its checkpoints included.", examples=[20])


class Checkpoint(_Answer):
    """A snapshot of a model in training."""

    id: int = Field(description="Its id in the registry.", examples=[3])
    model_id: int = Field(description="The model it belongs to.", examples=[7])
    step: int = Field(description="The training step.", examples=[1000])
    path: str | None = Field(description="Where its weights are.", examples=["/models/llama-3-8b-sft/step-1000"])
    created_at: str | None = Field(
        description="When it was registered, `YYYY-MM-DD HH:MM:SS` in UTC; null in files of other programs.",
        examples=["2025-12-01 10:00:00"],
    )


class Metric(_Answer):
    """A logged metric."""

    id: int = Field(description="Its id in the registry.", examples=[11])
    model_id: int | None = Field(description="The model it belongs to; null for a checkpoint's.", examples=[7])
    checkpoint_id: int | None = Field(description="The checkpoint it belongs to; null for a model's.", examples=[None])
    family: str = Field(description="The group it belongs to.", examples=["hellaswag_0shot"])
    metric_name: str = Field(description="Its name in the family.", examples=["acc"])
    value: float | None = Field(description=f"The number. {_NUMBER_OR_NULL}", examples=[0.634])
    n_samples: int = Field(description="How many per-sample scores are stored with it; 0 for none.", examples=[10042])


class ModelLineage(_Answer):
    """What a model was made from, and what was made from it."""

    ancestors: list[ModelName] = Field(
        description="Its parent, then that one's, up to the base or to a deleted model.",
        examples=[[_example(ModelName)]],
    )
    children: list[ModelName] = Field(
        description="The models that were made from it.",
        examples=[[{"id": 9, "model_name": "llama-3-8b-dpo", "run_name": "llama-dpo"}]],
    )


class ModelDetail(_Model):
    """Everything that is known of a model."""

    lineage: ModelLineage = Field(description="Where it stands among others.", examples=[_example(ModelLineage)])
    checkpoints: list[Checkpoint] = Field(
        description="Its checkpoints by step and path.", examples=[[_example(Checkpoint)]]
    )
    metrics: list[Metric] = Field(
        description="Its metrics by family and name; behind each, those of its checkpoints by step.",
        examples=[[_example(Metric)]],
    )


class LoggedRunMetrics(_Answer):
    """What became of the final metrics of a run whose model was registered."""

    family: str = Field(description="The family they are in: the run's dataset, or `final`.", examples=["iris"])
    inserted: int = Field(description="How many are new.", examples=[2])
    updated: int = Field(description="How many were overwritten.", examples=[0])
    skipped: int = Field(description="How many were there already, and stayed.", examples=[0])
    left_out: dict[str, str] = Field(
        description="Why a metric was not logged, by its name.", examples=[{"loss": "the value nan is not finite"}]
    )


class RegisteredModel(ModelDetail):
    """A model that was just registered, or was known already."""

    from_run: LoggedRunMetrics | None = Field(
        description="For a model of a tracker's run, what became of its metrics.",
        examples=[_example(LoggedRunMetrics)],
    )


class DeletedModel(_Answer):
    """What was deleted with a model."""

    model_name: str = Field(description="The model's name.", examples=["llama-3-8b-sft"])
    checkpoints_deleted: int = Field(description="How many checkpoints.", examples=[4])
    metrics_deleted: int = Field(description="How many metrics, those of the checkpoints included.", examples=[20])


class FoundMetric(_Answer):
    """A metric of a model, found by a pattern."""

    model_id: int = Field(description="The model's id.", examples=[7])
    model: str = Field(description="The model's name.", examples=["llama-3-8b-sft"])
    family: str = Field(description="The metric's family.", examples=["hellaswag_0shot"])
    metric: str = Field(description="The metric's name.", examples=["acc"])
    value: float | None = Field(description=f"The number. {_NUMBER_OR_NULL}", examples=[0.634])
    run: str = Field(description="The registry's run the model is in.", examples=["llama-sft"])


class LoggedMetric(_Answer):
    """What logging a metric did."""

    status: Literal["inserted", "updated", "skipped"] = Field(
        description="`inserted`: it is new; `skipped`: it was there and stays; `updated`: it was overwritten.",
        examples=["inserted"],
    )
