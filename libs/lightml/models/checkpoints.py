"""What a checkpoint is."""

from pydantic import BaseModel


class CheckpointRecord(BaseModel):
    """A snapshot of a model in training.

    Attributes:
        id: Its id in the registry.
        model_id: The model it belongs to.
        step: The training step, 0 or more.
        path: Where its weights are, or None.
        created_at: When it was registered, `YYYY-MM-DD HH:MM:SS` in UTC, or None in files made by other programs.
    """

    id: int
    model_id: int
    step: int
    path: str | None
    created_at: str | None
