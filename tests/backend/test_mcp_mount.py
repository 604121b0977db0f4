"""The tools at `/mcp` of the real server, asked by the real MCP client."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from backend.api import create_app
from tests.backend.conftest import Ask, settings_for
from tests.backend.stores import StoredRun, write_runs
from tests.live_server import serving
from tools.catalog import TOOLS

Answer = TypeVar("Answer")
Use = Callable[[Client], Awaitable[Answer]]

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])
"""The protocol that the SDK prefers, and the handshake that the clients of today speak."""

ACCEPTED = {"Accept": "application/json, text/event-stream"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


def ask_mcp(url: str, use: Use[Answer], *, mode: str = "auto", token: str | None = None) -> Answer:
    async def answer() -> Answer:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            return await use(client)

    return asyncio.run(answer())


def describe(client: Client) -> Awaitable[CallToolResult]:
    return client.call_tool("describe_store", {})


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def run_alone(script: str, folder: Path) -> Any:
    """Runs a script in a fresh interpreter; it prints JSON."""
    command = [sys.executable, "-W", "error", "-c", script]
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "DB_PATH": str(folder / "runs.db")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def server(store: Path) -> Iterator[str]:
    """The address of a server over one run on iris."""
    write_runs(store, [StoredRun("run-1", dataset_id="iris", note="kept", metrics={"accuracy": 0.9})])
    with serving(create_app(settings_for(store))) as address:
        yield address


@ERAS
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_a_client_lists_and_calls_the_tools(server: str, mode: str, path: str) -> None:
    async def use(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == [tool.name for tool in TOOLS]
        assert [tool.annotations and tool.annotations.read_only_hint for tool in tools] == [
            not tool.writes for tool in TOOLS
        ]
        assert [tool.input_schema for tool in tools] == [tool.arguments.model_json_schema() for tool in TOOLS]
        ranked = await client.call_tool("leaderboard", {"metric_name": "accuracy"})
        assert [run["run_id"] for run in ranked.structured_content["runs"]] == ["run-1"]
        assert json.loads(text_of(ranked)) == ranked.structured_content
        noted = await client.call_tool("update_note", {"run_id": "run", "note": "grün"})
        assert noted.structured_content["previous_note"] == "kept"

    ask_mcp(server + path, use, mode=mode)

    assert httpx.get(f"{server}/runs/run-1", timeout=60).json()["note"] == "grün"


@ERAS
def test_what_cannot_be_answered_says_why(server: str, mode: str) -> None:
    async def use(client: Client) -> None:
        wrong = await client.call_tool("list_runs", {"limit": 0, "limt": 3})
        assert wrong.is_error
        assert "limit: Input should be greater than or equal to 1 (it is 0)" in text_of(wrong)
        assert "limt: Extra inputs are not permitted" in text_of(wrong)
        unknown = await client.call_tool("get_run_details", {"run_id": "nobody"})
        assert unknown.is_error
        assert "no run has the id 'nobody'" in text_of(unknown)
        with pytest.raises(MCPError, match="no tool 'delete_run'; there are list_runs"):
            await client.call_tool("delete_run", {})

    ask_mcp(f"{server}/mcp", use, mode=mode)


def test_an_argument_that_no_text_can_carry_is_answered(server: str) -> None:
    version = "2026-07-28"
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "list_runs",
            "arguments": {"stray \udcff": "\udcff"},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    }
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": "tools/call", "Mcp-Name": "list_runs"}

    headers |= {**ACCEPTED, "Content-Type": "application/json"}
    answer = httpx.post(f"{server}/mcp", content=json.dumps(call), headers=headers, timeout=60)

    result = answer.json()["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"].startswith("these arguments cannot be used: ")


@pytest.mark.sqlite
def test_a_store_that_does_not_open_is_an_error_of_the_tool(store: Path) -> None:
    store.parent.mkdir()
    store.write_text("this is no database, whatever its name says " * 100)

    with serving(create_app(settings_for(store, api_token="s3cret"))) as address:
        result = ask_mcp(f"{address}/mcp", describe, token="s3cret")

    assert result.is_error
    assert text_of(result).startswith("The store is unavailable: ")


def test_first_requests_that_come_at_once_are_all_answered(server: str) -> None:
    async def use_many() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=server, timeout=60) as client:
            return await asyncio.gather(*(client.post("/mcp", json=HELLO, headers=ACCEPTED) for _ in range(8)))

    answers = asyncio.run(use_many())

    assert [answer.json()["result"]["serverInfo"]["name"] for answer in answers] == ["ai-lab"] * 8


def test_an_application_that_is_started_anew_serves_again(store: Path) -> None:
    app = create_app(settings_for(store))

    for _ in range(2):
        with serving(app) as address:
            assert ask_mcp(f"{address}/mcp", describe).structured_content["total"] == 0


def test_an_application_that_is_never_shut_down_serves_too(ask: Ask) -> None:
    client = ask()

    assert client.post("/mcp", json=HELLO, headers=ACCEPTED).status_code == 200
    assert client.post("/mcp", json=HELLO, headers=ACCEPTED).status_code == 200


def test_the_token_of_the_caller_is_wanted_and_passed_on(store: Path) -> None:
    with serving(create_app(settings_for(store, api_token="secret-1"))) as address:
        url = f"{address}/mcp"
        for headers in ({}, {"Authorization": "Bearer secret-2"}):
            refused = httpx.post(url, json=HELLO, headers={**ACCEPTED, **headers}, timeout=60)
            assert refused.status_code == 401
            assert refused.json()["type"] == "urn:ai-lab:problem:unauthorized"
        with pytest.raises(ExceptionGroup) as caught:
            ask_mcp(url, describe, token="secret-2")
        assert caught.group_contains(MCPError)
        assert ask_mcp(url, describe, token="secret-1").structured_content["total"] == 0


def test_a_token_that_nobody_asked_for_does_no_harm(server: str) -> None:
    assert ask_mcp(f"{server}/mcp", describe, token="whatever").structured_content["total"] == 1


def test_the_gate_and_the_limit_stand_in_front(ask: Ask) -> None:
    elsewhere = ask(client=("192.0.2.1", 50_000)).post("/mcp", json=HELLO)
    rebound = ask(base_url="http://evil.example").post("/mcp", json=HELLO)
    too_long = ask().post("/mcp", content=b" " * 1_000_001)

    assert [answer.status_code for answer in (elsewhere, rebound, too_long)] == [403, 421, 413]


def test_a_page_elsewhere_cannot_post_without_asking_first(client: httpx.Client) -> None:
    # A browser sends such a request for any page, without asking the server.
    simple = client.post("/mcp", content=json.dumps(HELLO), headers={**ACCEPTED, "Content-Type": "text/plain"})

    assert simple.status_code == 400


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_nothing_but_posting(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/mcp", headers=ACCEPTED)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_it_is_no_part_of_the_rest_contract(client: httpx.Client) -> None:
    assert [path for path in client.get("/openapi.json").json()["paths"] if "mcp" in path] == []
    assert client.get("/mcp/more").status_code == 404


_SCRIPT = f"""
import asyncio, json, sys

import httpx

from backend.api import app

async def post():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        assert (await client.get("/health")).status_code == 200
        return await client.post("/mcp", json={HELLO!r}, headers={ACCEPTED!r})

async def main():
    async with app.router.lifespan_context(app):
        return await use()
"""


def test_nothing_of_it_is_imported_before_the_first_request(tmp_path: Path) -> None:
    script = """
def loaded():
    return sorted({"mcp", "mcp_types", "tools.mcp_server"} & set(sys.modules))

async def use():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        assert (await client.get("/runs")).status_code == 200
    return [loaded(), (await post()).status_code, loaded()]

print(json.dumps(asyncio.run(main())))
"""
    assert run_alone(_SCRIPT + script, tmp_path) == [[], 200, ["mcp", "mcp_types", "tools.mcp_server"]]


def test_the_mount_by_itself_imports_no_client(tmp_path: Path) -> None:
    script = (
        "import sys, json, backend.mcp_mount; print(json.dumps(sorted({'httpx', 'mcp', 'tools'} & {*sys.modules})))"
    )

    assert run_alone(script, tmp_path) == []


def test_without_the_package_a_problem_says_what_to_install_until_it_is_there(tmp_path: Path) -> None:
    script = """
async def use():
    sys.modules["mcp"] = None
    missing = await post()
    del sys.modules["mcp"]
    return [missing.headers["content-type"], missing.json(), (await post()).status_code]

print(json.dumps(asyncio.run(main())))
"""
    media_type, problem, status_later = run_alone(_SCRIPT + script, tmp_path)

    assert media_type == "application/problem+json"
    assert (problem["status"], problem["type"]) == (501, "urn:ai-lab:problem:mcp-not-installed")
    assert 'pip install "mcp>=2,<3"' in problem["detail"]
    assert status_later == 200
