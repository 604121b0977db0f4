"""Observers that see a run as it happens, such as W&B; a failing mirror never touches the run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lab_logger.settings import Settings


@dataclass(frozen=True, slots=True)
class RunStart:
    """What a mirror is told when a run starts."""

    run_id: str
    project: str
    params: object
    tags: tuple[str, ...]
    dataset_id: str | None


class Mirror(Protocol):
    """What a run tells its mirror; every method returns at once and raises nothing."""

    def log_metrics(self, values: Mapping[str, float], step: int) -> None:
        """Passes live metric values on."""

    def finish(self, status: str, final_metrics: Mapping[str, object], artifacts: Sequence[str]) -> None:
        """Passes the run's end on."""


class _NoMirror:
    def log_metrics(self, values: Mapping[str, float], step: int) -> None:
        """Nobody listens."""

    def finish(self, status: str, final_metrics: Mapping[str, object], artifacts: Sequence[str]) -> None:
        """Nobody listens."""


def open_mirror(settings: Settings, start: RunStart, *, on_url: Callable[[str], None]) -> Mirror:
    """Gives the mirror that the settings ask for."""
    return _NoMirror()
