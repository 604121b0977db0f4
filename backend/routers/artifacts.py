"""What a run left: its live metric series and its artifacts."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse

from backend import artifact_rows, db_utils, series
from backend.artifact_files import ArtifactFiles, OpenFile
from backend.contract import answer, only, problems
from backend.errors import UnknownArtifactError
from backend.models import ArtifactInfo, MetricSeries
from backend.queries import ArtifactQuery, NoQuery, SeriesQuery
from backend.routers.paths import RunId
from backend.service import Service, TheService
from backend.stored_artifacts import StoredArtifacts, StoredFile

router = APIRouter()

_MAX_INDEX = 2**31 - 1

ArtifactIndex = Annotated[
    int, Path(ge=0, le=_MAX_INDEX, description="The artifact's place, `index` in the list.", examples=[0])
]


@router.get(
    "/runs/{run_id:text}/metrics",
    operation_id="get_metric_series",
    response_model=dict[str, MetricSeries],
    responses=problems(404, 409, 503),
    tags=["runs"],
    dependencies=[Depends(only(SeriesQuery))],
)
def get_metric_series(service: TheService, run_id: RunId, query: Annotated[SeriesQuery, Query()]) -> Response:
    """Gives the metrics that a run logged while it ran, by name; a run that logged none has none."""
    with service.reading() as reading:
        full_id = db_utils.resolve_run_id(reading.connection, run_id)
        found = series.read_series(reading.connection, full_id, query)
    return answer(found)


@router.get(
    "/runs/{run_id:text}/artifacts",
    operation_id="list_artifacts",
    tags=["artifacts"],
    response_model=list[ArtifactInfo],
    responses=problems(404, 409, 503),
    dependencies=[Depends(only(NoQuery))],
)
def list_artifacts(service: TheService, run_id: RunId) -> Response:
    """Lists a run's artifacts, as they were recorded and as they are now: here, stored, on their way, or elsewhere."""
    with service.reading() as reading:
        full_id = db_utils.resolve_run_id(reading.connection, run_id)
        recorded = artifact_rows.list_artifacts(reading.connection, full_id)
    return answer([_holder(service, row).describe(row, run_id=full_id) for row in recorded])


@router.get(
    "/runs/{run_id:text}/artifacts/{index}",
    operation_id="download_artifact",
    tags=["artifacts"],
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The file, as an attachment.",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}, "example": "epoch,loss\n1,0.5\n"}},
        },
        **problems(404, 409, 503),
    },
    dependencies=[Depends(only(ArtifactQuery))],
)
def download_artifact(
    service: TheService, run_id: RunId, index: ArtifactIndex, query: Annotated[ArtifactQuery, Query()]
) -> Response:
    """Sends an artifact's file, always as an attachment: one below the allowed folders, or one in the artifact store.

    Content of the artifact store is checked as it is sent; where it proves damaged, the answer ends before its length.
    """
    with service.reading() as reading:
        full_id = db_utils.resolve_run_id(reading.connection, run_id)
        recorded = artifact_rows.list_artifacts(reading.connection, full_id)
    found = next((row for row in recorded if row["position"] == index), None)
    if found is None:
        raise UnknownArtifactError(f"run {full_id} has {len(recorded)} artifacts, none with the index {index}")
    return _attachment(_holder(service, found).open(found, within=query.path))


def _holder(service: Service, recorded: Mapping[str, Any]) -> ArtifactFiles | StoredArtifacts:
    """Gives what holds an artifact: the path of one of another machine means nothing on the disk of this one."""
    return service.stored_artifacts if recorded["is_remote"] else service.files


def _attachment(file: OpenFile | StoredFile) -> Response:
    plain_name = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in file.name)
    exact_name = quote(file.name, safe="", errors="replace")
    return StreamingResponse(
        file.chunks(),
        media_type=file.media_type,
        headers={
            "Content-Length": str(file.size_bytes),
            "Content-Disposition": f"attachment; filename=\"{plain_name}\"; filename*=UTF-8''{exact_name}",
            # Should a browser show the file after all, it runs no script and loads nothing.
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )
