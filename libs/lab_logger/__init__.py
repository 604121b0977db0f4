"""lab_logger: record a training function's whole run in one SQLite file.

    from lab_logger import log_run, log_metrics

    @log_run
    def train(lr: float = 0.1, epochs: int = 10):
        for epoch in range(epochs):
            log_metrics({"loss": ...}, step=epoch)
        return {"final_metrics": {"accuracy": ...}, "artifacts": ["model.joblib"]}

Owns the public names below. Everything else in the package may change.
"""

from typing import TYPE_CHECKING

from lab_logger.core import (
    child_of,
    current_run,
    log_artifact,
    log_metric,
    log_metrics,
    log_run,
    set_note,
    set_tags,
    start_run,
)
from lab_logger.errors import (
    LabLoggerError,
    MetricValueError,
    NoActiveRunError,
    NotAStoreError,
    ParameterError,
    SchemaTooNewError,
    SettingsError,
    SpoolError,
    StoreError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from lab_logger.artifacts import Artifact
    from lab_logger.run import Run

__version__ = "0.1.0"

__all__ = [
    "Artifact",
    "LabLoggerError",
    "MetricValueError",
    "NoActiveRunError",
    "NotAStoreError",
    "ParameterError",
    "Run",
    "SchemaTooNewError",
    "SettingsError",
    "SpoolError",
    "StoreError",
    "StoreUnavailableError",
    "child_of",
    "current_run",
    "log_artifact",
    "log_metric",
    "log_metrics",
    "log_run",
    "set_note",
    "set_tags",
    "start_run",
]

_LATER = {"Artifact": "lab_logger.artifacts", "Run": "lab_logger.run"}


def __getattr__(name: str) -> object:
    """Loads the classes that only annotations and `isinstance` need when they are asked for."""
    if name in _LATER:
        import importlib

        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
