import os
import shutil
import sys
from pathlib import Path

import pytest

from scripts import browser
from scripts.browser import NoBrowserError, find, find_or_install


def program(path: Path, *, status: int = 0) -> Path:
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all there is to look for programs in, beside the shell's."""
    shell = tmp_path / "shell"
    shell.mkdir()
    (shell / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{shell}")
    monkeypatch.setattr(browser, "_MAC_PROGRAMS", ())
    return tmp_path


def test_playwrights_own_browser_comes_first(folder: Path) -> None:
    program(folder / "chromium")
    own = program(folder / "own")
    assert find(own) == own


def test_an_installed_browser_that_starts_is_found(folder: Path) -> None:
    program(folder / "chromium", status=1)
    chrome = program(folder / "google-chrome")
    assert find(folder / "missing") == chrome


def test_one_is_installed_where_there_is_none(folder: Path) -> None:
    asked: list[tuple[str, ...]] = []

    def install(command: tuple[str, ...]) -> str | None:
        asked.append(command)
        program(folder / "own")
        return None

    assert find_or_install(folder / "own", run=install) == folder / "own"
    assert asked[0][1:] == ("-m", "playwright", "install", "chromium")


def test_debians_package_is_the_second_way_for_root(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(folder / "apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def install(command: tuple[str, ...]) -> str | None:
        if command[0] != "apt-get":
            return "no net"
        program(folder / "chromium")
        return None

    assert find_or_install(folder / "missing", run=install) == folder / "chromium"


def test_without_any_way_it_is_said_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    with pytest.raises(NoBrowserError, match="sudo apt install chromium") as raised:
        find_or_install(folder / "missing", run=lambda _: "no net")
    assert "playwright install chromium: no net" in str(raised.value)


def test_a_command_that_is_missing_is_a_complaint(folder: Path) -> None:
    assert "gone" in (browser._run((str(folder / "gone"),)) or "")
    assert browser._run((sys.executable, "-c", "import sys; sys.exit('a\\nlast words')")) == "last words"
    assert browser._run((sys.executable, "-c", "import sys; sys.exit(3)")) == "exit status 3"
