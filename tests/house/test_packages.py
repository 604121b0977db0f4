import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

LIBS = Path(__file__).resolve().parents[2] / "libs"
PACKAGES = ("lab_logger", "lightml")
DATA = (".sql", ".typed")


@pytest.fixture(scope="module", params=PACKAGES)
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(package: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(LIBS / package)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def _expected(package: str) -> set[str]:
    files = (path for path in (LIBS / package).rglob("*") if path.suffix in {".py", *DATA})
    return {path.relative_to(LIBS).as_posix() for path in files}


def _metadata(built: Path) -> Message:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_a_wheel_holds_the_modules_the_schema_and_the_type_marker_and_nothing_else(package: str, built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == _expected(package)
    assert {f"{package}/__init__.py", f"{package}/py.typed"} <= names
    assert any(name.endswith(".sql") for name in names)


def test_the_logger_asks_for_nothing_but_python_and_the_registry_for_the_logger(package: str, built: Path) -> None:
    metadata = _metadata(built)
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert metadata["Requires-Python"] == ">=3.11"
    assert ("lab-logger" in required) == (package == "lightml")
    assert package == "lightml" or required == []


def test_a_source_distribution_holds_what_a_wheel_is_built_from(package: str, built: Path) -> None:
    (archive_path,) = built.glob("*.tar.gz")
    with tarfile.open(archive_path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    modules = {name.removeprefix(f"{package}/") for name in _expected(package)}
    assert modules | {"README.md", "pyproject.toml"} <= names
    assert not any(name.endswith((".db", ".pyc")) for name in names)
