from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI

from backend.api import create_app
from backend.config import Settings
from tests.live_server import serving
from tests.local_store import start_run


@dataclass(frozen=True)
class Recorded:
    """The runs that the client's tests ask for: two good ones on iris, and one that failed."""

    first: str
    best: str
    failed: str
    curve: Path
    folder: Path


@pytest.fixture
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the current one, away from this project's settings and store."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch()
    for name in ("API_TOKEN", "ALLOWED_HOSTS", "ARTIFACT_ROOTS", "DATASET_ID", "LAB_API_TOKEN", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAB_SERVER_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("DB_PATH", str(tmp_path / "runs.db"))
    return tmp_path


@pytest.fixture
def recorded(isolated: Path) -> Recorded:
    """Records the runs with the logger, as a training script would."""
    curve, folder = isolated / "curve.csv", isolated / "plots"
    curve.write_text("epoch,loss\n1,0.5\n2,0.25\n")
    folder.mkdir()
    (folder / "a b.txt").write_text("in a folder")
    with start_run({"lr": 0.1}, dataset_id="iris", tags="baseline") as first:
        first.log_metrics({"accuracy": 0.8, "loss": 0.5})
    with start_run({"lr": 0.01}, dataset_id="iris", note="keep") as best:
        for loss in (0.5, float("nan"), 0.25):
            best.log_metrics({"accuracy": 0.9, "loss": loss})
        best.log_artifact(curve)
        best.log_artifact(folder)
        best.log_artifact(isolated / "gone.bin")
    with pytest.raises(ZeroDivisionError), start_run() as failed:
        _ = 1 / 0
    return Recorded(first.run_id, best.run_id, failed.run_id, curve, folder)


@pytest.fixture
def app(recorded: Recorded, isolated: Path) -> FastAPI:
    """The real application over the recorded runs."""
    return create_app(Settings(artifact_roots=(isolated,)))


@pytest.fixture
def server(app: FastAPI) -> Iterator[str]:
    """The address of a real server over the recorded runs."""
    with serving(app) as address:
        yield address
