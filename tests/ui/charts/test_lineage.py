from typing import Any

from backend.registry_views import Lineage, LineageEdge, LineageNode
from ui.charts.lineage import PICKED, lineage_chart
from ui.model_registry.nodes import graph


def node(number: int, parent: int | None, *, is_orphan: bool = False, run: str = "run") -> LineageNode:
    return LineageNode(
        id=number, model_name=f"model {number}", path=None, parent_id=parent, run_id=1, run_name=run,
        source_run_id=None, checkpoints=0, benchmarks=[("mmlu", "acc")], is_orphan=is_orphan,
    )  # fmt: skip


def spec(lineage: Lineage, *, picked: list[int]) -> dict[str, Any]:
    found = graph(lineage, search="")
    drawn: dict[str, Any] = lineage_chart(found.nodes, found.edges, picked=picked).to_dict()
    return drawn


def marks(drawn: dict[str, Any]) -> list[str]:
    return [layer["mark"]["type"] for layer in drawn["layer"]]


def test_models_are_points_with_names_and_lines_coloured_by_run() -> None:
    drawn = spec(Lineage(nodes=[node(1, None), node(2, 1)], edges=[LineageEdge(parent_id=1, child_id=2)]), picked=[])
    assert marks(drawn) == ["line", "point", "text"]
    assert drawn["layer"][1]["encoding"]["color"]["field"] == "run"


def test_a_click_picks_and_what_is_selected_is_picked_at_first() -> None:
    drawn = spec(Lineage(nodes=[node(1, None), node(2, None)], edges=[]), picked=[2])
    params = {param["name"]: param for param in drawn["params"]}
    assert params[PICKED]["value"] == [{"id": 2}]
    assert params[PICKED]["select"]["on"] == "click"
    assert params["zoom"]["bind"] == "scales"


def test_a_model_whose_parent_was_deleted_has_a_dashed_line_from_nowhere() -> None:
    drawn = spec(Lineage(nodes=[node(2, 1, is_orphan=True)], edges=[]), picked=[])
    assert marks(drawn) == ["line", "rule", "text", "point", "text"]


def test_of_many_runs_there_is_no_legend() -> None:
    many = Lineage(nodes=[node(at, None, run=f"run {at}") for at in range(40)], edges=[])
    assert spec(many, picked=[])["layer"][1]["encoding"]["color"]["legend"] is None


def test_a_thousand_models_stay_drawable() -> None:
    drawn = spec(Lineage(nodes=[node(at, 0 if at else None) for at in range(1_000)], edges=[]), picked=[])
    assert drawn["height"] <= 12_000
