import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents.agents import AgentQuery
from agents.engine import NO_MODEL, Assistant
from backend.config import AgentSettings
from tests.agents.labs import KEY, SVM, Lab, Parrot, lab
from tests.agents.scripted_openai import Script, calls, final, status
from tools.catalog import TOOLS

ALONE = {"openai_api_key": None, "openai_base_url": None}


def status_of(**given: object) -> dict[str, object]:
    settings = AgentSettings(**{**ALONE, **given})  # type: ignore[arg-type]
    return Assistant(lambda: settings).status().model_dump()


def test_without_key_and_address_the_planner_is_the_engine() -> None:
    assert status_of() == {
        "engine": "offline", "model": None, "base_url": None, "reason": NO_MODEL,
        "tools": [tool.name for tool in TOOLS],
    }  # fmt: skip


def test_a_key_is_enough_for_the_model() -> None:
    found = status_of(openai_api_key=SecretStr(KEY), openai_model="gpt-x")
    assert (found["engine"], found["model"], found["base_url"]) == ("llm", "gpt-x", None)
    assert found["reason"] == "OPENAI_API_KEY is set"
    assert KEY not in str(found)


def test_an_address_is_enough_for_the_model() -> None:
    found = status_of(openai_base_url="http://127.0.0.1:11434/v1", openai_model="qwen")
    assert (found["engine"], found["base_url"]) == ("llm", "http://127.0.0.1:11434/v1")
    assert found["reason"] == "OPENAI_BASE_URL is set"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ada:s3cret@models.example/v1", "https://models.example/v1"),
        ("https://models.example:8443/v1?api-key=s3cret", "https://models.example:8443/v1"),
        ("https://models.example/v1#s3cret", "https://models.example/v1"),
    ],
)
def test_what_an_address_hides_is_not_shown(address: str, shown: str) -> None:
    found = status_of(openai_base_url=address, openai_api_key=SecretStr(KEY))
    assert found["base_url"] == shown
    assert "s3cret" not in str(found)


def test_the_status_asks_no_model(tmp_path: Path) -> None:
    parrot = Parrot()
    with lab(tmp_path, parrot.script) as made:
        assert made.status()["engine"] == "llm"
    assert parrot.script.requests == []


def test_without_a_model_the_planner_answers_and_says_so(tmp_path: Path) -> None:
    with lab(tmp_path, Script([]), settings=ALONE) as made:
        response = made.ask("Which is the best run by accuracy?")
        assert response.status_code == 200
        assert response.headers["X-Agent-Engine"] == "offline"
        assert "X-Agent-Fallback" not in response.headers
        assert response.json()["used_run_ids"][0] == SVM
        assert made.status()["reason"] == NO_MODEL


def test_an_answer_of_the_model_says_so(tmp_path: Path) -> None:
    parrot = Parrot("Fine.")
    with lab(tmp_path, parrot.script) as made:
        response = made.ask("How are the wine runs?")
        assert response.headers["X-Agent-Engine"] == "llm"
        assert "X-Agent-Fallback" not in response.headers
        assert KEY not in f"{response.headers}{response.text}{made.status()}"


def test_a_fallback_header_holds_one_line_of_ascii(tmp_path: Path) -> None:
    script = Script([status(401, "größer\r\nSet-Cookie: a=b\x7f " + "x" * 5_000)])
    with lab(tmp_path, script) as made:
        response = made.ask("Which is the best run by accuracy?")
    told = response.headers["X-Agent-Fallback"]
    assert told.isascii()
    assert told.isprintable()
    assert len(told) < 400
    assert "set-cookie" not in response.headers


def test_a_client_without_the_token_asks_nothing(tmp_path: Path) -> None:
    given = {"api_token": SecretStr("the-token"), "allowed_hosts": ("127.0.0.1",)}
    with lab(tmp_path, Script([]), server=given, client=("203.0.113.9", 50_000)) as made:
        for response in (
            made.client.get("/agent/status"),
            made.ask("Which runs are there?"),
            made.client.post("/agent/stream", json={"query": "Which runs are there?"}),
        ):
            assert response.status_code == 401
            assert response.headers["content-type"] == "application/problem+json"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("status"), Script([])) as made:
        yield made


@pytest.mark.parametrize(
    "body",
    [
        {}, {"query": ""}, {"query": "  "}, {"query": "\x85"}, {"query": 5}, {"query": "x" * 4_001},
        {"query": "a\x00b"},
        {"query": "Which?", "session_id": ""}, {"query": "Which?", "session_id": "x" * 201},
        {"query": "Which?", "flagged_run_id": SVM}, [], "Which?",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/agent/query", "/agent/stream"])
def test_a_question_that_is_none_is_a_problem_document(path: str, body: object, asked: Lab) -> None:
    response = asked.client.post(path, json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


def test_the_document_says_that_a_question_is_not_blank() -> None:
    pattern = AgentQuery.model_json_schema()["properties"]["query"]["pattern"]
    assert [re.search(pattern, blank) for blank in ("", "  ", "\x85", "\n", "a\x00b")] == [None] * 5
    assert re.search(pattern, " Which run\nis best? ")


def test_the_tools_carry_the_callers_token(tmp_path: Path) -> None:
    parrot = Parrot("Fine.", tools=[("describe_store", {})])
    with lab(tmp_path, parrot.script, server={"api_token": SecretStr("the-token")}) as made:
        assert made.ask("How many runs?").status_code == 401
        made.client.headers["Authorization"] = "Bearer the-token"
        assert made.answer("How many runs?")["natural_language_answer"] == "Fine."
    assert "the-token" not in str(parrot.script.requests)


def test_a_model_is_not_asked_before_a_question_comes(tmp_path: Path) -> None:
    script = Script([calls(("describe_store", {})), final(intent="count_runs", text="There are 6 runs.")])
    with lab(tmp_path, script) as made:
        made.client.get("/runs").raise_for_status()
        assert script.requests == []
        assert made.answer("How many runs?")["natural_language_answer"] == "There are 6 runs."
