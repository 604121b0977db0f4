"""A leaderboard as a table: ranked runs with what tells them apart.

Owns pure functions from ranked runs to data frames. It must not import Streamlit.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import pandas as pd

from backend.models import RunSummary
from ui.formatting import cell_text, moment_text, short_id
from ui.run_facts import flat_params
from ui.tables import number_or_none

MAX_TOLD_PARAMS: Final = 4
"""So many of the parameters that differ are shown beside the value."""
MAX_TOLD_CHARS: Final = 40


def ranking_frame(runs: Sequence[RunSummary], metric_name: str) -> pd.DataFrame:
    """Gives ranked runs as a table, in their order.

    Returns:
        Columns `rank` (from 1), `run_id`, `run` (shortened), `link` (the address of its page), `value`, `dataset`,
        `status`, `started`, `note`, then `param:NAME` for each of `told_params`.
    """
    told = told_params(runs)
    rows = [
        {
            "rank": rank,
            "run_id": run.run_id,
            "run": short_id(run.run_id),
            "link": f"/run?id={quote(run.run_id, safe='')}",
            "value": number_or_none(run.final_metrics.get(metric_name)),
            "dataset": run.dataset_id,
            "status": run.status,
            "started": moment_text(run.timestamp),
            "note": cell_text(run.note) if run.note else None,
            **{f"param:{name}": _cell(dict(flat_params(run.params)).get(name)) for name in told},
        }
        for rank, run in enumerate(runs, start=1)
    ]
    names = ["rank", "run_id", "run", "link", "value", "dataset", "status", "started", "note"]
    return pd.DataFrame(rows, columns=[*names, *(f"param:{name}" for name in told)])


def told_params(runs: Sequence[RunSummary]) -> list[str]:
    """Gives the parameters that tell runs apart, the most telling first.

    Those of several values come before those that a run merely has or has not; then those that every run has; then
    those of few values: one whose every value is another, such as a seed, tells less of what makes a run good. Left out
    are long texts, and what says the dataset once more.
    """
    params = [dict(flat_params(run.params)) for run in runs]
    names = list(dict.fromkeys(name for one in params for name in one))
    texts = {name: [cell_text(one[name]) if name in one else None for one in params] for name in names}
    datasets = [run.dataset_id for run in runs]
    telling = [name for name, found in texts.items() if found != datasets and _is_telling(found)]
    return sorted(telling, key=lambda name: _how_telling(name, texts[name]))[:MAX_TOLD_PARAMS]


def _is_telling(texts: Sequence[str | None]) -> bool:
    return len(set(texts)) > 1 and all(len(text or "") <= MAX_TOLD_CHARS for text in texts)


def _how_telling(name: str, texts: Sequence[str | None]) -> tuple[bool, bool, int, str]:
    values = set(texts) - {None}
    return len(values) == 1, None in texts, len(values), name


def color_choices(frame: pd.DataFrame, *, max_values: int) -> list[str]:
    """Gives the columns of a ranking that its plot may be coloured by: those of 2 to `max_values` values."""
    names = ["dataset", *(name for name in map(str, frame) if name.startswith("param:"))]
    return [name for name in names if 1 < frame[name].nunique(dropna=False) <= max_values]


def _cell(value: Any) -> str | None:
    return None if value is None else cell_text(value)
