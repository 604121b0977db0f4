import re
from typing import Any

import pytest

from agents.fence import asked_write
from tests.agents.test_fence import ORDERS
from tools.agent_stream import AgentStep
from tools.calls import AgentEngine, AgentReply
from ui import answers

FIRST = "3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"
SECOND = "8b1d4c52-7e64-4c0c-8a5c-0d9a1b6e3c77"

COMPARISON: dict[str, Any] = {
    "run_ids": [FIRST, SECOND],
    "metric_keys": ["accuracy", "loss", "speed"],
    "param_keys": ["lr", "model"],
    "metrics": {
        "accuracy": {"values": {FIRST: 0.9, SECOND: 0.8}, "direction": "higher", "difference": 0.1, "better": FIRST},
        "loss": {"values": {FIRST: "NaN", SECOND: 0.25}, "direction": "lower", "difference": None, "better": None},
        "speed": {"values": {FIRST: 2, SECOND: None}, "direction": "higher", "difference": None, "better": None},
    },
    "params": {
        "lr": {"values": {FIRST: 0.1, SECOND: None}, "differs": True},
        "model": {"values": {FIRST: "svm", SECOND: "svm"}, "differs": False},
    },
}


def read(markdown: str) -> str:
    """Takes the escapes of Markdown away."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)


def test_runs_are_links_by_their_whole_id_and_by_its_beginning() -> None:
    shown = read(answers.answer_markdown(f"3f0a9c1e beats {SECOND}; not 3f0a9c1ef or x-8b1d4c52", [FIRST, SECOND]))
    assert shown.strip() == (
        f"[3f0a9c1e](run?id={FIRST}) beats [{SECOND}](run?id={SECOND}); not 3f0a9c1ef or x-8b1d4c52"
    )


def test_a_run_of_another_program_is_a_link_that_leads_to_it() -> None:
    assert answers.run_href("a b/ü)&x") == "run?id=a%20b%2F%C3%BC%29%26x"
    assert read(answers.answer_markdown("run (x) y", ["(x)"])).strip() == "run [(x)](run?id=%28x%29) y"


def test_lists_stay_lists_and_lines_stay_lines() -> None:
    shown = answers.answer_markdown("Best\n1. a\n2. b\nThen\n- c", [])
    assert shown.split("\n") == ["Best  ", "1. a", "2. b", "", "Then  ", "- c"]


@pytest.mark.parametrize("text", ["# h", "<b>x</b>", "[x](http://y)", "**x**", "`x`", "    code", "a\n===", ":red[x]"])
def test_text_out_of_the_store_is_no_markdown(text: str) -> None:
    assert not re.search(r"(?<!\\)[#<>\[\]*`:=]", answers.answer_markdown(text, []))


def test_nothing_is_shown_of_an_empty_answer() -> None:
    assert answers.answer_markdown("", [FIRST]) == ""


def test_the_runs_of_an_answer_are_named_once() -> None:
    document = {"used_run_ids": [SECOND], "comparison": COMPARISON, "flagged_run_id": FIRST}
    assert answers.named_runs(document) == [SECOND, FIRST]
    assert answers.named_runs({"used_run_ids": [], "comparison": None, "flagged_run_id": None}) == []


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("describe_store", {}, "Look at what the store holds"),
        ("leaderboard", {"metric_name": "accuracy", "dataset_id": "wine"}, "Rank runs by accuracy on wine"),
        ("leaderboard", {}, "Rank runs by"),
        ("list_runs", {}, "List runs"),
        ("search_run_summaries", {"query": "baseline"}, "Search the runs for baseline"),
        ("compare_runs", {"run_ids": [FIRST, SECOND]}, "Compare 3f0a9c1e, 8b1d4c52"),
        ("compare_runs", {"run_ids": [FIRST] * 5}, "Compare 5 runs"),
        ("compare_runs", {"run_ids": "none"}, "Compare "),
        ("get_run_details", {"run_id": FIRST}, "Read run 3f0a9c1e"),
        ("flag_run_for_publish", {"run_id": FIRST}, "Flag run 3f0a9c1e"),
        ("update_note", {"run_id": FIRST}, "Write the note of run 3f0a9c1e"),
        ("a_new_tool", {}, "a_new_tool"),
    ],
)
def test_a_step_says_what_is_asked(tool: str, arguments: dict[str, Any], said: str) -> None:
    assert answers.step_text(AgentStep(tool, arguments, "started", "")) == said


def test_steps_are_counted() -> None:
    done, failed = AgentStep("a", {}, "done", ""), AgentStep("a", {}, "failed", "no")
    assert answers.steps_text([done]) == "Asked 1 tool"
    assert answers.steps_text([done, failed]) == "Asked 2 tools, 1 failed"


def test_the_engine_and_the_reason_for_it_are_named() -> None:
    assert answers.engine_name(AgentEngine("llm", "qwen3:8b", None, "", [])) == "qwen3:8b"
    assert answers.engine_name(AgentEngine("offline", None, None, "", [])) == "built-in planner"
    assert answers.reply_text(AgentReply({}, "llm", None, 200)) == "Answered by a language model"
    assert (
        answers.reply_text(AgentReply({}, "offline", "it failed", 200))
        == "Answered by the built-in planner, because it failed"
    )


def test_a_comparison_is_a_table_that_marks_the_best() -> None:
    frame = answers.metrics_frame(COMPARISON)
    assert list(frame.columns) == ["metric", "3f0a9c1e", "8b1d4c52", "difference", "better"]
    assert frame.iloc[0].tolist() == ["accuracy", "★ 0.9", "0.8", 0.1, "higher"]
    assert frame.iloc[1].tolist()[:3] == ["loss", "NaN", "0.25"]
    assert frame.iloc[2].tolist()[:3] == ["speed", "2", "–"]


def test_only_parameters_that_differ_are_shown() -> None:
    frame = answers.params_frame(COMPARISON)
    assert frame.to_dict("records") == [{"parameter": "lr", "3f0a9c1e": "0.1", "8b1d4c52": "–"}]


def test_only_finite_numbers_are_plotted_and_equal_ones_are_all_best() -> None:
    frame = answers.values_frame(COMPARISON)
    assert frame.to_dict("records") == [
        {"metric": "accuracy", "run": "3f0a9c1e", "value": 0.9, "is_best": True},
        {"metric": "accuracy", "run": "8b1d4c52", "value": 0.8, "is_best": False},
        {"metric": "loss", "run": "8b1d4c52", "value": 0.25, "is_best": True},
        {"metric": "speed", "run": "3f0a9c1e", "value": 2.0, "is_best": True},
    ]


def test_runs_that_begin_alike_are_told_apart() -> None:
    assert answers.run_columns(["12345678a", "12345678b", "x"]) == {
        "12345678a": "12345678a", "12345678b": "12345678b", "x": "x",
    }  # fmt: skip


@pytest.mark.parametrize("question", [question for question, _ in ORDERS])
def test_whatever_the_agent_takes_for_an_order_is_known_to_write(question: str) -> None:
    assert asked_write(question).tools
    assert answers.may_write(question)


@pytest.mark.parametrize("question", ["Which is the best run?", "Compare my two best runs on wine", "denoted by x"])
def test_a_plain_question_writes_nothing(question: str) -> None:
    assert not answers.may_write(question)
