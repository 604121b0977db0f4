"""What a registry, a run and a model are."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field


class RegistryInit(BaseModel):
    """A registry to make: the file `registry_path/registry_name.db`.

    Attributes:
        registry_path: The folder; made if missing.
        registry_name: The file's name without `.db`.
        overwrite: Whether a registry that is there already is replaced.
        metrics_schema: The only metrics allowed, as `{family: [metric_name, …]}`; None or empty allows all.
    """

    registry_path: Path
    registry_name: str = Field(min_length=1, pattern=r"^[^/\\\x00]+$")
    overwrite: bool = False
    metrics_schema: dict[str, list[str]] | None = None


class RunRecord(BaseModel):
    """A run of the registry: an experiment that models belong to.

    Attributes:
        id: Its id in the registry.
        run_name: Its name, once per registry.
        description: What it is about, or None.
        metadata: What else was kept of it, or None.
        models: How many models it has.
    """

    id: int
    run_name: str
    description: str | None
    metadata: dict[str, Any] | None
    models: int


class ModelRecord(BaseModel):
    """A registered model.

    Attributes:
        id: Its id in the registry; never given out twice.
        model_name: Its name, once per run.
        path: Where its weights are, or None.
        parent_id: The model it was made from; that one may be deleted.
        run_id: The id of its run in the registry.
        run_name: The name of that run.
        source_run_id: The tracker's run that made it, or None.
    """

    id: int
    model_name: str
    path: str | None
    parent_id: int | None
    run_id: int
    run_name: str
    source_run_id: str | None
