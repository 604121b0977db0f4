"""Several models side by side: one row per metric, with the best and the worst of each.

Owns which values stand in a row and what is averaged. The text is made in `tables`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lab_logger.directions import better_order
from lightml.compare import Key, metrics_by_key
from lightml.connections import Database, reading
from lightml.errors import InvalidEntryError

_FEWEST: Final = 2


def diff_models(
    db: Database, model_names: Sequence[str], run_name: str | None = None, family: str | None = None
) -> dict[str, Any]:
    """Puts the metrics of two or more models side by side, without those of their checkpoints.

    Args:
        db: The registry.
        model_names: The models, in the order of the columns.
        run_name: The run all are in; None looks in every run.
        family: The only family to show; None shows all.

    Returns:
        A dict of JSON types:

        - `models`, `run_name`, `family`: what was asked.
        - `rows`: by family and name, `{family, metric, values, best, worst}`. `values` has every model, with None
          where it has no such metric; `best` and `worst` name the models with the best and the worst value, both empty
          where no two values differ. Less is better for losses, errors and times, as the metric's name tells.
        - `averages`: `{values, n_metrics}`, each model's mean over the metrics that every model has, None if there are
          none.

    Raises:
        InvalidEntryError: Fewer than two models, or one named twice.
        UnknownNameError: There is no such run or model, or none of them has a metric in the family.
        AmbiguousNameError: Several runs have a model of a name.
    """
    names = tuple(model_names)
    _check_names(names)
    with reading(db) as connection:
        metrics = dict(zip(names, metrics_by_key(connection, names, run_name, family), strict=True))
    keys = sorted({key for values in metrics.values() for key in values})
    rows = [_row(key, {name: values.get(key) for name, values in metrics.items()}) for key in keys]
    return {"models": list(names), "run_name": run_name, "family": family, "rows": rows, "averages": _averages(rows)}


def format_diff(data: Mapping[str, Any], *, color: bool | None = None) -> str:
    """Gives what `diff_models` found as a table for a terminal.

    Args:
        data: What `diff_models` gave.
        color: Whether the best values are green and, of three models or more, the worst red; None decides by the
            terminal and by NO_COLOR.
    """
    from lightml.tables import diff_text

    return diff_text(data, color=color)


def _check_names(names: tuple[str, ...]) -> None:
    if len(names) < _FEWEST:
        raise InvalidEntryError(f"name two models or more to put side by side, not {len(names)}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidEntryError(f"name each model once; more than once there is {', '.join(map(repr, twice))}")


def _row(key: Key, values: dict[str, float | None]) -> dict[str, Any]:
    family, metric = key
    present = [value for value in values.values() if value is not None]
    low, high = min(present), max(present)
    best, worst = (high, low) if better_order(metric) == "desc" else (low, high)
    return {
        "family": family,
        "metric": metric,
        "values": values,
        "best": [name for name, value in values.items() if value == best and low < high],
        "worst": [name for name, value in values.items() if value == worst and low < high],
    }


def _averages(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    complete = [row["values"] for row in rows if None not in row["values"].values()]
    models = rows[0]["values"] if rows else {}
    return {
        "values": {name: _mean([values[name] for values in complete]) for name in models},
        "n_metrics": len(complete),
    }


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(value / len(values) for value in values) if values else None
