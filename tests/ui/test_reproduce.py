import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backend.models import RunDetail
from tests.local_store import start_run
from tools.client import LabClient
from ui.reproduce import download_command, script, steps

COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"


def run(**known: Any) -> RunDetail:
    nothing: dict[str, Any] = dict.fromkeys(RunDetail.model_fields)
    blank = {
        "run_id": "3f0a9c1e-5d0b",
        "final_metrics": {},
        "status": "finished",
        "params": {},
        "artifacts": [],
        "tags": [],
    }
    return RunDetail(**{**nothing, **blank, **known})


def test_a_run_of_which_nothing_is_known_says_so() -> None:
    said = [step.remarks for step in steps(run(), server_url="http://h")]
    assert [bool(step.commands) for step in steps(run(), server_url="http://h")] == [False, False, True, False]
    assert all(said)


def test_the_steps_are_checkout_diff_environment_command() -> None:
    known = run(git_hash=COMMIT, git_diff="diff --git a/a b/a\n", python_version="3.11.7", pip_freeze="a==1\n-e ./b",
                command="/home/ada/.venv/bin/python3.11 train.py --name 'a b'")  # fmt: skip
    checkout, diff, environment, command = steps(known, server_url="http://h:1/")
    assert checkout.commands == f"git worktree add --detach ../run-3f0a9c1e {COMMIT}\ncd ../run-3f0a9c1e"
    assert "http://h:1/runs/3f0a9c1e-5d0b | " in diff.commands
    assert diff.commands.endswith("| git apply --whitespace=nowarn")
    assert environment.commands.startswith("python3.11 -m venv .venv-run\n")
    assert "1 of the packages came from folders" in environment.remarks[-1]
    assert command.commands == ".venv-run/bin/python train.py --name 'a b'"


def test_a_program_that_is_not_python_stays_as_it_is() -> None:
    assert steps(run(command="torchrun train.py"), server_url="h")[3].commands == "torchrun train.py"


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({"git_diff": "+key = [redacted]"}, "looked like a secret"),
        ({"git_diff": "x\n[lab_logger: diff cut, 1 of 2 bytes kept]"}, "not recorded whole"),
        ({"git_diff": " \n"}, "Nothing to do"),
        ({"command": "python a.py --token [redacted]"}, "looked like a secret"),
        ({"command": "python a.py", "parent_run_id": "x"}, "other runs too"),
    ],
)
def test_what_cannot_be_restored_is_said(known: dict[str, str], text: str) -> None:
    assert text in script(run(**known), server_url="http://h")


@pytest.mark.parametrize("evil", ["$(touch hacked)", "`touch hacked`", "a; touch hacked", "x\ntouch hacked", "it's"])
def test_no_recorded_text_is_a_command(tmp_path: Path, evil: str) -> None:
    known = run(run_id=evil, git_hash=evil, git_diff="+" + evil, python_version=evil, pip_freeze=evil,
                command=f"echo {shlex.quote(evil)}")  # fmt: skip
    text = script(known, server_url=f"http://127.0.0.1:9/{evil}").replace("curl ", "echo ").replace("git ", "echo ")
    lines = [line for line in text.splitlines() if not line.startswith(("set -", "python3 -m", ".venv-run"))]
    subprocess.run(["bash", "-c", "\n".join(lines)], cwd=tmp_path, capture_output=True, check=False)
    assert not (tmp_path / "hacked").exists()


def test_the_script_brings_the_code_of_a_real_run_back(server: str, isolated: Path) -> None:
    repository = isolated / "repository"
    repository.mkdir()
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    (repository / "train.py").write_text("lr = 0.1\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], cwd=repository, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True)
    (repository / "train.py").write_text("lr = 0.01\n")
    with start_run() as started:
        pass
    with LabClient(server) as client:
        recorded = client.get_run(started.run_id)
    diff = subprocess.run(["git", "diff", "HEAD"], cwd=repository, check=True, capture_output=True, text=True).stdout
    known = recorded.model_copy(update={"git_hash": commit.stdout.strip(), "git_diff": diff})
    checkout, apply = steps(known, server_url=server)[:2]
    commands = apply.commands.replace(apply.commands.rpartition(" | ")[0], f"printf %s {shlex.quote(diff)}")
    subprocess.run(["bash", "-euc", f"{checkout.commands}\n{commands}"], cwd=repository, check=True, env={**os.environ})
    assert (isolated / f"run-{started.run_id[:8]}" / "train.py").read_text() == "lr = 0.01\n"


def test_a_download_is_a_command_with_the_token_where_there_is_one() -> None:
    token = '${LAB_API_TOKEN:+-H "Authorization: Bearer $LAB_API_TOKEN"}'
    assert download_command("http://h/a?b", to="a b.bin") == f"curl -fsS {token} -o 'a b.bin' 'http://h/a?b'"
