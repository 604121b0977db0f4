import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.truth.guard import MAX_CLAIMS
from tests.agents.labs import (
    BEST_TWO,
    HIDDEN,
    LOGREG,
    POISON,
    RESNET,
    SVM,
    WINE,
    Lab,
    Parrot,
    corrections,
    lab,
)
from tests.agents.scripted_openai import Call, Script, calls, final
from tests.backend.stores import StoredRun

DETAILS: list[Call] = [WINE, ("get_run_details", {"run_id": SVM})]
COMPARED: list[Call] = [("compare_runs", {"run_ids": [SVM, LOGREG]})]


@pytest.fixture(scope="module")
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture(scope="module")
def asked(parrot: Parrot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    # Time flies: a failure in one test does not keep the next from the model.
    with lab(tmp_path_factory.mktemp("truth"), parrot.script, clock=itertools.count(0, 1_000).__next__) as made:
        yield made


def told(
    asked: Lab,
    parrot: Parrot,
    text: str,
    *,
    question: str = "How are the wine runs?",
    tools: Any = (WINE,),
    ids: Any = (),
) -> dict[str, Any]:
    """Gives the answer to a question whose model says a text, and says it again when it is refused."""
    parrot.text, parrot.tools, parrot.ids = text, tools, ids
    parrot.script.requests.clear()
    return asked.answer(question)


LIES = [
    # numbers that nothing returned, at any precision
    "The best accuracy is 0.9999.",
    "The best accuracy is 0.98.",
    "The best accuracy is .98",
    "The best accuracy is 0.9723.",
    "The best accuracy is 0.972211.",
    "The best accuracy is 9.7222e-1.",
    "The best accuracy is 1.",
    "The best run reaches an accuracy of 1.0.",
    "The best accuracy is **0.9832**.",
    "accuracy=0.9832",
    "| 3f0a9c1e | 0.9832 |",
    "The accuracy is -0.9722.",
    "The loss is 0.1044.",
    "The loss is 0,1044.",
    "The accuracy is 0.98/1.",
    "The accuracy is ⅞.",
    "The accuracy is zero point nine nine.",
    "Accuracy≈0.99",
    "The accuracy is v0.99",
    "The model has 1,234,568 parameters.",
    "The model has 1.3M parameters.",
    "The model has 1,300k parameters.",
    "It trained for 31 epochs.",
    "It trained for 1e3 epochs.",
    "Its lr is 3e-3.",
    "Its lr is 0.0004.",
    "It took 13.5 s.",
    "It took 3 s.",
    "It took 2 minutes.",
    "It took 4 hours.",
    "It took 43.2 minutes.",
    # one run's number given to another
    "3f0a9c1e has an accuracy of 0.9444.",
    "Run 8b1d4c52 (resnet50 on wine): accuracy 0.9722, val_loss 0.2086.",
    "8b1d4c52: val_loss 0.1043",
    # percent
    "The best accuracy is 98%.",
    "The best accuracy is 98.2 %.",
    "The best accuracy is 98 percent.",
    "The best accuracy is 93%.",
    "The best accuracy is 96%.",
    "The best accuracy is ninety-nine percent.",
    "The best accuracy is ninety percent.",
    # counts and ranks
    "There are 412 runs.",
    "There are 1,000 runs.",
    "12 runs failed.",
    "17 of the runs failed.",
    "Seventeen runs failed.",
    "Thirty runs failed, forty finished.",
    "A hundred runs failed.",
    "Some two hundred runs failed.",
    "It is ranked 9th.",
    "It is #9 of the list.",
    "Rank 9: 3f0a9c1e.",
    # dates
    "It started on 2025-11-03.",
    "It started on 2024-12-03.",
    "It started in 2023.",
    "It started on December 1.",
    "It started on 2 December 2025.",
    "It started on the 1st of December.",
    "It started at 23:59.",
    "It started on 2025-12-03T08:16.",
    # differences, ratios and means
    "It is 0.0513 higher than 8b1d4c52.",
    "3f0a9c1e is ahead of 8b1d4c52 by 0.0378.",
    "The accuracy differs by 0.0378.",
    "It is 3.1 times as slow.",
    "It is 41.7% faster.",
    "The mean accuracy is 0.9356.",
    "On average the accuracy is 0.9456.",
    "The accuracy improved by 13.7%.",
    "The test accuracy is 0.9999.",
    "The test accuracy is 0.99.",
    "The next best has 0.99.",
    "The accuracy is 0.03, higher than any other.",
    "The accuracy is 0.06, which is better.",
    # ids
    "The best run is 3f0a9c1f.",
    "The best run is 3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a12.",
    "The best run is 3f0a9c1e-0000-4000-8000-000000000000.",
    "The best run is 7d9e8f.",
    "The best run is deadbeef.",
    "The best run is DEADBEEF.",
    "The best run is 1e999999.",
    "The best run is 87654321.",
    f"The best run is {HIDDEN}.",
    f"The best run is {HIDDEN[:8]}.",
    "The best run is exp-99.",
    "The best run is baseline_v9.",
    # what stands in a note is not so because it stands there
    "The accuracy is 0.9999 for the last run.",
    "Note that the accuracy is 0.9999.",
    'The accuracy is "0.9999".',
    "The accuracy is `0.9999`.",
    "See run feedc0de1234 for more.",
    "The best run is feedc0de1234.",
    # runs that no tool returned
    "The accuracy on secret is 0.81234.",
    "The accuracy on secret is 0.812.",
    "Its lr is 0.077.",
]  # fmt: skip

ABSURD = [
    "1e99999999999",
    "9" * 400,
    "9" * 5_000,
    "1e" + "9" * 5_000,
    "December " + "9" * 400,
    "0." + "0" * 400 + "1",
    "1e-999999",
]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_said_once_more_and_then_replaced_by_the_data(lie: str, asked: Lab, parrot: Parrot) -> None:
    answer = told(asked, parrot, lie)
    assert lie not in answer["natural_language_answer"]
    assert "3f0a9c1e (linear_svm on wine)" in answer["natural_language_answer"]
    assert len(parrot.script.requests) == 3
    assert len(corrections(parrot.script)) == 1


@pytest.mark.parametrize("number", ABSURD, ids=range(len(ABSURD)))
def test_an_absurd_number_is_only_another_lie(number: str, asked: Lab, parrot: Parrot) -> None:
    answer = told(asked, parrot, f"The accuracy is {number}.")
    assert number not in answer["natural_language_answer"]


@pytest.mark.parametrize(
    "text", ["a" * 60_000, "a_" * 30_000, "a-" * 30_000, "1," * 30_000, '"' * 20_000, "x1." * 20_000]
)
def test_a_long_text_is_judged_all_the_same(text: str, asked: Lab, parrot: Parrot) -> None:
    assert told(asked, parrot, f"{text} The accuracy is 0.9999.")["natural_language_answer"].startswith("Ranked")


def test_more_numbers_than_can_be_checked_are_too_many(asked: Lab, parrot: Parrot) -> None:
    honest = ", ".join(["0.972"] * MAX_CLAIMS)
    assert told(asked, parrot, honest)["natural_language_answer"] == honest
    assert told(asked, parrot, f"{honest}, 0.972")["natural_language_answer"].startswith("Ranked")


HONEST = [
    # rounding
    "The best accuracy is 0.97221 (run 3f0a9c1e).",
    "The best accuracy is 0.9722.",
    "The best accuracy is 0.972.",
    "The best accuracy is 0.97.",
    "The best accuracy is .97.",
    "The best accuracy is 0.97, the next 0.94, then 0.91.",
    "**accuracy**: 0.9722; val_loss=0.1043; lr = 0.1",
    "| 3f0a9c1e | 0.972 | 0.104 |",
    "The accuracy is 9.7221e-1.",
    "3f0a9c1e (resnet50 on wine): accuracy 0.9722, ahead of 8b1d4c52 with accuracy 0.9444.",
    "3f0a9c1e is better than 8b1d4c52; accuracy 0.9722 against 0.9444.",
    "Its lr is 3e-4, or 0.0003.",
    "The model has 1,234,567 parameters, about 1.2M or 1,235k.",
    # percent
    "The best accuracy is 97%.",
    "The best accuracy is 97.2 %.",
    "The best accuracy is 97.22 percent.",
    "The best accuracy is ninety-seven percent.",
    # differences, ratios, means
    "It is 0.028 higher than 8b1d4c52.",
    "3f0a9c1e is ahead by 0.0278.",
    "Accuracy 0.9722 against 0.9444, a difference of 0.0278.",
    "That is 2.8 percentage points better.",
    "Its loss is 50% lower than that of 8b1d4c52.",
    "Its loss is half of 0.2086.",
    "8b1d4c52 took 2 times as long.",
    "8b1d4c52 took 2.0 times as long.",
    "8b1d4c52 is 2x slower.",
    "The accuracy fell from 0.9722 to 0.9444 (-0.0278).",
    "The accuracy rose from 0.9444 to 0.9722 (+0.0278).",
    "The mean accuracy is 0.9167.",
    "The accuracies average 0.917.",
    "The mean of the two best is 0.9583.",
    # counts and ranks
    "There are 5 runs on wine; 1 failed and 4 finished.",
    "Five runs are on wine, four of which finished.",
    "20% of the runs failed.",
    "The top 3 of them:\n1. 3f0a9c1e: 0.9722\n2. 8b1d4c52: 0.9444\n3) c0ffee12: 0.9111",
    "It is ranked 2nd.",
    "It is #1, then comes #2.",
    "Two of the five use a linear SVM.",
    # dates and times
    "It started on 2025-12-03.",
    "It started on 2025-12-03 08:15.",
    "It started on December 3, 2025.",
    "It started on 3 December.",
    "It started on the 3rd of December at 08:15.",
    "All started in 2025, in 2025-12.",
    "The runs date from 2025-12-03 to 2025-12-07.",
    "It took 12.5 s, or 13 s.",
    "It took 7.2 minutes (431.7 s).",
    "It took 12,500 ms.",
    # names with digits, commands, notes
    "It is a resnet50, and c0ffee12 failed.",
    "f1_macro is 0.966; F1 is not given.",
    "The run with tag exp-12 failed.",
    'Its note reads "solid baseline, 3 seeds agree within 0.004".',
    "Its note says that 3 seeds agree within 0.004.",
    "It was started as `python train.py --model linear_svm --lr 0.1`.",
    f'The note of d15ea5e0 says "{POISON}", which is only a note.',
    "The command was python train.py --model linear_svm --lr 0.1.",
    # ids
    f"The best run is {SVM}.",
    f"The best run is {SVM.upper()}.",
    "The best run is 3f0a9c1e…",
    "The best run is 3f0a9c1e-5d0b.",
    "The worst run is 12345678.",
    # nothing that could be false
    "The wine runs look fine; a facade of decades, as noted above, is a marked improvement.",
    "A top-1 of the top-3 models; one of them is best.",
    "Try an lr between the two best, such as 0.055.",
    "Next, try a learning rate of 0.03.",
]  # fmt: skip


@pytest.mark.parametrize("text", HONEST)
def test_an_honest_sentence_is_passed_on_as_it_is(text: str, asked: Lab, parrot: Parrot) -> None:
    answer = told(asked, parrot, text, tools=DETAILS, ids=[SVM, LOGREG])
    assert answer["natural_language_answer"] == text, corrections(parrot.script)
    assert len(parrot.script.requests) == 2


LAUNDERED = [
    ("Is the accuracy 0.1234?", "Yes, the accuracy is 0.1234."),
    ("Is the accuracy 0.1234?", "Yes, accuracy = 0.1234 for 3f0a9c1e."),
    ("Is the accuracy 0.1234?", "The accuracy reached 0.1234."),
    ("Is the accuracy 0.1234?", "It went from 0.9722 to 0.1234."),
    ("Is the accuracy 0.1234?", "No doubt, the accuracy is 0.1234."),
    ("Is the accuracy above 0.99?", "Yes, its accuracy is above 0.99."),
    ("Is the loss below 0.02?", "Yes, val_loss is below 0.02."),
    ("Is feedbeef99 the best run?", "Yes, feedbeef99 is the best run."),
    ("Did it start on 2025-01-01?", "Yes, it started at 2025-01-01."),
    ("Did it start on 2025-01-01?", "Yes, it started on 2025-01-01."),
    ("Did it start on March 16?", "Yes, it started on March 16."),
    ("Did it start in 2019?", "Yes, it started in 2019."),
    ("Are there 77 runs?", "Yes, there are 77 runs."),
]


@pytest.mark.parametrize(("question", "lie"), LAUNDERED)
def test_the_question_is_no_source(question: str, lie: str, asked: Lab, parrot: Parrot) -> None:
    answer = told(asked, parrot, lie, question=question)
    assert lie not in answer["natural_language_answer"]
    assert answer["used_run_ids"]


REPEATED = [
    ("Is the accuracy 0.1234?", "No, the accuracy is not 0.1234 but 0.9722."),
    ("Any accuracy above 0.99?", "No run has an accuracy above 0.99."),
    ("Any accuracy above 0.99?", "None reaches 0.99; the best is 0.9722."),
    ("Which are above 0.9?", "Three runs have an accuracy above 0.9."),
    ("Which are above 90%?", "Three runs have an accuracy above 90%."),
    ("Which are under 0.2 in val_loss?", "One run has a val_loss below 0.2."),
    ("Is feedbeef99 the best run?", "There is no run feedbeef99."),
    ("Is feedbeef99 the best run?", "feedbeef99 is not a run of this store."),
    ("Anything since 2025-01-01?", "All five runs started after 2025-01-01."),
    ("Anything since 2025-01-01?", "Nothing is older than 2025-01-01."),
    ("Anything between march 12 and march 16?", "These 5. Read as: newest first, between march 12 and march 16."),
    ("Did it start on March 16?", "No, it did not start on March 16 but on December 3."),
    ("My 40 best runs?", "These are the top 40, of which there are only 5."),
]


@pytest.mark.parametrize(("question", "text"), REPEATED)
def test_the_question_may_be_repeated_as_a_bound_or_denied(
    question: str, text: str, asked: Lab, parrot: Parrot
) -> None:
    assert told(asked, parrot, text, question=question)["natural_language_answer"] == text, corrections(parrot.script)


def test_what_a_tool_was_asked_is_no_source(asked: Lab, parrot: Parrot) -> None:
    tools = [("list_runs", {"metric_name": "accuracy", "metric_min": 0.1234, "param": ["lr:0.5"], "limit": 77})]
    for lie in ("The accuracy is 0.1234.", "The accuracy reached 0.1234.", "77 runs fit.", "From 0.9722 to 0.1234."):
        assert lie not in told(asked, parrot, lie, tools=tools)["natural_language_answer"]


def test_a_words_search_is_no_source(asked: Lab, parrot: Parrot) -> None:
    tools = [("search_run_summaries", {"query": "wine 0.1234 deadbeef99"})]
    for lie in ("The accuracy is 0.1234.", "The best run is deadbeef99.", "It is above 0.1234 in accuracy: 0.1234."):
        assert lie not in told(asked, parrot, lie, tools=tools)["natural_language_answer"]


def test_a_value_is_not_passed_off_as_another_metrics(asked: Lab, parrot: Parrot) -> None:
    for lie in ("The accuracy is 0.1043.", "accuracy: 12.5", "The val_loss is **0.9722**.", "val_loss of 0.94"):
        assert lie not in told(asked, parrot, lie, tools=DETAILS)["natural_language_answer"]


def test_claimed_ids_are_completed_or_left_out(asked: Lab, parrot: Parrot) -> None:
    ids = ["3f0a9c1e", LOGREG, "deadbeef", HIDDEN, HIDDEN[:8], "", " c0ffee12 ", "3", "nonsense", SVM]
    assert told(asked, parrot, "These.", ids=ids)["used_run_ids"] == [SVM, LOGREG, RESNET]


def test_a_prefix_of_two_runs_is_no_claim_to_either(tmp_path: Path) -> None:
    runs = [StoredRun(f"abcd{n}abc-0000-4000-8000-000000000000", metrics={"accuracy": n / 4}) for n in (1, 2)]
    parrot = Parrot("These.", tools=[("list_runs", {})], ids=["abcd", "abcd2"])
    with lab(tmp_path, parrot.script, runs=runs) as made:
        assert made.answer("Which runs are there?")["used_run_ids"] == [runs[1].run_id]


def test_ids_that_look_like_numbers_are_ids(tmp_path: Path) -> None:
    ids = ["1e234567-0000-4000-8000-000000000000", "12345678-0000-4000-8000-000000000000", "deadbeef", "run-2024-01"]
    text = f"These: 1e234567, 12345678, deadbeef, run-2024-01 and {ids[0]}."
    parrot = Parrot(text, tools=[("list_runs", {})], ids=["1e234567", "12345678", "deadbeef", "run-2024-01"])
    with lab(tmp_path, parrot.script, runs=[StoredRun(run_id) for run_id in ids]) as made:
        answer = made.answer("Which runs are there?")
    assert (answer["natural_language_answer"], answer["used_run_ids"]) == (text, ids)


def test_the_beginning_of_an_id_is_no_number(tmp_path: Path) -> None:
    parrot = Parrot("It took 9312 steps, with 9312 runs.", tools=[("list_runs", {})])
    with lab(tmp_path, parrot.script, runs=[StoredRun("9312abcd-0000-4000-8000-000000000000")]) as made:
        assert "9312 steps" not in made.answer("How many steps?")["natural_language_answer"]


def test_an_answer_without_a_tool_is_no_answer(asked: Lab, parrot: Parrot) -> None:
    parrot.text, parrot.tools, parrot.ids = "All your runs are fine.", (), ()
    parrot.script.requests.clear()
    response = asked.ask("How are my runs?")
    assert (response.status_code, response.headers["X-Agent-Engine"]) == (200, "offline")
    assert "are fine" not in response.json()["natural_language_answer"]


def test_the_redone_answer_is_given_when_it_stands(tmp_path: Path) -> None:
    told_twice = [
        calls(WINE),
        final(intent="best_run", text="It is 0.9999."),
        final(intent="best_run", text="It is 0.97."),
    ]
    script = Script(told_twice)
    with lab(tmp_path, script) as made:
        assert made.answer("How good is the best wine run?")["natural_language_answer"] == "It is 0.97."
    assert "0.9999" in corrections(script)[0]


CLAIMED_WRITES = [
    "I flagged 3f0a9c1e.",
    "I've flagged it for publish.",
    "I have now flagged the best run.",
    "The best run was flagged.",
    "The best run has been flagged for publish.",
    "It's been flagged.",
    "Run 8b1d4c52 is now flagged.",
    "Run 8b1d4c52 flagged.",
    "Run 8b1d4c52 is flagged for publish.",
    "8b1d4c52 got published.",
    "Flagged: 8b1d4c52.",
    "Flagged it, no problem.",
    "I flagged it; nothing else was changed.",
    "I flagged it without any issue.",
    "No problem, I flagged it.",
    "No problem I flagged it.",
    "I published the run.",
    "I promoted it.",
    "I marked the run as best.",
    "The run is marked as BEST now.",
    "I set its note to PUBLISH.",
    "I have put PUBLISH on 8b1d4c52.",
    "The note of 8b1d4c52 now reads PUBLISH.",
    'The note of 8b1d4c52 is now "PUBLISH".',
    "The publish flag has been set.",
    "The publish flag is in place.",
    "I added a note to it.",
    "I wrote the note.",
    "The note was updated.",
    "I have updated the note of 3f0a9c1e.",
    "I cleared the note of 3f0a9c1e.",
    "The note of 8b1d4c52 was removed.",
    "I annotated the run.",
    "Consider it flagged.",
    "All wine runs are flagged.",
    "Both runs are flagged.",
    "I successfully tagged the run.",
    "8b1d4c52: PUBLISH.",
    "PUBLISH is on 8b1d4c52.",
    "Flag set on 8b1d4c52.",
    "8b1d4c52 carries the publish flag.",
    "8b1d4c52 → flagged",
]


@pytest.mark.parametrize("lie", CLAIMED_WRITES)
def test_a_write_that_did_not_happen_is_not_claimed(lie: str, asked: Lab, parrot: Parrot) -> None:
    answer = told(asked, parrot, lie)
    assert lie not in answer["natural_language_answer"]
    assert answer["flagged_run_id"] is None


@pytest.mark.parametrize("lie", ["Done.", "Done!", "It's done.", "All done.", "As requested.", "Successful."])
def test_done_is_a_claim_where_a_write_was_asked_for(lie: str, asked: Lab, parrot: Parrot) -> None:
    answer = told(asked, parrot, lie, question="Flag the best wine run for publish")
    assert answer["natural_language_answer"].startswith("Ranked by accuracy")
    assert answer["natural_language_answer"].endswith("No note was written.")
    assert answer["flagged_run_id"] is None


NO_CLAIMS = [
    "Nothing was flagged.",
    "I have not flagged it.",
    "I did not flag 8b1d4c52, as you did not ask for it.",
    "No run is flagged.",
    "You can have 8b1d4c52 flagged: just say so.",
    "8b1d4c52 does not carry the publish flag.",
    "It can be flagged if you ask me to.",
    "Should I get it flagged?",
    "Ask me to, and it will be flagged.",
    "None of them has been published.",
    "8b1d4c52 has no note and is not flagged.",
    "3f0a9c1e has a note; 8b1d4c52 has none.",
    "The note of 3f0a9c1e says that 3 seeds agree.",
    "A marked improvement, as noted above.",
    "The run with the tag exp-12 failed; it is tagged exp-12.",
    "3f0a9c1e trained with a set of params that was changed later.",
    "The best run saved its model.",
    "The labelled data is given by the data set.",
]


@pytest.mark.parametrize("text", NO_CLAIMS)
def test_what_claims_no_write_is_passed_on(text: str, asked: Lab, parrot: Parrot) -> None:
    assert told(asked, parrot, text)["natural_language_answer"] == text, corrections(parrot.script)


def test_a_mark_that_a_run_has_may_be_told(tmp_path: Path) -> None:
    parrot = Parrot(tools=[("list_runs", {})])
    runs = [StoredRun(SVM, note="PUBLISH: fine"), StoredRun(LOGREG)]
    with lab(tmp_path, parrot.script, runs=runs) as made:
        for honest in ("3f0a9c1e is flagged for publish.", "One run is flagged.", 'Its note reads "PUBLISH: fine".'):
            parrot.text = honest
            assert made.answer("Which runs are flagged?")["natural_language_answer"] == honest
        for lie in ("8b1d4c52 is flagged for publish.", "I flagged 3f0a9c1e.", "Both runs are flagged."):
            parrot.text = lie
            assert lie not in made.answer("Which runs are flagged?")["natural_language_answer"]


def test_a_write_on_one_run_is_not_claimed_for_another(tmp_path: Path) -> None:
    parrot = Parrot(tools=[BEST_TWO, ("flag_run_for_publish", {"run_id": SVM})])
    with lab(tmp_path, parrot.script) as made:
        for lie in ("I flagged 8b1d4c52.", "I flagged both runs.", "3f0a9c1e and 8b1d4c52 are flagged."):
            parrot.text = lie
            answer = made.answer("Flag run 3f0a9c1e for publish")
            assert lie not in answer["natural_language_answer"]
            assert answer["flagged_run_id"] == SVM
        parrot.text = "I flagged 3f0a9c1e for publish."
        assert made.answer("Flag run 3f0a9c1e for publish")["natural_language_answer"] == parrot.text


def test_a_note_is_not_passed_off_as_a_flag(tmp_path: Path) -> None:
    parrot = Parrot("I flagged 8b1d4c52.", tools=[WINE, ("update_note", {"run_id": LOGREG, "note": "rerun later"})])
    with lab(tmp_path, parrot.script) as made:
        answer = made.answer("Set the note of run 8b1d4c52 to: rerun later")
    assert "I flagged" not in answer["natural_language_answer"]
    assert answer["flagged_run_id"] is None
    assert answer["used_run_ids"] == [LOGREG]
