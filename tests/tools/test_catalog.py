import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.backend.stores import write_runs
from tests.tools.asking import WINE, ask, told
from tools import functions, registry_functions
from tools.catalog import TOOLS

SEEDS = [
    "list_runs",
    "leaderboard",
    "get_run_details",
    "compare_runs",
    "flag_run_for_publish",
    "update_note",
    "search_run_summaries",
]
"""The names that the project was asked for."""

OF_REGISTRY = ["describe_registry", "rank_models", "compare_models", "check_significance", "get_model"]

BY_NAME = {tool.name: tool for tool in TOOLS}


def test_the_tools_have_the_names_asked_for_and_the_registry_has_its_own() -> None:
    assert sorted(BY_NAME) == sorted([*SEEDS, "describe_store", *OF_REGISTRY])
    assert len(BY_NAME) == len(TOOLS)


def test_the_tools_that_write_are_marked_and_come_last() -> None:
    assert [tool.name for tool in TOOLS if tool.writes] == ["flag_run_for_publish", "update_note"]
    assert [tool.writes for tool in TOOLS] == sorted(tool.writes for tool in TOOLS)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_tool_is_its_function(name: str) -> None:
    function = getattr(registry_functions if name in OF_REGISTRY else functions, name)
    parameters = dict(list(inspect.signature(function).parameters.items())[1:])
    fields = BY_NAME[name].arguments.model_fields

    assert BY_NAME[name].description == inspect.getdoc(function)
    assert list(fields) == list(parameters)
    for argument, field in fields.items():
        assert field.is_required() == (parameters[argument].default is inspect.Parameter.empty)
        assert field.description or BY_NAME[name].arguments.model_json_schema()["properties"][argument]["items"]


@pytest.mark.parametrize(
    ("name", "arguments", "wrong"),
    [
        ("list_runs", {"limt": 3}, "limt"),
        ("list_runs", {"limit": 0}, "limit"),
        ("list_runs", {"limit": 201}, "limit"),
        ("list_runs", {"status": "finished"}, "status"),
        ("list_runs", {"status": ["gone"]}, "status"),
        ("list_runs", {"order": "up"}, "order"),
        ("leaderboard", {}, "metric_name"),
        ("leaderboard", {"metric_name": "a", "top_k": "many"}, "top_k"),
        ("get_run_details", {"run_id": ""}, "run_id"),
        ("get_run_details", {"run_id": "x" * 501}, "run_id"),
        ("compare_runs", {"run_ids": ["one"]}, "run_ids"),
        ("compare_runs", {"run_ids": ["one", ""]}, "run_ids"),
        ("search_run_summaries", {"query": ""}, "query"),
        ("search_run_summaries", {"query": "x" * 1_001}, "query"),
        ("update_note", {"run_id": "one"}, "note"),
        ("update_note", {"run_id": "one", "note": "x" * 100_001}, "note"),
        ("describe_store", {"all": True}, "all"),
        ("describe_registry", {"all": True}, "all"),
        ("rank_models", {}, "metric"),
        ("rank_models", {"metric": ""}, "metric"),
        ("rank_models", {"metric": "acc", "top_k": 0}, "top_k"),
        ("rank_models", {"metric": "acc", "order": "best"}, "order"),
        ("compare_models", {"model_a": "a"}, "model_b"),
        ("check_significance", {"model_a": "a", "model_b": "x" * 501}, "model_b"),
        ("get_model", {"model": ""}, "model"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(name: str, arguments: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError) as caught:
        BY_NAME[name].arguments.model_validate(arguments)
    assert {error["loc"][0] for error in caught.value.errors()} == {wrong}


def test_a_tool_asks_the_server(tmp_path: Path) -> None:
    store = write_runs(tmp_path / "manifests.db", WINE)

    reply = ask(store, lambda client: BY_NAME["leaderboard"].call(client, metric_name="accuracy", top_k=1))

    assert told(reply)["runs"][0]["run_id"] == "aa-best"
