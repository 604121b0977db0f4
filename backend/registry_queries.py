"""The query parameters of `/registry`: names, types, limits, and what they mean.

Owns checking each by itself. Whether a name exists, `lightml` says.
"""

from pydantic import BaseModel, ConfigDict, Field

from backend.queries import MAX_OFFSET, MAX_PAGE, MAX_REPEATS, Name, Order, Text

MAX_PIVOT_MODELS = 1_000
SORT_PATTERN = r"^(model|run|metric:[^\x00]+)$"

_A_MODEL = "by name, as `RUN/MODEL`, or as `id:NUMBER`."


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelsQuery(_Query):
    """Which models, and how many of them. Every filter that is given must hold."""

    run: Text | None = Field(None, description="Models of this run of the registry, exactly.", examples=["llama-sft"])
    q: Text | None = Field(
        None,
        description="Models that hold this text in name, path or run. Case does not count for ASCII letters.",
        examples=["llama"],
    )
    source_run_id: Text | None = Field(
        None,
        description="Models that this run of the tracker made, by its full id.",
        examples=["3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"],
    )
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="How many models at most.", examples=[50])
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="How many models to leave out at the start.", examples=[0])


class MetricsQuery(_Query):
    """Which metrics of models, and how many. In a pattern `*` stands for any characters and `?` for one."""

    model: Text | None = Field(None, description="A pattern for the model's name.", examples=["llama*"])
    family: Text | None = Field(None, description="A pattern for the metric's family.", examples=["hellaswag*"])
    metric: Text | None = Field(None, description="A pattern for the metric's name.", examples=["acc"])
    run: Text | None = Field(None, description="A pattern for the run's name.", examples=["*"])
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="How many metrics at most.", examples=[50])
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="How many metrics to leave out at the start.", examples=[0])


class PivotQuery(_Query):
    """Which models against which metrics, in which order."""

    run: Name | None = Field(None, description="Only models of this run of the registry.", examples=["llama-sft"])
    family: Name | None = Field(None, description="Only metrics of this family.", examples=["hellaswag_0shot"])
    models: list[Name] = Field(
        [],
        max_length=MAX_REPEATS,
        description=f"Only this model, {_A_MODEL} A name means every model of that name. Repeat it for several.",
        examples=[["id:7"]],
    )
    checkpoints: bool = Field(False, description="Whether each model is followed by its checkpoints.", examples=[True])
    measured: bool = Field(
        False, description="Whether models without any value in the table are left out.", examples=[True]
    )
    q: Text | None = Field(
        None,
        description="Only models that hold this text in name, path or run. Case does not count.",
        examples=["llama"],
    )
    sort: str = Field(
        "model",
        pattern=SORT_PATTERN,
        max_length=2_000,
        description="What to order models by: `model`, `run`, or `metric:FAMILY/METRIC`. Models without the metric "
        "come last in both orders.",
        examples=["metric:hellaswag_0shot/acc"],
    )
    order: Order | None = Field(
        None, description="`asc` or `desc`; unless given, names ascend and the best value is first.", examples=["desc"]
    )
    limit: int = Field(100, ge=1, le=MAX_PIVOT_MODELS, description="How many models at most.", examples=[100])
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="How many models to leave out at the start.", examples=[0])


class ModelPairQuery(_Query):
    """Which two models to compare, and by what."""

    model_a: Name = Field(description=f"The baseline, {_A_MODEL}", examples=["base/llama-3-8b"])
    model_b: Name = Field(description=f"The candidate, {_A_MODEL}", examples=["id:7"])
    run: Name | None = Field(
        None, description="The registry's run that both are in; every run unless given.", examples=["llama-sft"]
    )
    family: Name | None = Field(None, description="Only metrics of this family.", examples=["hellaswag_0shot"])


class StatsQuery(_Query):
    """Which two models to test, and on the scores of which metric."""

    model_a: Name = Field(description=f"The one, {_A_MODEL}", examples=["base/llama-3-8b"])
    model_b: Name = Field(description=f"The other, {_A_MODEL}", examples=["id:7"])
    family: Name = Field(description="The metric's family.", examples=["hellaswag_0shot"])
    metric: Name = Field(description="The metric's name.", examples=["acc"])
    run: Name | None = Field(
        None, description="The registry's run that both are in; every run unless given.", examples=["llama-sft"]
    )


class ModelLeaderboardQuery(_Query):
    """Which metric to rank by, and which models."""

    family: Name = Field(description="The metric's family.", examples=["hellaswag_0shot"])
    metric: Name = Field(description="The metric's name.", examples=["acc"])
    run: Name | None = Field(None, description="Only models of this run of the registry.", examples=["llama-sft"])
    order: Order | None = Field(
        None, description="`asc` where less is better; told from the metric's name unless given.", examples=["desc"]
    )
    top_k: int = Field(10, ge=1, le=MAX_PAGE, description="How many models at most.", examples=[10])


class RegistryRunQuery(_Query):
    """Which run of the registry."""

    run: Name | None = Field(
        None, description="Only models of this run of the registry; every run unless given.", examples=["llama-sft"]
    )
