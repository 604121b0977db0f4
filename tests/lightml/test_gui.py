import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightml import gui
from lightml.errors import DashboardError, RegistryMissingError
from lightml.handle import LightMLHandle

ROOT = Path(__file__).resolve().parents[2]
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(url: str) -> int:
    with _DIRECT.open(url, timeout=30) as answer:
        return int(answer.status)


@pytest.fixture
def port() -> Iterator[int]:
    """A port for who is told it. On Linux no other program is given it by chance meanwhile."""
    with gui._free_port() as port:
        yield port


def _is_closed(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DB_PATH", str(tmp_path / "manifests.db"))
    LightMLHandle(tmp_path / "main.db", "r").register_model("m", "/m")
    return tmp_path / "main.db"


def test_server_and_dashboard_answer_and_leave_nothing_behind(db: Path, port: int) -> None:
    with gui.serving(db, port=port) as dashboard:
        assert dashboard.url == f"http://127.0.0.1:{port}/models"
        assert dashboard.place == db
        assert _get(f"{dashboard.server_url}/health") == 200
        assert _get(f"http://127.0.0.1:{port}/_stcore/health") == 200
        assert _get(dashboard.url) == 200
        with pytest.raises(DashboardError, match=f"port {port} \\(it is in use\\)"), gui.serving(db, port=port):
            pass
    assert _is_closed(port)
    assert _is_closed(int(dashboard.server_url.rpartition(":")[2]))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_the_command_prints_the_address_and_ends_both_when_told(
    db: Path, port: int, number: signal.Signals, status: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lightml", "gui", "--db", str(db), "--port", str(port)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "libs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert f"http://127.0.0.1:{port}/models" in process.stdout.readline()
    assert not _is_closed(port)
    process.send_signal(number)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (status, "")
    assert _is_closed(port)


def test_a_server_that_ends_ends_it_with_what_it_said(
    db: Path, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "api.py").write_text("raise SystemExit('the store is on fire')")
    (tmp_path / "stream.py").write_text("")
    monkeypatch.setattr(gui, "CHECKOUT", tmp_path)
    with (
        pytest.raises(DashboardError, match=r"(?s)the server ended with exit code .* it said:\n.*the store is on fire"),
        gui.serving(db, port=port),
    ):
        pass
    assert _is_closed(port)


def test_a_server_that_is_not_well_ends_it_with_its_answer(
    db: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_BUSY_TIMEOUT_S", "-1")
    with (
        pytest.raises(DashboardError, match=r"(?s)answered 500; .*LAB_BUSY_TIMEOUT_S"),
        gui.serving(db, port=port),
    ):
        pass


def test_without_a_registry_nothing_is_started(tmp_path: Path) -> None:
    with pytest.raises(RegistryMissingError), gui.serving(tmp_path / "no.db"):
        pass


def test_an_address_of_another_machine_is_refused(db: Path, port: int) -> None:
    with pytest.raises(DashboardError, match=r"192\.0\.2\.1"), gui.serving(db, host="192.0.2.1", port=port):
        pass


def test_outside_a_checkout_it_says_what_is_needed(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gui, "CHECKOUT", tmp_path)
    with (
        pytest.raises(DashboardError, match=r"no stream\.py; install lightml from an ai-lab"),
        gui.serving(db),
    ):
        pass
