import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "libs" / "lab_logger"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(SOURCE)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def _expected() -> set[str]:
    modules = {f"lab_logger/{path.name}" for path in SOURCE.glob("*.py")}
    schema = {f"lab_logger/schema/{path.name}" for path in (SOURCE / "schema").iterdir() if path.is_file()}
    return modules | schema | {"lab_logger/py.typed"}


def test_a_wheel_holds_the_modules_the_schema_and_the_type_marker_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == _expected()
    assert {"lab_logger/__init__.py", "lab_logger/schema/0001_tables.sql"} <= names


def test_a_wheel_asks_for_nothing_but_python(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    required = metadata.get_all("Requires-Dist", [])
    assert [line for line in required if "extra ==" not in line] == []
    assert metadata["Requires-Python"] == ">=3.11"


def test_a_source_distribution_holds_what_a_wheel_is_built_from(built: Path) -> None:
    (archive_path,) = built.glob("*.tar.gz")
    with tarfile.open(archive_path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name.removeprefix("lab_logger/") for name in _expected()} | {"README.md", "pyproject.toml"} <= names
    assert not any(name.endswith((".db", ".pyc")) for name in names)
