"""What registering a run of the tracker did."""

from pydantic import BaseModel, ConfigDict


class RunModelResult(BaseModel):
    """A model registered from a run of the tracker.

    Attributes:
        model_id: The model's id in the registry.
        model_name: Its name.
        run_name: The registry's run it is in.
        source_run_id: The whole id of the tracker's run that made it.
        path: The artifact, as the tracker recorded it.
        family: The family its metrics are in.
        inserted: How many metrics are new.
        updated: How many were overwritten.
        skipped: How many were there already and stayed.
        left_out: Why a final metric of the run was not logged, by its name.
    """

    model_config = ConfigDict(protected_namespaces=())

    model_id: int
    model_name: str
    run_name: str
    source_run_id: str
    path: str
    family: str
    inserted: int = 0
    updated: int = 0
    skipped: int = 0
    left_out: dict[str, str] = {}
