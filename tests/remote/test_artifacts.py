"""What a run left stays to be had when the machine that trained is gone, whatever happened on the way."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.conftest import Database
from tests.remote.machines import Machine, Server, ask, running, until
from tests.s3_server import environment_for, new_bucket, serving_s3
from tools.client import LabClient

LEAVING = Path(__file__).with_name("leaving.py")
MODEL = os.urandom(20 << 20)
PLOTS = {"loss.txt": b"falls", "deep/accuracy.txt": b"rises", "deep/copy.txt": b"falls"}


@pytest.fixture
def artifact_store(database: Database, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of an artifact store: a folder beside SQLite, a bucket beside PostgreSQL."""
    if "DATABASE_URL" not in database.settings:
        yield {"ARTIFACT_URI": str(tmp_path / "artifacts")}
        return
    with serving_s3() as address:
        yield {"ARTIFACT_URI": f"s3://{new_bucket(address)}/team", **environment_for(address)}


def test_artifacts_arrive_whole_though_the_server_is_killed_while_they_are_sent(
    tmp_path: Path, database: Database, artifact_store: dict[str, str]
) -> None:
    folder = tmp_path / "machine" / "checkpoints"
    server = Server(tmp_path, {**database.settings, **artifact_store})
    machine = Machine(tmp_path / "machine", server.url, flush_s="0")
    for path, content in {"model.bin": MODEL, **{f"plots/{name}": text for name, text in PLOTS.items()}}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    training = machine.execute(LEAVING, str(folder))
    said, _ = training.communicate()
    assert training.returncode == 0, said
    shutil.rmtree(folder)
    with running(server):
        first = machine.sync()
        until(lambda: _has_begun(server.url))
        server.kill()
        server.start()
        first.communicate()
        until(lambda: _is_synced(machine))
    shutil.rmtree(tmp_path / "machine")
    with running(server), LabClient(server.url) as client:
        (run,) = client.list_runs().runs
        model, plots = client.artifacts(run.run_id)
        assert (model.content, plots.content) == ("stored", "stored")
        client.download_artifact(run.run_id, 0, to=tmp_path / "model.bin")
        assert (tmp_path / "model.bin").read_bytes() == MODEL
        assert plots.files == sorted(PLOTS)
        for name, content in PLOTS.items():
            client.download_artifact(run.run_id, 1, to=tmp_path / "plot", path=name)
            assert (tmp_path / "plot").read_bytes() == content
    assert database.rows("SELECT count(*) FROM objects") == [(3,)]  # two of the four files have the same content


def _has_begun(url: str) -> bool:
    """Tells whether some of the large file has come, or all of it."""
    state = ask(f"{url}/ingest/objects/{hashlib.sha256(MODEL).hexdigest()}").json()
    return bool(state["stored"] or state["parts"])


def _is_synced(machine: Machine) -> bool:
    sync = machine.sync()
    sync.communicate()
    return sync.returncode == 0
