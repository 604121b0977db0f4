"""The conversations with the assistant, so that an address that is loaded again shows what was said.

Owns the bounds: so many conversations, so many questions of each. They are kept in the dashboard's process alone and
are gone with it. It must not import Streamlit.
"""

import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from tools.agent_stream import AgentStep
from tools.calls import AgentReply

MAX_CONVERSATIONS: Final = 200
MAX_TURNS: Final = 30


@dataclass(slots=True)
class Turn:
    """A question, and what has come of it so far.

    Attributes:
        question: The user's words.
        steps: The tools that were asked, each as it was last heard of, in the order asked.
        reply: The answer; None until it is there.
        problem: Why there is no answer; None when nothing went wrong.
    """

    question: str
    steps: list[AgentStep] = field(default_factory=list)
    reply: AgentReply | None = None
    problem: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether neither an answer nor a problem has come."""
        return self.reply is None and self.problem is None

    def note(self, step: AgentStep) -> None:
        """Takes in what is heard of a tool: that it is asked, or how it ended."""
        asked = next((at for at, known in enumerate(self.steps) if _is_same_call(known, step)), None)
        if asked is None:
            self.steps.append(step)
        else:
            self.steps[asked] = step


@dataclass(slots=True)
class Conversation:
    """Questions that belong together.

    Attributes:
        session_id: What the agent remembers it by; nobody can guess it.
        turns: The last `MAX_TURNS` questions, the oldest first.
    """

    session_id: str
    turns: list[Turn] = field(default_factory=list)

    def begin(self, question: str) -> Turn:
        """Adds a question, which forgets the oldest one when there are too many."""
        turn = Turn(question)
        self.turns.append(turn)
        del self.turns[:-MAX_TURNS]
        return turn


class Conversations:
    """All conversations of this process; the least recently used is forgotten first."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Conversation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, session_id: str | None) -> Conversation | None:
        """Gives a conversation that is still known."""
        if session_id is None or session_id not in self._by_id:
            return None
        self._by_id.move_to_end(session_id)
        return self._by_id[session_id]

    def start(self) -> Conversation:
        """Gives a new conversation."""
        conversation = Conversation(uuid.uuid4().hex)
        self._by_id[conversation.session_id] = conversation
        if len(self._by_id) > MAX_CONVERSATIONS:
            self._by_id.popitem(last=False)
        return conversation


def _is_same_call(known: AgentStep, step: AgentStep) -> bool:
    """Tells whether a tool that was asked has now answered."""
    is_answer = known.state == "started" and step.state != "started"
    return is_answer and (known.tool, known.arguments) == (step.tool, step.arguments)
