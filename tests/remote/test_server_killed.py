"""Training machines and a server that dies again and again: nothing is lost, nothing is there twice."""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.remote.conftest import Database
from tests.remote.machines import BadNetwork, Machine, Server, running, until

CLIENTS, RUNS, STEPS = 8, 20, 1_000
KILLS = 5


def test_a_server_killed_at_random_moments_loses_nothing(tmp_path: Path, database: Database) -> None:
    moments = random.Random(7)
    total = CLIENTS * RUNS * STEPS
    with running(Server(tmp_path, database.settings)) as server:
        machines = [Machine(tmp_path / f"machine-{number}", server.url) for number in range(CLIENTS)]
        trainings = [
            machine.train(f"client-{number}", runs=RUNS, steps=STEPS) for number, machine in enumerate(machines)
        ]
        for stored in sorted(moments.randrange(total // 2) for _ in range(KILLS)):
            until(_has_points(database, stored, trainings))
            server.kill()
            server.start()
        for training in trainings:
            said, _ = training.communicate()
            assert training.returncode == 0, said
        for machine in machines:
            sync = machine.sync()
            said, _ = sync.communicate()
            assert sync.returncode == 0, said
    names = [(f"client-{number}", RUNS) for number in range(CLIENTS)]
    database.check_everything_is_there_once(names, steps=STEPS)


def _has_points(database: Database, stored: int, trainings: "list[subprocess.Popen[str]]") -> Callable[[], bool]:
    """Holds once so many points are stored, or all trainings are over."""
    return lambda: database.points() > stored or all(training.poll() is not None for training in trainings)


def test_answers_that_are_lost_cut_short_or_late_lose_nothing(tmp_path: Path, database: Database) -> None:
    with running(Server(tmp_path, database.settings)) as server:
        network = BadNetwork(server.port)
        machine = Machine(tmp_path / "machine", network.url)
        trainings = [machine.train(f"process-{number}", runs=5, steps=200) for number in range(3)]
        for training in trainings:
            said, _ = training.communicate()
            assert training.returncode == 0, said
        sync = machine.sync()
        said, _ = sync.communicate()
        network.close()
    assert sync.returncode == 0, said
    assert min(network.faults.values()) > 0
    database.check_everything_is_there_once([(f"process-{number}", 5) for number in range(3)], steps=200)
