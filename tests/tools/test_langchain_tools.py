import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool

from tests.backend.stores import StoredRun, execute, write_runs
from tests.live_server import unused_address
from tests.tools.asking import WINE, ask
from tools.catalog import TOOLS
from tools.client import AsyncLabClient
from tools.errors import (
    ApiError,
    LabClientError,
    NotAllowedError,
    ServerTimeoutError,
    ServerUnreachableError,
    StoreUnavailableError,
    UnexpectedAnswerError,
)
from tools.found import DetailsFound, NoteWritten, RunsFound
from tools.langchain_tools import langchain_tools

WRITING = ("flag_run_for_publish", "update_note")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the runs of `WINE`."""
    return write_runs(tmp_path / "manifests.db", WINE)


def use(client: AsyncLabClient, name: str) -> BaseTool:
    return {tool.name: tool for tool in langchain_tools(client, writing=WRITING)}[name]


async def message_of(client: AsyncLabClient, name: str, arguments: dict[str, Any]) -> ToolMessage:
    """Calls a tool the way an agent does."""
    message = await use(client, name).ainvoke({"type": "tool_call", "id": "call-1", "name": name, "args": arguments})
    assert isinstance(message, ToolMessage)
    return message


def call(store: Path, name: str, **arguments: Any) -> ToolMessage:
    return ask(store, lambda client: message_of(client, name, arguments))


@pytest.mark.parametrize("writing", [(), ("update_note",), WRITING, ("no_such_tool",)])
def test_tools_that_write_are_offered_only_where_asked_for(writing: tuple[str, ...]) -> None:
    offered = [tool.name for tool in langchain_tools(AsyncLabClient(unused_address()), writing=writing)]

    assert offered == [tool.name for tool in TOOLS if not tool.writes or tool.name in writing]


def test_the_tools_are_described_as_in_the_catalog() -> None:
    offered = langchain_tools(AsyncLabClient(unused_address()), writing=WRITING)

    assert [(tool.name, tool.description, tool.args_schema) for tool in offered] == [
        (tool.name, tool.description, tool.arguments) for tool in TOOLS
    ]


def test_a_model_is_told_the_short_form_and_the_data_is_the_artifact(store: Path) -> None:
    execute(store, "UPDATE manifests SET git_diff = :diff", {"diff": "+secret line"})

    message = call(store, "get_run_details", run_id="aa")

    assert (message.status, message.name) == ("success", "get_run_details")
    assert json.loads(message.text)["run_id"] == "aa-best"
    assert "secret line" not in message.text
    assert isinstance(message.artifact, DetailsFound)
    assert message.artifact.run.git_diff == "+secret line"


def test_arguments_reach_the_server(store: Path) -> None:
    message = call(store, "list_runs", status=["finished"], param=["model:svm"], sort="metric:accuracy", limit=1)

    assert isinstance(message.artifact, RunsFound)
    assert ([run.run_id for run in message.artifact.runs], message.artifact.total) == (["aa-best"], 2)


def test_a_tool_that_writes_writes(store: Path) -> None:
    message = call(store, "flag_run_for_publish", run_id="aa")

    assert isinstance(message.artifact, NoteWritten)
    assert execute(store, "SELECT note FROM manifests WHERE run_id = 'aa-best'") == [("PUBLISH: keep",)]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("list_runs", {"limt": 3}, "limt: Extra inputs are not permitted"),
        ("list_runs", {"limit": "many"}, "limit: Input should be a valid integer"),
        ("list_runs", {"status": ["gone"]}, "status.0: Input should be 'running'"),
        ("leaderboard", {}, "metric_name: Field required"),
        ("compare_runs", {"run_ids": ["b"]}, "run_ids: List should have at least 2 items"),
        ("get_run_details", {"run_id": "nobody"}, "no run has the id 'nobody'"),
        ("get_run_details", {"run_id": "a"}, "aa-best"),
        ("get_run_details", {"run_id": "b", "curve": "loss"}, "no live metric 'loss'"),
        ("leaderboard", {"metric_name": "acuracy"}, "'accuracy'"),
        ("list_runs", {"metric_min": 1}, "needs metric_name"),
        ("list_runs", {"from_timestamp": "soon"}, "from_timestamp"),
        ("list_runs", {"sort": "quality"}, "sort"),
        ("list_runs", {"param": ["lr=0.1"]}, "param"),
        ("search_run_summaries", {"query": "a\x00b"}, "query q"),
        ("update_note", {"run_id": "b", "note": "a\x00b"}, "note"),
        ("flag_run_for_publish", {"run_id": "nobody"}, "no run has the id 'nobody'"),
    ],
)
def test_a_models_mistake_comes_back_to_it(store: Path, name: str, arguments: dict[str, Any], said: str) -> None:
    message = call(store, name, **arguments)

    assert message.status == "error"
    assert message.artifact is None
    assert said in message.text


def test_an_ambiguous_id_lists_what_it_may_mean(tmp_path: Path) -> None:
    store = write_runs(tmp_path / "twins.db", [StoredRun("twin-1"), StoredRun("twin-2")])

    message = call(store, "flag_run_for_publish", run_id="twin")

    assert message.status == "error"
    assert "twin-1" in message.text
    assert "twin-2" in message.text
    assert execute(store, "SELECT note FROM manifests") == [(None,), (None,)]


def test_a_store_that_does_not_open_is_not_told_to_the_model(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is no database, whatever its name says " * 100)

    with pytest.raises(StoreUnavailableError, match=r"text\.db"):
        call(path, "list_runs")


def test_a_missing_token_is_not_told_to_the_model(store: Path) -> None:
    with pytest.raises(NotAllowedError, match="API_TOKEN"):
        ask(store, lambda client: message_of(client, "describe_store", {}), api_token="secret-1")


def test_a_server_that_is_not_up_is_not_told_to_the_model() -> None:
    async def asked() -> None:
        async with AsyncLabClient(unused_address()) as client:
            await message_of(client, "update_note", {"run_id": "b", "note": "x"})

    with pytest.raises(ServerUnreachableError, match="make serve"):
        asyncio.run(asked())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda: httpx.Response(200, text="<p>hi</p>"), UnexpectedAnswerError),
        (lambda: httpx.Response(500), ApiError),
        (lambda: httpx.Response(429), ApiError),
        (lambda: _raise(httpx.ReadTimeout("no answer")), ServerTimeoutError),
    ],
)
def test_another_program_that_answers_is_not_told_to_the_model(
    answer: Callable[[], httpx.Response], kind: type[LabClientError]
) -> None:
    async def asked() -> None:
        transport = httpx.MockTransport(lambda _: answer())
        async with AsyncLabClient("http://127.0.0.1", transport=transport) as client:
            await message_of(client, "describe_store", {})

    with pytest.raises(LabClientError) as caught:
        asyncio.run(asked())
    assert type(caught.value) is kind


def _raise(error: Exception) -> httpx.Response:
    raise error
