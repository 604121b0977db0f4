"""The documents are held to what exists: every endpoint, setting and command, and every command of the README runs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from backend.api import create_app
from backend.config import AgentSettings, ClientSettings, Settings
from tests.live_server import serving

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENV_EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
LOGGER_SETTINGS = {
    "PROJECT_NAME",
    "DB_PATH",
    "DATASET_ID",
    "LAB_BUSY_TIMEOUT_S",
    "LAB_FLUSH_TIMEOUT_S",
    "LAB_OUTBOX",
    "WANDB_API_KEY",
    "WANDB_MODE",
    "WANDB_PROJECT",
    "WANDB_ENTITY",
    "WANDB_FINISH_TIMEOUT_S",
}


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def settings_in_code() -> set[str]:
    own = {name.upper() for model in (Settings, AgentSettings, ClientSettings) for name in model.model_fields}
    return (own - {"PROJECT_ROOT", "BUSY_TIMEOUT_S"}) | LOGGER_SETTINGS  # the first is found, the second prefixed


def test_every_endpoint_is_in_the_readme() -> None:
    documented = set(re.findall(r"`(DELETE|GET|PATCH|POST|PUT) (/\S*?)`", README))
    paths = create_app().openapi()["paths"]

    assert documented == {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_setting_is_in_the_readme_and_in_the_example() -> None:
    in_readme = set(
        re.findall(r"`([A-Z_]+)`", "".join(re.findall(r"^\|.*?\|", section("Settings"), flags=re.MULTILINE)))
    )
    in_example = set(re.findall(r"^#?([A-Z_]+)=", ENV_EXAMPLE, flags=re.MULTILINE))

    assert in_readme == settings_in_code()
    assert in_example == settings_in_code()


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))

    assert set(re.findall(r"`?make ([a-z]+)`?", README)) <= targets


def test_every_folder_of_the_readme_exists() -> None:
    folders = re.findall(r"^\| `([\w/]+)`(?:, `([\w/]+)`)? \|", section("Where things are"), flags=re.MULTILINE)

    assert folders
    assert [name for pair in folders for name in pair if name and not (ROOT / name).is_dir()] == []


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a fresh checkout, with a store of its own."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("examples", "scripts", "libs", "backend", "tools", "agents"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
    lightml = folder / ".venv" / "bin" / "lightml"
    lightml.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lightml "$@"\n', encoding="utf-8")
    lightml.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[str]:
    """A server on the project's store, holding the runs that the README's training commands made."""
    for command in code_blocks(section("Record a function"), "bash")[0].strip().splitlines():
        run(f"{command} --n_epochs 3 --output_dir checkpoints", folder=project)
    with serving(
        create_app(Settings(db_path=project / "manifests" / "manifests.db", artifact_roots=(project,)))
    ) as url:
        yield url


def run(command: str, *, folder: Path, server: str = "") -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if name not in LOGGER_SETTINGS},
        "DB_PATH": str(folder / "manifests" / "manifests.db"),
        "LAB_SERVER_URL": server,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command.replace("http://127.0.0.1:8000", server or "http://127.0.0.1:8000")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\nafter the output {done.stdout[-500:]}"
    return done.stdout


def test_the_python_of_the_readme_records_a_run(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(code_blocks(section("Record a function"), "python")[0], encoding="utf-8")

    run(f"{sys.executable} train.py", folder=tmp_path)

    shown = run(f"{sys.executable} -m lab_logger list --json", folder=tmp_path)
    assert '"accuracy": 0.97' in shown


def test_the_curl_commands_of_the_readme_work(server: str, project: Path) -> None:
    commands = code_blocks(section("Ask the server"), "bash")[0].replace("curl -s", "curl -sS --fail-with-body")

    run(commands, folder=project, server=server)

    assert (project / "model.joblib").stat().st_size > 0
    noted = httpx.get(f"{server}/runs", params={"note_substring": "PUBLISH"}, timeout=60).json()
    assert len(noted) == 1


def test_the_agent_commands_of_the_readme_work(server: str, project: Path) -> None:
    commands = code_blocks(section("Ask in words"), "bash")[0].replace("curl -s", "curl --fail-with-body -s")

    said = run(commands, folder=project, server=server)

    assert said.count('"natural_language_answer":') == commands.count("/agent/query") + commands.count("/agent/stream")
    assert "PUBLISH" in said


def test_the_scripts_of_the_readme_work(server: str, project: Path) -> None:
    for command in code_blocks(section("Ask the server"), "bash")[1].strip().splitlines():
        assert run(command, folder=project, server=server)


def test_the_registry_commands_of_the_readme_work(project: Path) -> None:
    said = run(code_blocks(section("Keep models and their evaluations"), "bash")[0], folder=project)
    (project / "evaluate.py").write_text(code_blocks(section("Keep models and their evaluations"), "python")[0])
    run(f"{sys.executable} evaluate.py", folder=project)

    assert "4 models, 48 metrics logged" in said
    assert "Significant (p < 0.05), naive-bayes is better" in said
    assert (project / "report.xlsx").stat().st_size > 0
    found = run(f"{sys.executable} -m lightml exists --db registry/main.db --model gpt2-eval", folder=project)
    assert "gpt2-eval" in found
