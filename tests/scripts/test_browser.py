import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
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
    monkeypatch.setattr(browser, "_PLACES", ())
    monkeypatch.setattr(browser, "_LOCK", tmp_path / "build" / "browser.lock")
    return tmp_path


def test_an_installed_browser_comes_first_and_playwrights_own_is_next(folder: Path) -> None:
    own = program(folder / "own")
    assert find(own) == own
    chrome = program(folder / "google-chrome")
    assert find(own) == chrome
    chromium = program(folder / "chromium")
    assert find(own) == chromium


def test_a_browser_outside_of_the_search_path_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "Applications").mkdir()
    chrome = program(folder / "Applications" / "Google Chrome")
    monkeypatch.setattr(browser, "_PLACES", (str(chrome),))
    assert find(folder / "missing") == chrome


def test_an_installed_browser_that_starts_is_found(folder: Path) -> None:
    program(folder / "chromium", status=1)
    chrome = program(folder / "google-chrome")
    assert find(folder / "missing") == chrome


def installer(path: Path, *lines: str) -> Path:
    """Writes a program that keeps what it is told in `asked`, beside it, and goes on as the lines say."""
    path.write_text("\n".join(["#!/bin/sh", f"echo {path.name} $* >> '{path.parent}/asked'", *lines, ""]))
    path.chmod(0o755)
    return path


def installing(path: Path, *, status: int = 0) -> str:
    """Gives the line of an installer that puts a browser there."""
    return f"printf '#!/bin/sh\nexit {status}\n' > '{path}'; /bin/chmod +x '{path}'"


@pytest.fixture
def python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Python that Playwright is asked of; it has no way to a browser."""
    python = installer(folder / "python", "echo 'Error: no net' >&2", "echo '    at (node:internal) {' >&2", "exit 1")
    monkeypatch.setattr(sys, "executable", str(python))
    return python


@pytest.mark.usefixtures("python")
def test_nothing_is_installed_where_there_is_one(folder: Path) -> None:
    assert find_or_install(program(folder / "own")) == folder / "own"
    assert not (folder / "asked").exists()


@pytest.mark.usefixtures("python")
def test_playwrights_own_is_installed_where_there_is_none(folder: Path) -> None:
    installer(folder / "python", installing(folder / "own"))
    assert find_or_install(folder / "own") == folder / "own"
    assert (folder / "asked").read_text() == "python -m playwright install chromium\n"


@pytest.mark.usefixtures("python")
def test_those_who_find_none_at_the_same_time_install_one_together(folder: Path) -> None:
    installer(folder / "python", f"{shutil.which('sleep', path=os.defpath)} 0.2", installing(folder / "own"))
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(find_or_install, [folder / "own"] * 4))
    assert found == [folder / "own"] * 4
    assert (folder / "asked").read_text() == "python -m playwright install chromium\n"


@pytest.mark.usefixtures("python")
def test_root_gets_the_libraries_that_playwrights_own_lacks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    complete = f'if [ "$3" = install-deps ]; then {installing(folder / "own")}; fi'
    installer(folder / "python", complete, f'if [ "$3" = install ]; then {installing(folder / "own", status=1)}; fi')
    assert find_or_install(folder / "own") == folder / "own"
    asked = (folder / "asked").read_text().splitlines()
    assert asked == ["python -m playwright install chromium", "python -m playwright install-deps chromium"]


@pytest.mark.usefixtures("python")
def test_debians_package_is_the_next_way_for_root(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    installer(folder / "apt-get", f'if [ "$1" = install ]; then {installing(folder / "chromium")}; fi')
    assert find_or_install(folder / "missing") == folder / "chromium"
    asked = (folder / "asked").read_text().splitlines()
    assert asked[1:] == ["apt-get update", "apt-get install --yes --no-install-recommends chromium"]


@pytest.mark.usefixtures("python")
def test_without_any_way_it_is_said_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    installer(folder / "apt-get")
    with pytest.raises(NoBrowserError, match="sudo apt install chromium") as raised:
        find_or_install(folder / "missing")
    assert "-m playwright install --with-deps chromium" in str(raised.value)
    assert "-m playwright install chromium: Error: no net" in str(raised.value)
    assert "apt-get" not in (folder / "asked").read_text()


def test_a_command_that_is_missing_is_a_complaint(folder: Path) -> None:
    assert "gone" in (browser._run((str(folder / "gone"),)) or "")
    assert browser._run((sys.executable, "-c", "import sys; sys.exit('a\\nlast words')")) == "last words"
    assert browser._run((sys.executable, "-c", "import sys; sys.exit(3)")) == "exit status 3"


def test_a_command_without_an_end_is_given_up_with_all_it_started(folder: Path) -> None:
    stuck = folder / "stuck"
    stuck.write_text(f"#!/bin/sh\n{shutil.which('sleep', path=os.defpath)} 600 &\necho $! > '{folder}/pid'\nwait\n")
    stuck.chmod(0o755)
    pid, limit_s = folder / "pid", 1
    pid.touch()
    while not pid.read_text().endswith("\n"):  # a busy machine needs longer to come so far
        assert browser._run((str(stuck),), limit_s=limit_s) == f"no end after {limit_s} s"
        limit_s *= 2
    started = int(pid.read_text())
    while _lives(started):
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    """Tells whether a process runs; one that has ended may wait to be fetched by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
