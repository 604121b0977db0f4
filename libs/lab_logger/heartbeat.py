"""Says now and then that the running runs of this process live.

Owns one daemon thread a process, started with the first run. It only matters to readers on other machines: on the same
machine the process itself is looked at.
"""

import os
import threading

from lab_logger.errors import StoreError
from lab_logger.leases import HEARTBEAT_S
from lab_logger.record import utc_now
from lab_logger.recorder import Recorder
from lab_logger.statements import BEAT

_living: dict[str, Recorder] = {}
_guard = threading.Lock()
_pulse: threading.Thread | None = None


def begin(run_id: str, recorder: Recorder) -> None:
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
        for run_id, recorder in list(_living.items()):
            try:
                recorder.store.execute(BEAT, {"heartbeat_at": utc_now(), "run_id": run_id})
            except StoreError:
                continue  # the recorder reports a store that fails; a missed beat is made up for by the next


def _forget_parents_runs() -> None:
    global _pulse, _guard
    _pulse, _guard = None, threading.Lock()
    _living.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents_runs)
