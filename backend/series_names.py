"""Which live series some runs have, without a point of any.

Owns that one question. The points are in `series`.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from backend.shapes import Answer
from backend.tables import metric_series


def name_series(connection: Connection, run_ids: Sequence[str]) -> Answer:
    """Gives the `SeriesNames` of runs by their full ids.

    Args:
        connection: An open read transaction.
        run_ids: The runs, each once.
    """
    of_these = metric_series.c.run_id.in_(run_ids)
    counted = (
        select(metric_series.c.name, func.count().label("runs"))
        .where(of_these)
        .group_by(metric_series.c.name)
        .order_by(metric_series.c.name)
    )
    have_some = set(connection.execute(select(metric_series.c.run_id).where(of_these).distinct()).scalars())
    return {
        "run_ids": list(run_ids),
        "names": [{"name": row.name, "runs": row.runs} for row in connection.execute(counted)],
        "without_series": [run_id for run_id in run_ids if run_id not in have_some],
    }
