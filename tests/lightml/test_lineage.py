import pytest

from lightml.database import Database, writing
from lightml.errors import UnknownNameError
from lightml.handle import LightMLHandle
from lightml.lineage import ancestors, graph


@pytest.fixture
def handle(place: Database) -> LightMLHandle:
    base = LightMLHandle(place, "pretraining")
    base.register_model("base", "/b")
    tuned = LightMLHandle(base.db, "tuning")
    tuned.register_model("sft", "/s", parent_name="base")
    tuned.register_model("dpo", "/d", parent_name="sft")
    tuned.log_metrics("sft", {"eng": {"mmlu": 0.5, "arc": 0.25}})
    tuned.register_checkpoint("sft", 1, "/c")
    return tuned


def ids(handle: LightMLHandle) -> dict[str, int]:
    return {node.model_name: node.id for node in graph(handle.db).nodes}


def test_the_graph_shows_models_and_what_they_were_made_from(handle: LightMLHandle) -> None:
    whole = graph(handle.db)
    known = ids(handle)
    assert [node.model_name for node in whole.nodes] == ["base", "dpo", "sft"]
    assert {(edge.parent_id, edge.child_id) for edge in whole.edges} == {
        (known["base"], known["sft"]), (known["sft"], known["dpo"]),
    }  # fmt: skip
    sft = whole.nodes[2]
    assert (sft.run_name, sft.path, sft.checkpoints, sft.is_orphan) == ("tuning", "/s", 1, False)
    assert sft.benchmarks == [("eng", "arc"), ("eng", "mmlu")]
    assert whole.nodes[0].benchmarks == []


def test_the_graph_of_one_run_has_no_edge_out_of_it(handle: LightMLHandle) -> None:
    part = graph(handle.db, "tuning")
    assert [node.model_name for node in part.nodes] == ["dpo", "sft"]
    assert [edge.child_id for edge in part.edges] == [ids(handle)["dpo"]]
    assert not any(node.is_orphan for node in part.nodes)
    with pytest.raises(UnknownNameError, match="tuning"):
        graph(handle.db, "tunin")


def test_the_child_of_a_deleted_model_is_an_orphan(handle: LightMLHandle) -> None:
    deleted = ids(handle)["sft"]
    handle.delete_model("sft")
    (orphan,) = [node for node in graph(handle.db).nodes if node.is_orphan]
    assert (orphan.model_name, orphan.parent_id) == ("dpo", deleted)
    assert graph(handle.db).edges == []
    assert ancestors(handle.db, orphan.id) == []


def test_ancestors_go_up_to_the_base(handle: LightMLHandle) -> None:
    assert [model.model_name for model in ancestors(handle.db, ids(handle)["dpo"])] == ["sft", "base"]
    assert ancestors(handle.db, ids(handle)["base"]) == []
    with pytest.raises(UnknownNameError, match="99"):
        ancestors(handle.db, 99)


def test_a_circle_that_another_program_wrote_ends(handle: LightMLHandle) -> None:
    known = ids(handle)
    with writing(handle.db) as connection:
        connection.execute("UPDATE model SET parent_id = ? WHERE id = ?", (known["dpo"], known["base"]))
    assert [model.model_name for model in ancestors(handle.db, known["dpo"])] == ["sft", "base"]
