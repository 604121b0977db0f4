"""What the table of models against metrics is."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class PivotColumn(BaseModel):
    """One metric of the table.

    Attributes:
        family: The metric's family.
        metric_name: Its name.
        order: Which way it is better: "asc" where less is.
        best: The best value in the table; None where fewer than two different values are there.
        worst: The worst value; None as for `best`.
    """

    family: str
    metric_name: str
    order: Literal["asc", "desc"]
    best: float | None
    worst: float | None


class PivotRow(BaseModel):
    """One model of the table, or one of its checkpoints.

    Attributes:
        model_id: The model's id.
        model_name: Its name.
        run_name: The registry's run it is in.
        path: Where the weights of the model or checkpoint are, or None.
        parent_id: The model it was made from, or None.
        source_run_id: The tracker's run that made the model, or None.
        checkpoint_id: The checkpoint's id, None for a model.
        step: The checkpoint's step, None for a model.
        values: One per column, None where the metric was not logged.
        n_samples: One per column, how many per-sample scores are stored with the value, 0 for none.
    """

    model_config = ConfigDict(protected_namespaces=())

    model_id: int
    model_name: str
    run_name: str
    path: str | None
    parent_id: int | None
    source_run_id: str | None
    checkpoint_id: int | None
    step: int | None
    values: list[float | None]
    n_samples: list[int]


class PivotTable(BaseModel):
    """Models against metrics.

    Attributes:
        families: Every family the shown models have metrics in, in order, also those that are filtered out.
        columns: The metrics, by family and name.
        rows: The models, by name and run, each followed by its checkpoints by step where those are asked for.
    """

    families: list[str]
    columns: list[PivotColumn]
    rows: list[PivotRow]
