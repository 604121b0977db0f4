import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.api import create_app
from backend.config import Settings
from tests.live_server import serving
from tests.local_store import start_run

Curves = dict[str, list[float]]
Record = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a test, away from this project's settings and store."""
    (tmp_path / ".env").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("API_TOKEN", "ALLOWED_HOSTS", "ARTIFACT_ROOTS", "DATASET_ID", "LAB_API_TOKEN", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DB_PATH", str(tmp_path / "runs.db"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def server(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real server over the test's store; the scripts find it by LAB_SERVER_URL."""
    with serving(create_app(Settings(artifact_roots=(project,)))) as address:
        monkeypatch.setenv("LAB_SERVER_URL", address)
        yield address


@pytest.fixture
def record(project: Path) -> Record:
    """Records a run the way a training script does, and gives its id."""

    def record_run(
        *,
        live: Curves | None = None,
        table: Curves | None = None,
        file_name: str = "svm_metrics.csv",
        as_folder: bool = False,
        **params: object,
    ) -> str:
        with start_run(params, dataset_id="wine") as run:
            for name, values in (live or {}).items():
                for step, value in enumerate(values, start=1):
                    run.log_metric(name, value, step)
            if table is not None:
                path = project / file_name
                path.parent.mkdir(exist_ok=True)
                with path.open("w", newline="") as file:
                    csv.writer(file).writerows([list(table), *zip(*table.values(), strict=True)])
                run.log_artifact(path.parent if as_folder else path)
        return run.run_id

    return record_run
