import json
from pathlib import Path
from typing import Any

import pytest

from tests.agents.labs import BEST_TWO, KEY, LOGREG, RESNET, SVM, WINE, Parrot, lab
from tests.agents.scripted_openai import (
    Body,
    Entry,
    Script,
    calls,
    draft,
    final,
    reply,
    says,
    tool_messages,
    tool_names,
)

COMPARE = ("compare_runs", {"run_ids": [SVM, LOGREG]})
FLAG = ("flag_run_for_publish", {"run_id": SVM})


def ranked_ids(body: Body) -> list[str]:
    return [run["run_id"] for run in json.loads(tool_messages(body)["leaderboard"][-1])["runs"]]


def compare_ranked(body: Body) -> Entry:
    return calls(("compare_runs", {"run_ids": ranked_ids(body)}))


def flag_first(body: Body) -> Entry:
    return calls(("flag_run_for_publish", {"run_id": ranked_ids(body)[0]}))


def assert_compared(answer: dict[str, Any]) -> None:
    comparison = answer["comparison"]
    assert comparison["run_ids"] == [SVM, LOGREG]
    accuracy = comparison["metrics"]["accuracy"]
    assert accuracy["values"] == {SVM: 0.97221, LOGREG: 0.94444}
    assert (accuracy["direction"], accuracy["better"]) == ("higher", SVM)
    assert accuracy["difference"] == pytest.approx(0.02777)
    assert comparison["metrics"]["val_loss"]["better"] == SVM
    assert comparison["params"]["lr"] == {"values": {SVM: 0.1, LOGREG: 0.01}, "differs": True}
    assert comparison["params"]["epochs"]["differs"] is False
    assert [run["run_id"] for run in comparison["runs"]] == [SVM, LOGREG]


def test_ranks_then_compares_then_flags_in_one_question(tmp_path: Path) -> None:
    text = "3f0a9c1e beats 8b1d4c52 by 0.0278 in accuracy; I flagged 3f0a9c1e for publish."
    script = Script(
        [
            calls(BEST_TWO),
            reply(compare_ranked),
            reply(flag_first),
            final(intent="flag_run", text=text, ids=["3f0a9c1e"]),
        ]
    )
    with lab(tmp_path, script) as made:
        answer = made.answer("Compare the two best wine runs by accuracy, then flag the better one for publish")
        assert made.notes()[SVM] == "PUBLISH: solid baseline, 3 seeds agree within 0.004"
    assert_compared(answer)
    assert answer["intent"] == "flag_run"
    assert answer["natural_language_answer"] == text
    assert answer["used_run_ids"] == [SVM]
    assert answer["flagged_run_id"] == SVM


def test_ranks_then_compares_then_flags_over_a_session(tmp_path: Path) -> None:
    script = Script(
        [
            calls(BEST_TWO),
            final(intent="best_run", text="3f0a9c1e (0.972), then 8b1d4c52 (0.944).", ids=[SVM, LOGREG]),
            calls(COMPARE),
            final(intent="compare_runs", text="3f0a9c1e is better.", ids=[SVM, LOGREG]),
            calls(FLAG),
            final(intent="flag_run", text="3f0a9c1e is flagged.", ids=[SVM]),
        ]
    )
    with lab(tmp_path, script) as made:
        ranked = made.answer("Best two runs on wine?", session_id="ada")
        compared = made.answer("Compare them", session_id="ada")
        flagged = made.answer("Flag the better one", session_id="ada")
        assert (made.notes()[SVM] or "").startswith("PUBLISH")
    assert (ranked["comparison"], ranked["flagged_run_id"]) == (None, None)
    assert_compared(compared)
    assert compared["flagged_run_id"] is None
    assert (flagged["comparison"], flagged["flagged_run_id"]) == (None, SVM)


def test_a_comparison_and_a_flag_are_no_words_of_the_model(tmp_path: Path) -> None:
    forged = {
        "intent": "compare_runs",
        "natural_language_answer": "They are alike.",
        "used_run_ids": [SVM],
        "flagged_run_id": SVM,
        "comparison": {"run_ids": [SVM], "metrics": {"accuracy": {"better": SVM}}},
    }
    with lab(tmp_path, Script([calls(WINE), calls(("DraftAnswer", forged))])) as made:
        answer = made.answer("Compare the wine runs")
    assert answer["natural_language_answer"] == "They are alike."
    assert (answer["comparison"], answer["flagged_run_id"]) == (None, None)


def test_the_last_comparison_is_the_one_told(tmp_path: Path) -> None:
    other = ("compare_runs", {"run_ids": [SVM, RESNET]})
    script = Script([calls(COMPARE), calls(other), final(intent="compare_runs", text="Compared.", ids=[SVM])])
    with lab(tmp_path, script) as made:
        assert made.answer("Compare 3f0a9c1e with c0ffee12")["comparison"]["run_ids"] == [SVM, RESNET]


def test_a_note_that_is_no_mark_flags_nothing(tmp_path: Path) -> None:
    written = ("update_note", {"run_id": "8b1d4c52", "note": "rerun later"})
    with lab(tmp_path, Script([calls(WINE), calls(written), final(intent="update_note", text="There.")])) as made:
        answer = made.answer("Set the note of 8b1d4c52 to 'rerun later'")
        assert made.notes()[LOGREG] == "rerun later"
    assert answer["flagged_run_id"] is None
    assert answer["used_run_ids"] == [LOGREG]
    assert '8b1d4c52 (logistic_regression on wine) is now "rerun later"' in answer["natural_language_answer"]


def test_a_write_is_told_though_the_model_keeps_it_to_itself(tmp_path: Path) -> None:
    with lab(
        tmp_path, Script([calls(WINE), calls(FLAG), final(intent="best_run", text="The best one it is.")])
    ) as made:
        answer = made.answer("Flag the best wine run")
    assert 'The note of run 3f0a9c1e (linear_svm on wine) is now "PUBLISH' in answer["natural_language_answer"]
    assert answer["flagged_run_id"] == SVM


def test_plain_words_are_an_answer_too(tmp_path: Path) -> None:
    with lab(tmp_path, Script([calls(BEST_TWO), says("The best is 3f0a9c1e with 0.972.")])) as made:
        answer = made.answer("Best wine run?")
    assert answer["intent"] == "best_run"
    assert answer["natural_language_answer"] == "The best is 3f0a9c1e with 0.972."
    assert answer["used_run_ids"] == [SVM]


def test_an_answer_beside_a_call_waits_for_what_the_call_returns(tmp_path: Path) -> None:
    script = Script([calls(BEST_TWO, draft(intent="best_run", text="It is 3f0a9c1e.", ids=[SVM]))])
    with lab(tmp_path, script) as made:
        assert made.answer("Best wine run?")["used_run_ids"] == [SVM]


def test_a_hasty_answer_beside_a_call_is_redone(tmp_path: Path) -> None:
    hasty = calls(BEST_TWO, draft(intent="best_run", text="It is 0.9999.", ids=["deadbeef"]))
    script = Script([hasty, final(intent="best_run", text="It is 0.972.", ids=[SVM])])
    with lab(tmp_path, script) as made:
        answer = made.answer("Best wine run?")
    assert (answer["natural_language_answer"], answer["used_run_ids"]) == ("It is 0.972.", [SVM])


def test_tools_are_called_in_parallel(tmp_path: Path) -> None:
    both = calls(WINE, ("describe_store", {}), ("get_run_details", {"run_id": "c0ffee12", "curve": "*"}))
    script = Script([both, final(intent="run_details", text="c0ffee12 failed; there are 6 runs.", ids=[RESNET])])
    with lab(tmp_path, script) as made:
        assert made.answer("How did c0ffee12 go?")["used_run_ids"] == [RESNET]
    assert list(tool_messages(script.requests[-1])) == ["list_runs", "describe_store", "get_run_details"]


def test_the_model_is_offered_what_it_may_use_and_sent_the_key(tmp_path: Path) -> None:
    parrot = Parrot("Fine.")
    with lab(tmp_path, parrot.script) as made:
        made.answer("How are the wine runs?")
    offered = set(tool_names(parrot.script.requests[0]))
    assert offered == {
        "list_runs", "leaderboard", "get_run_details", "compare_runs", "search_run_summaries", "describe_store",
        "describe_registry", "rank_models", "compare_models", "check_significance", "get_model", "DraftAnswer",
    }  # fmt: skip
    assert parrot.script.requests[0]["model"] == "scripted"
    assert parrot.script.headers[0]["authorization"] == f"Bearer {KEY}"
    final_answer = next(
        tool["function"] for tool in parrot.script.requests[0]["tools"] if tool["function"]["name"] == "DraftAnswer"
    )
    assert set(final_answer["parameters"]["properties"]) == {"intent", "natural_language_answer", "used_run_ids"}


def test_an_unknown_name_is_told_to_the_model_with_what_there_is(tmp_path: Path) -> None:
    script = Script(
        [
            calls(("leaderboard", {"metric_name": "accurracy"})),
            calls(("leaderboard", {"metric_name": "accuracy", "top_k": 1})),
            final(intent="best_run", text="3f0a9c1e, of accuracy 0.972.", ids=[SVM]),
        ]
    )
    with lab(tmp_path, script) as made:
        assert made.answer("Best run by accurracy?")["used_run_ids"] == [SVM]
    assert "accuracy" in tool_messages(script.requests[1])["leaderboard"][0]
