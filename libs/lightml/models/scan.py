"""What a scan of evaluation results brought in."""

from pydantic import BaseModel, ConfigDict


class ScanStats(BaseModel):
    """What a scan did.

    Attributes:
        models_registered: How many models it found results of.
        metrics_logged: How many metrics were inserted or overwritten.
        metrics_skipped: How many were there already and stayed.
        skipped_dirs: Folders that held nothing to import, by name.
        errors: Why a file could not be read, by its path under the scanned folder; everything else is imported.
    """

    model_config = ConfigDict(protected_namespaces=())

    models_registered: int = 0
    metrics_logged: int = 0
    metrics_skipped: int = 0
    skipped_dirs: list[str] = []
    errors: dict[str, str] = {}
