"""The one run that a question is about.

Owns finding it: named, pointed at, ranked first, the newest, or the only one that fits.
"""

from dataclasses import replace

from agents.offline.language.runids import points_at_place
from agents.offline.plans.asking import Steps, list_scope
from agents.offline.plans.rankings import ranked
from agents.offline.reading.reading import Reading
from backend.models import RunSummary


def find_target(reading: Reading, *, by_named_metric: bool = True) -> Steps[tuple[str | None, RunSummary | None]]:
    """Finds the run that a question is about.

    Args:
        reading: The question.
        by_named_metric: Whether the metric named is what runs are ranked by, rather than what is asked of the run.

    Returns:
        Its id as named or in full, and the run itself where it was read; twice None where there is none.

    Raises:
        ToolFailedError: A tool failed.
    """
    if reading.run_ids:
        return reading.run_ids[0], None
    if reading.ends or reading.ranked_param:
        definite = {"highest", "lowest"} & {*reading.ends}
        asked = reading if by_named_metric or definite else replace(reading, metrics=())
        _, _, batch = yield from ranked(asked, limit=1)
        return (batch.runs[0].run_id, batch.runs[0]) if batch.runs else (None, None)
    if points_at_place(reading.masked) and reading.last_ids and not reading.recency:
        return None, None
    if reading.recency or not reading.scope.is_everything or (reading.facets.total == 1 and not reading.last_ids):
        batch = yield from list_scope(reading.scope, limit=1, oldest=reading.recency == "oldest")
        return (batch.runs[0].run_id, batch.runs[0]) if batch.runs else (None, None)
    return (reading.last_ids[0], None) if reading.last_ids else (None, None)
