"""Where the writes of this process go: to the store while it takes them, else to the spool; or to a server.

Owns that decision, so that a run never fails and never waits twice for a store that does not answer. Once a write went
to the spool, the later ones follow it there until everything has been brought in, so that writes keep their order.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab_logger import artifacts, spool
from lab_logger.errors import SpoolError, StoreError
from lab_logger.record import utc_now
from lab_logger.settings import Settings
from lab_logger.statements import BEAT, Write
from lab_logger.storage import EmbeddedStore, Point

if TYPE_CHECKING:
    from lab_logger.remote import RemoteRecorder

RETRY_S = 30.0
"""How long a store that failed gets no metrics, and no waiting: other writes are offered to it, but do not wait."""


class Recorder:
    """Writes runs to one store, and to its spool when it must.

    Args:
        path: The store's file.
        busy_timeout_s: How long a write waits for another writer, in seconds.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self.store = EmbeddedStore(path, busy_timeout_s=busy_timeout_s)
        self._retry_at: float | None = None
        self._warned: set[str] = set()
        self._spool_paths = spool.candidates(path)
        self._spool_seen: tuple[tuple[int, int], ...] = ()

    @property
    def place(self) -> Path:
        """Where the runs go."""
        return self.store.path

    def write(self, batch: Sequence[Write], *, durable: bool = False) -> int | None:
        """Records a batch, in the store if it takes it.

        Returns:
            How many rows the first write changed, or None when the batch went to the spool.
        """
        if self.store.is_writing_here():
            self._spool(batch, None)
            return None
        try:
            self.store.wait_for_writers(patiently=not self._has_just_failed())
            self._bring_in_spooled()
            changed = self.store.write(batch, durable=durable)
        except StoreError as error:
            self._spool(batch, error)
            return None
        self._recovered()
        return changed

    def add_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Records metric values, in the store if it takes them."""
        if self.store.is_writing_here():
            self._spool(_points_batch(run_id, points), None)
        elif self._retry_at is None:
            try:
                self.store.add_points(run_id, points)
            except StoreError as error:
                self._spool(_points_batch(run_id, points), error)
        elif self._has_just_failed():
            self._spool(_points_batch(run_id, points), None)
        else:
            self._retry_points(run_id, points)

    def beat(self, run_ids: Iterable[str]) -> None:
        """Notes that runs live."""
        for run_id in run_ids:
            try:
                self.store.execute(BEAT, {"heartbeat_at": utc_now(), "run_id": run_id})
            except StoreError:
                continue  # writes report a store that fails; a missed beat is made up for by the next

    def describe(self, path: str, *, upload: bool) -> artifacts.Artifact:
        """Describes a file or a folder as it is now."""
        return artifacts.describe(path)

    def forget_run(self, run_id: str) -> None:
        """Drops what is kept in memory for a run that has ended."""
        self.store.forget_run(run_id)

    def _retry_points(self, run_id: str, points: Sequence[Point]) -> None:
        try:
            self.store.wait_for_writers(patiently=False)
            self._bring_in_spooled()
            self.store.add_points(run_id, points)
        except StoreError as error:
            self._spool(_points_batch(run_id, points), error)
            return
        self._recovered()

    def _has_just_failed(self) -> bool:
        return self._retry_at is not None and time.monotonic() < self._retry_at

    def _recovered(self) -> None:
        if self._retry_at is not None:
            self._retry_at = None
            self.store.wait_for_writers(patiently=True)

    def _bring_in_spooled(self) -> None:
        stamp = spool.stamp(self._spool_paths)
        if stamp != self._spool_seen:
            try:
                spool.drain(self.store)
            except SpoolError as error:
                if not self._warned:  # else it has been said where the records are
                    self._warn("%s; `python -m lab_logger doctor` says more", error)
            self._spool_seen = spool.stamp(self._spool_paths)

    def _spool(self, batch: Sequence[Write], error: Exception | None) -> None:
        if error is not None:
            self._retry_at = time.monotonic() + RETRY_S
        try:
            kept_in = spool.append(self.store.path, batch)
        except SpoolError as spool_error:
            self._warn("%s; the run goes on, but this record is lost: %s", error, spool_error)
            return
        if error is not None:
            self._warn("%s; the run goes on and is kept in %s until `python -m lab_logger sync`", error, kept_in)

    def _warn(self, message: str, *details: object) -> None:
        if message not in self._warned:  # once for each thing that can go wrong
            self._warned.add(message)
            import logging

            logging.getLogger("lab_logger").warning(message, *details)


def _points_batch(run_id: str, points: Sequence[Point]) -> list[Write]:
    batch: list[Write] = []
    for name, step, timestamp, value in points:
        batch.append(("add_series", {"run_id": run_id, "name": name}))
        values: Mapping[str, object] = {
            "run_id": run_id,
            "name": name,
            "step": step,
            "timestamp": timestamp,
            "value": value,
        }
        batch.append(("add_point_by_name", values))
    return batch


_recorders: dict[tuple[Path, float], Recorder] = {}


def recorder_for(path: Path, *, busy_timeout_s: float) -> Recorder:
    """Gives the process's recorder of a store; the same one for the same file."""
    key = (path, busy_timeout_s)
    recorder = _recorders.get(key)
    if recorder is None:
        recorder = _recorders.setdefault(key, Recorder(path, busy_timeout_s=busy_timeout_s))
    return recorder


def recorder_of(settings: Settings) -> "Recorder | RemoteRecorder":
    """Gives the process's recorder of where the settings have runs recorded: a server if they name one, else the store.

    Raises:
        SettingsError: The server's address or token cannot be used.
    """
    server_url = settings.server_url
    if server_url is None:
        return recorder_for(settings.db_path, busy_timeout_s=settings.busy_timeout_s)
    from lab_logger import remote

    return remote.recorder_for(server_url, settings)
