import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from agents.agents import DraftAnswer
from agents.offline.model import OfflinePlanner
from backend.models import Facets
from tests.agents.offline.conftest import NOW, WINE_SVM, Ask
from tools.found import RunsFound, StoreDescribed

QUESTION = HumanMessage("best run on wine")


def planner() -> OfflinePlanner:
    return OfflinePlanner(now=lambda: NOW)


def described(message: AIMessage, facets: Facets) -> list[AIMessage | ToolMessage]:
    call = message.tool_calls[0]
    return [message, ToolMessage("{}", tool_call_id=call["id"], artifact=StoreDescribed(facets))]


def test_the_store_is_described_first() -> None:
    first = planner().invoke([SystemMessage("x"), QUESTION])
    assert [call["name"] for call in first.tool_calls] == ["describe_store"]


def test_the_same_conversation_gives_the_same_step(facets: Facets) -> None:
    first = planner().invoke([QUESTION])
    steps = [planner().invoke([QUESTION, *described(first, facets)]).tool_calls for _ in range(2)]
    assert steps[0] == steps[1]
    assert steps[0][0]["name"] == "leaderboard"
    assert steps[0][0]["args"]["dataset_id"] == "wine"


def test_a_failed_tool_ends_the_plan_with_what_it_said(facets: Facets) -> None:
    first = planner().invoke([QUESTION])
    told = [QUESTION, *described(first, facets)]
    second = planner().invoke(told)
    error = ToolMessage("the store is locked; ask again", tool_call_id=second.tool_calls[0]["id"], status="error")
    last = planner().invoke([*told, second, error])
    assert [call["name"] for call in last.tool_calls] == [DraftAnswer.__name__]
    assert "the store is locked" in last.tool_calls[0]["args"]["natural_language_answer"]


def test_a_store_that_cannot_be_described_is_an_answer() -> None:
    first = planner().invoke([QUESTION])
    error = ToolMessage("no server answers", tool_call_id=first.tool_calls[0]["id"], status="error")
    draft = planner().invoke([QUESTION, first, error]).tool_calls[0]["args"]
    assert draft["intent"] == "unanswerable"
    assert "no server answers" in draft["natural_language_answer"]


def test_a_correction_is_no_question(facets: Facets) -> None:
    first = planner().invoke([QUESTION])
    told = [QUESTION, *described(first, facets)]
    second = planner().invoke(told)
    found = ToolMessage("{}", tool_call_id=second.tool_calls[0]["id"], artifact=RunsFound([], 0))
    third = planner().invoke([*told, second, found])
    correction = HumanMessage("leave 0.5 out", additional_kwargs={"kind": "correction"})
    step = third
    conversation = [*told, second, found]
    for _ in range(3):
        if step.tool_calls[0]["name"] == DraftAnswer.__name__:
            break
        call = step.tool_calls[0]
        conversation += [step, ToolMessage("{}", tool_call_id=call["id"], artifact=RunsFound([], 0))]
        step = planner().invoke(conversation)
    accepted = ToolMessage("given", tool_call_id=step.tool_calls[0]["id"])
    again = planner().invoke([*conversation, step, accepted, correction])
    assert again.tool_calls[0]["args"] == step.tool_calls[0]["args"]


def test_a_conversation_without_a_question_is_refused() -> None:
    with pytest.raises(ValueError, match="no question"):
        planner().invoke([SystemMessage("x")])


def test_tools_may_be_bound_as_descriptions() -> None:
    bound = planner().bind_tools([{"name": "flag_run_for_publish"}, {"function": {"name": "list_runs"}}, DraftAnswer])
    assert getattr(bound, "tools", None) == {"flag_run_for_publish", "list_runs", "DraftAnswer"}


def test_an_unknown_run_is_said_and_not_asked_for_again(ask: Ask) -> None:
    answered = ask("compare 3fa2c1d0 and deadbeef")
    assert "deadbeef" in answered.text
    assert answered.tools.count("compare_runs") == 1


def test_a_run_is_named_in_full_whatever_was_typed(ask: Ask) -> None:
    assert ask("show run 3FA2C1D0").draft.used_run_ids == [WINE_SVM]
