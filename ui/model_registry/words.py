"""How models are called on a line: cut to a length, told apart, counted.

Owns pure functions from names to text. It must not import Streamlit.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from backend.registry_models import ModelDetail
from ui.formatting import cell_text

_MAX_LABEL_CHARS: Final = 40


def counted(number: int, name: str) -> str:
    """Gives a number of things, such as "1 model" or "2,000 models"."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def cut(text: str) -> str:
    """Cuts text to the length of a label."""
    return text if len(text) <= _MAX_LABEL_CHARS else f"{text[: _MAX_LABEL_CHARS - 1]}…"


def model_label(model_id: int, model_name: str, run_name: str) -> str:
    """Names a model in a line: its name and run, its id where neither says anything to see."""
    name = cut(" ".join(model_name.split()))
    return f"{name or f'#{model_id}'} ({cut(' '.join(run_name.split()))})"


def about(model: ModelDetail) -> str:
    """Says in a line where a model is, what it was made from, and what is known of it."""
    ancestors = [cut(" ".join(found.model_name.split())) for found in model.lineage.ancestors]
    is_orphan = model.parent_id is not None and model.parent_name is None
    parts = [
        cell_text(" ".join((model.path or "no path").split())),
        f"made from {' ← '.join(ancestors)}" if ancestors else "parent deleted" if is_orphan else "no parent",
        f"{len(model.lineage.children)} made from it",
        counted(len(model.checkpoints), "checkpoint"),
        counted(len(model.metrics), "metric"),
    ]
    return " · ".join(parts)


def unique_labels(names: Sequence[str]) -> list[str]:
    """Cuts names to labels, numbered where they would be alike."""
    labels = [cut(" ".join(name.split())) for name in names]
    counts = Counter(labels)
    return [f"{label} #{at + 1}" if counts[label] > 1 else label for at, label in enumerate(labels)]
