"""What is remembered of a conversation, so that a later question may say "it" or "and on wine?".

Owns the bounds: so many conversations, so many questions of each, so much of an answer. It is kept in this process
alone and is gone with it.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from agents.agents import AgentAnswer

MAX_SESSIONS: Final = 500
MAX_TURNS: Final = 6
MAX_ANSWER_CHARS: Final = 2_000
MAX_RUN_IDS: Final = 20
MAX_FACTS: Final = 200


@dataclass(frozen=True, slots=True)
class Facts:
    """What of an answer's text a tool had returned, or was made from what one had; at most `MAX_FACTS` of each.

    Attributes:
        numbers: Numbers.
        moments: Moments, as they were spelled.
        names: Names with digits in them.
    """

    numbers: tuple[float, ...] = ()
    moments: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


NO_FACTS: Final = Facts()


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and what was answered, after the answer was checked.

    Attributes:
        question: The user's words.
        text: The answer's beginning.
        run_ids: The runs it was about, the most important first.
        intent: What the question was understood to ask for.
        facts: What of the answer a tool had returned.
        flagged_run_id: The run that the question marked.
    """

    question: str
    text: str
    run_ids: tuple[str, ...]
    intent: str
    facts: Facts = NO_FACTS
    flagged_run_id: str | None = None


class Sessions:
    """The conversations, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, tuple[Turn, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._turns)

    def recall(self, session_id: str | None) -> tuple[Turn, ...]:
        """Gives the turns of a conversation, the oldest first; none for an unknown one."""
        if session_id is None or session_id not in self._turns:
            return ()
        self._turns.move_to_end(session_id)
        return self._turns[session_id]

    def remember(self, session_id: str | None, question: str, answer: AgentAnswer, *, facts: Facts = NO_FACTS) -> None:
        """Adds a turn to a conversation; to none when there is no id.

        Args:
            session_id: Which conversation.
            question: The user's words.
            answer: What was answered.
            facts: What of its text a tool had returned.
        """
        if session_id is None:
            return
        turn = Turn(
            question,
            answer.natural_language_answer[:MAX_ANSWER_CHARS],
            tuple(answer.used_run_ids[:MAX_RUN_IDS]),
            answer.intent,
            facts,
            answer.flagged_run_id,
        )
        self._turns[session_id] = (*self._turns.get(session_id, ()), turn)[-MAX_TURNS:]
        self._turns.move_to_end(session_id)
        if len(self._turns) > MAX_SESSIONS:
            self._turns.popitem(last=False)
