"""What each role may do: every route of the application, asked with every role."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import httpx
import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from backend.access import ROLES, Role
from backend.api import create_app
from backend.opening import open_store
from backend.tokens import make_token
from tests.backend.conftest import Ask, settings_for
from tests.backend.stores import StoredRun, write_runs
from tests.live_server import serving

Answer = TypeVar("Answer")

READING = {"POST /compare", "POST /agent/query", "POST /agent/stream", "POST /mcp", "POST /mcp/"}
"""What only asks although it is a POST."""

WRITING = {"GET /ingest/objects/{sha256}"}
"""What only asks, and of what is being written."""

UNKNOWN = {"sha256": "0" * 64, "model_id": "7", "index": "0"}


def routes() -> list[str]:
    """Gives every route of the application as a method and a path, those that no document lists included."""
    contexts = iter_route_contexts(create_app().routes)
    found = {(method, context.path_format or context.path) for context in contexts for method in context.methods or ()}
    return sorted(f"{method} {path}" for method, path in found)


def needed(route: str) -> Role | None:
    """Gives the role that a route is to need; None for the one that is open."""
    if route in ("GET /health", "HEAD /health"):
        return None
    if route in READING:
        return "read"
    return "read" if route.startswith(("GET ", "HEAD ")) and route not in WRITING else "write"


def send(client: httpx.Client, route: str, headers: dict[str, str]) -> httpx.Response:
    """Asks for a route about things that are not there, with a body that nothing can be done with."""
    method, path = route.split(" ")
    address = re.sub(r"{(\w+)(?::\w+)?}", lambda name: UNKNOWN.get(name[1], "unknown"), path)
    return client.request(method, address, headers=headers)


@pytest.fixture
def tokens(store: Path) -> dict[Role, dict[str, str]]:
    """A token of each role, as the headers that send it."""
    write_runs(store, [StoredRun("run-1", dataset_id="iris", metrics={"accuracy": 0.9})])
    with closing(open_store(settings_for(store))) as opened:
        return {role: {"Authorization": f"Bearer {make_token(opened, f'{role}-user', role)[1]}"} for role in ROLES}


def test_the_routes_of_these_tests_are_there() -> None:
    assert READING | {"GET /health", "GET /runs", "GET /docs", "PATCH /runs/{run_id}/note"} <= set(routes())


def test_every_route_wants_a_token_and_its_role(ask: Ask, tokens: dict[Role, dict[str, str]]) -> None:
    client = ask()
    for route in routes():
        role = needed(route)
        if role is None:
            assert send(client, route, {}).status_code == 200
            continue
        assert send(client, route, {}).status_code == 401, route
        for sent, headers in tokens.items():
            answer = send(client, route, headers)
            is_enough = ROLES.index(sent) >= ROLES.index(role)
            assert (answer.status_code == 403) != is_enough, (route, sent, answer.text)
            assert answer.status_code != 401, (route, sent)
            if not is_enough:
                problem = answer.json()
                assert problem["type"] == "urn:ai-lab:problem:role-too-low"
                assert f"has the role {sent!r}, and this needs {role!r}" in problem["detail"]


def test_the_document_tells_the_role_of_every_operation(ask: Ask) -> None:
    for path, operations in ask().get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            role = needed(f"{method.upper()} {path}")
            expected = [{}] if role is None else [{"token": [role]}, {}]
            assert operation["security"] == expected, (method, path)


def test_a_role_too_low_is_told_before_the_body_is_looked_at(ask: Ask, tokens: dict[Role, dict[str, str]]) -> None:
    client = ask()
    assert client.patch("/runs/run-1/note", content=b"{", headers=tokens["read"]).status_code == 403
    assert client.patch("/runs/run-1/note", content=b"x" * 2_000_000, headers=tokens["read"]).status_code == 403
    assert client.patch("/runs/run-1/note", content=b"{", headers=tokens["write"]).status_code == 422


def test_an_agent_asked_with_a_read_token_writes_nothing_and_says_why(
    ask: Ask, tokens: dict[Role, dict[str, str]]
) -> None:
    client = ask()
    question = {"query": "flag run-1 for publish"}
    refused = client.post("/agent/query", json=question, headers=tokens["read"])
    assert refused.status_code == 200
    said = refused.json()["natural_language_answer"]
    assert "has the role 'read', and this needs 'write'" in said
    assert "No note was written." in said
    assert refused.json()["flagged_run_id"] is None
    streamed = client.post("/agent/stream", json=question, headers=tokens["read"]).text
    assert "event: answer" in streamed
    assert "event: problem" not in streamed
    assert client.get("/runs/run-1", headers=tokens["read"]).json()["note"] is None
    asked = client.post("/agent/query", json={"query": "which run has the best accuracy?"}, headers=tokens["read"])
    assert asked.json()["used_run_ids"] == ["run-1"]


def test_an_agent_writes_in_the_name_of_who_asks(ask: Ask, tokens: dict[Role, dict[str, str]]) -> None:
    client = ask()
    done = client.post("/agent/query", json={"query": "flag run-1 for publish"}, headers=tokens["write"])
    assert done.json()["flagged_run_id"] == "run-1"
    (change,) = client.get("/runs/run-1/notes", headers=tokens["read"]).json()
    assert (change["changed_by"], change["note"]) == ("write-user", "PUBLISH")


@pytest.fixture
def address(store: Path) -> Iterator[str]:
    with serving(create_app(settings_for(store))) as address:
        yield address


def over_mcp(address: str, headers: dict[str, str], use: Callable[[Client], Awaitable[Answer]]) -> Answer:
    async def answer() -> Answer:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
        ):
            return await use(client)

    return asyncio.run(answer())


def test_the_tools_over_mcp_act_with_the_callers_role(tokens: dict[Role, dict[str, str]], address: str) -> None:
    async def use(client: Client) -> tuple[bool, str]:
        described = await client.call_tool("describe_store", {})
        assert not described.is_error
        noted = await client.call_tool("update_note", {"run_id": "run-1", "note": "over MCP"})
        (content,) = noted.content
        assert isinstance(content, TextContent)
        return bool(noted.is_error), content.text

    is_error, text = over_mcp(address, tokens["read"], use)
    assert is_error
    assert "has the role 'read', and this needs 'write'" in text
    assert over_mcp(address, tokens["write"], use)[0] is False
    (change,) = httpx.get(f"{address}/runs/run-1/notes", headers=tokens["read"], timeout=60).json()
    assert (change["changed_by"], change["note"]) == ("write-user", "over MCP")
