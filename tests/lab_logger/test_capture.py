import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest

from lab_logger import capture, programs, record
from lab_logger.capture import command_line, git_state, python_version, source_directory


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.file.allow=always"]
    answer = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True, errors="replace"
    )
    return answer.stdout.strip()


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr(capture, "GIT_TIMEOUT_S", 120.0)  # git is slow on a busy machine


@pytest.fixture
def empty_repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.fixture
def repository(empty_repository: Path) -> Path:
    (empty_repository / "train.py").write_text("one\n")
    git(empty_repository, "add", "train.py")
    git(empty_repository, "commit", "-q", "-m", "first")
    return empty_repository


def program_called(name: str, *, folder: Path, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    return program


def diff_of(folder: Path) -> str:
    state = git_state(folder)
    assert state is not None
    assert state.diff is not None
    return state.diff


def test_outside_a_repository_git_is_not_even_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program_called("git", folder=tmp_path / "bin", script=f"touch '{tmp_path}/started'\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    assert git_state(tmp_path) is None
    assert git_state(tmp_path / "missing") is None
    assert not (tmp_path / "started").exists()


def test_a_clean_repository_has_its_commit_and_an_empty_diff(repository: Path) -> None:
    assert git_state(repository) == capture.GitState(git(repository, "rev-parse", "HEAD"), "")


def test_the_diff_holds_staged_and_unstaged_changes_and_can_be_applied(repository: Path, tmp_path: Path) -> None:
    (repository / "train.py").write_text("two\n")
    (repository / "größe.txt").write_text("staged\n")
    git(repository, "add", "größe.txt")
    (repository / "untracked.txt").write_text("not ours\n")
    (repository / "folder").mkdir()

    diff = diff_of(repository / "folder")

    git(tmp_path, "clone", "-q", str(repository), "clone")
    (tmp_path / "a.patch").write_text(diff, encoding="utf-8")
    git(tmp_path / "clone", "apply", str(tmp_path / "a.patch"))
    assert (tmp_path / "clone" / "train.py").read_text() == "two\n"
    assert (tmp_path / "clone" / "größe.txt").read_text() == "staged\n"
    assert "untracked" not in diff


def test_the_users_configuration_does_not_change_the_diff(repository: Path, tmp_path: Path) -> None:
    (repository / "train.py").write_text("two\n")
    plain = git(repository, "diff", "HEAD")
    (repository / "nested").mkdir()
    for name, value in {
        "color.ui": "always",
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.external": "false",
        "diff.relative": "true",
        "diff.shout.textconv": "false",
        "core.pager": "false",
        "core.fsmonitor": str(program_called("monitor", folder=tmp_path / "bin", script=f"touch {tmp_path}/ran\n")),
    }.items():
        git(repository, "config", name, value)
    (repository / ".git" / "info" / "attributes").write_text("*.py diff=shout\n")

    assert diff_of(repository / "nested").strip() == plain
    assert not (tmp_path / "ran").exists()


def test_before_the_first_commit_the_diff_is_what_is_staged(empty_repository: Path) -> None:
    (empty_repository / "train.py").write_text("one\n")
    git(empty_repository, "add", "train.py")

    state = git_state(empty_repository)

    assert state is not None
    assert state.hash is None
    assert state.diff is not None
    assert "+one" in state.diff


def test_a_detached_head_and_a_worktree_have_their_own_commit(repository: Path, tmp_path: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"), first)
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    (tmp_path / "tree" / "train.py").write_text("in the tree\n")

    state = git_state(tmp_path / "tree")

    assert state is not None
    assert state.hash == first
    assert "+in the tree" in diff_of(tmp_path / "tree")
    assert diff_of(repository) == ""


def test_a_submodule_is_a_repository_of_its_own_and_its_move_shows(repository: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    git(outer, "submodule", "--quiet", "add", str(repository), "inner")
    git(outer, "commit", "-q", "-m", "with a submodule")
    git(outer / "inner", "commit", "-q", "--allow-empty", "-m", "moved")
    moved = git(outer / "inner", "rev-parse", "HEAD")

    inner = git_state(outer / "inner")

    assert inner is not None
    assert inner.hash == moved
    assert f"+Subproject commit {moved}" in diff_of(outer)


def test_a_hooks_environment_does_not_name_another_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))

    assert git_state(repository) == capture.GitState(commit, "")


@pytest.mark.parametrize("line", ["a line\n", "é" * 40 + "\n"])
def test_a_long_diff_is_cut_at_the_end_of_a_line_and_says_so(repository: Path, line: str) -> None:
    (repository / "train.py").write_text(line * (2_000_000 // len(line.encode())))
    size_bytes = len(subprocess.run(["git", "diff", "HEAD"], cwd=repository, capture_output=True, check=True).stdout)

    *kept, last = diff_of(repository).splitlines(keepends=True)

    kept_bytes = sum(len(line.encode()) for line in kept)
    assert last == f"[lab_logger: diff cut, {kept_bytes} of {size_bytes} bytes kept]\n"
    assert capture.MAX_DIFF_BYTES - 200 < kept_bytes <= capture.MAX_DIFF_BYTES
    assert kept[-1] == "+" + line


def test_one_endless_line_is_cut_too(repository: Path) -> None:
    (repository / "train.py").write_text("x" * 3_000_000)

    diff = diff_of(repository)

    assert len(diff) < capture.MAX_DIFF_BYTES + 100
    assert "[lab_logger: diff cut, " in diff.splitlines()[-1]


def test_bytes_that_are_no_text_are_replaced(repository: Path) -> None:
    (repository / "train.py").write_bytes(b"caf\xe9\n")

    assert "+caf\ufffd" in diff_of(repository)
    assert record.loads(record.dumps({"diff": diff_of(repository)}))


def test_a_commit_of_the_users_under_way_does_not_hinder(repository: Path) -> None:
    os.utime(repository / "train.py", (1, 1))  # git would note the new time in the index
    (repository / ".git" / "index.lock").touch()

    assert diff_of(repository) == ""


def test_a_repository_of_another_user_declines(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    assert git_state(repository) is None


def test_without_git_or_with_a_broken_repository_it_declines(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / ".git").write_text("gitdir: nowhere\n")
    assert git_state(broken) is None

    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert git_state(repository) is None


def test_a_git_that_hangs_on_the_diff_leaves_the_commit(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("git")
    script = f'case "$*" in *" diff "*) sleep 600 & wait;; *) exec {real} "$@";; esac\n'
    program_called("git", folder=tmp_path / "bin", script=script)
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    def ask(argv: Sequence[str], *, timeout_s: float, **options: Any) -> programs.Answer | None:
        return programs.ask(argv, timeout_s=0.2 if "diff" in argv else timeout_s, **options)

    monkeypatch.setattr(capture, "ask", ask)

    assert git_state(repository) == capture.GitState(commit, None)


def test_a_directorys_state_is_remembered_for_a_while(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = git_state(repository)
    (repository / "train.py").write_text("two\n")

    assert git_state(repository) is before
    monkeypatch.setattr(capture, "GIT_CACHE_S", 0.0)
    assert "+two" in diff_of(repository)


def test_the_command_is_as_it_was_typed() -> None:
    program = "from lab_logger.capture import *; print(command_line(), python_version())"
    libs = Path(capture.__file__).parent.parent

    answer = subprocess.run(
        [sys.executable, "-B", "-c", program, "--lr", "0.1"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(libs)},
    )

    argv = [sys.executable, "-B", "-c", program, "--lr", "0.1"]
    assert answer.stdout == f"{argv!r} {'.'.join(map(str, sys.version_info[:3]))}\n"
    assert command_line() == sys.orig_argv
    assert python_version() == sys.version.split()[0]


def _decorated(function: Callable[[], None]) -> Callable[[], None]:
    @wraps(function)
    def wrapper() -> None:
        function()

    return wrapper


class Trainer:
    def fit(self) -> None: ...

    def __call__(self) -> None: ...


def test_the_folder_of_the_file_that_defines_a_function() -> None:
    here = Path(__file__).parent

    for function in (git, _decorated(lambda: None), partial(git, here), Trainer().fit, Trainer(), Trainer):
        assert source_directory(function) == here
    assert source_directory(_decorated(shutil.which)) == Path(shutil.__file__).parent  # type: ignore[arg-type]


def test_a_function_without_a_file_has_no_folder() -> None:
    names: dict[str, Callable[[], None]] = {}
    exec(compile("def train(): ...", "<ipython-input-1>", "exec"), {"__name__": "__main__"}, names)
    names["train"].__module__ = "a_notebook"

    assert source_directory(names["train"]) is None
    assert source_directory(len) is None
    assert source_directory(3) is None  # type: ignore[arg-type]
