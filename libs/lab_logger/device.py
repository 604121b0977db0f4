"""The machine that a run runs on.

Owns how host, processor, memory and GPUs are found out with the standard library and, where there is one, the GPU
driver's own tool. Each fact may be None; none raises. Nothing is measured at import.
"""

import os
import sys
from typing import Any

from lab_logger.programs import ask

GPU_TIMEOUT_S = 5.0
"""Seconds after which the GPU driver is no longer waited for."""

_GPU_FIELDS = "index,uuid,driver_version,memory.total,name"  # the name comes last: it may hold a comma
_MEBIBYTE = 1_048_576
_MAX_TEXT_BYTES = 65_536
_WINDOWS_MEMORY_STATUS_BYTES = 64  # sizeof(MEMORYSTATUSEX)

_cached: dict[str, Any] | None = None


def device_info() -> dict[str, Any]:
    """Gives what is known about this machine; found out once per process.

    Returns:
        `host`, `os`, `machine` (such as "x86_64"), `python_implementation`, `cpu_model`, `cpu_count` (logical cores),
        `cpu_usable_count` (those this process may use), `ram_bytes`, `cuda_visible_devices` (as set, or None), and
        `gpus`: a list of `{index, name, memory_bytes, driver, uuid}`, all that the driver sees, empty when none
        answers. A fact that cannot be known is None.
    """
    global _cached  # noqa: PLW0603 - one answer per process, replaced in one assignment
    if _cached is None:
        _cached = _facts()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return {**_cached, "cuda_visible_devices": visible, "gpus": [dict(gpu) for gpu in _cached["gpus"]]}


def _facts() -> dict[str, Any]:
    import platform

    return {
        "host": platform.node() or None,
        "os": _os_name(),
        "machine": platform.machine() or None,
        "python_implementation": platform.python_implementation(),
        "cpu_model": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "cpu_usable_count": _cpu_usable_count(),
        "ram_bytes": _ram_bytes(),
        "gpus": _gpus(),
    }


def _os_name() -> str:
    import platform

    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    name = f"{platform.system()} {platform.release()}"
    try:
        return f"{name} ({platform.freedesktop_os_release()['PRETTY_NAME']})"
    except (OSError, KeyError, AttributeError):  # not a Linux, or one that does not say
        return name


def _cpu_model() -> str | None:
    if sys.platform == "darwin":
        answer = ask(["sysctl", "-n", "machdep.cpu.brand_string"], timeout_s=GPU_TIMEOUT_S, max_bytes=_MAX_TEXT_BYTES)
        return answer.output.decode("utf-8", "replace").strip() or None if answer is not None else None
    if sys.platform == "win32":
        return os.environ.get("PROCESSOR_IDENTIFIER")
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            facts = dict(map(_field, file.read(_MAX_TEXT_BYTES).splitlines()))
    except OSError:
        return None
    return facts.get("model name") or facts.get("Model") or facts.get("Hardware") or facts.get("cpu model")


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _cpu_usable_count() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # macOS and Windows
        return os.cpu_count()


def _ram_bytes() -> int | None:
    if sys.platform == "win32":
        return _windows_ram_bytes()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _windows_ram_bytes() -> int | None:
    import ctypes

    size = _WINDOWS_MEMORY_STATUS_BYTES
    status = ctypes.create_string_buffer(size.to_bytes(4, "little"), size)
    library: Any = ctypes
    if not library.windll.kernel32.GlobalMemoryStatusEx(status):
        return None
    return int.from_bytes(status.raw[8:16], "little")


def _gpus() -> list[dict[str, Any]]:
    from shutil import which

    tool = which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, f"--query-gpu={_GPU_FIELDS}", "--format=csv,noheader,nounits"]
    answer = ask(query, timeout_s=GPU_TIMEOUT_S, max_bytes=_MAX_TEXT_BYTES)
    if answer is None or answer.exit_code != 0:
        return []
    rows = [line.split(",", _GPU_FIELDS.count(",")) for line in answer.output.decode("utf-8", "replace").splitlines()]
    return [_gpu(*map(str.strip, row)) for row in rows if len(row) == _GPU_FIELDS.count(",") + 1]


def _gpu(index: str, uuid: str, driver: str, memory_mib: str, name: str) -> dict[str, Any]:
    return {
        "index": int(index) if index.isdecimal() else None,
        "name": name,
        "memory_bytes": int(memory_mib) * _MEBIBYTE if memory_mib.isdecimal() else None,
        "driver": driver,
        "uuid": uuid,
    }
