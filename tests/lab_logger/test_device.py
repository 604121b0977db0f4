import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab_logger import device, record

FOUND = """\
0, GPU-aaaa, 550.54.15, 81559, NVIDIA H100, 80GB
1, GPU-bbbb, 550.54.15, [N/A], NVIDIA Thor
"""


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives a function that installs a script as the GPU driver's tool and forgets what was known."""

    def install(script: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text("#!/bin/sh\n" + script)
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.setattr(device, "_cached", None)

    monkeypatch.setattr(device, "GPU_TIMEOUT_S", 120.0)  # a script is slow on a busy machine
    return install


def gpus() -> Any:
    return device.device_info()["gpus"]


def test_the_machine_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_cached", None)

    info = device.device_info()

    assert list(info) == [
        "host", "os", "machine", "python_implementation", "cpu_model", "cpu_count", "cpu_usable_count", "ram_bytes",
        "gpus", "cuda_visible_devices",
    ]  # fmt: skip
    assert info["host"]
    assert info["os"]
    assert info["cpu_count"] == os.cpu_count()
    assert 1 <= info["cpu_usable_count"] <= info["cpu_count"]
    assert info["ram_bytes"] > 2**20
    assert info["python_implementation"].lower() == sys.implementation.name
    assert record.loads(record.dumps(info)) == info


def test_the_driver_names_its_gpus(driver: Callable[[str], None]) -> None:
    driver(f"case \"$*\" in *--query-gpu=index,uuid,*--format=csv,noheader,nounits*) cat <<'END'\n{FOUND}END\nesac\n")

    assert gpus() == [
        {
            "index": 0,
            "name": "NVIDIA H100, 80GB",
            "memory_bytes": 81559 * 1024**2,
            "driver": "550.54.15",
            "uuid": "GPU-aaaa",
        },
        {"index": 1, "name": "NVIDIA Thor", "memory_bytes": None, "driver": "550.54.15", "uuid": "GPU-bbbb"},
    ]


@pytest.mark.parametrize(
    "script",
    [
        "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9\n",
        "echo 'No devices were found'\n",
        "kill -9 $$\n",
        "exit 0\n",
    ],
)
def test_no_gpus_are_made_up_when_no_driver_answers(driver: Callable[[str], None], script: str) -> None:
    driver(script)

    assert gpus() == []


def test_a_driver_that_hangs_is_given_up(driver: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "GPU_TIMEOUT_S", 0.2)
    driver("sleep 600 & wait\n")

    assert gpus() == []


def test_a_driver_that_never_stops_talking_is_given_up(
    driver: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "GPU_TIMEOUT_S", 0.2)
    driver("yes\n")

    assert gpus() == []


def test_the_driver_is_asked_once(driver: Callable[[str], None], tmp_path: Path) -> None:
    driver(f"echo asked >> '{tmp_path}/log'\necho '0, GPU-a, 1, 2, N'\n")

    first = gpus()
    first[0]["name"] = "changed by the caller"

    assert gpus()[0]["name"] == "N"
    assert (tmp_path / "log").read_text() == "asked\n"


def test_the_gpus_that_cuda_may_use_are_noted_as_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert device.device_info()["cuda_visible_devices"] is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    assert device.device_info()["cuda_visible_devices"] == "1,2"
