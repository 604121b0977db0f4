"""The page for those who run a server is held to what exists, and its commands run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend import postgres_store
from backend.api import create_app
from backend.body_limit import MAX_PART_BYTES, MAX_RECORDS_BYTES
from lightml.connections.postgresql import MOST_CONNECTIONS
from tests.backend.stores import StoredRun, execute, write_runs
from tests.test_docs import ROOT, code_blocks, run, settings_in_code

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
OF_OTHERS = {"PGPASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"}
"""Variables that libpq and boto read."""
MODULES = sorted(set(re.findall(r"python -m ([a-z_.]+)", PAGE)))


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_every_setting_of_the_page_exists() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+|PGPASSWORD)(?:=[^`]*)?`", PAGE))

    assert "ARTIFACT_URI" in named
    assert named <= settings_in_code() | OF_OTHERS


def test_every_endpoint_of_the_page_exists() -> None:
    paths = create_app().openapi()["paths"]

    assert [path for path in re.findall(r"`(?:GET )?(/[a-z/]+)`", PAGE) if path not in paths] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_command_of_the_page_exists_with_its_options(module: str) -> None:
    lines = re.findall(rf"python -m {re.escape(module)}([^\n`]*)", PAGE)
    for line in lines:
        words = re.match(r"(?: [a-z-]+)?", line).group().split()  # type: ignore[union-attr]  # it fits nothing, too
        command = [] if module == "uvicorn" else [word for word in words if not word.startswith("-")]
        shown = help_of(module, *command)
        assert all(option in shown for option in re.findall(r" (--[a-z-]+)", line)), line


def help_of(*words: str) -> str:
    command = [sys.executable, "-m", *words, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_options_that_the_text_names_exist() -> None:
    assert "--force" in help_of("backend.backup")
    assert "--replace-unstorable" in help_of("backend.copy_store")
    assert "--delete" in help_of("backend.objects", "remove-unreferenced")


def test_the_numbers_of_connections_are_those_of_the_code() -> None:
    runs = postgres_store._POOL_SIZE + postgres_store._POOL_OVERFLOW

    assert f"up to {runs} connections for runs ({postgres_store._POOL_SIZE} are kept)" in " ".join(PAGE.split())
    assert f"up to {MOST_CONNECTIONS} for the model registry" in " ".join(PAGE.split())
    assert f"processes × {runs + MOST_CONNECTIONS} + 10" in PAGE


def test_the_proxies_let_every_body_pass_that_the_server_takes() -> None:
    (nginx,) = re.findall(r"client_max_body_size (\d+)m;", PAGE)
    (caddy,) = re.findall(r"max_size (\d+)MiB", PAGE)

    assert min(int(nginx), int(caddy)) * 2**20 > max(MAX_PART_BYTES, MAX_RECORDS_BYTES)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder like a checkout with a store."""
    for name in ("libs", "backend"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    write_runs(tmp_path / "manifests" / "manifests.db", [StoredRun("run-1", note="kept")])
    return tmp_path


def test_the_commands_for_backup_and_restore_work(project: Path) -> None:
    store = project / "manifests" / "manifests.db"
    backup, restore = code_blocks(section("Backup and restore"), "bash")

    run(backup, folder=project)
    execute(store, "DELETE FROM manifests")
    said = run(restore, folder=project)

    assert execute(store, "SELECT run_id, note FROM manifests") == [("run-1", "kept")]
    assert str(store) in said


def test_the_command_that_moves_a_store_works(project: Path) -> None:
    (move,) = code_blocks(section("Moving a store"), "bash")

    run(move, folder=project)

    assert execute(project / "manifests" / "moved.db", "SELECT note FROM run_index") == [("kept",)]


@pytest.mark.parametrize("title", ["Tokens", "Artifacts in a bucket"])
def test_the_commands_that_look_after_tokens_and_artifacts_work(project: Path, title: str) -> None:
    (commands,) = code_blocks(section(title), "bash")

    run(commands, folder=project)
