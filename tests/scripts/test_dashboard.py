from pathlib import Path

import httpx
import pytest

from scripts import dashboard as module
from scripts.dashboard import DashboardError, dashboard
from tests.live_server import unused_address


def test_the_dashboard_answers_while_it_is_wanted_and_then_no_more() -> None:
    with dashboard(unused_address()) as url:
        assert httpx.get(f"{url}/_stcore/health", timeout=60).text == "ok"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_stcore/health")


def test_a_dashboard_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    with pytest.raises(DashboardError, match=r"stream\.py"), dashboard(unused_address()):
        pass
