"""How ids, numbers and runs are written in an answer.

Owns these words, so that what an answer says is what the guard can find again. It must not know where values come from.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

from backend.models import RunSummary

SHORT_ID_CHARS: Final = 8
MODEL_PARAMS: Final = ("model_name", "model", "model_type", "base_model", "architecture", "arch", "classifier")
"""Parameters that name what was trained, the likeliest first."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_LARGE: Final = 10_000
_SMALL: Final = 1e-4


def short_id(run_id: str) -> str:
    """Gives the beginning of a UUID, which nearly always names it alone; other ids as they are."""
    return run_id[:SHORT_ID_CHARS] if _UUID.fullmatch(run_id) else run_id


def number_text(value: object) -> str:
    """Gives a number rounded to four digits after the point, fewer where they are zeros; other values as text."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return _rounded(float(value))
    return "none" if value is None else str(value)


def _rounded(number: float) -> str:
    if number == int(number) and abs(number) < 1e15:  # noqa: PLR2004 - floats are exact integers up to about here
        return str(int(number))
    if abs(number) >= _LARGE:
        return f"{number:.1f}"
    if abs(number) < 0.01:  # noqa: PLR2004 - four places would leave too little of it
        return f"{number:.3e}" if abs(number) < _SMALL else f"{number:.4g}"
    rounded = f"{number:.4f}"
    # Nearly 1 is not 1: a number that only rounds to a whole one keeps its places.
    return rounded if rounded.endswith(".0000") else rounded.rstrip("0")


def model_of(params: Mapping[str, object]) -> str | None:
    """Gives what was trained, where a parameter names it."""
    return next((str(params[name]) for name in MODEL_PARAMS if params.get(name) is not None), None)


def run_label(run: RunSummary) -> str:
    """Names a run for a person: the beginning of its id, what was trained, and on what."""
    model, dataset = model_of(run.params), run.dataset_id
    what = f"{model} on {dataset}" if model and dataset else model or (f"on {dataset}" if dataset else "")
    return f"{short_id(run.run_id)} ({what})" if what else short_id(run.run_id)
