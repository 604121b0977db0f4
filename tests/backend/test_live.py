"""The real server with the real logger writing beside it."""

import threading
from pathlib import Path

import httpx
import pytest

from backend.api import create_app
from lab_logger import start_run
from tests.backend.conftest import settings_for
from tests.backend.stores import StoredRun, write_runs
from tests.live_server import serving


@pytest.mark.sqlite
def test_a_run_is_seen_while_it_lives_and_when_it_has_ended(client: httpx.Client, store: Path, tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text("epoch,loss\n")
    with start_run({"lr": 0.1, "api_key": "hunter2"}, dataset_id="iris", tags=["baseline"], store=store) as run:
        run.log_metrics({"loss": 0.5})
        run.log_metrics({"loss": float("nan")})
        seen = client.get(f"/runs/{run.run_id[:8]}").json()
        assert (seen["status"], seen["finished_at"], seen["params"]["lr"]) == ("running", None, 0.1)
        assert client.get(f"/runs/{run.run_id}/metrics").json()["loss"]["values"] == [0.5, "NaN"]
        run.log_artifact(tmp_path / "curve.csv")
        run.set_note("look")
    ended = client.get("/runs", params={"q": "look", "tag": "baseline"}).json()
    assert [found["status"] for found in ended] == ["finished"]
    assert "hunter2" not in client.get(f"/runs/{run.run_id}").text
    (artifact,) = client.get(f"/runs/{run.run_id}/artifacts").json()
    assert (artifact["kind"], artifact["size_bytes"]) == ("file", 11)
    assert client.get(f"/runs/{run.run_id}").json()["duration_s"] > 0


def test_many_clients_read_and_write_at_once(store: Path) -> None:
    write_runs(store, [StoredRun(f"r{number}") for number in range(8)])
    failures: list[str] = []

    def use(address: str, number: int) -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            for turn in range(10):
                for answer in (
                    client.patch(f"/runs/r{number}/note", json={"note": f"note {turn}"}),
                    client.get("/runs", params={"note_substring": "note", "sort": "note"}),
                    client.get("/runs/facets"),
                ):
                    if answer.status_code != 200:
                        failures.append(answer.text)
                if client.get(f"/runs/r{number}").json()["note"] != f"note {turn}":
                    failures.append("the note is not what was set")

    with serving(create_app(settings_for(store, busy_timeout_s=30))) as address:
        threads = [threading.Thread(target=use, args=(address, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
