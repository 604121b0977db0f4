import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of this test, away from the project's own store and settings; also for processes it starts."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATASET_ID", "LAB_API_TOKEN", "LAB_SERVER_URL", "PROJECT_NAME", "WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DB_PATH", str(tmp_path / "store" / "manifests.db"))
    return tmp_path / "store" / "manifests.db"


@pytest.fixture
def rows(store: Path) -> Rows:
    """Asks the store with SQL, as any reader of the file may."""

    def ask(question: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)
        try:
            return connection.execute(question).fetchall()
        finally:
            connection.close()

    return ask
