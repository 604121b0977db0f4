"""The mirror to W&B, with the real package offline and against a local server, and with scripted ones that misbehave.

Each script runs in a process of its own, because `wandb` starts a service and hooks the interpreter's exit.
"""

import base64
import importlib
import json
import os
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

LIBS = Path(__file__).parents[2] / "libs"
PATIENCE_S = "200"
"""How long W&B is waited for: it starts a process of its own, and the machine may be slow."""
KEY = "0123456789abcdef0123456789abcdef01234567"


class Script:
    """Runs Python scripts in a folder of their own, with an environment that holds no settings but those given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules = folder / "modules"
        self.modules.mkdir()

    def run(self, code: str, **settings: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "script.py").write_text(code)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "PYTHONPATH": os.pathsep.join([str(self.modules), str(LIBS)]),
            "DB_PATH": str(self.folder / "store" / "manifests.db"),
            "WANDB_DATA_DIR": str(self.folder / "data"),
            "WANDB_CACHE_DIR": str(self.folder / "cache"),
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_FINISH_TIMEOUT_S": PATIENCE_S,
            "WANDB__SERVICE_WAIT": PATIENCE_S,
            **settings,
        }
        return subprocess.run(
            [sys.executable, "script.py"], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def fake_wandb(self, code: str) -> None:
        (self.modules / "wandb.py").write_text(FAKE_WANDB + code)

    def stored(self, statement: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.folder / "store" / "manifests.db")
        rows = connection.execute(statement).fetchall()
        connection.close()
        return rows

    def offline_runs(self) -> "dict[str, OfflineRun]":
        found = [OfflineRun(path) for path in self.folder.glob("store/wandb/offline-run-*/*.wandb")]
        return {run.run_id: run for run in found}


class OfflineRun:
    """What a `.wandb` file holds: a log in LevelDB's format, of protocol buffers."""

    def __init__(self, path: Path) -> None:
        protocol: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")  # its names are made when it loads
        self.history: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.artifact_paths: set[str] = set()
        self.step_metrics: dict[str, str] = {}
        for document in _leveldb_records(path.read_bytes()):
            self._read(protocol.Record.FromString(document))

    def _read(self, record: Any) -> None:
        kind = record.WhichOneof("record_type")
        if kind == "run":
            self.run_id, self.project, self.group = record.run.run_id, record.run.project, record.run.run_group
            self.name, self.tags = record.run.display_name, list(record.run.tags)
            self.config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        elif kind == "history":
            self.history.append({_key(item): json.loads(item.value_json) for item in record.history.item})
        elif kind == "summary":
            self.summary |= {_key(item): json.loads(item.value_json) for item in record.summary.update}
        elif kind == "artifact":
            self.artifact_paths |= {entry.path for entry in record.artifact.manifest.contents}
        elif kind == "metric":
            self.step_metrics[record.metric.name or record.metric.glob_name] = record.metric.step_metric
        elif kind == "exit":
            self.exit_code = record.exit.exit_code

    def values(self, name: str) -> list[tuple[int, Any]]:
        return [(row["lab_step"], row[name]) for row in self.history if name in row]


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


def _leveldb_records(data: bytes) -> Iterator[bytes]:
    block, header, position, parts = 32768, 7, 7, b""  # the file begins with seven bytes of its own
    while position + header <= len(data):
        if block - position % block < header:
            position += block - position % block
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        parts += data[position + header : position + header + length]
        position += header + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


FAKE_WANDB = """
import sys, threading, types

class Settings:
    model_fields = {}
    def __init__(self, **values): pass
    def update_from_env_vars(self, values): pass

class Summary(dict): pass

class Run:
    id, offline, url = "id", True, None
    def __init__(self): self.summary = Summary()
    def define_metric(self, *names, **options): pass
    def log(self, row): pass
    def finish(self, exit_code): pass

def setup(settings=None): pass
"""


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def test_an_offline_run_has_everything(script: Script) -> None:
    ended = script.run(
        """
import os
from lab_logger import log_run, log_metrics, log_artifact

@log_run(tags=["baseline", "b" * 100], dataset_id="iris")
def train(lr=0.1, layers=(64, 32), options={"depth": 3}, api_key="sk-not-for-anyone"):
    for step in (0, 5, 3, 3):
        log_metrics({"loss": 1.0 / (step + 1)}, step=step)
    log_metrics({"odd": float("nan")})
    os.makedirs("plots/deep")
    for path in ("model.bin", "plots/a.txt", "plots/deep/b.txt"):
        open(path, "w").write(path)
    log_artifact("gone.txt")
    final_metrics = {"accuracy": 0.9, "worst": float("inf"), "verdict": "good"}
    return {"final_metrics": final_metrics, "artifacts": ["model.bin", "plots"]}

train()
""",
        WANDB_MODE="offline",
        PROJECT_NAME="my/project",
    )
    assert ended.returncode == 0
    assert ended.stdout == ""
    assert [line for line in ended.stderr.splitlines() if "the artifact gone.txt" not in line] == []
    ((run_id, url),) = script.stored("SELECT run_id, wandb_url FROM manifests")
    assert url is None
    run = script.offline_runs()[run_id]
    assert (run.project, run.group, run.name) == ("my-project", "iris", f"iris-{run_id[:8]}")
    assert run.tags == ["baseline", "b" * 64]
    assert run.config["lr"] == 0.1
    assert run.config["layers"] == [64, 32]
    assert run.config["options"] == {"depth": 3}
    assert run.config["api_key"] == "[redacted]"
    assert run.values("loss") == [(0, 1.0), (5, 1 / 6), (3, 0.25), (3, 0.25)]
    assert [(step, str(value)) for step, value in run.values("odd")] == [(0, "nan")]
    assert run.step_metrics["*"] == "lab_step"
    assert {name: run.summary[name] for name in ("accuracy", "worst", "verdict")} == {
        "accuracy": 0.9,
        "worst": "Infinity",
        "verdict": "good",
    }
    assert run.artifact_paths == {"model.bin", "plots/a.txt", "plots/deep/b.txt"}
    assert run.exit_code == 0


def test_points_of_one_call_keep_the_step_of_their_own_name(script: Script) -> None:
    script.run(
        """
from lab_logger import start_run
with start_run() as run:
    run.log_metrics({"a": 1})
    run.log_metrics({"a": 2, "b": 10})
""",
        WANDB_MODE="offline",
    )
    (run,) = script.offline_runs().values()
    assert run.values("a") == [(0, 1), (1, 2)]
    assert run.values("b") == [(0, 10)]


def test_how_a_run_ended_is_its_exit_code(script: Script) -> None:
    script.run(
        """
from lab_logger import log_run

@log_run
def train(error):
    raise error

for error in (ValueError("no"), KeyboardInterrupt()):
    try:
        train(error)
    except BaseException:
        pass
""",
        WANDB_MODE="offline",
    )
    runs = script.offline_runs()
    status = dict(script.stored("SELECT run_id, status FROM run_state"))
    assert {status[run_id]: run.exit_code for run_id, run in runs.items()} == {"failed": 1, "killed": 255}


def test_runs_at_once_and_in_one_another_do_not_mix(script: Script) -> None:
    ended = script.run(
        """
import threading
from lab_logger import log_run, log_metrics

@log_run
def inner(index):
    log_metrics({"inner": index})

@log_run
def outer(index):
    log_metrics({"outer": index})
    inner(index)
    log_metrics({"outer": index + 100})

threads = [threading.Thread(target=outer, args=(index,)) for index in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
        WANDB_MODE="offline",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    runs = script.offline_runs()
    assert len(runs) == 8
    for run in runs.values():
        index = run.config["index"]
        expected = {"inner": [(0, index)]} if run.values("inner") else {"outer": [(0, index), (1, index + 100)]}
        assert {name: run.values(name) for name in expected} == expected
        assert run.exit_code == 0


def test_a_run_in_a_process_of_multiprocessing_is_mirrored_whole(script: Script) -> None:
    ended = script.run(
        """
import multiprocessing
from lab_logger import log_run, log_metrics

@log_run
def train(index):
    log_metrics({"loss": index})

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=train, args=(index,)) for index in range(2)]
    for process in processes: process.start()
    for process in processes: process.join()
""",
        WANDB_MODE="offline",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    runs = script.offline_runs()
    assert sorted(run.values("loss")[0][1] for run in runs.values()) == [0, 1]
    assert {run.exit_code for run in runs.values()} == {0}


def test_the_key_of_dotenv_stays_out_of_the_environment_and_of_every_file(script: Script) -> None:
    (script.folder / ".env").write_text(f"WANDB_API_KEY={KEY}\nWANDB_MODE=offline\nWANDB_PROJECT=from-dotenv\n")
    ended = script.run(
        f"""
import os, time
from lab_logger import start_run
with start_run(params={{"lr": 1}}, note="the key is {KEY}") as run:
    run.log_metric("loss", 1)
assert "WANDB_API_KEY" not in os.environ and "WANDB_MODE" not in os.environ
"""
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    (run,) = script.offline_runs().values()
    assert run.project == "from-dotenv"
    holders = [path.name for path in script.folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert sorted(holders) == [".env", "script.py"]


class _FakeService(ThreadingHTTPServer):
    """As much of W&B's server as a run without artifacts needs."""

    def __init__(self) -> None:
        self.authorizations: set[str] = set()
        self.history: list[dict[str, Any]] = []
        self.refuses = False
        super().__init__(("127.0.0.1", 0), _FakeServiceHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        for chunk in request.get("files", {}).get("wandb-history.jsonl", {}).get("content", []):
            self.history.append(json.loads(chunk))
        if "UpsertBucket" in request.get("query", ""):
            name, project = request["variables"]["name"], request["variables"]["project"]
            home = {"id": "p", "name": project, "entity": {"id": "e", "name": "team"}}
            bucket = {"id": "b", "name": name, "displayName": name, "project": home, "historyLineCount": 0}
            return {"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}}
        if "CreateRunFiles" in request.get("query", ""):
            names = request["variables"]["files"]
            files = [{"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in names]
            return {"data": {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}}
        return {"data": {}} if "query" in request else {}


class _FakeServiceHandler(BaseHTTPRequestHandler):
    server: _FakeService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.authorizations.add(self.headers.get("Authorization", ""))
        if self.server.refuses:
            self._send(401, b'{"errors": [{"message": "user is not logged in"}]}')
            return
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        request = json.loads(body) if is_json else {}
        self._send(200, json.dumps(self.server.answer(self.path, request)).encode())

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._send(200, b"")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[_FakeService]:
    with _FakeService() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


ONE_RUN = """
from lab_logger import log_run, log_metrics

@log_run
def train(lr=0.1):
    log_metrics({"loss": 0.5})
    return {"accuracy": 0.9}

train()
"""


def test_online_the_key_of_dotenv_reaches_the_server_and_the_address_is_stored(
    script: Script, service: _FakeService
) -> None:
    (script.folder / ".env").write_text(f"WANDB_API_KEY={KEY}\nWANDB_ENTITY=team\nWANDB_BASE_URL={service.url}\n")
    ended = script.run(ONE_RUN)
    assert (ended.returncode, ended.stderr) == (0, "")
    ((run_id, url),) = script.stored("SELECT run_id, wandb_url FROM manifests")
    assert url == f"{service.url}/team/ai-lab/runs/{run_id}"
    assert "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode() in service.authorizations
    assert [(row["lab_step"], row["loss"]) for row in service.history if "loss" in row] == [(0, 0.5)]


def test_a_key_that_is_refused_is_one_warning_without_the_key(script: Script, service: _FakeService) -> None:
    service.refuses = True
    ended = script.run(ONE_RUN + "train()\ntrain()\n", WANDB_API_KEY=KEY, WANDB_BASE_URL=service.url)
    assert ended.returncode == 0
    assert ended.stderr.count("W&B does not have all of run") == 1
    assert KEY not in ended.stderr
    assert script.stored("SELECT status, count(*) FROM run_state") == [("finished", 3)]


def test_online_without_a_key_is_one_warning_and_no_question(script: Script) -> None:
    ended = script.run(ONE_RUN, WANDB_MODE="online", WANDB_BASE_URL="http://127.0.0.1:9")
    assert ended.returncode == 0
    assert "No API key configured" in ended.stderr
    assert script.stored("SELECT status FROM run_state") == [("finished",)]


@pytest.mark.parametrize(
    "settings", [{}, {"WANDB_MODE": "disabled", "WANDB_API_KEY": KEY}, {"WANDB_API_KEY": "<Insert>"}]
)
def test_wandb_is_not_imported_unless_it_is_configured(script: Script, settings: dict[str, str]) -> None:
    ended = script.run(
        ONE_RUN
        + """
import sys, threading
print("wandb" in sys.modules, [thread.name for thread in threading.enumerate() if "courier" in thread.name])
""",
        **settings,
    )
    assert (ended.stdout, ended.stderr) == ("False []\n", "")


def test_without_the_package_there_is_one_warning(script: Script) -> None:
    ended = script.run(
        """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "wandb":
            raise ModuleNotFoundError("No module named 'wandb'", name="wandb")

sys.meta_path.insert(0, Absent())
"""
        + ONE_RUN
        + "train()\n",
        WANDB_MODE="offline",
    )
    assert ended.returncode == 0
    assert ended.stderr.count("\n") == 1
    assert "No module named 'wandb'; install it with `pip install wandb`, or unset" in ended.stderr
    stored = script.stored("SELECT status, final_metrics_json FROM run_state JOIN manifests USING (run_id)")
    assert [(status, json.loads(metrics)) for status, metrics in stored] == [
        ("finished", {"loss": 0.5, "accuracy": 0.9}),
        ("finished", {"loss": 0.5, "accuracy": 0.9}),
    ]


def test_an_init_that_raises_is_one_warning(script: Script) -> None:
    script.fake_wandb(f"def init(**options): raise RuntimeError('cannot do with {KEY}')")
    ended = script.run(ONE_RUN + "train()\n", WANDB_API_KEY=KEY)
    assert ended.returncode == 0
    assert ended.stderr.count("\n") == 1
    assert "cannot do with [redacted]" in ended.stderr
    assert script.stored("SELECT count(*) FROM run_state WHERE status = 'finished'") == [(2,)]


def test_an_init_that_hangs_holds_up_neither_training_nor_the_end(script: Script) -> None:
    script.fake_wandb("entered = threading.Event()\ndef init(**options): entered.set(); threading.Event().wait()")
    ended = script.run(
        """
from lab_logger import start_run
import wandb
with start_run() as run:
    assert wandb.entered.wait()
    for step in range(500):
        run.log_metric("loss", step)
print("trained")
""",
        WANDB_API_KEY=KEY,
        WANDB_FINISH_TIMEOUT_S="0.2",
    )
    assert (ended.returncode, ended.stdout) == (0, "trained\n")
    assert ended.stderr.count("\n") == 1
    assert "the process ends before W&B took everything of run" in ended.stderr
    assert script.stored("SELECT count(*) FROM metric_points") == [(500,)]


def test_a_full_queue_is_one_warning_and_the_end_still_arrives(script: Script) -> None:
    script.fake_wandb(
        """
go = threading.Event()
def init(**options):
    go.wait()
    run = Run()
    run.log = lambda row: print("row", row["loss"])
    run.finish = lambda exit_code: print("summary", run.summary)
    return run
"""
    )
    ended = script.run(
        """
from lab_logger import start_run, courier
import wandb
courier.EVENTS_LIMIT = 3
with start_run() as run:
    for step in range(10):
        run.log_metric("loss", step)
wandb.go.set()
""",
        WANDB_API_KEY=KEY,
    )
    assert ended.stdout.splitlines() == ["row 0.0", "row 1.0", "row 2.0", "summary {'loss': 9.0}"]
    assert ended.stderr.count("\n") == 1
    assert "3 log calls wait already; later ones are in the store alone" in ended.stderr


def test_a_call_that_raises_does_not_lose_what_comes_after_it(script: Script) -> None:
    script.fake_wandb(
        """
def log(row):
    if row["loss"] == 1:
        raise ValueError("not this one")
    print("row", row["loss"])

def init(**options):
    run = Run()
    run.log = log
    run.finish = lambda exit_code: print("finish", exit_code)
    return run
"""
    )
    ended = script.run(
        """
from lab_logger import start_run
with start_run() as run:
    for step in range(3):
        run.log_metric("loss", step)
""",
        WANDB_API_KEY=KEY,
    )
    assert ended.stdout.splitlines() == ["row 0.0", "row 2.0", "finish 0"]
    assert ended.stderr.count("not this one") == 1


def test_the_child_of_a_fork_leaves_its_parents_mirror_alone(script: Script) -> None:
    script.fake_wandb(
        """
entered = threading.Event()

def init(**options):
    run = Run()
    rows = []
    run.log = lambda row: rows.append({name: row[name] for name in row if name != "_timestamp"})
    run.finish = lambda exit_code: print(rows, flush=True)
    entered.set()
    return run
"""
    )
    ended = script.run(
        """
import os, sys
from lab_logger import start_run, log_run, log_metrics
import wandb

@log_run
def train():
    log_metrics({"own": 1})

with start_run() as run:
    run.log_metric("loss", 1)
    assert wandb.entered.wait()
    child = os.fork()
    if child == 0:
        run.log_metric("loss", 2)
        run.log_metric("loss", 3)
        train()
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    run.log_metric("loss", 4, step=9)
""",
        WANDB_API_KEY=KEY,
    )
    assert ended.returncode == 0
    assert ended.stderr.count("the child of a fork cannot reach the mirror") == 1
    assert script.stored("SELECT value FROM metric_points ORDER BY series, step") == [(1,), (2,), (3,), (4,), (1,)]
    assert ended.stdout.splitlines() == [
        "[{'own': 1.0, 'lab_step': 0}]",
        "[{'loss': 1.0, 'lab_step': 0}, {'loss': 4.0, 'lab_step': 9}]",
    ]


def test_a_timeout_that_is_no_number_is_said(script: Script) -> None:
    script.fake_wandb("def init(**options): return Run()")
    ended = script.run(ONE_RUN, WANDB_API_KEY=KEY, WANDB_FINISH_TIMEOUT_S="soon")
    assert "WANDB_FINISH_TIMEOUT_S is not used, 30 is: it is 'soon'; set it to a number of seconds" in ended.stderr
