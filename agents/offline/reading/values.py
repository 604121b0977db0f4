"""Values of a run's metrics and parameters, by name.

Owns reading them: a parameter inside an object goes by its dotted path, as in the store's own vocabulary.
"""

import json
from collections.abc import Mapping
from typing import Any

from backend.models import RunSummary


def number_in(value: object) -> float | None:
    """Gives a number as one; None for texts, truths and what is missing."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """Gives parameters with those inside objects by their dotted paths."""
    found: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, dict) and value:
            found |= {f"{name}.{inner}": item for inner, item in flat(value).items()}
        else:
            found[name] = value
    return found


def param_of(run: RunSummary, name: str) -> Any:
    """Gives a run's parameter; None where it has none of that name."""
    return run.params[name] if name in run.params else flat(run.params).get(name)


def value_of(run: RunSummary, name: str) -> Any:
    """Gives a run's metric, else its parameter, of a name; None where it has neither."""
    value = run.final_metrics.get(name)
    return param_of(run, name) if value is None else value


def is_spelled(value: object, text: str) -> bool:
    """Tells whether a value is what the store's vocabulary spells as a text."""
    number = number_in(value)
    if number is not None:
        try:
            return float(text) == number
        except ValueError:
            return False
    if isinstance(value, list | dict):
        return text == json.dumps(value, separators=(",", ":"), ensure_ascii=False) or text == json.dumps(value)
    return text.lower() == str(value).lower() or (value is None and text.lower() in {"null", "none"})
