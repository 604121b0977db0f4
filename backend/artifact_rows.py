"""What is recorded of the artifacts of a run.

Owns reading the rows. What they mean on this machine, and what may be handed out, `artifact_files` and
`stored_artifacts` know.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from backend import shapes
from backend.tables import artifact_files, artifacts, manifests, objects


def list_artifacts(connection: Connection, run_id: str) -> list[Mapping[str, Any]]:
    """Gives the artifacts of a run by its full id, as recorded and in order.

    Returns:
        Rows of `artifacts`, each with its `files`: the rows of `artifact_files` with `is_stored`, by path. Of a run of
        an older logger, which recorded paths alone, everything but `position` and `path` is None, and `is_remote` 0.
    """
    statement = select(artifacts).where(artifacts.c.run_id == run_id).order_by(artifacts.c.position)
    recorded = connection.execute(statement).mappings().all()
    if recorded:
        files = _sent_files(connection, run_id) if any(row["is_remote"] for row in recorded) else {}
        return [{**row, "files": files.get(row["position"], [])} for row in recorded]
    document = connection.execute(
        select(manifests.c.artifacts_json).where(manifests.c.run_id == run_id)
    ).scalar_one_or_none()
    nothing = dict.fromkeys(("kind", "size_bytes", "sha256", "media_type", "recorded_at"))
    paths = shapes.artifact_paths(shapes.text(document))
    return [
        {**nothing, "position": position, "path": path, "is_remote": 0, "files": []}
        for position, path in enumerate(paths)
    ]


def _sent_files(connection: Connection, run_id: str) -> dict[int, list[Mapping[str, Any]]]:
    columns = (artifact_files.c.position, artifact_files.c.path, artifact_files.c.sha256)
    # What is stored has its true size, whatever the sender said.
    size_bytes = func.coalesce(objects.c.size_bytes, artifact_files.c.size_bytes).label("size_bytes")
    statement = (
        select(*columns, size_bytes, objects.c.sha256.is_not(None).label("is_stored"))
        .join(objects, objects.c.sha256 == artifact_files.c.sha256, isouter=True)
        .where(artifact_files.c.run_id == run_id)
        .order_by(artifact_files.c.position, artifact_files.c.path)
    )
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in connection.execute(statement).mappings():
        found.setdefault(row["position"], []).append(dict(row))
    return found
