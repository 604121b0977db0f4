"""What holds for every test: no language model outside this machine is asked, whatever the environment says."""

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """An empty variable counts as not set, and wins over `.env`."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "AGENT_TIMEOUT_S"):
        os.environ[name] = ""
