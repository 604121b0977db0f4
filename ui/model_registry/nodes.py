"""The nodes and lines of the lineage graph: what is shown of each model, and where.

Owns pure functions from a lineage to data frames. It must not import Streamlit or Altair.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from backend.registry_views import Lineage, LineageNode, Pivot, PivotRow
from ui.formatting import cell_text
from ui.model_registry.forest import Place, layout, tree_of

MAX_FAMILIES: Final = 12
"""So many families have a line of their own in a tooltip."""

_EVALUATED, _NOT_EVALUATED = "●", "○ not evaluated"
_STRIP_Y: Final = 0.5
_STRIP_STEP: Final = 0.09
_STRIP_WIDTH: Final = 0.8
_BEND: Final = 0.25
_MAX_METRICS: Final = 6


@dataclass(frozen=True, slots=True)
class Graph:
    """A lineage, ready to be drawn by `ui.charts.lineage`.

    Attributes:
        nodes: A row for each model and checkpoint.
        edges: A row for each point of a line.
        n_models: How many models are shown.
        n_matching: How many of them fit the search.
        n_hidden: How many models are left out, because nothing of their tree fits the search.
    """

    nodes: pd.DataFrame
    edges: pd.DataFrame
    n_models: int
    n_matching: int
    n_hidden: int


def graph(lineage: Lineage, *, search: str, checkpoints: Pivot | None = None) -> Graph:
    """Gives the graph of a lineage, which has models.

    Args:
        lineage: The models, and which was made from which.
        search: Trees without a model that holds this in name, path or run are left out; other models than those are
            marked as not matching. Case does not count.
        checkpoints: The table with checkpoints and every metric, to show them; None to show models alone.
    """
    matching = frozenset(node.id for node in lineage.nodes if _holds(node, search))
    parents = {node.id: node.parent_id for node in lineage.nodes}
    shown = tree_of(parents, matching)
    nodes = [node for node in lineage.nodes if node.id in shown]
    rows = (
        [row for row in checkpoints.rows if row.kind == "checkpoint" and row.model_id in shown] if checkpoints else []
    )
    places = layout(
        {node.id: node.parent_id for node in nodes}, with_strip=frozenset(row.model_id for row in rows)
    )  # fmt: skip
    families = _families(nodes, checkpoints if rows else None)
    names = {node.id: _label(node) for node in lineage.nodes}
    table = [_model_row(node, places[node.id], families, matching, names) for node in nodes]
    if checkpoints is not None:
        table += _checkpoint_rows(rows, checkpoints, places, families, matching)
    frame = pd.DataFrame(table)
    frame.attrs["runs"] = sorted({str(row["run"]) for row in table})
    frame.attrs["tooltip"] = {
        "name": "model", "run": "run", "path": "path", "made_from": "made from", **_family_titles(families),
    }  # fmt: skip
    edges = _edge_frame(nodes, places, matching)
    return Graph(frame, edges, len(nodes), len(matching), len(lineage.nodes) - len(nodes))


def _holds(node: LineageNode, search: str) -> bool:
    words = search.strip().casefold()
    return any(words in (text or "").casefold() for text in (node.model_name, node.path, node.run_name))


def _families(nodes: Iterable[LineageNode], checkpoints: Pivot | None) -> list[str]:
    named = {family for node in nodes for family, _ in node.benchmarks}
    return sorted(named | set(checkpoints.families if checkpoints else []))


def _family_titles(families: Sequence[str]) -> dict[str, str]:
    """Gives the tooltip's fields with their titles, which differ even where names are cut."""
    titles: dict[str, str] = {}
    for at, family in enumerate(families[:MAX_FAMILIES]):
        title = cell_text(family)
        titles[f"family_{at}"] = f"{title} #{at + 1}" if title in (*titles.values(), "model", "run", "path") else title
    return titles | ({"more": "and"} if len(families) > MAX_FAMILIES else {})


def _model_row(
    node: LineageNode, place: Place, families: list[str], matching: frozenset[int], names: dict[int, str]
) -> dict[str, Any]:
    return {
        "id": node.id,
        "kind": "model",
        "x": place.x,
        "y": place.y,
        "name": cell_text(node.model_name),
        "label": _label(node),
        "run": cell_text(node.run_name),
        "path": cell_text(node.path or "–"),
        "made_from": _made_from(node, names),
        "matches": node.id in matching,
        "is_orphan": node.is_orphan,
        **_family_cells(families, node.benchmarks),
    }


def _made_from(node: LineageNode, names: dict[int, str]) -> str:
    if node.parent_id is None:
        return "–"
    return "a model that was deleted" if node.is_orphan else names.get(node.parent_id, "a model that is not shown")


def _label(node: LineageNode) -> str:
    return cell_text(" ".join(node.model_name.split())) or f"#{node.id}"


def _checkpoint_rows(
    rows: list[PivotRow], table: Pivot, places: dict[int, Place], families: list[str], matching: frozenset[int]
) -> list[dict[str, Any]]:
    """Puts the checkpoints of a model in a line beneath it, by step."""
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.model_id] = counts.get(row.model_id, 0) + 1
    at: dict[int, int] = {}
    found = []
    for row in rows:
        at[row.model_id] = at.get(row.model_id, 0) + 1
        place = places[row.model_id]
        known = zip(table.columns, row.values, strict=True)
        benchmarks = [(column.family, column.metric_name) for column, value in known if value is not None]
        found.append(
            {
                "id": row.model_id,
                "kind": "checkpoint",
                "x": place.x + at[row.model_id] * min(_STRIP_STEP, _STRIP_WIDTH / counts[row.model_id]),
                "y": place.y + _STRIP_Y,
                "name": f"{cell_text(row.model_name)}, step {row.step:,}",
                "label": "",
                "run": cell_text(row.run_name),
                "path": cell_text(row.path or "–"),
                "made_from": "a checkpoint of the model above it",
                "matches": row.model_id in matching,
                "is_orphan": False,
                **_family_cells(families, benchmarks),
            }
        )
    return found


def _family_cells(families: list[str], benchmarks: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Says for each family which of its metrics are there."""
    metrics: dict[str, list[str]] = {}
    for family, name in benchmarks:
        metrics.setdefault(family, []).append(name)
    cells = {
        f"family_{at}": _metrics_text(metrics.get(family, [])) for at, family in enumerate(families[:MAX_FAMILIES])
    }
    rest = families[MAX_FAMILIES:]
    if rest:
        cells["more"] = f"{sum(family in metrics for family in rest)} of {len(rest)} other families evaluated"
    return cells


def _metrics_text(names: Sequence[str]) -> str:
    if not names:
        return _NOT_EVALUATED
    more = f" and {len(names) - _MAX_METRICS} more" if len(names) > _MAX_METRICS else ""
    return f"{_EVALUATED} {cell_text(', '.join(names[:_MAX_METRICS]))}{more}"


def _edge_frame(nodes: Iterable[LineageNode], places: dict[int, Place], matching: frozenset[int]) -> pd.DataFrame:
    """Gives each line four points, so that it leaves and arrives level."""
    points = []
    for node in nodes:
        if node.parent_id not in places:
            continue
        start, end = places[node.parent_id], places[node.id]
        matches = node.id in matching and node.parent_id in matching
        bends = ((0.0, start.y), (_BEND, start.y), (1 - _BEND, end.y), (1.0, end.y))
        points += [
            (node.id, step, start.x + along * (end.x - start.x), y, matches) for step, (along, y) in enumerate(bends)
        ]
    return pd.DataFrame(points, columns=["edge", "step", "x", "y", "matches"])
