"""What a whole run holds when a real script in a real repository records it, and what it must never hold."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab_logger import log_artifact, log_metrics, log_run, set_note
from tests.lab_logger.conftest import LIBS, Rows

SECRETS = {
    "parameter": "parameter-Sup3rS3cret",
    "flag": "flag-Sup3rS3cret",
    "dotenv": "dotenv-Sup3rS3cret",
    "environment": "environ-Sup3rS3cret",
}
SCRIPT = """
import argparse
from lab_logger import log_artifact, log_run, set_note, set_tags

parser = argparse.ArgumentParser()
parser.add_argument("--api-key")
parser.add_argument("--lr", type=float)
options = parser.parse_args()

@log_run
def train(api_key, options, lr, text, task_name, nested):
    set_note("tried with " + text)
    set_tags(["tag " + text])
    if lr > 1:
        raise RuntimeError("refused " + text + " and " + nested["value"])
    return {"final_metrics": {"accuracy": lr, "said": text}, "note": "ended with " + text}

secret = open(".env").read().split("WEATHER_KEY=")[1].split()[0]
import os
train(
    "parameter-Sup3rS3cret", options, lr=options.lr, text=secret, task_name="iris " + secret,
    nested={"password": 12345678, "value": os.environ["DEPLOY_TOKEN"]},
)
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def repository(project: Path) -> Path:
    (project / "train.py").write_text(SCRIPT)
    (project / "staged.txt").write_text("before\n")
    (project / "unstaged.txt").write_text("before\n")
    (project / ".gitignore").write_text(".env\nmanifests/\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "first")
    (project / ".env").write_text(f"WEATHER_KEY={SECRETS['dotenv']}\n")
    return project


def train(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "PYTHONPATH": str(LIBS), "DEPLOY_TOKEN": SECRETS["environment"]}
    return subprocess.run(
        [sys.executable, "-S", str(folder / "train.py"), "--api-key", SECRETS["flag"], *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_field_is_captured(repository: Path, rows: Rows) -> None:
    (repository / "staged.txt").write_text("after, staged\n")
    git(repository, "add", "staged.txt")
    (repository / "unstaged.txt").write_text("after, unstaged\n")
    answer = train(repository, "--lr", "0.5")
    assert (answer.stderr, answer.returncode) == ("", 0)
    ((git_hash, diff, command, version, device, params, metrics, note),) = rows(
        "SELECT git_hash, git_diff, command, python_version, device_info, params_json, final_metrics_json, note "
        "FROM manifests"
    )
    assert git_hash == git(repository, "rev-parse", "HEAD")
    assert "+after, staged" in diff
    assert "+after, unstaged" in diff
    assert "train.py --api-key '[redacted]' --lr 0.5" in command
    assert version == sys.version.split()[0]
    assert set(json.loads(device)) >= {"host", "os"}
    parsed: dict[str, Any] = json.loads(params)
    assert parsed["api_key"] == "[redacted]"
    assert parsed["options"] == {"api_key": "[redacted]", "lr": 0.5}
    assert parsed["lr"] == 0.5
    assert parsed["nested"] == {"password": "[redacted]", "value": "[redacted]"}
    assert json.loads(metrics) == {"accuracy": 0.5, "said": "[redacted]"}
    assert note == "ended with [redacted]"
    assert rows("SELECT dataset_id FROM run_index") == [("iris [redacted]",)]


@pytest.mark.parametrize("rate", ["0.5", "2"])
def test_no_secret_is_anywhere_in_the_bytes_of_the_store(rate: str, repository: Path, store: Path, rows: Rows) -> None:
    (repository / "staged.txt").write_text(f"key = '{SECRETS['dotenv']}'\nother = '{SECRETS['environment']}'\n")
    answer = train(repository, "--lr", rate)
    assert answer.returncode == (0 if rate == "0.5" else 1)
    assert rows("SELECT status FROM run_state") == [("finished" if rate == "0.5" else "failed",)]
    assert "key = '[redacted]'" in rows("SELECT git_diff FROM manifests")[0][0]
    if rate == "2":
        assert "refused [redacted] and [redacted]" in rows("SELECT error FROM run_state")[0][0]
    written = [file for file in store.parent.iterdir() if file.name.startswith("manifests.db")]
    assert written
    for file in written:
        content = file.read_bytes()
        for where, secret in SECRETS.items():
            assert secret.encode() not in content, where


def test_no_secret_is_in_the_spool_either(repository: Path, store: Path) -> None:
    store.mkdir(parents=True)  # a folder is in the way
    answer = train(repository, "--lr", "0.5")
    assert answer.returncode == 0
    spool = store.parent / "manifests.db.spool.db"
    content = b"".join(file.read_bytes() for file in store.parent.glob(f"{spool.name}*"))
    assert b"insert_manifest" in content
    for secret in SECRETS.values():
        assert secret.encode() not in content
    for secret in SECRETS.values():
        assert secret not in answer.stderr


def test_a_secret_parameter_is_redacted_wherever_else_it_shows(project: Path, store: Path) -> None:
    @log_run
    def train(password: str) -> None:
        set_note(f"logged in with {password}")
        log_metrics({f"tries of {password}": 1.0})
        log_artifact(f"{password}.txt")
        raise RuntimeError(f"refused: {password}")

    with pytest.raises(RuntimeError):
        train("hunterEEEE1")

    for path in store.parent.iterdir():
        assert b"hunterEEEE1" not in path.read_bytes()
