from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from agents.engine import Assistant
from backend.api import create_app
from backend.config import AgentSettings, Settings
from tests.agents.scripted_openai import MODEL, Script, scripted_openai, status
from tests.live_server import serving, unused_address
from tests.local_store import start_run
from tests.ui.dashboard import PATIENCE_S
from tools.client import LabClient

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "<script>alert(1)</script> # [x](http://evil) **b** :red[x] \u202eevil 🙂"
BEST = "Which is the best run by accuracy?"


class Counting(Assistant):
    """An assistant that keeps what it was asked."""

    def __init__(self, settings: AgentSettings | None = None) -> None:
        super().__init__(lambda: settings or AgentSettings())
        self.asked: list[str] = []

    async def answer(self, query: Any, **options: Any) -> Any:
        self.asked.append(query.query)
        return await super().answer(query, **options)


class Failing(Assistant):
    async def answer(self, *_: Any, **__: Any) -> Any:
        raise ZeroDivisionError


@pytest.fixture
def runs() -> tuple[str, str]:
    """Records a good and a better run on iris; the good one is full of hostile text."""
    with start_run({"model_name": "tree", "lr": 0.1, HOSTILE: HOSTILE}, dataset_id="iris", note=HOSTILE) as good:
        good.log_metrics({"accuracy": 0.8, "val_loss": 0.5})
    with start_run({"model_name": "svm", "lr": 0.2}, dataset_id="iris") as best:
        best.log_metrics({"accuracy": 0.9, "val_loss": 0.25})
    return best.run_id, good.run_id


@contextmanager
def lab(monkeypatch: pytest.MonkeyPatch, assistant: Assistant) -> Iterator[str]:
    app = create_app(Settings(), assistant=assistant)
    with serving(app) as address:
        monkeypatch.setenv("LAB_SERVER_URL", address)
        yield address


@pytest.fixture
def counting(runs: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    assistant = Counting()
    with lab(monkeypatch, assistant):
        yield assistant


def opened(**address: str) -> AppTest:
    """Opens the page under an address, as a browser does."""
    page = AppTest.from_file(ROOT / "stream.py", default_timeout=PATIENCE_S)
    page.switch_page("ui/pages/assistant.py")
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def address_of(page: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[-1] for name, value in page.query_params.items()}


def texts(page: AppTest) -> str:
    """Gives all Markdown of the page, without its escapes."""
    return "\n".join(part.value for part in [*page.markdown, *page.caption]).replace("\\", "")


def ask(page: AppTest, question: str) -> None:
    page.chat_input[0].set_value(question).run()
    assert not page.exception


@pytest.mark.usefixtures("counting")
def test_a_new_conversation_says_who_answers_and_suggests_questions() -> None:
    page = opened()
    assert page.subheader[0].value == "Assistant"
    assert "built-in planner" in texts(page)
    assert "neither OPENAI_API_KEY nor OPENAI_BASE_URL is set" in texts(page)
    suggested = [option.replace("\\", "") for option in page.button_group[0].options]
    assert "Compare my best two runs by accuracy on iris" in suggested
    assert address_of(page) == {}


def test_a_suggestion_is_asked_and_its_comparison_is_tables_and_a_plot(
    counting: Counting, runs: tuple[str, str]
) -> None:
    page = opened()
    page.button_group[0].set_value("Compare my best two runs by accuracy on iris").run()
    assert counting.asked == ["Compare my best two runs by accuracy on iris"]
    metrics, params = page.dataframe
    assert metrics.value["metric"].tolist() == ["accuracy", "val_loss"]
    assert metrics.value[runs[0][:8]].tolist() == ["★ 0.9", "★ 0.25"]
    assert set(params.value["parameter"]) >= {"lr", "model_name"}
    assert len(page.get("vega_lite_chart")) == 1
    assert f"[{runs[0][:8]}](run?id={runs[0]})" in texts(page)
    links: list[Any] = list(page.get("page_link"))
    assert [link.label for link in links] == [runs[0][:8], runs[1][:8], "Open in Compare"]
    assert [expander.label for expander in page.expander] == ["Asked 3 tools"]
    assert page.button_group[0].value in (None, [])


def test_the_address_asks_and_shows_the_same_when_it_is_loaded_again(counting: Counting) -> None:
    page = opened(ask=BEST)
    assert counting.asked == [BEST]
    again = opened(**address_of(page))
    assert counting.asked == [BEST]
    assert texts(again) == texts(page)
    assert "Answered by the built-in planner" in texts(again)


def test_an_address_of_a_conversation_that_is_forgotten_asks_its_question_anew(counting: Counting) -> None:
    page = opened(ask=BEST, talk="of another dashboard")
    assert counting.asked == [BEST]
    assert address_of(page)["talk"] != "of another dashboard"


def test_a_conversation_is_remembered_until_a_new_one_begins(counting: Counting, runs: tuple[str, str]) -> None:
    page = opened()
    ask(page, BEST)
    ask(page, "flag it")
    assert [message.name for message in page.chat_message] == ["user", "assistant"] * 2
    with LabClient() as asking:
        assert asking.get_run(runs[0]).note == "PUBLISH"
    next(button for button in page.button if button.label == "New conversation").click().run()
    assert len(page.chat_message) == 0
    assert address_of(page) == {}
    ask(page, "flag it")
    assert counting.asked == [BEST, "flag it", "flag it"]
    assert address_of(page)["ask"] == "flag it"


def test_a_question_that_may_write_waits_for_a_click_when_it_came_with_the_address(
    counting: Counting, runs: tuple[str, str]
) -> None:
    page = opened(ask="Flag the best run by accuracy")
    assert counting.asked == []
    assert "may change a run's note" in texts(page)
    next(button for button in page.button if button.label == "Ask it").click().run()
    assert counting.asked == ["Flag the best run by accuracy"]
    with LabClient() as asking:
        assert asking.get_run(runs[0]).note == "PUBLISH"
    assert f"The note of run {runs[0][:8]} was changed" in texts(page)


def test_hostile_text_is_shown_as_text(counting: Counting, runs: tuple[str, str]) -> None:
    page = opened(ask=f"What was run {runs[1][:8]}?")
    assert counting.asked
    answer = next(part.value for part in page.markdown if "evil" in part.value)
    assert "\\<script\\>" in answer
    assert "\\[x\\]\\(http\\:" in answer


@pytest.mark.usefixtures("runs")
def test_why_the_planner_stood_in_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_openai(Script([status(401, "no such key")], repeats=True)) as endpoint:
        settings = AgentSettings(openai_api_key=SecretStr("k"), openai_base_url=endpoint, openai_model=MODEL)
        with lab(monkeypatch, Counting(settings)):
            page = opened()
            assert MODEL in texts(page)
            ask(page, BEST)
            assert "Answered by the built-in planner, because the language model failed" in texts(page)


@pytest.mark.usefixtures("runs")
def test_a_question_that_failed_can_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with lab(monkeypatch, Failing()):
        page = opened()
        ask(page, BEST)
        assert "Internal error" in page.error[0].value
        next(button for button in page.button if button.label == "Ask again").click().run()
        assert len(page.error) == 2


def test_an_empty_store_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with lab(monkeypatch, Counting()):
        page = opened()
        assert "No run is recorded yet" in page.info[0].value
        assert page.code[0].value == "make run"


def test_without_a_server_the_start_command_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    page = opened(ask=BEST)
    assert "does not answer" in page.error[0].value
    assert page.code[0].value == "make serve"
