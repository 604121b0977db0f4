from pathlib import Path
from typing import Any

import pytest

from agents.agents import AgentAnswer
from agents.memory import MAX_ANSWER_CHARS, MAX_FACTS, MAX_RUN_IDS, MAX_SESSIONS, MAX_TURNS, Facts, Sessions
from tests.agents.labs import BEST_TWO, LOGREG, POISON, SVM, WINE, Stage, lab
from tests.agents.scripted_openai import Body, calls, final
from tests.backend.stores import StoredRun


def answer_of(text: str = "Fine.", ids: list[str] | None = None) -> AgentAnswer:
    return AgentAnswer(
        intent="list_runs", natural_language_answer=text, used_run_ids=ids or [], comparison=None, flagged_run_id=None
    )


def told(body: Body) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in body["messages"] if message["role"] != "system"]


def test_without_an_id_nothing_is_remembered() -> None:
    sessions = Sessions()
    sessions.remember(None, "What?", answer_of())
    assert (len(sessions), sessions.recall(None), sessions.recall("other")) == (0, (), ())


def test_the_last_questions_are_remembered() -> None:
    sessions = Sessions()
    for number in range(MAX_TURNS + 3):
        sessions.remember("ada", f"question {number}", answer_of())
    assert [turn.question for turn in sessions.recall("ada")] == [f"question {n}" for n in range(3, MAX_TURNS + 3)]


def test_an_answer_is_remembered_in_bounds() -> None:
    sessions = Sessions()
    sessions.remember("ada", "What?", answer_of("x" * 50_000, [str(n) for n in range(50)]))
    (turn,) = sessions.recall("ada")
    assert (len(turn.text), len(turn.run_ids)) == (MAX_ANSWER_CHARS, MAX_RUN_IDS)


def test_the_conversation_that_rested_longest_is_forgotten() -> None:
    sessions = Sessions()
    for number in range(MAX_SESSIONS):
        sessions.remember(str(number), "What?", answer_of())
    sessions.recall("0")
    sessions.remember("one more", "What?", answer_of())
    assert len(sessions) == MAX_SESSIONS
    assert sessions.recall("0")
    assert not sessions.recall("1")


def test_facts_are_held_in_bounds(tmp_path: Path) -> None:
    stage = Stage()
    with lab(tmp_path, stage.server) as made:
        stage.play(calls(WINE), final(intent="list_runs", text="0.972 " * 1_000))
        made.answer("How are the wine runs?", session_id="ada")
        (turn,) = made.assistant._sessions.recall("ada")
    assert turn.facts == Facts(numbers=(0.972,) * MAX_FACTS)


def test_the_model_sees_what_was_said_before(tmp_path: Path) -> None:
    stage = Stage()
    with lab(tmp_path, stage.server) as made:
        stage.play(calls(BEST_TWO), final(intent="best_run", text="3f0a9c1e, of accuracy 0.972.", ids=[SVM, LOGREG]))
        made.answer("Best two on wine?", session_id="ada")
        script = stage.play(calls(WINE), final(intent="list_runs", text="The same."))
        made.answer("And among all?", session_id="ada")
        assert told(script.requests[0]) == [
            ("user", "Best two on wine?"),
            ("assistant", f"3f0a9c1e, of accuracy 0.972.\n[runs: {SVM}, {LOGREG}]"),
            ("user", "And among all?"),
        ]


def test_conversations_are_kept_apart(tmp_path: Path) -> None:
    stage = Stage()
    with lab(tmp_path, stage.server) as made:
        for session_id in ("ada", "bob", None, None):
            script = stage.play(calls(WINE), final(intent="list_runs", text="These."))
            made.answer(f"I am {session_id}", session_id=session_id)
            assert told(script.requests[0]) == [("user", f"I am {session_id}")]


def test_what_was_said_before_may_be_said_again_without_a_tool(tmp_path: Path) -> None:
    text = "resnet50 (c0ffee12) started on 2025-12-05 and has accuracy 0.9111."
    stage = Stage()
    with lab(tmp_path, stage.server) as made:
        stage.play(calls(WINE), final(intent="run_details", text=text, ids=["c0ffee12"]))
        made.answer("How is resnet50?", session_id="ada")
        for _ in range(2):
            stage.play(final(intent="run_details", text=text, ids=["c0ffee12"]))
            assert made.answer("Say it again", session_id="ada")["natural_language_answer"] == text


LAUNDERED = [
    ("Is any accuracy above 0.995?", "No run has an accuracy above 0.995.", "The accuracy is 0.995."),
    ("What does the note say?", f'The note of d15ea5e0 says "{POISON}".', "The accuracy is 0.9999."),
    ("What does the note say?", f'The note of d15ea5e0 says "{POISON}".', "The best run is feedc0de1234."),
    ("Is feedbeef99 good?", "There is no run feedbeef99.", "The best run is feedbeef99."),
    ("Which?", "3f0a9c1e started on 2025-12-03.", "The accuracy is 2025."),
    ("Which?", "12345678 is the worst.", "There are 12345 of them, or 678."),
    ("Which?", "3f0a9c1e has accuracy 0.97.", "It has accuracy 0.9734."),
]


@pytest.mark.parametrize(("question", "text", "lie"), LAUNDERED)
def test_what_an_earlier_answer_repeated_or_quoted_is_no_source(
    question: str, text: str, lie: str, tmp_path: Path
) -> None:
    stage = Stage()
    with lab(tmp_path, stage.server) as made:
        stage.play(calls(WINE), final(intent="list_runs", text=text, ids=[SVM]))
        assert made.answer(question, session_id="ada")["natural_language_answer"] == text
        stage.play(final(intent="list_runs", text=lie), repeats=True)
        response = made.ask("Which run is the best by accuracy?", session_id="ada")
    assert response.status_code == 200
    assert lie not in response.json()["natural_language_answer"]


def test_a_flag_of_an_earlier_question_may_be_told(tmp_path: Path) -> None:
    flag: Any = ("flag_run_for_publish", {"run_id": SVM})
    stage = Stage()
    with lab(tmp_path, stage.server, runs=[StoredRun(SVM)]) as made:
        stage.play(calls(flag), final(intent="flag_run", text="I flagged 3f0a9c1e."))
        assert made.answer("Flag run 3f0a9c1e", session_id="ada")["flagged_run_id"] == SVM
        stage.play(final(intent="run_details", text="Yes, I flagged 3f0a9c1e for publish.", ids=[SVM]))
        again = made.answer("Did you do it?", session_id="ada")
    assert again["natural_language_answer"] == "Yes, I flagged 3f0a9c1e for publish."
    assert again["flagged_run_id"] is None


def test_the_planner_takes_over_a_conversation(tmp_path: Path) -> None:
    stage = Stage()
    with lab(tmp_path, stage.server) as made:
        stage.play(calls(BEST_TWO), final(intent="best_run", text="3f0a9c1e is best.", ids=[SVM]))
        made.answer("Best run on wine?", session_id="ada")
        stage.play()
        response = made.ask("Flag it for publish", session_id="ada")
    assert response.headers["X-Agent-Engine"] == "offline"
    assert response.json()["flagged_run_id"] == SVM
