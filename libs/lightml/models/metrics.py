"""What a metric is."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MetricCreate(BaseModel):
    """A metric to log, on a model or on a checkpoint.

    Attributes:
        family: The group it belongs to, such as "hellaswag_0shot".
        metric_name: Its name in the family.
        value: One finite number.
        scores: One score per sample, or None. 0/1 marks for an accuracy, any finite numbers otherwise.
        model_name: The model it belongs to; or
        checkpoint_id: the checkpoint.
    """

    model_config = ConfigDict(allow_inf_nan=False, protected_namespaces=())

    family: str = Field(min_length=1)
    metric_name: str = Field(min_length=1)
    value: float
    scores: list[float] | None = None
    model_name: str | None = None
    checkpoint_id: int | None = None

    @model_validator(mode="after")
    def _check_owner(self) -> Self:
        if (self.model_name is None) == (self.checkpoint_id is None):
            raise ValueError(
                "a metric belongs to a model or to a checkpoint: give model_name or checkpoint_id, not both"
            )
        return self


class MetricRecord(BaseModel):
    """A logged metric.

    Attributes:
        id: Its id in the registry.
        model_id: The model it belongs to, or None for a checkpoint's.
        checkpoint_id: The checkpoint it belongs to, or None for a model's.
        family: The group it belongs to.
        metric_name: Its name in the family.
        value: The number.
        n_samples: How many per-sample scores are stored with it, 0 for none.
    """

    model_config = ConfigDict(protected_namespaces=())

    id: int
    model_id: int | None
    checkpoint_id: int | None
    family: str
    metric_name: str
    value: float
    n_samples: int = 0
