"""What a deletion took away."""

from pydantic import BaseModel, ConfigDict


class DeleteResult(BaseModel):
    """What was deleted with a model.

    Attributes:
        model_name: The model's name.
        checkpoints_deleted: How many checkpoints.
        metrics_deleted: How many metrics, of the model and of its checkpoints.
    """

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    checkpoints_deleted: int
    metrics_deleted: int
