"""The real program, asked by the real MCP client."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TextIO, TypeVar

import pytest
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent, Tool

from backend.api import create_app
from backend.config import Settings
from tests.live_server import serving, unused_address
from tests.tools.conftest import Recorded
from tools.catalog import TOOLS
from tools.client import LabClient

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = ("-W", "error", "-m", "tools.mcp_server")
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])
"""The protocol that the SDK prefers, and the handshake that the clients of today speak."""

Answer = TypeVar("Answer")


def ask(server: str, use: Callable[[Client], Awaitable[Answer]], *, mode: str = "auto", **environment: str) -> Answer:
    """Starts the program, asks it, and ends it; it may write nothing but MCP."""
    program = StdioServerParameters(
        command=sys.executable,
        args=list(PROGRAM),
        env={"LAB_SERVER_URL": server, "PYTHONPATH": str(CHECKOUT), **environment},
    )

    async def answer(errors: TextIO) -> Answer:
        async with Client(stdio_client(program, errlog=errors), mode=mode) as client:
            return await use(client)

    with Path("errors.txt").open("w", encoding="utf-8") as errors:
        found = asyncio.run(answer(errors))
    assert Path("errors.txt").read_text(encoding="utf-8") == ""
    return found


def call(server: str, name: str, mode: str = "auto", **arguments: Any) -> CallToolResult:
    return ask(server, lambda client: client.call_tool(name, arguments), mode=mode)


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def run(*command: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        input=given,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@ERAS
def test_the_tools_are_those_of_the_catalog(isolated: Path, mode: str) -> None:
    async def listed(client: Client) -> tuple[list[Tool], str | None]:
        return (await client.list_tools()).tools, client.instructions

    tools, instructions = ask(unused_address(), listed, mode=mode)

    assert [(tool.name, tool.description, tool.input_schema) for tool in tools] == [
        (tool.name, tool.description, tool.arguments.model_json_schema()) for tool in TOOLS
    ]
    assert instructions is not None
    assert "never instructions" in instructions


def test_every_tool_says_what_it_may_change(isolated: Path) -> None:
    tools = ask(unused_address(), lambda client: client.list_tools()).tools

    marks = {tool.name: tool.annotations for tool in tools}
    assert {name for name, mark in marks.items() if mark and not mark.read_only_hint} == {
        tool.name for tool in TOOLS if tool.writes
    }
    changing = {
        name: (mark.destructive_hint, mark.idempotent_hint)
        for name, mark in marks.items()
        if mark and not mark.read_only_hint
    }
    assert changing == {"flag_run_for_publish": (False, True), "update_note": (True, True)}
    assert {mark.open_world_hint for mark in marks.values() if mark} == {False}


@ERAS
def test_a_reading_tool_answers_from_the_store(server: str, recorded: Recorded, mode: str) -> None:
    result = call(server, "get_run_details", mode, run_id=recorded.best[:8], curve="loss")

    assert not result.is_error
    assert result.structured_content["run_id"] == recorded.best
    assert "loss" in result.structured_content["curves"]
    assert json.loads(text_of(result)) == result.structured_content


def test_a_writing_tool_changes_the_store(server: str, recorded: Recorded) -> None:
    async def write(client: Client) -> list[CallToolResult]:
        return [
            await client.call_tool("update_note", {"run_id": recorded.best, "note": "grün"}),
            await client.call_tool("flag_run_for_publish", {"run_id": recorded.best}),
        ]

    noted, flagged = ask(server, write)

    assert noted.structured_content["previous_note"] == "keep"
    assert flagged.structured_content["note"] == "PUBLISH: grün"
    with LabClient(server) as client:
        assert client.get_run(recorded.best).note == "PUBLISH: grün"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("leaderboard", {}, "metric_name: Field required"),
        ("leaderboard", {"metric_name": "a", "top_k": "many"}, "top_k: Input should be a valid integer"),
        ("list_runs", {"limt": 3}, "limt: Extra inputs are not permitted (it is 3); list_runs takes dataset_id, "),
        ("list_runs", {"status": ["gone"]}, "status.0: Input should be 'running'"),
        ("list_runs", {"dataset_id": 50 * ["iris"]}, "… [400 characters in all]"),
        ("get_run_details", {"run_id": "nobody"}, "no run has the id 'nobody'"),
        ("list_runs", {"metric_min": 1}, "metric_name"),
    ],
)
def test_what_cannot_be_answered_is_an_error_that_the_model_reads(
    server: str, name: str, arguments: dict[str, Any], said: str
) -> None:
    result = call(server, name, **arguments)

    assert result.is_error
    assert result.structured_content is None
    assert said in text_of(result)


@ERAS
def test_an_unknown_tool_is_an_error_that_names_those_there_are(isolated: Path, mode: str) -> None:
    async def call_it(client: Client) -> None:
        with pytest.raises(MCPError, match="no tool 'delete_run'; there are list_runs, "):
            await client.call_tool("delete_run", {})

    ask(unused_address(), call_it, mode=mode)


def test_a_server_that_is_down_is_named_in_every_answer(isolated: Path) -> None:
    address = unused_address()

    result = call(address, "describe_store")

    assert result.is_error
    assert f"no ai-lab server answers at {address}" in text_of(result)


def test_the_token_of_the_settings_is_sent(isolated: Path, recorded: Recorded) -> None:
    def describe(client: Client) -> Awaitable[CallToolResult]:
        return client.call_tool("describe_store", {})

    with serving(create_app(Settings(api_token="secret-1"))) as address:
        refused = ask(address, describe)
        served = ask(address, describe, LAB_API_TOKEN="secret-1")

    assert refused.is_error
    assert "API_TOKEN" in text_of(refused)
    assert served.structured_content["total"] == 3


def test_a_setting_that_cannot_be_used_is_named(isolated: Path) -> None:
    done = run(*PROGRAM, LAB_SERVER_URL="nowhere")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("LAB_SERVER_URL is 'nowhere'")


def test_the_end_of_its_input_ends_it_quietly(isolated: Path) -> None:
    done = run(*PROGRAM)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_interrupt_ends_it_quietly(isolated: Path) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    with subprocess.Popen(
        [sys.executable, *PROGRAM],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(hello) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "ai-lab"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    assert (process.returncode, output, errors) == (-signal.SIGINT, "", "")


def test_the_help_says_what_it_is(isolated: Path) -> None:
    done = run(*PROGRAM, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "An MCP server" in done.stdout
    assert "LAB_SERVER_URL" in done.stdout


def test_without_the_package_it_says_what_to_install(isolated: Path) -> None:
    without = "import runpy, sys; sys.modules['mcp'] = None; runpy.run_module('tools.mcp_server', run_name='__main__')"

    done = run("-c", without)

    assert (done.returncode, done.stdout) == (1, "")
    assert 'pip install "mcp>=2,<3"' in done.stderr
    assert "requirements-mcp.txt" in done.stderr
    assert len(done.stderr.splitlines()) == 1
