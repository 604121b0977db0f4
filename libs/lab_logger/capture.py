"""What is known about a run without being asked: code, command, interpreter, packages and machine.

Owns the named getters that a run is described with, and how git is asked. Each getter declines with None, or an empty
part, where something cannot be known; none raises. Nothing here runs at import, and nothing is stored or redacted here.
The packages come from `packages`, the machine from `device`.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab_logger.device import device_info
from lab_logger.packages import installed_packages
from lab_logger.programs import Answer, ask

__all__ = [
    "GIT_CACHE_S",
    "MAX_DIFF_BYTES",
    "GitState",
    "command_line",
    "device_info",
    "git_state",
    "installed_packages",
    "python_version",
    "source_directory",
]

MAX_DIFF_BYTES = 1_000_000
"""Bytes kept of a diff, cut at the end of a line."""
GIT_CACHE_S = 10.0
"""Seconds for which a directory's state is remembered, because a sweep starts many runs a second."""
GIT_TIMEOUT_S = 10.0
"""Seconds after which one git call is given up."""

# Whatever the user's configuration says: a diff of one form that `git apply` takes, and no program of the repository's
# choosing is started to make it.
_GIT_OPTIONS = (
    "--no-pager",
    *("-c", "core.quotePath=true"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "diff.noprefix=false"),
    *("-c", "diff.mnemonicPrefix=false"),
    *("-c", "diff.relative=false"),
    *("-c", "diff.submodule=short"),
    *("-c", "diff.suppressBlankEmpty=false"),
)
_DIFF_OPTIONS = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")

# Set inside a git hook, these would name another repository than the directory's own.
_MISLEADING_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIFF_OPTS", "GIT_DIR", "GIT_EXTERNAL_DIFF",
        "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE",
    }
)  # fmt: skip
_CAREFUL = {
    "GIT_OPTIONAL_LOCKS": "0",  # for the status of submodules; the diff's own refresh of the index gives way to a lock
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
}


@dataclass(frozen=True, slots=True)
class GitState:
    """The state of a repository.

    Attributes:
        hash: The commit in full; None before the first commit.
        diff: Staged and unstaged changes of tracked files against that commit, or what is staged before the first one;
            empty when there are none, None when git could not say in time. Cut after `MAX_DIFF_BYTES`, in which case
            the last line says so.
    """

    hash: str | None
    diff: str | None


@dataclass(frozen=True, slots=True)
class _Remembered:
    state: GitState | None
    at: float


_remembered: dict[str, _Remembered] = {}


def git_state(directory: Path) -> GitState | None:
    """Gives the state of the repository around a directory, at most `GIT_CACHE_S` seconds old.

    Returns:
        None outside a repository (known without starting git), without git, or where git refuses, as it does in a
        repository of another user.
    """
    place = os.path.abspath(directory)
    if not _is_in_repository(place):
        return None
    known = _remembered.get(place)
    if known is None or time.monotonic() - known.at >= GIT_CACHE_S:
        # No lock: a fork could inherit it held. Two threads may both ask, and agree.
        state = _ask_git(place)
        known = _remembered[place] = _Remembered(state, time.monotonic())
    return known.state


def _is_in_repository(place: str) -> bool:
    while not os.path.exists(os.path.join(place, ".git")):  # a folder, or a file in worktrees and submodules
        parent = os.path.dirname(place)
        if parent == place:
            return False
        place = parent
    return True


def _ask_git(place: str) -> GitState | None:
    head = _git(place, "rev-parse", "--verify", "--quiet", "HEAD", max_bytes=200)
    if head is None or head.exit_code not in (0, 1):
        return None
    if head.exit_code == 1:  # no commit yet: the index against the empty tree
        return GitState(None, _diff(place, "--cached"))
    return GitState(head.output.decode("ascii", "replace").strip(), _diff(place, "HEAD"))


def _diff(place: str, against: str) -> str | None:
    answer = _git(place, "diff", *_DIFF_OPTIONS, against, "--", max_bytes=MAX_DIFF_BYTES)
    if answer is None or answer.exit_code != 0:
        return None
    kept = answer.output
    if answer.size_bytes == len(kept):
        return kept.decode("utf-8", "replace")
    kept = kept[: kept.rfind(b"\n") + 1] or kept + b"\n"
    marker = f"[lab_logger: diff cut, {len(kept)} of {answer.size_bytes} bytes kept]\n"
    return kept.decode("utf-8", "replace") + marker


def _git(place: str, *arguments: str, max_bytes: int) -> Answer | None:
    environ = {name: value for name, value in os.environ.items() if name not in _MISLEADING_VARIABLES}
    return ask(
        ["git", "-C", place, *_GIT_OPTIONS, *arguments],
        timeout_s=GIT_TIMEOUT_S,
        max_bytes=max_bytes,
        environ=environ | _CAREFUL,
    )


def command_line() -> list[str]:
    """Gives the command as it was typed, the interpreter and its options included; in a notebook, the kernel's."""
    return list(getattr(sys, "orig_argv", None) or sys.argv)


def python_version() -> str:
    """Gives the version of the interpreter, such as "3.11.7"."""
    return sys.version.split()[0]


def source_directory(function: Callable[..., Any]) -> Path | None:
    """Gives the folder of the file that defines a function, or None where there is no file, as in a notebook."""
    from inspect import unwrap

    try:
        while hasattr(function, "func"):  # functools.partial
            function = function.func
        function = unwrap(function)
        code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
        module = sys.modules.get(function.__module__)
        files = (getattr(code, "co_filename", None), getattr(module, "__file__", None))
        found = next((file for file in files if isinstance(file, str) and os.path.isfile(file)), None)
    except (AttributeError, TypeError, ValueError):  # nothing that has a source, or wrappers in a circle
        return None
    return None if found is None else Path(os.path.abspath(found)).parent
