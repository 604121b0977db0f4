"""The table of models against metrics: what the dashboard shows, and what the best and worst values are.

Owns the reading of many models at once, in a fixed number of queries however many there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from lab_logger.directions import better_order
from lightml.connections import Connection, Database, reading
from lightml.errors import UnknownNameError
from lightml.lookup import find_model, find_models, find_run_id
from lightml.models.pivot import PivotColumn, PivotRow, PivotTable

Column = tuple[str, str]
Cell = tuple[float, int]

_CHOSEN = """
    (:run IS NULL OR model.run_id = :run)
    AND (:models IS NULL OR model.id IN (${numbers}(:models)))
"""
_ROWS = f"""
    SELECT model.id AS model_id, model_name, run_name, model.path AS path, parent_id, source_run_id,
        NULL AS checkpoint_id, NULL AS step, 0 AS is_checkpoint
    FROM model JOIN run ON run.id = run_id WHERE {_CHOSEN}
    UNION ALL
    SELECT model.id, model_name, run_name, checkpoint.path, parent_id, source_run_id, checkpoint.id, step, 1
    FROM checkpoint JOIN model ON model.id = model_id JOIN run ON run.id = run_id
    WHERE :with_checkpoints AND {_CHOSEN}
    ORDER BY model_name, run_name, is_checkpoint, step, path NULLS FIRST
"""
_CELLS = f"""
    SELECT metrics.model_id, NULL, family, metric_name, value, coalesce(n_samples, 0)
    FROM metrics JOIN model ON model.id = metrics.model_id LEFT JOIN detailed_scores ON metric_id = metrics.id
    WHERE {_CHOSEN}
    UNION ALL
    SELECT model.id, checkpoint_id, family, metric_name, value, coalesce(n_samples, 0)
    FROM metrics JOIN checkpoint ON checkpoint.id = checkpoint_id JOIN model ON model.id = checkpoint.model_id
        LEFT JOIN detailed_scores ON metric_id = metrics.id
    WHERE :with_checkpoints AND {_CHOSEN}
"""


def pivot(
    db: Database = None,
    run_name: str | None = None,
    family: str | None = None,
    models: Sequence[str] | None = None,
    with_checkpoints: bool = False,
) -> PivotTable:
    """Gives the table of models against metrics.

    Args:
        db: The registry's file.
        run_name: Only models of this run; None for every run.
        family: Only metrics of this family; None for all.
        models: Only models of these names, in whichever run is chosen; None for all.
        with_checkpoints: Whether each model is followed by its checkpoints, whose metrics are columns too.

    Returns:
        The table; a model without metrics has a row of None.

    Raises:
        UnknownNameError: There is no such run or model, or none of the models shown has a metric in the family.
    """
    with reading(db) as connection:
        values = {
            "run": None if run_name is None else find_run_id(connection, run_name),
            "models": None if models is None else _ids(connection, models, run_name),
            "with_checkpoints": with_checkpoints,
        }
        rows = [dict(row) for row in connection.execute(_ROWS, values)]
        cells = connection.execute(_CELLS, values).fetchall()
    return build_table(rows, cells, family)


def build_table(rows: Iterable[dict[str, Any]], cells: Iterable[Sequence[Any]], family: str | None) -> PivotTable:
    """Puts rows together to a table; opens nothing.

    Args:
        rows: The fields of `PivotRow` without `values` and `n_samples`; others are passed over.
        cells: `model_id`, `checkpoint_id`, `family`, `metric_name`, `value` and `n_samples`, a row per metric.
        family: The only family to show, or None.

    Raises:
        UnknownNameError: No cell is of the family.
    """
    by_owner: dict[tuple[int, int | None], dict[Column, Cell]] = defaultdict(dict)
    by_column: dict[Column, list[float]] = defaultdict(list)
    families = set()
    for model_id, checkpoint_id, of_family, metric_name, value, n_samples in cells:
        families.add(of_family)
        if family in (None, of_family):
            column = (of_family, metric_name)
            by_owner[model_id, checkpoint_id][column] = (value, n_samples)
            by_column[column].append(value)
    if family is not None and family not in families:
        has = ", ".join(sorted(families)) or "none"
        raise UnknownNameError(f"no model shown has a metric in the family {family!r}; the families are: {has}")
    columns = sorted(by_column)
    return PivotTable(
        families=sorted(families),
        columns=[_column(column, by_column[column]) for column in columns],
        rows=[_row(row, columns, by_owner[row["model_id"], row["checkpoint_id"]]) for row in rows],
    )


def _ids(connection: Connection, names: Sequence[str], run_name: str | None) -> str:
    """Gives the ids of every model of these names, as a JSON list."""
    ids: list[int] = []
    for name in names:
        found = find_models(connection, name, run_name)
        if not found:
            find_model(connection, name, run_name)
        ids += [model.id for model in found]
    return f"[{', '.join(map(str, ids))}]"


def _column(column: Column, values: list[float]) -> PivotColumn:
    family, metric_name = column
    order = better_order(metric_name)
    least, greatest = min(values), max(values)
    best, worst = (least, greatest) if order == "asc" else (greatest, least)
    differ = least < greatest
    return PivotColumn(
        family=family,
        metric_name=metric_name,
        order=order,
        best=best if differ else None,
        worst=worst if differ else None,
    )


def _row(row: dict[str, Any], columns: Sequence[Column], cells: dict[Column, Cell]) -> PivotRow:
    found = [cells.get(column) for column in columns]
    return PivotRow(
        **row,
        values=[None if cell is None else cell[0] for cell in found],
        n_samples=[0 if cell is None else cell[1] for cell in found],
    )
