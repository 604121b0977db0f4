import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agents.engine import Assistant
from backend.api import create_app
from backend.config import AgentSettings
from tests.agents.labs import BEST_TWO, KEY, SVM, WINE, wine_runs
from tests.agents.scripted_openai import MODEL, Script, calls, final, hangs, scripted_openai, status
from tests.backend.conftest import settings_for
from tests.backend.stores import write_runs
from tests.live_server import serving

Event = tuple[str, Any]
TEXT = "The best is  3f0a9c1e\n(accuracy 0.972), ahead of 8b1d4c52; both: «linéaire» — fine. "


class Watched(Assistant):
    """An assistant that tells when a question begins and when its work is over."""

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__(lambda: settings)
        self.begun = threading.Event()
        self.over = threading.Event()

    async def answer(self, *args: Any, **kwargs: Any) -> Any:
        self.begun.set()
        try:
            return await super().answer(*args, **kwargs)
        finally:
            self.over.set()


@contextlib.contextmanager
def streaming(folder: Path, script: Script, *, token: str | None = None) -> Iterator[tuple[httpx.Client, Watched]]:
    store = write_runs(folder / "manifests.db", wine_runs())
    with scripted_openai(script) as base_url:
        settings = AgentSettings(
            openai_api_key=SecretStr(KEY), openai_base_url=base_url, openai_model=MODEL, agent_timeout_s=300.0
        )
        assistant = Watched(settings)
        app = create_app(settings_for(store, api_token=token), assistant=assistant)
        headers = {"Authorization": f"Bearer {token}"}
        with serving(app) as address, httpx.Client(base_url=address, timeout=60, headers=headers) as client:
            yield client, assistant


def events_of(client: httpx.Client, question: str, **more: Any) -> list[Event]:
    with client.stream("POST", "/agent/stream", json={"query": question, **more}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(events_in(response))


def events_in(response: httpx.Response) -> Iterator[Event]:
    name, data = "", ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data += line.removeprefix("data: ")
        elif not line and name:
            yield name, json.loads(data)
            name, data = "", ""


def test_steps_then_tokens_then_the_answer(tmp_path: Path) -> None:
    script = Script([calls(BEST_TWO), calls(("leaderboard", {})), final(intent="best_run", text=TEXT, ids=[SVM])])
    with streaming(tmp_path, script) as (client, _):
        events = events_of(client, "Best wine run?")
    names = [name for name, _ in events]
    assert names == ["step"] * 4 + ["token"] * names.count("token") + ["answer"]
    steps = [data for name, data in events if name == "step"]
    assert [(step["tool"], step["state"]) for step in steps] == [
        ("leaderboard", "started"), ("leaderboard", "done"), ("leaderboard", "started"), ("leaderboard", "failed"),
    ]  # fmt: skip
    assert steps[0]["arguments"] == BEST_TWO[1]
    assert SVM in steps[1]["text"]
    assert names.count("token") > 3
    answer = events[-1][1]
    assert (
        "".join(data for name, data in events if name == "token") == answer["natural_language_answer"] == TEXT.strip()
    )
    assert (answer["engine"], answer["fallback"], answer["used_run_ids"]) == ("llm", None, [SVM])
    assert (answer["comparison"], answer["flagged_run_id"], answer["intent"]) == (None, None, "best_run")


def test_a_lie_is_not_streamed_either(tmp_path: Path) -> None:
    script = Script([calls(WINE), final(intent="best_run", text="The accuracy is 0.9999.")], repeats=True)
    with streaming(tmp_path, script) as (client, _):
        events = events_of(client, "Best wine run?")
    assert events[-1][0] == "answer"
    assert "0.9999" not in "".join(data for name, data in events if name == "token")


def test_a_flag_is_streamed_as_it_was_written(tmp_path: Path) -> None:
    flag = ("flag_run_for_publish", {"run_id": SVM})
    script = Script([calls(WINE), calls(flag, flag), final(intent="flag_run", text="There.")])
    with streaming(tmp_path, script) as (client, _):
        events = events_of(client, "Flag the best wine run")
    states = [(data["tool"], data["state"]) for name, data in events if name == "step"]
    assert states.count(("flag_run_for_publish", "done")) == 1
    assert states.count(("flag_run_for_publish", "failed")) == 1
    assert events[-1][1]["flagged_run_id"] == SVM


def test_the_planner_streams_when_the_endpoint_fails(tmp_path: Path) -> None:
    with streaming(tmp_path, Script([status(401, f"bad key {KEY}")])) as (client, _):
        events = events_of(client, "Which is the best run by accuracy?")
    answer = events[-1][1]
    assert events[-1][0] == "answer"
    assert answer["engine"] == "offline"
    assert "AuthenticationError" in answer["fallback"]
    assert KEY not in str(events)
    assert "".join(data for name, data in events if name == "token") == answer["natural_language_answer"]


def test_a_session_goes_on_between_stream_and_query(tmp_path: Path) -> None:
    script = Script([calls(WINE), final(intent="best_run", text="It is 3f0a9c1e.", ids=[SVM])] * 2)
    with streaming(tmp_path, script) as (client, _):
        events_of(client, "Best wine run?", session_id="ada")
        client.post("/agent/query", json={"query": "Again?", "session_id": "ada"}).raise_for_status()
    assert [message["content"] for message in script.requests[2]["messages"][1:]][::2] == ["Best wine run?", "Again?"]


def test_a_store_that_cannot_be_read_ends_in_a_problem_event(tmp_path: Path) -> None:
    # Whom API_TOKEN lets in is known without the store.
    with streaming(tmp_path, Script([status(401)]), token="token") as (client, _):
        for file in tmp_path.glob("manifests.db*"):
            file.unlink()
        (tmp_path / "manifests.db").write_bytes(b"this is no database" * 1_000)
        events = events_of(client, "Which is the best run by accuracy?")
    name, problem = events[-1]
    assert name in ("problem", "answer")
    if name == "problem":
        assert (problem["status"], problem["instance"]) == (503, "/agent/stream")
        assert problem["detail"]


def test_a_failure_of_the_service_ends_in_a_problem_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret of the service")

    with streaming(tmp_path, Script([])) as (client, assistant):
        monkeypatch.setattr(assistant, "_now", fail)
        ((name, problem),) = events_of(client, "Which is the best run by accuracy?")
    assert (name, problem["status"], problem["instance"]) == ("problem", 500, "/agent/stream")
    assert "secret" not in str(problem)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("entries", [[hangs()], [calls(WINE), hangs()]], ids=["at once", "after a step"])
def test_a_client_that_hangs_up_ends_the_work(entries: list[Any], tmp_path: Path) -> None:
    with streaming(tmp_path, Script(entries)) as (client, assistant):
        with client.stream("POST", "/agent/stream", json={"query": "Best wine run?"}) as response:
            assert assistant.begun.wait(timeout=60)
            if len(entries) > 1:
                assert next(events_in(response))[0] == "step"
        assert assistant.over.wait(timeout=60)
        assert client.get("/agent/status").json()["engine"] == "llm"
