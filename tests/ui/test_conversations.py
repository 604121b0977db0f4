from tools.agent_stream import AgentStep
from tools.calls import AgentReply
from ui.conversations import MAX_CONVERSATIONS, MAX_TURNS, Conversations, Turn


def test_a_tool_is_shown_once_as_it_was_last_heard_of() -> None:
    turn = Turn("best?")
    for state in ("started", "done", "started", "failed"):
        turn.note(AgentStep("leaderboard", {"top_k": 1}, state, ""))
    turn.note(AgentStep("list_runs", {}, "started", ""))
    assert [(step.tool, step.state) for step in turn.steps] == [
        ("leaderboard", "done"), ("leaderboard", "failed"), ("list_runs", "started"),
    ]  # fmt: skip


def test_a_question_is_open_until_something_comes_of_it() -> None:
    assert Turn("best?").is_open
    assert not Turn("best?", problem="no server").is_open
    assert not Turn("best?", reply=AgentReply({}, "offline", None, 200)).is_open


def test_a_conversation_is_found_again_and_holds_its_last_questions() -> None:
    conversations = Conversations()
    conversation = conversations.start()
    for number in range(MAX_TURNS + 2):
        conversation.begin(str(number))
    found = conversations.find(conversation.session_id)
    assert found is conversation
    assert [turn.question for turn in found.turns] == [str(number) for number in range(2, MAX_TURNS + 2)]


def test_an_unknown_conversation_is_none() -> None:
    assert Conversations().find("of somebody else") is None
    assert Conversations().find(None) is None


def test_the_least_recently_used_conversation_is_forgotten() -> None:
    conversations = Conversations()
    kept, forgotten = conversations.start(), conversations.start()
    for _ in range(MAX_CONVERSATIONS - 2):
        conversations.start()
    conversations.find(kept.session_id)
    conversations.start()
    assert len(conversations) == MAX_CONVERSATIONS
    assert conversations.find(kept.session_id) is kept
    assert conversations.find(forgotten.session_id) is None
