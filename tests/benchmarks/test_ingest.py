import functools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import ingest, senders
from benchmarks.__main__ import main
from benchmarks.measure import BenchmarkError
from benchmarks.senders import POINTS_A_BODY, send_all, sending
from benchmarks.servers import start_server
from benchmarks.stores import filled_store
from benchmarks.workspace import prepared


def test_what_clients_send_is_stored_once(tmp_path: Path) -> None:
    store = filled_store(20, folder=tmp_path)
    with prepared() as workspace, start_server(store, workspace=workspace) as server:
        before = ingest.stored_points(store)
        assert send_all(server.url, n_clients=2, n_points=4 * POINTS_A_BODY) > 0
        assert ingest.stored_points(store) - before == 4 * POINTS_A_BODY
        with sending(server.url, n_clients=1):
            assert server.http.get("/runs").status_code == 200
        assert ingest.stored_points(store) > 4 * POINTS_A_BODY


def test_a_server_that_takes_nothing_stops_the_measuring(tmp_path: Path) -> None:
    store = filled_store(20, folder=tmp_path)
    with (
        prepared() as workspace,
        start_server(store, workspace=workspace) as server,
        closing(senders.Client(server.url)) as client,  # which has not started its run
        pytest.raises(BenchmarkError, match="404"),
    ):
        client.post(client.next_body())


def test_both_databases_are_measured_and_readers_beside(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    small: Callable[[int], Path] = functools.partial(filled_store, folder=tmp_path)
    monkeypatch.setattr(ingest, "filled_store", lambda _: small(20))
    monkeypatch.setattr(ingest, "FEW", 20)
    monkeypatch.setattr(ingest, "CLIENTS", (1, 2))
    monkeypatch.setattr(ingest, "SENDERS_BESIDE", 2)
    monkeypatch.setattr(ingest, "N_POINTS", 20 * POINTS_A_BODY)
    assert main(["--quick", "--only", "ingest", "--output", str(tmp_path / "out.md")]) == 0
    capsys.readouterr()
    text = (tmp_path / "out.md").read_text()
    assert "4 of 4 limits are met" in text
    for words in ("on SQLite from 1 client ", "on PostgreSQL from 2 clients", "while 2 clients send points: p99"):
        assert words in text
