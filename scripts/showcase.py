"""Makes the store that the screenshots show: a small study, trained now, in a temporary folder of its own.

Owns what is trained, in which order, and what is noted of it. The trainings are programs in a small git repository, as
a user's would be, and their numbers are what they measured; the user's own store is neither read nor written.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.engine import Assistant
from backend.api import create_app
from backend.config import AgentSettings, Settings
from lightml.scan import scan_and_import
from scripts.dashboard import ROOT
from scripts.demo import served
from tools.client import LabClient

PROJECT: Final = "digits-lab"
DATASET: Final = "digits"
METRIC: Final = "accuracy"
EVALUATION: Final = "few-shot-evaluation"
EXPERIMENTS: Final = ("baseline", "width", "momentum")

_TRAINING: Final = "train_mlp.py"
_FIRST_EPOCHS: Final = 25
_MOMENTUM: Final = (
    ("        momentum=0.0,\n", "        momentum=0.9,\n        nesterovs_momentum=True,\n"),
    ("    hidden_units: int = 32,\n", "    hidden_units: int = 64,\n"),
)
"""The change to the training that is not committed: the last networks show it as their diff."""

_GIT: Final = ("git", "-c", "user.name=lab", "-c", "user.email=lab@localhost", "-c", "commit.gpgsign=false")
_SETTINGS: Final = ("DATASET_ID", "WANDB_API_KEY", "WANDB_MODE", "LAB_BUSY_TIMEOUT_S")


class ShowcaseError(Exception):
    """A training did not do what it should; the message says which, and what it said."""


@dataclass(frozen=True, slots=True)
class Showcase:
    """The store of the showcase, while it is served.

    Attributes:
        url: Where its server is.
        folder: Where the store and the trainings' repository are.
    """

    url: str
    folder: Path


@contextlib.contextmanager
def showcase() -> Iterator[Showcase]:
    """Trains the study, serves its store and yields it, with one training going on; ends and removes all of it.

    Raises:
        ShowcaseError: A training did not do what it should.
    """
    with tempfile.TemporaryDirectory(prefix="ai-lab-showcase-") as name:
        folder = Path(name).resolve()
        _make_repository(folder)
        _train_baselines(folder)
        _train_networks(folder)
        scan_and_import(folder / "runs.db", EVALUATION, ROOT / "examples" / "lm_eval" / "results")
        app = create_app(
            Settings(project_name=PROJECT, db_path=folder / "runs.db", artifact_roots=(folder,), api_token=None),
            assistant=Assistant(lambda: AgentSettings(openai_api_key=None, openai_base_url=None)),
        )
        with served(app) as url, _training_on(folder):
            with LabClient(url) as client:
                _write_notes(client)
            yield Showcase(url, folder)


def _make_repository(folder: Path) -> None:
    for module in (ROOT / "examples" / "train_model").glob("*.py"):
        shutil.copy(module, folder)
    shutil.copy(ROOT / "scripts" / "showcase_training.py", folder / _TRAINING)
    (folder / ".gitignore").write_text("checkpoints/\n*.db*\n", encoding="utf-8")
    _call(folder, *_GIT, "init", "--quiet", "--initial-branch=main")
    _call(folder, *_GIT, "add", ".")
    _call(folder, *_GIT, "commit", "--quiet", "--message", "Train linear models and networks")


def _train_baselines(folder: Path) -> None:
    """Trains the example's linear models, and one of them in a way that must fail."""
    _train(folder, "sweep.py", "--experiment_name", "baseline", "--seeds", "1", "2", "3", "--n_jobs", "2")
    failed = ("--experiment_name", "baseline", "--dataset_name", "digits", "--learning_rate", "1e308")
    _train(folder, "run.py", *failed, status=1)


def _train_networks(folder: Path) -> None:
    """Trains networks of several widths, one that is interrupted, and some after a change not committed."""
    grid = ("--hidden_units", "16", "64", "--learning_rates", "0.003", "0.03", "0.3", "--seeds", "1", "2")
    _train(folder, _TRAINING, "--experiment_name", "width", *grid)
    for dataset in ("breast_cancer", "wine"):
        _train(folder, _TRAINING, "--experiment_name", "width", "--dataset_name", dataset, "--seeds", "1", "2")
    with _training_on(folder):
        pass
    _edit(folder / _TRAINING)
    rates = ("--hidden_units", "64", "--learning_rates", "0.003", "0.01", "0.03", "--seeds", "1", "2", "3")
    _train(folder, _TRAINING, "--experiment_name", "momentum", *rates)


@contextlib.contextmanager
def _training_on(folder: Path) -> Iterator[None]:
    """Trains a large network until the block ends; it is asked to end then, and its run counts as killed."""
    options = ("--experiment_name", "momentum", "--hidden_units", "256", "--learning_rates", "0.00003")
    command = ["python", _TRAINING, *options, "--n_epochs", "100000"]
    with subprocess.Popen(
        command, cwd=folder, env=_environment(folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            if not any(line.endswith(f"epoch {_FIRST_EPOCHS}\n") for line in process.stdout):
                raise ShowcaseError(f"{' '.join(command)} ended by itself")
            yield
        finally:
            process.terminate()
            process.stdout.read()


def _edit(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in _MOMENTUM:
        if old not in text:
            raise ShowcaseError(f"{path.name} does not hold {old.strip()!r}, which is to be changed")
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def _write_notes(client: LabClient) -> None:
    """Notes what a person would, of the runs that deserve it."""
    ranked = client.leaderboard(METRIC, dataset_id=DATASET, top_k=100)
    client.set_note(ranked[0].run_id, f"BEST: highest {METRIC} on {DATASET} so far")
    client.set_note(ranked[1].run_id, "PUBLISH")
    client.set_note(ranked[-1].run_id, f"lowest {METRIC} on {DATASET}: what not to do")
    for run in client.list_runs(status=["failed"]).runs:
        client.set_note(run.run_id, "BAD RUN: the learning rate was a typing mistake")


def _train(folder: Path, *command: str, status: int = 0) -> None:
    _call(folder, "python", *command, status=status)


def _call(folder: Path, *command: str, status: int = 0) -> None:
    done = subprocess.run(
        command, cwd=folder, env=_environment(folder), capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != status:
        raise ShowcaseError(f"{' '.join(command)} ended with exit status {done.returncode}:\n{done.stderr[-2000:]}")


def _environment(folder: Path) -> dict[str, str]:
    """Gives the environment without what would lead to another store, repository or service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") and name not in _SETTINGS}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])  # of `python`
    ours = {"PROJECT_NAME": PROJECT, "DB_PATH": str(folder / "runs.db"), "OMP_NUM_THREADS": "1", "PATH": path}
    return kept | ours | {"LAB_SERVER_URL": ""}  # in the store, also where `.env` names a server
