"""The bodies that `/registry` accepts, with a description and an example for every field.

Owns checking each value by itself; whether it fits the registry, `lightml` says. It must not read settings, a file or
the network.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator
from pydantic_core import PydanticCustomError

from backend.models import NO_NUL

MAX_ID = 2**53 - 1
"""The greatest whole number that every reader of JSON takes as it is."""
MAX_NAME_CHARS = 1_000
MAX_PATH_CHARS = 4_096

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
EntryName = Annotated[str, StringConstraints(max_length=MAX_NAME_CHARS, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
"""A name that is not blank."""
EntryPath = Annotated[str, StringConstraints(max_length=MAX_PATH_CHARS, pattern=NO_NUL)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelEntry(_Entry):
    """A model to register, or to complete."""

    run_name: EntryName = Field(description="The registry's run it is in; made if missing.", examples=["llama-sft"])
    model_name: EntryName = Field(description="Its name, once per run.", examples=["llama-3-8b-sft"])
    path: EntryPath | None = Field(
        None, description="Where its weights are; null leaves what is known.", examples=["/models/llama-3-8b-sft"]
    )
    parent_name: EntryName | None = Field(
        None, description="The model it was made from, by name or as `RUN/MODEL`.", examples=["base/llama-3-8b"]
    )
    parent_id: Id | None = Field(None, description="The model it was made from, by id.", examples=[1])


class RunModelEntry(_Entry):
    """A model to register from a run of the tracker, with the run's final metrics."""

    from_run: EntryName = Field(
        description="The tracker's run, or enough of the beginning of its id.", examples=["3f0a9c1e"]
    )
    run_name: EntryName | None = Field(
        None, description="The registry's run it is in; the tracker run's project unless given.", examples=["svm"]
    )
    model_name: EntryName | None = Field(
        None, description="Its name; made of the artifact's and the run's id unless given.", examples=["linear-svm"]
    )
    artifact: EntryPath | None = Field(
        None,
        description="Which artifact is the model, by its path or the end of it; the only one that looks like a model "
        "unless given.",
        examples=["linear_svm.joblib"],
    )
    parent_name: EntryName | None = Field(None, description="The model it was made from.", examples=["base/svm"])
    allow_failed: bool = Field(
        False, description="Whether a run that failed or was killed may be registered.", examples=[False]
    )
    force: bool = Field(
        False,
        description="Whether metrics that are there, and a model of this name that another run made, are overwritten.",
        examples=[False],
    )


def _kind_of_entry(value: object) -> str:
    if isinstance(value, RunModelEntry) or (isinstance(value, dict) and "from_run" in value):
        return "from-run"
    return "by-name"


AnyModelEntry = Annotated[
    Annotated[ModelEntry, Tag("by-name")] | Annotated[RunModelEntry, Tag("from-run")], Discriminator(_kind_of_entry)
]
"""A model by name, or, with `from_run`, the model of a tracker's run."""


class CheckpointEntry(_Entry):
    """A checkpoint to register."""

    run_name: EntryName = Field(description="The registry's run that the model is in.", examples=["llama-sft"])
    model_name: EntryName = Field(description="The model.", examples=["llama-3-8b-sft"])
    step: int = Field(ge=0, le=MAX_ID, description="The training step.", examples=[1000])
    path: EntryPath | None = Field(
        None,
        description="Where its weights are; several checkpoints of one step differ by it.",
        examples=["/models/llama-3-8b-sft/step-1000"],
    )


class MetricEntry(_Entry):
    """A metric to log, on a model or on a checkpoint."""

    run_name: EntryName | None = Field(
        None,
        description="The registry's run that the model or checkpoint is in; the only one that fits unless given.",
        examples=["llama-sft"],
    )
    model_name: EntryName | None = Field(
        None,
        description="The model it belongs to, by name, as `RUN/MODEL`, or as `id:NUMBER`; or",
        examples=["llama-3-8b-sft"],
    )
    checkpoint_id: Id | None = Field(None, description="the checkpoint it belongs to.", examples=[None])
    family: EntryName = Field(description="The group it belongs to.", examples=["hellaswag_0shot"])
    metric_name: EntryName = Field(description="Its name in the family.", examples=["acc"])
    value: float = Field(description="One finite number.", examples=[0.75])
    scores: list[float] | None = Field(
        None,
        min_length=1,
        description="One number per sample, whose mean is the value, or the value in percent.",
        examples=[[1, 0, 1, 1]],
    )
    force: bool = Field(
        False, description="Whether a metric that is there is overwritten, and its scores with it.", examples=[False]
    )

    @model_validator(mode="after")
    def _check_owner(self) -> Self:
        if (self.model_name is None) == (self.checkpoint_id is None):
            raise PydanticCustomError(
                "owner", "a metric belongs to a model or to a checkpoint: give model_name or checkpoint_id, not both"
            )
        return self
