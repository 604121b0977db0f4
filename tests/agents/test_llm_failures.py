import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.engine import FALLBACK_S
from agents.orchestrator import MAX_MODEL_CALLS, MAX_TOOL_CALLS
from tests.agents.labs import BEST_TWO, KEY, LOGREG, SVM, WINE, Lab, Parrot, Stage, lab, wine_runs
from tests.agents.scripted_openai import (
    Entry,
    Script,
    calls,
    cut_short,
    drops,
    empty,
    final,
    garbage,
    hangs,
    refuses,
    says,
    status,
    tool_messages,
    wrong_shape,
)
from tests.live_server import unused_address

GOOD = final(intent="best_run", text="The best is 3f0a9c1e.", ids=[SVM])
AT_ONCE = {"retry-after-ms": "1"}
FLAG = ("flag_run_for_publish", {"run_id": SVM})


class Clock:
    """A clock that stands still unless moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="module")
def asked(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    # Time flies: a failure in one test does not keep the next from the model.
    with lab(tmp_path_factory.mktemp("stage"), stage.server, clock=itertools.count(0, 1_000).__next__) as made:
        yield made


def answered_offline(made: Lab, question: str = "Which is the best run by accuracy?") -> dict[str, Any]:
    response = made.ask(question)
    assert response.status_code == 200, response.text
    assert response.headers["X-Agent-Engine"] == "offline"
    assert response.headers["X-Agent-Fallback"]
    answer: dict[str, Any] = response.json()
    assert answer["natural_language_answer"]
    assert answer["used_run_ids"], answer
    assert set(answer["used_run_ids"]) <= {run.run_id for run in wine_runs()}
    return answer


FAILURES: dict[str, Entry] = {
    "400": status(400),
    "401": status(401),
    "403": status(403),
    "404": status(404, "The model `scripted` does not exist"),
    "408": status(408, headers=AT_ONCE),
    "409": status(409, headers=AT_ONCE),
    "429": status(429, headers=AT_ONCE),
    "500": status(500, headers=AT_ONCE),
    "502": status(502, headers=AT_ONCE),
    "503": status(503, headers=AT_ONCE),
    "drop": drops(),
    "html": garbage(),
    "half JSON": garbage('{"choices": [', content_type="application/json"),
    "wrong shape": wrong_shape(),
    "a list": wrong_shape("[]"),
    "null": wrong_shape("null"),
    "no choice": wrong_shape('{"id":"1","object":"chat.completion","created":0,"model":"m","choices":[]}'),
    "no message": wrong_shape(
        '{"id":"1","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"finish_reason":"stop"}]}'
    ),
    "an error in a 200": wrong_shape('{"error":{"message":"overloaded","code":529}}'),
    "non-ASCII": status(401, "Schlüssel ungültig – пароль\r\nX-Evil: 1"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_the_planner_answers_when_the_endpoint_fails(failure: Entry, asked: Lab, stage: Stage) -> None:
    stage.play(failure, repeats=True)
    answered_offline(asked)


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_the_planner_answers_when_the_endpoint_fails_after_a_tool(failure: Entry, asked: Lab, stage: Stage) -> None:
    stage.play(calls(WINE), failure, repeats=True)
    answered_offline(asked)


def test_an_endpoint_that_hangs_is_waited_for_so_long(tmp_path: Path) -> None:
    with lab(tmp_path, Script([hangs()], repeats=True), settings={"agent_timeout_s": 0.3}) as made:
        answered_offline(made)
        assert "no answer in time" in made.status()["reason"]


def test_a_model_that_hangs_after_a_tool_is_waited_for_so_long(tmp_path: Path) -> None:
    script = Script([calls(WINE), hangs()], repeats=True)
    with lab(tmp_path, script, settings={"agent_timeout_s": 1.0}) as made:
        answered_offline(made)


def test_an_address_where_nothing_listens_is_a_failure(tmp_path: Path) -> None:
    with lab(tmp_path, Script([]), settings={"openai_base_url": f"{unused_address()}/v1"}) as made:
        answered_offline(made)


@pytest.mark.parametrize("said", [status(500, headers=AT_ONCE), status(429, headers=AT_ONCE), drops()])
def test_one_failure_is_tried_again_at_once(said: Entry, asked: Lab, stage: Stage) -> None:
    stage.play(said, calls(BEST_TWO), GOOD)
    assert asked.answer("Best wine run?")["used_run_ids"] == [SVM]


NO_ANSWERS: dict[str, Entry] = {
    "empty": empty(),
    "refusal": refuses("I cannot help with that."),
    "blank": says("  \n "),
    "cut short": cut_short(),
    "malformed": calls(("DraftAnswer", "{")),
    "no fields": calls(("DraftAnswer", {})),
    "a wrong intent": calls(("DraftAnswer", {"intent": "world_peace", "natural_language_answer": "Peace."})),
    "an empty text": calls(("DraftAnswer", {"intent": "best_run", "natural_language_answer": ""})),
    "a list": calls(("DraftAnswer", "[1]")),
    "a number": calls(("DraftAnswer", "1")),
    "null": calls(("DraftAnswer", "null")),
    "two answers": calls(*(("DraftAnswer", {"intent": "best_run", "natural_language_answer": t}) for t in "ab")),
}


@pytest.mark.parametrize("said", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_final_answer_that_is_none_is_asked_for_again(said: Entry, asked: Lab, stage: Stage) -> None:
    stage.play(calls(BEST_TWO), said, GOOD)
    answer = asked.answer("Best wine run?")
    assert answer["natural_language_answer"] == "The best is 3f0a9c1e."


@pytest.mark.parametrize("said", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_without_a_final_answer_the_data_answers(said: Entry, asked: Lab, stage: Stage) -> None:
    stage.play(calls(BEST_TWO), said, repeats=True)
    answer = asked.answer("Best wine run?")
    assert answer["used_run_ids"] == [SVM, LOGREG]
    assert answer["natural_language_answer"].startswith("Ranked by accuracy, highest first:\n1. 3f0a9c1e")


@pytest.mark.parametrize("said", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_without_any_data_the_planner_answers(said: Entry, asked: Lab, stage: Stage) -> None:
    stage.play(said, repeats=True)
    answered_offline(asked)


BAD_CALLS: dict[str, Entry] = {
    "malformed": calls(("leaderboard", '{"metric_name": ')),
    "malformed beside a good one": calls(("leaderboard", "{"), WINE),
    "cut short": cut_short(("leaderboard", {"metric_name": "accuracy", "top_k": 5})),
    "no object": calls(("leaderboard", "[]")),
    "no arguments": calls(("leaderboard", {})),
    "arguments of a wrong kind": calls(("leaderboard", {"metric_name": 5, "top_k": "many"})),
    "unknown arguments": calls(("leaderboard", {"metric_name": "accuracy", "color": "red"})),
    "out of bounds": calls(("list_runs", {"limit": 10**9})),
    "an unknown metric": calls(("leaderboard", {"metric_name": "zorblax"})),
    "an unknown run": calls(("get_run_details", {"run_id": "deadbeef"})),
    "an unknown tool": calls(("delete_all_runs", {"really": True})),
    "a tool without a name": calls(("", {})),
    "a tool that is not offered": calls(FLAG),
    "NUL and lone surrogates": calls(("search_run_summaries", '{"query": "\\u0000 \\ud800"}')),
    "an enormous number": calls(("list_runs", '{"metric_name": "accuracy", "metric_min": 1e999}')),
    "a nested bomb": calls(("list_runs", "[" * 5_000 + "]" * 5_000)),
    "one run compared": calls(("compare_runs", {"run_ids": [SVM]})),
}


@pytest.mark.parametrize("bad", BAD_CALLS.values(), ids=BAD_CALLS)
def test_the_model_is_told_of_a_bad_call_and_goes_on(bad: Entry, asked: Lab, stage: Stage) -> None:
    stage.play(bad, calls(BEST_TWO), GOOD)
    answer = asked.answer("Best wine run?")
    assert asked.notes() == {run.run_id: run.note for run in wine_runs()}
    assert answer["natural_language_answer"] == "The best is 3f0a9c1e."


@pytest.mark.parametrize("bad", BAD_CALLS.values(), ids=BAD_CALLS)
def test_a_model_that_only_calls_badly_ends(bad: Entry, asked: Lab, stage: Stage) -> None:
    script = stage.play(bad, repeats=True)
    response = asked.ask("Which is the best run by accuracy?")
    assert response.status_code == 200
    assert response.json()["natural_language_answer"]
    assert len(script.requests) <= 2 * MAX_MODEL_CALLS


def test_endless_calls_end_at_the_limit_with_what_was_found(tmp_path: Path) -> None:
    script = Script([calls(BEST_TWO)], repeats=True)
    with lab(tmp_path, script) as made:
        answer = made.answer("Best wine run?")
    assert len(script.requests) == MAX_MODEL_CALLS
    assert answer["used_run_ids"] == [SVM, LOGREG]


def test_a_flood_of_calls_is_cut_at_the_limit(tmp_path: Path) -> None:
    script = Script([calls(*[BEST_TWO] * 60), GOOD])
    with lab(tmp_path, script) as made:
        assert made.answer("Best wine run?")["used_run_ids"] == [SVM]
    found = [text for text in tool_messages(script.requests[-1])["leaderboard"] if text.startswith("{")]
    assert len(found) == MAX_TOOL_CALLS


def test_honest_words_about_a_limit_are_an_answer(tmp_path: Path) -> None:
    with lab(tmp_path, Script([calls(WINE), says("The failed run exceeded its time limit.")])) as made:
        assert made.answer("Why?")["natural_language_answer"] == "The failed run exceeded its time limit."


def test_what_utf_8_cannot_hold_is_replaced(tmp_path: Path) -> None:
    half = '{"intent": "best_run", "natural_language_answer": "3f0a9c1e \\ud83d", "used_run_ids": ["\\udc00"]}'
    with lab(tmp_path, Script([calls(BEST_TWO), calls(("DraftAnswer", half))])) as made:
        assert made.answer("Best wine run?")["natural_language_answer"] == "3f0a9c1e ?"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_failed_endpoint_is_left_alone_for_a_while(tmp_path: Path, clock: Clock) -> None:
    script = Script([status(401), calls(BEST_TWO), GOOD])
    with lab(tmp_path, script, clock=clock) as made:
        assert made.status()["engine"] == "llm"
        answered_offline(made)
        assert len(script.requests) == 1
        clock.now_s += FALLBACK_S - 1
        answered_offline(made)
        assert len(script.requests) == 1
        told = made.status()
        assert (told["engine"], told["model"]) == ("offline", None)
        assert "AuthenticationError" in told["reason"]
        clock.now_s += 2
        assert made.status()["engine"] == "llm"
        assert made.answer("Best wine run?")["used_run_ids"] == [SVM]
        assert made.status()["reason"] == "OPENAI_BASE_URL is set"


def test_a_second_failure_starts_the_wait_again(tmp_path: Path, clock: Clock) -> None:
    script = Script([status(401)], repeats=True)
    with lab(tmp_path, script, clock=clock) as made:
        for asked in (1, 2, 3):
            answered_offline(made)
            answered_offline(made)
            assert len(script.requests) == asked
            clock.now_s += FALLBACK_S + 1


def test_a_model_without_an_answer_is_asked_again_at_once(tmp_path: Path) -> None:
    script = Script([empty(), empty(), calls(BEST_TWO), GOOD])
    with lab(tmp_path, script) as made:
        answered_offline(made)
        assert made.answer("Best wine run?")["used_run_ids"] == [SVM]


@pytest.mark.parametrize("death", [status(401), drops(), wrong_shape()], ids=["401", "drop", "wrong shape"])
def test_the_planner_does_not_flag_a_second_time(death: Entry, tmp_path: Path) -> None:
    flag_second = ("flag_run_for_publish", {"run_id": LOGREG})
    with lab(tmp_path, Script([calls(BEST_TWO), calls(flag_second), death], repeats=True)) as made:
        before = made.notes()
        answer = answered_offline(made, "Flag the best run by accuracy for publish")
        after = made.notes()
    assert answer["flagged_run_id"] == LOGREG
    assert after == before | {LOGREG: "PUBLISH"}
    assert "8b1d4c52" in answer["natural_language_answer"]


def test_a_model_that_goes_silent_after_a_flag_leaves_the_flag_told(tmp_path: Path) -> None:
    with lab(tmp_path, Script([calls(BEST_TWO), calls(FLAG), empty()], repeats=True)) as made:
        answer = made.answer("Flag the best wine run")
    assert answer["flagged_run_id"] == SVM
    assert "PUBLISH" in answer["natural_language_answer"]


def spoil(folder: Path) -> None:
    for file in folder.glob("manifests.db*"):
        file.unlink()
    (folder / "manifests.db").write_bytes(b"this is no database" * 1_000)


@pytest.mark.parametrize("entry", [calls(WINE), status(401), empty()], ids=["calls", "401", "empty"])
def test_a_store_that_cannot_be_read_is_a_problem_document(entry: Entry, tmp_path: Path) -> None:
    with lab(tmp_path, Script([entry], repeats=True)) as made:
        spoil(tmp_path)
        assert_problem(made.ask("Best wine run?"))


def assert_problem(response: httpx.Response) -> None:
    assert response.status_code == 503, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


@pytest.mark.parametrize("runs", [[]], ids=["empty"])
def test_an_empty_store_is_answered_about(runs: list[Any], tmp_path: Path) -> None:
    for folder, script in (("a", Script([status(401)])), ("b", Parrot("x", tools=[("list_runs", {})]).script)):
        with lab(tmp_path / folder, script, runs=runs) as made:
            response = made.ask("Which run is the best by accuracy?")
            assert response.status_code == 200
            assert response.json()["used_run_ids"] == []


def test_no_answer_and_no_header_shows_the_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for at, said in enumerate(
        (f"Incorrect API key provided: {KEY}.", f"no {KEY[:-4]}", "Incorrect: sk-proj-ab***wxyz")
    ):
        with lab(tmp_path / str(at), Script([status(401, said)], repeats=True)) as made:
            for _ in range(2):
                response = made.ask("Which is the best run by accuracy?")
                shown = f"{response.headers} {response.text} {made.status()} {caplog.text}"
                assert response.headers["X-Agent-Engine"] == "offline"
                assert KEY[:12] not in shown
                assert "wxyz" not in shown
