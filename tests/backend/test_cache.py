from collections.abc import Callable

import pytest

from backend.cache import AnswerCache


def counting(answers: list[str], answer: str) -> Callable[[], str]:
    def compute() -> str:
        answers.append(answer)
        return answer

    return compute


def test_keeps_an_answer_until_the_mark_changes() -> None:
    cache, computed = AnswerCache(), list[str]()
    assert cache.recall("a", counting(computed, "1"), mark=1) == "1"
    assert cache.recall("a", counting(computed, "2"), mark=1) == "1"
    assert cache.recall("b", counting(computed, "3"), mark=1) == "3"
    assert cache.recall("a", counting(computed, "4"), mark=2) == "4"
    assert cache.recall("b", counting(computed, "5"), mark=2) == "5"
    assert computed == ["1", "3", "4", "5"]


def test_forgets_the_answers_that_were_asked_for_longest_ago() -> None:
    cache, computed = AnswerCache(), list[str]()
    for number in range(300):
        cache.recall(number, counting(computed, str(number)), mark=1)
        cache.recall(0, counting(computed, "again"), mark=1)
    assert "again" not in computed
    cache.recall(299, counting(computed, "kept"), mark=1)
    cache.recall(1, counting(computed, "gone"), mark=1)
    assert computed[-1] == "gone"
    assert "kept" not in computed


def test_an_answer_that_fails_is_not_kept() -> None:
    cache = AnswerCache()

    def fail() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        cache.recall("a", fail, mark=1)
    assert cache.recall("a", lambda: "answer", mark=1) == "answer"
