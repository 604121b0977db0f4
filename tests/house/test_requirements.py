import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_OURS = ["-e ./libs/lab_logger", "-e ./libs/lightml"]
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _requirements(file_name: str) -> list[str]:
    lines = [line.split("#")[0].strip() for line in (ROOT / file_name).read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("-r ")]


def _names(file_name: str) -> set[str]:
    found = [_NAME.match(line) for line in _requirements(file_name) if not line.startswith("-")]
    return {re.sub(r"[._-]+", "-", match[0]).lower() for match in found if match}


def test_the_lock_holds_one_version_of_each_package_and_no_address() -> None:
    lines = _requirements("requirements.lock")
    assert [line for line in lines if line.startswith("-")] == _OURS
    pins = [line for line in lines if not line.startswith("-")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[^ ]+( ; .+)?", line) for line in pins)
    assert "//" not in (ROOT / "requirements.lock").read_text()


def test_every_requirement_is_locked() -> None:
    assert _names("requirements.txt") | _names("requirements-dev.txt") <= _names("requirements.lock")


def test_a_requirement_is_a_range() -> None:
    for line in _requirements("requirements.txt") + _requirements("requirements-dev.txt"):
        assert line in _OURS or ">=" in line
