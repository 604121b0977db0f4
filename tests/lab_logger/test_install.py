"""lab_logger as a training environment gets it: a wheel, installed alone, in a folder elsewhere."""

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.lab_logger.conftest import LIBS, Scripts

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
TRAINS = """
import lab_logger
from lab_logger import log_metrics, log_run

@log_run(dataset_id="iris")
def train(learning_rate, n_epochs=3):
    for epoch in range(n_epochs):
        log_metrics({"loss": learning_rate / (epoch + 1)}, step=epoch)
    return {"final_metrics": {"accuracy": 0.9}, "artifacts": []}

train(0.5)
print(lab_logger.__file__)
"""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    finished = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", folder, LIBS / "lab_logger")
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    run(*PIP, "--python", python, "install", "--no-index", "--quiet", wheel)
    return python


def test_the_wheel_holds_the_package_its_schema_and_its_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
        metadata = next(opened.read(name) for name in opened.namelist() if name.endswith("METADATA")).decode()
    modules = {f"lab_logger/{module.name}" for module in (LIBS / "lab_logger").glob("*.py")}
    scripts = {f"lab_logger/schema/{file.name}" for file in (LIBS / "lab_logger" / "schema").glob("*.*")}
    assert names == modules | scripts | {"lab_logger/py.typed"}
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert [line for line in required if "extra ==" not in line] == []


def test_nothing_else_comes_with_it(environment: Path) -> None:
    listed = json.loads(run(*PIP, "--python", environment, "list", "--format", "json"))
    assert [package["name"].replace("_", "-") for package in listed] == ["lab-logger"]


def test_a_function_decorated_elsewhere_is_recorded(environment: Path, project: Path) -> None:
    (project / "train.py").write_text(TRAINS)
    answer = run(environment, "-W", "error", "train.py", cwd=project)
    assert Path(answer.strip()).is_relative_to(environment.parents[1])
    with closing(sqlite3.connect(project / "manifests" / "manifests.db")) as connection:
        ((run_id, packages, dataset, params, metrics, artifacts),) = connection.execute(
            "SELECT run_id, pip_freeze, dataset_id, params_json, final_metrics_json, artifacts_json FROM manifests"
        )
        assert connection.execute("SELECT status FROM run_state WHERE run_id = ?", (run_id,)).fetchall() == [
            ("finished",)
        ]
        assert connection.execute("SELECT count(*) FROM metric_points").fetchone() == (3,)
    assert (dataset, params, artifacts) == ("iris", '{"learning_rate": 0.5, "n_epochs": 3}', "[]")
    assert json.loads(metrics) == {"loss": 0.5 / 3, "accuracy": 0.9}
    assert packages.splitlines()[0].startswith(("lab-logger", "lab_logger"))


def test_the_command_line_is_installed_with_it(environment: Path, project: Path) -> None:
    (project / "train.py").write_text(TRAINS)
    run(environment, "train.py", cwd=project)
    assert "finished" in run(environment, "-m", "lab_logger", "list", cwd=project)


def test_importing_it_loads_nothing_slow_and_nothing_foreign(script: Scripts) -> None:
    answer = script(
        """
        import sys
        before = set(sys.modules)
        import lab_logger
        print(*sorted(set(sys.modules) - before))
        """
    )
    loaded = set(answer.stdout.split())
    slow = {"asyncio", "hashlib", "inspect", "json", "logging", "platform", "socket", "sqlite3", "subprocess", "uuid"}
    assert not loaded & slow
    assert {name for name in loaded if name.split(".")[0] not in {*sys.stdlib_module_names, "lab_logger"}} == set()


def test_recording_a_run_loads_nothing_foreign(script: Scripts) -> None:
    answer = script(
        """
        import sys
        from lab_logger import log_run

        @log_run
        def train():
            return {"a": 1}

        train()
        print(*sorted(sys.modules))
        """
    )
    roots = {name.split(".")[0] for name in answer.stdout.split()}
    assert roots - {*sys.stdlib_module_names, "__main__"} == {"lab_logger"}
