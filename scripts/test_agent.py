"""Asks the agent of a running server questions, and shows each answer, who gave it, and how long it took.

Owns the questions and what is shown. It asks over HTTP, through `tools.client`, and must not open the store. It is no
test for pytest: those are under `tests`.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

if not __package__:  # started by its path, from any folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from pydantic import ValidationError
from rich.console import Console
from rich.padding import Padding

from agents.agents import AgentAnswer
from scripts.terminal import ScriptError, console, plain, run_script, short_id
from tools.address import server_address
from tools.calls import AgentReply
from tools.client import LabClient
from tools.errors import ApiError, ClientSettingsError, LabClientError, ServerUnreachableError

QUESTIONS: Final = (
    "List my top runs by accuracy",
    "Compare the best two runs",
    "Flag the best run for publish",
    "Summarize my recent experiments",
    "Compare my best two SVM runs",
    "What models work best on breast_cancer in terms of accuracy and runtime?",
)
"""What is asked unless `--query` says otherwise. One of them writes: it flags a run."""

_EXIT_STATUSES: Final = (
    "exit status: 0 every question was answered; 1 one was not, or the server is not up; 2 wrong usage"
)
_INDENT: Final = (0, 0, 0, 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the script and gives its exit status."""
    options = _parser().parse_args(arguments)
    return run_script(lambda: ask_questions(options.query or QUESTIONS, url=options.url))


def ask_questions(questions: Sequence[str], *, url: str | None = None) -> None:
    """Asks questions one by one, each by itself, and prints what comes of them.

    Args:
        questions: The questions.
        url: Where the server is; LAB_SERVER_URL unless given.

    Raises:
        LabClientError: No server answers.
        ScriptError: A question was not answered; the others were asked all the same.
    """
    output = console()
    failed = 0
    with LabClient(url) as client:
        client.health()
        output.print(f"Asking the agent at {client.base_url}")
        for number, question in enumerate(questions, start=1):
            output.print(f"\n{number}. {plain(question)}")
            if not _ask(client, question, output):
                failed += 1
    if failed:
        raise ScriptError(f"{failed} of {len(questions)} questions failed")


def _ask(client: LabClient, question: str, output: Console) -> bool:
    """Asks one question and prints what comes of it; says whether it was answered."""
    started = time.perf_counter()
    try:
        reply = client.ask_agent(question)
        answer = AgentAnswer.model_validate(reply.document)
    except ServerUnreachableError:
        raise
    except (LabClientError, ValidationError) as error:
        _show(output, f"failed after {time.perf_counter() - started:.2f} s: {_reason(error)}")
        return False
    _show(output, f"{_facts(reply, answer)}, {time.perf_counter() - started:.2f} s")
    for line in answer.natural_language_answer.splitlines():
        _show(output, line)
    if answer.used_run_ids:
        _show(output, f"runs: {', '.join(map(short_id, answer.used_run_ids))}")
    if answer.flagged_run_id is not None:
        _show(output, f"flagged: {short_id(answer.flagged_run_id)}")
    return True


def _facts(reply: AgentReply, answer: AgentAnswer) -> str:
    fallback = "" if reply.fallback is None else f" ({reply.fallback})"
    return f"status {reply.status}, intent {answer.intent}, engine {reply.engine}{fallback}"


def _reason(error: LabClientError | ValidationError) -> str:
    if isinstance(error, ValidationError):
        wrong = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
        return f"the answer is no AgentAnswer ({wrong})"
    return f"status {error.status}, {error}" if isinstance(error, ApiError) else str(error)


def _show(output: Console, text: str) -> None:
    output.print(Padding(plain(text), _INDENT, expand=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Asks the agent of a running ai-lab server questions, and shows status, intent, engine, time, "
        "answer and runs of each. The questions that it asks by itself flag a run: its note then starts with PUBLISH.",
        epilog=_EXIT_STATUSES,
    )
    parser.add_argument(
        "--url", type=_address, help="where the server is; it is sent no token (default: LAB_SERVER_URL, LAB_API_TOKEN)"
    )
    parser.add_argument("--query", action="append", help="ask this instead; repeat it for several questions")
    return parser


def _address(text: str) -> str:
    try:
        return server_address(text, token=None)[0]
    except ClientSettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
