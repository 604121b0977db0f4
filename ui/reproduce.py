"""How to run a run again: the exact commands, from what was recorded of it.

Owns pure functions from a run to commands of a POSIX shell. It must not import Streamlit, ask the server, or run
anything. What comes from the store is quoted, so that no recorded text is a command.
"""

import re
import shlex
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from backend.models import RunDetail
from ui.diffs import can_be_applied
from ui.formatting import short_id

_COMMIT: Final = re.compile(r"[0-9a-fA-F]{7,64}")
_VERSION: Final = re.compile(r"(\d+\.\d+)(\.\d+)?[\w.+-]*")
_PYTHON: Final = re.compile(r"(.*[/\\])?python[\d.]*(\.exe)?", re.IGNORECASE)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")
_READ: Final = "import json, sys; sys.stdout.write(json.load(sys.stdin)[sys.argv[1]] or str())"
_TOKEN: Final = '${LAB_API_TOKEN:+-H "Authorization: Bearer $LAB_API_TOKEN"}'
"""The header that a server with an API token asks for; nothing when the variable is not set."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of running a run again.

    Attributes:
        title: What it does.
        commands: Shell commands, one a line; empty when the step cannot be taken.
        remarks: What the commands cannot restore, each a sentence.
    """

    title: str
    commands: str
    remarks: tuple[str, ...] = ()


def steps(run: RunDetail, *, server_url: str) -> list[Step]:
    """Gives the steps that run a run again, to be taken in order from a clone of its repository.

    Args:
        run: The run.
        server_url: Where the diff and the packages are fetched from.
    """
    name = _UNSAFE.sub("-", short_id(run.run_id))
    source = shlex.quote(f"{server_url.rstrip('/')}/runs/{quote(run.run_id, safe='')}")
    return [_checkout(run, name), _diff(run, source), _environment(run, source), _command(run)]


def script(run: RunDetail, *, server_url: str) -> str:
    """Gives the steps as one script, which stops at the first command that fails."""
    parts = [
        "#!/usr/bin/env bash",
        f"# Runs {_UNSAFE.sub('-', run.run_id)} again, from a clone of its repository.",
        "set -euo pipefail",
    ]
    for step in steps(run, server_url=server_url):
        remarks = "".join(f"\n# {remark}" for remark in step.remarks)
        parts.append(f"\n# {step.title}{remarks}" + (f"\n{step.commands}" if step.commands else ""))
    return "\n".join(parts) + "\n"


def download_command(url: str, *, to: str) -> str:
    """Gives the command that downloads from the server into a file."""
    return f"curl -fsS {_TOKEN} -o {shlex.quote(to)} {shlex.quote(url)}"


def _checkout(run: RunDetail, name: str) -> Step:
    title = "Check the commit out, in a folder of its own"
    if not run.git_hash or not _COMMIT.fullmatch(run.git_hash):
        return Step(title, "", ("No commit was recorded: the run was not started in a git repository.",))
    folder = f"../run-{name}"
    return Step(title, f"git worktree add --detach {folder} {run.git_hash}\ncd {folder}")


def _diff(run: RunDetail, source: str) -> Step:
    title = "Apply what differed from the commit"
    if run.git_diff is None:
        return Step(title, "", ("It is not known what differed from the commit.",))
    if not run.git_diff.strip():
        return Step(title, "", ("Nothing to do: no tracked file differed from the commit.",))
    remarks = ["Files that git did not track are not in the diff."]
    if not can_be_applied(run.git_diff):
        remarks.insert(0, "The diff was not recorded whole (too long, or binary files), so that it may not apply.")
    if "[redacted]" in run.git_diff:
        remarks.insert(0, "What looked like a secret is [redacted] in the diff; put your own in.")
    return Step(title, f"{_fetched(source, 'git_diff')} | git apply --whitespace=nowarn", tuple(remarks))


def _environment(run: RunDetail, source: str) -> Step:
    title = "Make its environment"
    version = _VERSION.fullmatch(run.python_version or "")
    python = f"python{version[1]}" if version else "python3"
    lines, remarks = [f"{python} -m venv .venv-run"], []
    if version:
        remarks.append(f"It ran on Python {run.python_version}.")
    if (run.pip_freeze or "").strip():
        lines.append(f"{_fetched(source, 'pip_freeze')} > requirements-run.txt")
        lines.append(".venv-run/bin/python -m pip install -r requirements-run.txt")
    else:
        remarks.append("The packages were not recorded.")
    local = _local_packages(run.pip_freeze or "")
    if local:
        remarks.append(f"{local} of the packages came from folders or files of the machine it ran on.")
    return Step(title, "\n".join(lines), tuple(remarks))


def _command(run: RunDetail) -> Step:
    title = "Run the command"
    if not (run.command or "").strip():
        return Step(title, "", ("No command was recorded.",))
    remarks = ["The folder it was started in is not recorded: paths are taken from the repository's root here."]
    if "[redacted]" in (run.command or ""):
        remarks.append("What looked like a secret is [redacted]; put your own in.")
    if run.parent_run_id is not None:
        remarks.append("The command started other runs too; this one is told apart by its params.")
    return Step(title, _in_environment(run.command or ""), tuple(remarks))


def _in_environment(command: str) -> str:
    """Gives a command with the interpreter of the new environment in place of the one it ran on."""
    try:
        words = shlex.split(command)
    except ValueError:  # an older logger, or a row put in by hand: not quoted as a shell quotes
        words = command.split()
    if words and _PYTHON.fullmatch(words[0]):
        words[0] = ".venv-run/bin/python"
    return shlex.join(words)


def _fetched(source: str, field: str) -> str:
    return f"curl -fsS {_TOKEN} {source} | python3 -c '{_READ}' {field}"


def _local_packages(freeze: str) -> int:
    lines = (line.strip() for line in freeze.splitlines())
    return sum(line.startswith("-e ") or "@ file:" in line for line in lines)
