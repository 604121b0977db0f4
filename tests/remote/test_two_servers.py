"""Several server processes on one database, and a PostgreSQL that is restarted under them."""

from pathlib import Path

from tests import postgres
from tests.remote.conftest import Database, on_postgresql
from tests.remote.machines import Machine, Server, ask, running, until


def test_servers_that_start_at_once_on_an_empty_database_serve_the_same_runs(
    tmp_path: Path, database: Database
) -> None:
    servers = [Server(tmp_path, database.settings) for _ in range(2)]
    try:
        for server in servers:
            server.launch()
        for server in servers:
            server.wait()
        trainings = [
            Machine(tmp_path / f"machine-{number}", server.url, flush_s="60").train(
                f"client-{number}", runs=3, steps=100
            )
            for number, server in enumerate(servers)
        ]
        for training in trainings:
            said, _ = training.communicate()
            assert training.returncode == 0, said
        answers = [ask(f"{server.url}/runs").json() for server in servers]
    finally:
        for server in servers:
            server.kill()
    assert answers[0] == answers[1]
    database.check_everything_is_there_once([("client-0", 3), ("client-1", 3)], steps=100)


def test_a_postgresql_restarted_under_load_loses_nothing(tmp_path: Path) -> None:
    with postgres.fresh_database() as url:
        database = on_postgresql(url, tmp_path)
        with running(Server(tmp_path, database.settings)) as server:
            machine = Machine(tmp_path / "machine", server.url)
            trainings = [machine.train(f"process-{number}", runs=5, steps=500) for number in range(2)]
            for stored in (500, 2_000):
                until(lambda stored=stored: database.points() > stored)  # type: ignore[misc]
                with postgres.stopped():
                    assert ask(f"{server.url}/runs").status_code == 503
            for training in trainings:
                said, _ = training.communicate()
                assert training.returncode == 0, said
            sync = machine.sync()
            said, _ = sync.communicate()
            assert sync.returncode == 0, said
        database.check_everything_is_there_once([("process-0", 5), ("process-1", 5)], steps=500)
