"""What the figures were taken on, in words that name no one's machine.

Owns the description. Names of hosts, users and folders stay out of it.
"""

import os
import platform
import sqlite3
from pathlib import Path

from benchmarks.measure import take_turns, time_text
from lab_logger.device import device_info

_SYNC_ROUNDS = 50
_PAGE_BYTES = 4096
_BYTES_PER_GB = 1e9
_QUIET_LOAD = 0.5

BUSY = (
    "other programs were at work: what they add to a figure and to its floor alike pulls ratios towards 1, so neither "
    "what is met nor what is missed is certain; measure again on a quiet machine"
)
"""The line that is added when the figures were taken on a machine that was not quiet."""


def describe(folder: Path) -> list[str]:
    """Gives one line for each fact that moves the figures.

    Args:
        folder: Where the stores lie; how long a write to its disk takes is measured there.
    """
    device = device_info()
    cores = device.get("cpu_usable_count") or os.cpu_count()
    memory_bytes = device.get("ram_bytes")
    memory = f", {memory_bytes / _BYTES_PER_GB:.0f} GB of memory" if isinstance(memory_bytes, int) else ""
    load = _load()
    model = device.get("cpu_model") or "model not known"
    facts = [
        f"{platform.system()} on {platform.machine()}, {cores} cores ({model}){memory}",
        f"{platform.python_implementation()} {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"a write of {_PAGE_BYTES} bytes forced to the disk: {time_text(_sync_s(folder))} (median)",
    ]
    if load is None:
        return facts
    facts.append(f"load average of the minute before: {load:.1f}")
    if load > _QUIET_LOAD:
        facts.append(BUSY)
    return facts


def _load() -> float | None:
    """Gives the load average of the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _sync_s(folder: Path) -> float:
    with (folder / "sync").open("wb", buffering=0) as file:

        def write_through() -> None:
            file.write(b"\0" * _PAGE_BYTES)
            os.fsync(file.fileno())

        return take_turns({"sync": write_through}, rounds=_SYNC_ROUNDS)["sync"].median_s
