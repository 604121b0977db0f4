"""A machine that is never online while it trains, and one whose process is killed in the middle."""

from pathlib import Path

from tests.live_server import unused_address
from tests.remote.conftest import Database
from tests.remote.machines import Machine, Server, running


def test_a_run_recorded_offline_is_brought_in_later_by_another_process(tmp_path: Path, database: Database) -> None:
    server = Server(tmp_path, database.settings)
    machine = Machine(tmp_path / "machine", server.url, flush_s="0")
    training = machine.train("offline", runs=2, steps=50)
    said, _ = training.communicate()
    assert training.returncode == 0, said
    assert "python -m lab_logger sync" in said
    with running(server):
        sync = machine.sync()
        said, _ = sync.communicate()
        assert sync.returncode == 0, said
    database.check_everything_is_there_once([("offline", 2)], steps=50)


def test_a_sync_without_a_server_keeps_everything_and_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine", unused_address(), flush_s="0")
    machine.train("offline", runs=1, steps=5).communicate()
    for _ in range(2):
        sync = machine.sync()
        said, _ = sync.communicate()
        assert sync.returncode == 1
        assert "LAB_SERVER_URL" in said or "does not answer" in said or "cannot be reached" in said
