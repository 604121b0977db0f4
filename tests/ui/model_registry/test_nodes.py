from typing import Any

from backend.registry_views import Lineage, LineageEdge, LineageNode, Pivot, PivotColumn, PivotRow
from ui.model_registry.nodes import MAX_FAMILIES, Graph, graph


def node(number: int, name: str, *, parent: int | None = None, **more: Any) -> LineageNode:
    known = {"path": f"/models/{name}", "run_name": "run", "is_orphan": False, "benchmarks": [], "checkpoints": 0}
    return LineageNode(id=number, model_name=name, parent_id=parent, run_id=1, source_run_id=None, **known | more)


LINEAGE = Lineage(
    nodes=[
        node(1, "base", benchmarks=[("mmlu", "acc"), ("mmlu", "f1")]),
        node(2, "sft", parent=1, benchmarks=[("wiki", "loss")], checkpoints=1),
        node(3, "dpo", parent=2, run_name="other"),
        node(4, "alone", parent=99, is_orphan=True),
    ],
    edges=[LineageEdge(parent_id=1, child_id=2), LineageEdge(parent_id=2, child_id=3)],
)


def shown(found: Graph, name: str) -> dict[str, Any]:
    """Gives what is known of a node."""
    row = found.nodes[found.nodes["name"] == name].iloc[0]
    titles = {title: row[field] for field, title in found.nodes.attrs["tooltip"].items()}
    return {**row.to_dict(), **titles}


def test_a_tooltip_says_which_benchmarks_were_run_and_which_not() -> None:
    found = graph(LINEAGE, search="")
    assert shown(found, "base")["mmlu"] == "● acc, f1"
    assert shown(found, "base")["wiki"] == "○ not evaluated"
    assert shown(found, "sft")["wiki"] == "● loss"
    assert shown(found, "sft")["made from"] == "base"
    assert shown(found, "base")["path"] == "/models/base"


def test_lines_lead_from_parents_to_children() -> None:
    found = graph(LINEAGE, search="")
    assert found.edges["edge"].unique().tolist() == [2, 3]
    first, last = found.edges[found.edges["edge"] == 2].iloc[[0, -1]].to_dict("records")
    base, sft = shown(found, "base"), shown(found, "sft")
    assert (first["x"], first["y"], last["x"], last["y"]) == (base["x"], base["y"], sft["x"], sft["y"])


def test_a_model_whose_parent_was_deleted_is_marked() -> None:
    found = graph(LINEAGE, search="")
    assert shown(found, "alone")["is_orphan"]
    assert shown(found, "alone")["made from"] == "a model that was deleted"
    assert not shown(found, "base")["is_orphan"]


def test_a_search_by_name_path_or_run_keeps_whole_trees_and_marks_what_fits() -> None:
    found = graph(LINEAGE, search=" OTHER ")
    assert found.nodes["name"].tolist() == ["base", "sft", "dpo"]
    assert found.nodes["matches"].tolist() == [False, False, True]
    assert (found.n_models, found.n_matching, found.n_hidden) == (3, 1, 1)
    assert graph(LINEAGE, search="/models/alone").nodes["name"].tolist() == ["alone"]
    assert graph(LINEAGE, search="nosuchmodel").n_models == 0


def test_checkpoints_lie_beneath_their_model_with_their_own_benchmarks() -> None:
    column = PivotColumn(family="mmlu", metric_name="acc", order="desc", best=None, worst=None)
    rows = [
        PivotRow(
            kind="checkpoint", model_id=2, model_name="sft", run_name="run", checkpoint_id=step, step=step, path=None,
            source_run_id=None, parent_id=1, values=[value],
        )
        for step, value in ((100, 0.5), (2000, None))
    ]  # fmt: skip
    table = Pivot(families=["mmlu"], columns=[column], rows=rows, total_models=1)
    found = graph(LINEAGE, search="", checkpoints=table)
    first, second = shown(found, "sft, step 100"), shown(found, "sft, step 2,000")
    assert first["mmlu"] == "● acc"
    assert second["mmlu"] == "○ not evaluated"
    assert shown(found, "sft")["x"] < first["x"] < second["x"] < shown(found, "dpo")["x"]
    assert first["y"] > shown(found, "sft")["y"]
    assert "sft, step 100" not in graph(LINEAGE, search="alone", checkpoints=table).nodes["name"].tolist()


def test_of_many_families_the_rest_is_counted() -> None:
    families = [f"family {at:02}" for at in range(MAX_FAMILIES + 3)]
    many = Lineage(nodes=[node(1, "base", benchmarks=[(family, "acc") for family in families[1:]])], edges=[])
    other = Lineage(nodes=[*many.nodes, node(2, "other", benchmarks=[(families[0], "acc")])], edges=[])
    found = shown(graph(other, search=""), "base")
    assert found["family 00"] == "○ not evaluated"
    assert found["and"] == "3 of 3 other families evaluated"


def test_families_called_like_other_lines_keep_a_line_of_their_own() -> None:
    odd = Lineage(nodes=[node(1, "base", benchmarks=[("model", "acc"), ("run", "acc")])], edges=[])
    titles = list(graph(odd, search="").nodes.attrs["tooltip"].values())
    assert len(set(titles)) == len(titles) == 6


def test_a_name_of_nothing_to_see_is_labelled_by_id() -> None:
    assert graph(Lineage(nodes=[node(7, "\n \n")], edges=[]), search="").nodes["label"].tolist() == ["#7"]
