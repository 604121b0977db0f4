import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add
from typing import Any

import httpx
import openai
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from agents.agents import DraftAnswer
from tests.agents.scripted_openai import (
    MODEL,
    Body,
    Entry,
    Script,
    calls,
    cut_short,
    draft,
    drops,
    empty,
    final,
    garbage,
    hangs,
    refuses,
    reply,
    says,
    scripted_openai,
    status,
    tool_messages,
    tool_names,
    wrong_shape,
)

TEXT = 'Best: "0.97", run 3f0a9c1e, für größere λ'


def model_at(base_url: str, *, timeout: float | None = None) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=base_url, api_key=SecretStr("test"), model=MODEL, max_retries=0, timeout=timeout, stream_usage=True
    )


def ask(model: ChatOpenAI) -> AIMessage:
    return model.invoke("Which run is best?")


def ask_for_a_stream(model: ChatOpenAI) -> AIMessage:
    return reduce(add, model.stream("Which run is best?"))


def ask_and_await(model: ChatOpenAI) -> AIMessage:
    return asyncio.run(model.ainvoke("Which run is best?"))


def ask_and_await_a_stream(model: ChatOpenAI) -> AIMessage:
    async def gather() -> AIMessage:
        return reduce(add, [chunk async for chunk in model.astream("Which run is best?")])

    return asyncio.run(gather())


Ask = Callable[[ChatOpenAI], AIMessage]
WAYS = [ask, ask_for_a_stream, ask_and_await, ask_and_await_a_stream]


def said(entry: Entry, way: Ask = ask) -> AIMessage:
    with scripted_openai(Script([entry])) as base_url:
        return way(model_at(base_url))


@pytest.mark.parametrize("way", WAYS)
def test_calls_arrive_parsed_however_they_are_asked_for(way: Ask) -> None:
    arguments = {"metric": "accuracy", "note": TEXT, "top": 3}
    message = said(calls(("leaderboard", arguments), draft(intent="best_run", text=TEXT, ids=["a", "b"])), way)
    assert [(call["name"], call["args"], call["id"]) for call in message.tool_calls] == [
        ("leaderboard", arguments, "call_1"),
        ("DraftAnswer", {"intent": "best_run", "natural_language_answer": TEXT, "used_run_ids": ["a", "b"]}, "call_2"),
    ]
    assert DraftAnswer.model_validate(message.tool_calls[1]["args"]).used_run_ids == ["a", "b"]
    assert (message.text, message.invalid_tool_calls) == ("", [])
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert message.usage_metadata is not None
    assert message.usage_metadata["total_tokens"] == 10


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("entry", "text"), [(says(TEXT), TEXT), (empty(), "")])
def test_words_arrive_whole_and_nothing_stays_nothing(way: Ask, entry: Entry, text: str) -> None:
    message = said(entry, way)
    assert (message.text, message.tool_calls, message.invalid_tool_calls) == (text, [], [])
    assert message.response_metadata["finish_reason"] == "stop"


def test_arguments_that_are_no_json_are_sent_as_they_are() -> None:
    (call,) = said(calls(("leaderboard", '{"metric": "acc'))).invalid_tool_calls
    assert (call["name"], call["args"]) == ("leaderboard", '{"metric": "acc')


@pytest.mark.parametrize(
    ("entry", "name"), [(cut_short(), "DraftAnswer"), (cut_short(("list_runs", {"dataset_id": "iris"})), "list_runs")]
)
def test_a_message_cut_short_has_half_of_its_arguments(entry: Entry, name: str) -> None:
    message = said(entry)
    assert message.response_metadata["finish_reason"] == "length"
    assert [call["name"] for call in message.invalid_tool_calls] == [name]


def test_a_client_completes_by_itself_arguments_that_a_stream_cut_short() -> None:
    message = said(cut_short(), ask_for_a_stream)
    assert message.response_metadata["finish_reason"] == "length"
    assert [call["args"] for call in message.tool_calls] == [{"intent": "list_runs"}]


def test_a_refusal_comes_in_its_own_field() -> None:
    message = said(refuses("I will not."))
    assert (message.text, message.additional_kwargs["refusal"]) == ("", "I will not.")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_an_http_error_is_raised_with_its_status(way: Ask, code: int, error: type[openai.APIStatusError]) -> None:
    with pytest.raises(error, match="not now") as raised:
        said(status(code, "not now", headers={"Retry-After": "7"}), way)
    assert (raised.value.status_code, raised.value.response.headers["retry-after"]) == (code, "7")


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_hung_up_leaves_the_server_ready(way: Ask) -> None:
    with scripted_openai(Script([hangs(), says("late")])) as base_url:
        with pytest.raises(openai.APITimeoutError):
            way(model_at(base_url, timeout=0.3))
        assert ask(model_at(base_url)).text == "late"


def test_the_end_of_the_block_ends_a_request_that_hangs() -> None:
    asked = threading.Event()

    def hang(_: Body) -> Entry:
        asked.set()
        return hangs()

    with ThreadPoolExecutor() as pool:
        with scripted_openai(Script([reply(hang)])) as base_url:
            answer = pool.submit(ask, model_at(base_url))
            asked.wait()
        with pytest.raises(openai.APIConnectionError, match="Connection error"):
            answer.result()


@pytest.mark.parametrize("way", WAYS)
def test_a_dropped_connection_leaves_the_others_alone(way: Ask) -> None:
    asked, dropped = threading.Event(), threading.Event()

    def answer_late(_: Body) -> Entry:
        asked.set()
        dropped.wait()
        return says("late")

    with ThreadPoolExecutor() as pool, scripted_openai(Script([reply(answer_late), drops()])) as base_url:
        answer = pool.submit(ask, model_at(base_url))
        asked.wait()
        try:
            with pytest.raises(openai.APIConnectionError) as raised:
                way(model_at(base_url))
        finally:
            dropped.set()
        assert answer.result().text == "late"
    assert not isinstance(raised.value, openai.APITimeoutError)


@pytest.mark.parametrize(
    ("entry", "way", "error"),
    [
        (garbage(), ask, ValueError),
        (garbage(content_type="application/json"), ask, json.JSONDecodeError),
        (garbage(), ask_for_a_stream, json.JSONDecodeError),
        (wrong_shape(), ask, TypeError),
        (wrong_shape('{"choices": []}'), ask, IndexError),
    ],
)
def test_an_answer_that_is_no_completion_is_told(entry: Entry, way: Ask, error: type[Exception]) -> None:
    with pytest.raises(error):
        said(entry, way)


def test_a_stream_is_made_of_chunks_that_split_the_arguments() -> None:
    question = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "q"}]}
    with scripted_openai(Script([calls(("list_runs", {"q": "iris"}))], repeats=True)) as base_url:
        url = f"{base_url}/chat/completions"
        without = httpx.post(url, json=question, timeout=60)
        usage = httpx.post(url, json={**question, "stream_options": {"include_usage": True}}, timeout=60)
    assert without.headers["content-type"].startswith("text/event-stream")
    *events, end, rest = without.text.split("\n\n")
    assert (end, rest, "usage" in without.text) == ("data: [DONE]", "", False)
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    assert {(chunk["object"], chunk["id"]) for chunk in chunks} == {("chat.completion.chunk", chunks[0]["id"])}
    (first, call, *pieces, last) = [chunk["choices"][0] for chunk in chunks]
    assert first["delta"]["role"] == "assistant"
    assert call["delta"]["tool_calls"] == [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "list_runs", "arguments": ""}}
    ]
    texts = [piece["delta"]["tool_calls"][0]["function"]["arguments"] for piece in pieces]
    assert (texts[:2], "".join(texts)) == (['{"q":', ' "iri'], '{"q": "iris"}')
    assert (last["delta"], last["finish_reason"]) == ({}, "tool_calls")
    last_event = json.loads(usage.text.split("\n\n")[-3].removeprefix("data: "))
    assert (last_event["choices"], last_event["usage"]["total_tokens"]) == ([], 10)


def test_a_script_records_what_it_was_asked_and_tells_that_it_has_ended() -> None:
    script = Script([says("first")])
    with scripted_openai(script) as base_url:
        model = model_at(base_url)
        assert ask(model).text == "first"
        with pytest.raises(openai.InternalServerError, match="the script has no more entries: request 2 of 1"):
            ask(model)
    assert [body["messages"][0]["content"] for body in script.requests] == ["Which run is best?"] * 2
    assert [headers["authorization"] for headers in script.headers] == ["Bearer test"] * 2


def test_a_last_entry_repeats_under_new_ids() -> None:
    with scripted_openai(Script([says("first"), calls(("list_runs", {}))], repeats=True)) as base_url:
        model = model_at(base_url)
        ids = [call["id"] for _ in range(3) for call in ask(model).tool_calls]
    assert len(set(ids)) == 2


def test_a_script_without_entries_has_nothing_to_repeat() -> None:
    with (
        scripted_openai(Script([], repeats=True)) as base_url,
        pytest.raises(openai.InternalServerError, match="1 of 0"),
    ):
        ask(model_at(base_url))


@pytest.mark.parametrize(
    "history",
    [
        [AIMessage("", tool_calls=[{"name": "list_runs", "args": {}, "id": "lost"}])],
        [ToolMessage("r1", tool_call_id="lost")],
    ],
)
def test_a_call_without_its_result_is_refused_as_openai_refuses_it(history: list[Any]) -> None:
    with scripted_openai(Script([says("never")])) as base_url, pytest.raises(openai.BadRequestError, match="for lost"):
        model_at(base_url).invoke([HumanMessage("q"), *history])


def test_one_model_is_listed() -> None:
    with scripted_openai(Script([])) as base_url:
        listed = httpx.get(f"{base_url}/models", timeout=60).json()["data"]
    assert [model["id"] for model in listed] == [MODEL]


@tool
def best_run(metric: str) -> str:
    """Names the best run."""
    return f"run-of-{metric}"


def answer_from_the_tool(body: Body) -> Entry:
    (found,) = tool_messages(body)["best_run"]
    return final(intent="best_run", text=f"It is {found}.", ids=[found])


def test_an_agent_answers_in_the_shape_it_was_given() -> None:
    script = Script([calls(("best_run", {"metric": "f1"})), reply(answer_from_the_tool)])
    with scripted_openai(script) as base_url:
        agent: Any = create_agent(model_at(base_url), [best_run], response_format=ToolStrategy(DraftAnswer))
        state = agent.invoke({"messages": [HumanMessage("Which run is best?")]})
    assert state["structured_response"] == DraftAnswer(
        intent="best_run", natural_language_answer="It is run-of-f1.", used_run_ids=["run-of-f1"]
    )
    assert [tool_names(body) for body in script.requests] == [["best_run", "DraftAnswer"]] * 2
    assert [tool_messages(body) for body in script.requests] == [{}, {"best_run": ["run-of-f1"]}]
