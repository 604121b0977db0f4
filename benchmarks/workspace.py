"""Where measuring happens: folders, a training function to record, and an environment of its own.

Owns keeping the project's own settings, store and environment variables out of the figures.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import BenchmarkError

ROOT: Final = Path(__file__).resolve().parent.parent
CACHE: Final = ROOT / "build" / "benchmarks"

SETTINGS: Final = (
    "PROJECT_NAME", "DB_PATH", "DATASET_ID", "LAB_BUSY_TIMEOUT_S", "API_TOKEN", "ALLOWED_HOSTS", "CORS_ORIGINS",
    "ARTIFACT_ROOTS", "LIGHTML_DB", "LAB_SERVER_URL", "LAB_API_TOKEN", "LAB_OUTBOX", "LAB_FLUSH_TIMEOUT_S",
    "WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY", "WANDB_FINISH_TIMEOUT_S",
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "AGENT_TIMEOUT_S",
    "DATABASE_URL", "ARTIFACT_URI", "ARTIFACT_MAX_BYTES",
)  # fmt: skip

TRAINING: Final = '''
"""A training function of 10 params and 3 metrics that does not train."""

from lab_logger import log_run


def train(
    experiment_name="bench", model_name="linear_svm", dataset_name="iris", n_epochs=20, learning_rate=0.01,
    test_size=0.25, random_state=42, shuffle=True, momentum=0.9, layers=(64, 32),
):
    return {"final_metrics": {"accuracy": 0.96875, "f1_macro": 0.9609375, "val_loss": 0.125}, "artifacts": []}


if __name__ == "__main__":
    log_run(train)()
'''


@dataclass(frozen=True)
class Workspace:
    """The folders of one measuring.

    Attributes:
        folder: An empty folder on the disk of the project, for stores.
        repository: A small git repository with one commit and one change since, which holds `training.py`.
        outside: A folder outside any git repository, which holds `training.py` too.
    """

    folder: Path
    repository: Path
    outside: Path

    @cached_property
    def lone_python(self) -> Path:
        """The interpreter of an environment that holds `lab_logger` from its wheel, and nothing else."""
        wheels, environment = self.folder / "wheels", self.folder / "environment"
        run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, ROOT / "libs/lab_logger"])
        run([sys.executable, "-m", "venv", "--without-pip", environment])
        python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python]
        run([*pip, "install", "--quiet", "--no-index", "--no-deps", *wheels.glob("*.whl")])
        return python

    def training_function(self) -> Callable[[], Any]:
        """Gives the function `train` of the repository's `training.py`."""
        return load_training(self.repository)


@contextlib.contextmanager
def prepared() -> Iterator[Workspace]:
    """Makes a workspace, goes into its repository with no setting of the project in force, and removes it after."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="work-") as folder, tempfile.TemporaryDirectory() as outside:
        workspace = Workspace(Path(folder), Path(folder) / "repository", Path(outside))
        _make_repository(workspace.repository)
        (workspace.outside / "training.py").write_text(TRAINING)
        for place in (workspace.folder, workspace.outside):
            (place / ".env").touch()
        with _without_settings(), contextlib.chdir(workspace.repository):
            yield workspace


def load_training(folder: Path) -> Callable[[], Any]:
    """Gives the function `train` of the `training.py` in a folder."""
    spec = importlib.util.spec_from_file_location("training", folder / "training.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    train: Callable[[], Any] = module.train
    return train


def run(command: list[str | Path], *, cwd: Path | None = None) -> str:
    """Runs a command and gives its output.

    Raises:
        BenchmarkError: It failed.
    """
    finished = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise BenchmarkError(f"{' '.join(map(str, command))} failed: {finished.stderr.strip()[-2000:]}")
    return finished.stdout


def _make_repository(folder: Path) -> None:
    folder.mkdir()
    (folder / "training.py").write_text(TRAINING)
    (folder / "notes.txt").write_text("".join(f"line {number}\n" for number in range(100)))
    git: list[str | Path] = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--no-gpg-sign", "--message", "Begin"]):
        run([*git, *command], cwd=folder)
    (folder / "notes.txt").write_text("".join(f"line {number}\n" for number in range(0, 100, 5)))


@contextlib.contextmanager
def _without_settings() -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in SETTINGS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
