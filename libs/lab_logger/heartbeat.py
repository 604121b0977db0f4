"""Says now and then that the running runs of this process live.

Owns one daemon thread a process, started with the first run. It only matters to readers on other machines: on the same
machine the process itself is looked at.
"""

import os
import threading
from collections.abc import Iterable
from typing import Protocol

from lab_logger.leases import HEARTBEAT_S


class Beating(Protocol):
    """What is told that runs live."""

    def beat(self, run_ids: Iterable[str]) -> None:
        """Notes that runs live, and never fails."""


_living: dict[str, Beating] = {}
_guard = threading.Lock()
_pulse: threading.Thread | None = None


def begin(run_id: str, recorder: Beating) -> None:
    """Keeps a run's heartbeat going until `end`."""
    global _pulse  # noqa: PLW0603 - one thread a process
    with _guard:
        _living[run_id] = recorder
        if _pulse is None or not _pulse.is_alive():
            pulse = threading.Thread(target=_beat_forever, name="lab_logger-heartbeat", daemon=True)
            try:
                pulse.start()
            except RuntimeError:  # no more threads, or the interpreter is leaving: the run matters more than its pulse
                return
            _pulse = pulse


def end(run_id: str) -> None:
    """Lets a run's heartbeat stop."""
    _living.pop(run_id, None)


def _beat_forever() -> None:
    never = threading.Event()
    while not never.wait(HEARTBEAT_S):
        runs: dict[Beating, list[str]] = {}
        for run_id, recorder in list(_living.items()):
            runs.setdefault(recorder, []).append(run_id)
        for recorder, run_ids in runs.items():
            recorder.beat(run_ids)


def _forget_parents_runs() -> None:
    global _pulse, _guard
    _pulse, _guard = None, threading.Lock()
    _living.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents_runs)
