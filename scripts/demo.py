"""Shows the whole of ai-lab at work, once, and ends: `make run`, or `python -m scripts.demo` at the project's root.

Owns the order of the steps. It trains a small sweep, serves the store on a free port of this machine, and asks that
server for the latest runs, the leaderboard and an answer in words. It must not read the store itself: what it shows
came over HTTP.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from backend.models import RunSummary
from lab_logger.settings import resolve
from tools.client import LabClient
from tools.errors import LabClientError

ROOT: Final = Path(__file__).resolve().parent.parent
SWEEP: Final = ("examples/train_model/sweep.py", "--experiment_name", "demo", "--n_epochs", "10", "--n_jobs", "2")
_TOP_K: Final = 10
_QUESTION: Final = "What models work best on breast_cancer in terms of accuracy and runtime?"
_POLL_S: Final = 0.05

NEXT_STEPS: Final = """
What to type next:
  make serve                                                             the server, at http://127.0.0.1:8000/docs
  curl "http://127.0.0.1:8000/runs/leaderboard?metric_name=accuracy"     while it runs: the same ranking as JSON
  .venv/bin/python scripts/test_agent.py                                 while it runs: questions to the agent
  .venv/bin/python scripts/inspect_metrics_artifacts.py                  while it runs: the curves of the latest run
  .venv/bin/python examples/train_model/run.py --help                    one training of your own
  make test                                                              the tests
"""


def main() -> int:
    """Runs the steps and gives the exit status: 0, or 1 with a sentence that says which step failed."""
    try:
        _say("1/4  Training 3 models on 4 data sets with 2 seeds")
        _run_script(*SWEEP, LAB_SERVER_URL="")  # into the store that is served below
        with served() as url:
            _say(f"2/4  The latest runs, from the server at {url}")
            _run_script("scripts/check_latest_runs.py", "--limit", "5", LAB_SERVER_URL=url, LAB_API_TOKEN=token())
            _say("3/4  The leaderboard on accuracy, from GET /runs/leaderboard")
            with LabClient(url, token=token() or None) as client:
                _print_leaderboard(client.leaderboard("accuracy", top_k=_TOP_K))
                _say(f"4/4  The agent, asked: {_QUESTION}")
                reply = client.ask_agent(_QUESTION)
                print(reply.document["natural_language_answer"])
    except (DemoError, LabClientError) as error:
        print(f"\nthe demonstration stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(NEXT_STEPS)
    return 0


class DemoError(Exception):
    """A step did not do what it should; the message says which."""


def _say(heading: str) -> None:
    print(f"\n{heading}", flush=True)


def _run_script(script: str, *options: str, **variables: str) -> None:
    """Runs a script of this project with this interpreter; its output goes where this one's goes.

    Raises:
        DemoError: The script's exit status is not 0.
    """
    environment = {**os.environ, **variables}
    finished = subprocess.run([sys.executable, script, *options], cwd=ROOT, env=environment, check=False)
    if finished.returncode != 0:
        raise DemoError(f"{script} ended with exit status {finished.returncode}")


@contextlib.contextmanager
def served(app: FastAPI | str = "backend.api:app") -> Iterator[str]:
    """Serves a store, that of the settings unless told otherwise, from a thread on a free port; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", proxy_headers=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="demo-server")
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise DemoError("the server did not start; `make serve` shows why")
                time.sleep(_POLL_S)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def token() -> str:
    """Gives the token the server wants, or nothing: server and client of this demonstration share their settings."""
    return resolve().values.get("API_TOKEN", "")


def _print_leaderboard(runs: Sequence[RunSummary]) -> None:
    table = Table("#", "run", "model", "dataset", "accuracy", "f1_macro", box=SIMPLE)
    for place, run in enumerate(runs, start=1):
        metrics = run.final_metrics
        scores = [f"{metrics[name]:.4f}" if name in metrics else "-" for name in ("accuracy", "f1_macro")]
        model = str(run.params.get("model_name", "-"))
        table.add_row(str(place), run.run_id[:8], model, run.dataset_id or "-", *scores)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
