"""What a metric is."""

from typing import Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from lightml.entries import check_name, check_number, check_scores


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

    family: str
    metric_name: str
    value: float
    scores: list[float] | None = None
    model_name: str | None = None
    checkpoint_id: int | None = None

    @field_validator("family", mode="before")
    @classmethod
    def _check_family(cls, family: object) -> str:
        return check_name("family", family)

    @field_validator("metric_name", mode="before")
    @classmethod
    def _check_metric_name(cls, metric_name: object) -> str:
        return check_name("metric", metric_name)

    @field_validator("value", mode="before")
    @classmethod
    def _check_value(cls, value: object) -> float:
        return check_number(value)

    @field_validator("scores", mode="before")
    @classmethod
    def _check_scores(cls, scores: object) -> list[float] | None:
        return None if scores is None else check_scores(scores)

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
