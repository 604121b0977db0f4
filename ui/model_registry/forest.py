"""Where models lie in the lineage graph: a forest from left to right, each model right of the one it was made from.

Owns pure functions from parents to places. It must not import Streamlit or Altair.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_STRIP: Final = 0.6
"""How much higher a row is that has checkpoints, in rows."""
_MAX_COLUMNS: Final = 4
"""Models without parent and children lie in a grid of so many columns, or of as many as the trees have."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model lies.

    Attributes:
        x: How many generations it is from its root; to the right.
        y: Its row, from 0; downwards.
    """

    x: float
    y: float


def layout(parents: Mapping[int, int | None], *, with_strip: frozenset[int] = frozenset()) -> dict[int, Place]:
    """Lays models out: trees first, each model's first child in its own row, then the models that stand alone.

    Args:
        parents: For each model the one it was made from; one that is not among them counts as none.
        with_strip: Models that need room beneath them, for their checkpoints.

    Returns:
        A place for each model, no two alike. Models in a circle, which no registry makes, are laid out too.
    """
    children: dict[int, list[int]] = {model: [] for model in parents}
    for model, parent in parents.items():
        if parent in children and parent != model:
            children[parent].append(model)
    cells: dict[int, tuple[int, int]] = {}
    roots = [model for model, parent in parents.items() if parent not in children or parent == model]
    row = 0
    for model in [*(root for root in roots if children[root]), *(model for model in parents if children[model])]:
        row = _plant(model, children, cells, row)
    _fill_grid([model for model in parents if model not in cells], cells, row)
    return _places(cells, with_strip)


def tree_of(parents: Mapping[int, int | None], models: frozenset[int]) -> frozenset[int]:
    """Gives some models with all that they were made from and all that was made from those."""
    roots = {model: _root(model, parents) for model in parents}
    wanted = {roots[model] for model in models if model in roots}
    return frozenset(model for model, root in roots.items() if root in wanted)


def _root(model: int, parents: Mapping[int, int | None]) -> int:
    """Gives what a model was made from in the end; the lowest id of a circle."""
    seen = [model]
    while (parent := parents[seen[-1]]) is not None and parent in parents:
        if parent in seen:
            return min(seen[seen.index(parent) :])
        seen.append(parent)
    return seen[-1]


def _plant(root: int, children: Mapping[int, list[int]], cells: dict[int, tuple[int, int]], row: int) -> int:
    """Puts a tree into cells (column, row) from a row on, and gives the first row below it."""
    if root in cells:
        return row
    waiting, continues = [(root, 0)], True
    while waiting:
        model, column = waiting.pop()
        if model in cells:
            continue
        row += not continues
        cells[model] = (column, row)
        below = [child for child in children[model] if child not in cells]
        continues = bool(below)
        waiting += [(child, column + 1) for child in reversed(below)]
    return row + 1


def _fill_grid(models: list[int], cells: dict[int, tuple[int, int]], row: int) -> None:
    widest = max((column for column, _ in cells.values()), default=0) + 1
    n_columns = max(widest, min(_MAX_COLUMNS, math.ceil(math.sqrt(len(models)))))
    for at, model in enumerate(models):
        cells[model] = (at % n_columns, row + at // n_columns)


def _places(cells: Mapping[int, tuple[int, int]], with_strip: frozenset[int]) -> dict[int, Place]:
    high = {row for model, (_, row) in cells.items() if model in with_strip}
    tops, top = [], 0.0
    for row in range(max((row for _, row in cells.values()), default=-1) + 1):
        tops.append(top)
        top += 1 + (_STRIP if row in high else 0.0)
    return {model: Place(float(column), tops[row]) for model, (column, row) in cells.items()}
