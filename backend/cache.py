"""Answers that are kept until the store changes.

Owns keeping and dropping them. What counts as a change is the store's to say.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

_MAX_ANSWERS = 256

_Answer = TypeVar("_Answer")


class AnswerCache:
    """Keeps the last answers computed since the store changed; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mark: Hashable = None
        self._answers: OrderedDict[Hashable, object] = OrderedDict()

    def recall(self, key: Hashable, compute: Callable[[], _Answer], *, mark: Hashable) -> _Answer:
        """Gives the answer kept under a key, or computes and keeps it.

        Args:
            key: Says what is asked. Always asked with the same type of answer.
            compute: Gives the answer.
            mark: The store's mark, taken before the transaction that `compute` reads in.
        """
        with self._lock:
            if mark == self._mark and key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]  # type: ignore[return-value]  # the key says the type
        answer = compute()
        with self._lock:
            if mark != self._mark:
                self._answers.clear()
                self._mark = mark
            self._answers[key] = answer
            if len(self._answers) > _MAX_ANSWERS:
                self._answers.popitem(last=False)
        return answer
