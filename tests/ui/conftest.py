from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from backend.api import create_app
from backend.config import Settings
from tests.live_server import serving
from ui.connection import client


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with settings and a store of its own, and a dashboard that remembers nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch()
    for name in (
        "API_TOKEN",
        "ALLOWED_HOSTS",
        "ARTIFACT_ROOTS",
        "DATASET_ID",
        "LAB_API_TOKEN",
        "LIGHTML_DB",
        "WANDB_MODE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DB_PATH", str(tmp_path / "runs.db"))
    yield tmp_path
    client().close()
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def server(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real server over the store, which the dashboard asks."""
    with serving(create_app(Settings(artifact_roots=(isolated,)))) as address:
        monkeypatch.setenv("LAB_SERVER_URL", address)
        yield address
