import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Response

from backend.api import create_app
from backend.config import Settings
from scripts import test_agent as script
from tests.live_server import serving, unused_address
from tests.scripts.conftest import Record
from tools.client import LabClient

SCRIPT = Path(script.__file__)
ANSWER = {
    "intent": "best_run",
    "natural_language_answer": "first line\nsecond \x1b[2J[bold]",
    "used_run_ids": ["3f0a9c1e-5d0b"],
    "comparison": None,
    "flagged_run_id": None,
}


@pytest.fixture
def project(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a test, where no language model is set."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return project


@pytest.fixture
def runs(record: Record) -> list[str]:
    """Records a few runs, the best by accuracy last."""
    return [
        record(live={"accuracy": [accuracy], "runtime_s": [2.0]}, model_name=model)
        for model, accuracy in [("linear_svm", 0.8), ("perceptron", 0.85), ("linear_svm", 0.9)]
    ]


@pytest.fixture
def strange(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Answers by question of a server that is another program behind `/agent/query`; the script finds it."""
    answers: dict[str, Any] = {}
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "project": "strange"}

    @app.post("/agent/query")
    def query(question: dict[str, Any]) -> Response:
        status, headers, text = answers[question["query"]]
        return Response(text, status, headers)

    with serving(app) as address:
        monkeypatch.setenv("LAB_SERVER_URL", address)
        yield answers


def blocks(shown: str) -> list[list[str]]:
    """Gives what is shown of each question, line by line, the question first."""
    return [[line.strip() for line in block.splitlines()] for block in shown.split("\n\n")[1:]]


def test_the_projects_own_questions_are_answered(
    server: str, runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main([]) == 0

    shown = capsys.readouterr().out
    assert shown.startswith(f"Asking the agent at {server}\n")
    answered = blocks(shown)
    assert [block[0] for block in answered] == [f"{n}. {question}" for n, question in enumerate(script.QUESTIONS, 1)]
    assert all(block[1].startswith("status 200, intent ") and ", engine offline, " in block[1] for block in answered)
    assert all(len(block) > 2 for block in answered)
    with LabClient(server) as client:
        assert client.get_run(runs[-1]).note == "PUBLISH"
    assert answered[2][-1] == f"flagged: {runs[-1][:8]}"
    assert runs[-1][:8] in next(line for line in answered[0] if line.startswith("runs: "))


def test_other_questions_are_asked_instead(server: str, runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--query", "How many runs are there?", "--query", "Best run by accuracy"]) == 0

    answered = blocks(capsys.readouterr().out)
    assert [block[0] for block in answered] == ["1. How many runs are there?", "2. Best run by accuracy"]
    assert "3" in " ".join(answered[0][2:])


def test_the_address_may_be_given(
    project: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    with serving(create_app(Settings())) as address:
        assert script.main(["--url", address, "--query", "Best run by accuracy"]) == 0
    assert f"Asking the agent at {address}" in capsys.readouterr().out


def test_a_question_that_fails_is_explained_and_the_others_are_asked(
    strange: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    offline = {"X-Agent-Engine": "offline"}
    problem = {"type": "t", "title": "Unavailable", "status": 503, "detail": "the store is away", "instance": "/"}
    strange |= {
        "refused": (503, {}, json.dumps(problem)),
        "nonsense": (200, offline, json.dumps(ANSWER | {"intent": "sing", "more": 1})),
        "no json": (200, offline, "<p>hi</p>"),
        "another": (200, {}, json.dumps(ANSWER)),
        "good": (200, {"X-Agent-Engine": "offline", "X-Agent-Fallback": "the model failed"}, json.dumps(ANSWER)),
    }

    assert script.main([part for question in strange for part in ("--query", question)]) == 1

    output = capsys.readouterr()
    shown = {block[0][3:]: " ".join(block[1:]) for block in blocks(output.out)}
    assert list(shown) == list(strange)
    assert "status 503, Unavailable: the store is away" in shown["refused"]
    assert "the answer is no AgentAnswer (intent: Input should be " in shown["nonsense"]
    assert "more: Extra inputs are not permitted" in shown["nonsense"]
    assert "does not speak as this version" in shown["no json"]
    assert "X-Agent-Engine is missing" in shown["another"]
    assert shown["good"].startswith("status 200, intent best_run, engine offline (the model failed), ")
    assert output.err == "4 of 5 questions failed\n"


def test_an_answer_keeps_its_lines_and_cannot_steer_the_terminal(
    strange: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    strange["ask"] = (200, {"X-Agent-Engine": "llm"}, json.dumps(ANSWER | {"flagged_run_id": "3f0a9c1e-5d0b"}))

    assert script.main(["--query", "ask"]) == 0

    (block,) = blocks(capsys.readouterr().out)
    assert block[2:] == ["first line", "second \ufffd[2J[bold]", "runs: 3f0a9c1e", "flagged: 3f0a9c1e"]


def test_a_store_that_does_not_open_fails_every_question(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "text.db").write_text("this is no database, whatever its name says " * 100)
    with serving(create_app(Settings(db_path=project / "text.db"))) as address:
        assert script.main(["--url", address]) == 1
    output = capsys.readouterr()
    assert output.out.count("status 503") == len(script.QUESTIONS)
    assert "text.db" in output.out
    assert output.err == "6 of 6 questions failed\n"


def test_another_program_at_the_address_is_recognised(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(FastAPI()) as address:
        assert script.main(["--url", address]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "404" in output.err


@pytest.mark.parametrize("options", [["--url", "127.0.0.1:8000"], ["--query"], ["best run"]])
def test_wrong_usage_is_status_2(project: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        script.main(options)
    assert caught.value.code == 2
    assert options[-1] in capsys.readouterr().err


@pytest.mark.parametrize("how", [[str(SCRIPT)], ["-m", "scripts.test_agent"]])
def test_it_starts_by_path_from_any_folder_and_as_a_module(
    how: list[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = unused_address()
    monkeypatch.setenv("LAB_SERVER_URL", address)
    folder = project if how[0] != "-m" else SCRIPT.parent.parent
    done = subprocess.run([sys.executable, *how], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"no ai-lab server answers at {address}")
    assert "make serve" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_pytest_does_not_take_it_for_tests() -> None:
    assert [name for name in vars(script) if name.startswith(("test", "Test"))] == []
