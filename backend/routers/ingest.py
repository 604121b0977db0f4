"""Taking in what training machines send: records in batches, signs of life, and the content of artifacts."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Final

from anyio import CapacityLimiter, from_thread, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Depends, Header, Path, Request, Response

from backend import ingest
from backend.access import ThePrincipal, requires
from backend.contract import answer, only, problems
from backend.errors import BodyTooLargeError, UnknownRunError
from backend.ingest_models import (
    MAX_RECORDS,
    AddedPoints,
    AddedTags,
    Beats,
    Finish,
    HeardBeats,
    NewRun,
    RecordBatch,
    RecordedArtifact,
    StoredRecords,
    WrittenRun,
)
from backend.json_bodies import TheJson, check, described
from backend.object_models import CompleteObject, ObjectState, StoredObject
from backend.objects import MAX_PARTS
from backend.objects.records import is_stored, record
from backend.ownership import Body, Item
from backend.points import MAX_POINTS
from backend.queries import NoQuery
from backend.sent_values import MAX_INT64, SHA256_PATTERN, UUID_PATTERN
from backend.service import Service, TheService

_DEPENDENCIES = [Depends(requires("write")), Depends(only(NoQuery))]

router = APIRouter(prefix="/ingest", tags=["ingest"], dependencies=_DEPENDENCIES)
runs_router = APIRouter(prefix="/runs", tags=["ingest"], dependencies=_DEPENDENCIES)

_UPLOADS_AT_ONCE: Final = 64
_upload_limiter: RunVar[CapacityLimiter] = RunVar("upload_limiter")

FullRunId = Annotated[
    str,
    Path(pattern=UUID_PATTERN, description="The run's whole id.", examples=["3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"]),
]
ContentHash = Annotated[
    str,
    Path(
        pattern=SHA256_PATTERN,
        description="SHA-256 of the whole content.",
        examples=["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ),
]
ContentSize = Annotated[
    int,
    Header(
        alias="X-Content-Size",
        ge=0,
        le=MAX_INT64,
        description="How long the whole content is, in bytes.",
        examples=[20_000_000],
    ),
]
PartIndex = Annotated[int, Path(ge=0, lt=MAX_PARTS, description="The part's place, from 0.", examples=[0])]
PartHash = Annotated[
    str,
    Header(
        alias="X-Content-SHA256",
        pattern=SHA256_PATTERN,
        description="SHA-256 of this part.",
        examples=["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ),
]


@router.post(
    "/records",
    operation_id="ingest_records",
    response_model=StoredRecords,
    responses=problems(404, 413, 415, 503),
    openapi_extra=described(RecordBatch),
)
def ingest_records(service: TheService, principal: ThePrincipal, sent: TheJson) -> Response:
    """Stores records of a sender that are not stored yet: all of them, or none.

    A record at or below the highest stored position of its sender is left out, so that sending the same again, or more
    along with it, stores each record once. The body is JSON of at most 16 MB, with `Content-Encoding: gzip` if that is
    what it is; unpacked it may have 64 MB. What cannot be used is named by its place in `errors`: `loc` is `records`,
    which of them, and the field.
    """
    value = sent.read()
    _check_amounts(value)
    batch = check(RecordBatch, value, tagged="records")
    return answer(ingest.store_batch(service.store, batch, principal=principal).model_dump())


@router.post(
    "/heartbeat",
    operation_id="ingest_heartbeat",
    response_model=HeardBeats,
    responses=problems(413, 415, 503),
    openapi_extra=described(Beats),
)
def ingest_heartbeat(service: TheService, principal: ThePrincipal, sent: TheJson) -> Response:
    """Notes that runs live. A run that was taken for dead runs again; one that told its end stays as it is."""
    beats = check(Beats, sent.read())
    return answer({"unknown": ingest.hear(service.store, beats.run_ids, principal=principal)})


@router.get(
    "/objects/{sha256}",
    operation_id="object_state",
    response_model=ObjectState,
    responses=problems(413, 503),
)
def object_state(service: TheService, sha256: ContentHash, size_bytes: ContentSize = 0) -> Response:
    """Tells whether some content is stored, and if not, which parts of it have arrived.

    With `X-Content-Size`, content that is longer than the server takes is refused before any of it is sent.
    """
    service.objects.check_size(size_bytes)
    if is_stored(service.store, service.objects, sha256):
        return answer({"stored": True, "parts": []})
    parts = service.objects.parts(sha256)
    return answer({"stored": False, "parts": [{"index": index, "size_bytes": size} for index, size in parts]})


@router.put(
    "/objects/{sha256}/parts/{index}",
    operation_id="put_object_part",
    status_code=204,
    response_class=Response,
    responses=problems(413, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def put_object_part(
    service: TheService, sha256: ContentHash, index: PartIndex, part_sha256: PartHash, request: Request
) -> Response:
    """Takes in a part of some content, at most 16 MiB, as raw bytes; the same part again replaces it."""
    put = partial(service.objects.put_part, sha256, index, _chunks(request), part_sha256)
    await to_thread.run_sync(put, limiter=_upload_threads())
    return Response(status_code=204)


@router.post(
    "/objects/{sha256}/complete",
    operation_id="complete_object",
    response_model=StoredObject,
    responses=problems(409, 413, 415, 503),
    openapi_extra=described(CompleteObject),
)
def complete_object(service: TheService, sha256: ContentHash, sent: TheJson) -> Response:
    """Joins the parts of some content and keeps it if it is what it should be; else the parts are to be sent anew."""
    whole = check(CompleteObject, sent.read())
    service.objects.complete(sha256, whole.size_bytes, whole.parts)
    record(service.store, service.objects, sha256, whole.size_bytes)
    return answer({"stored": True})


@runs_router.post(
    "",
    operation_id="start_run",
    response_model=WrittenRun,
    responses={
        200: {"description": "The run was known already; nothing changed."},
        201: {"model": WrittenRun, "description": "The run is new."},
        **problems(413, 415, 503),
    },
    openapi_extra=described(NewRun),
)
def start_run(service: TheService, principal: ThePrincipal, sent: TheJson) -> Response:
    """Starts a run, for programs that do not use the logger."""
    run = check(NewRun, sent.read())
    is_new = ingest.store_item(service.store, Item(run.run_id, run, ("run_id",)), principal=principal)
    response = answer({"run_id": run.run_id})
    response.status_code = 201 if is_new else 200
    return response


def _writes(path: str, model: type[Any], operation_id: str) -> dict[str, Any]:
    return {
        "path": f"/{{run_id}}/{path}",
        "operation_id": operation_id,
        "response_model": WrittenRun,
        "responses": problems(404, 413, 415, 503),
        "openapi_extra": described(model),
    }


@runs_router.post(**_writes("points", AddedPoints, "add_points"))
def add_points(service: TheService, principal: ThePrincipal, run_id: FullRunId, sent: TheJson) -> Response:
    """Adds metric values to a run; a step that is there already takes the new value."""
    return _written(service, run_id, check(AddedPoints, sent.read()), principal)


@runs_router.post(**_writes("tags", AddedTags, "add_tags"))
def add_tags(service: TheService, principal: ThePrincipal, run_id: FullRunId, sent: TheJson) -> Response:
    """Adds tags to a run; those it has stay."""
    return _written(service, run_id, check(AddedTags, sent.read()), principal)


@runs_router.post(**_writes("artifacts", RecordedArtifact, "add_artifact"))
def add_artifact(service: TheService, principal: ThePrincipal, run_id: FullRunId, sent: TheJson) -> Response:
    """Records an artifact of a run; one with the same index is replaced. Its content goes to `/ingest/objects`."""
    return _written(service, run_id, check(RecordedArtifact, sent.read()), principal)


@runs_router.post(**_writes("finish", Finish, "finish_run"))
def finish_run(service: TheService, principal: ThePrincipal, run_id: FullRunId, sent: TheJson) -> Response:
    """Ends a run."""
    return _written(service, run_id, check(Finish, sent.read()), principal)


@runs_router.post(
    "/{run_id}/heartbeat",
    operation_id="heartbeat",
    response_model=WrittenRun,
    responses=problems(404, 503),
)
def heartbeat(service: TheService, principal: ThePrincipal, run_id: FullRunId) -> Response:
    """Notes that a run lives, as `/ingest/heartbeat` does for many."""
    if ingest.hear(service.store, [run_id], principal=principal):
        raise UnknownRunError(f"no run has the id {run_id!r}; start it first")
    return answer({"run_id": run_id})


def _written(service: Service, run_id: str, body: Body, principal: ThePrincipal) -> Response:
    ingest.store_item(service.store, Item(run_id, body, ("run_id",)), principal=principal)
    return answer({"run_id": run_id})


def _check_amounts(value: Any) -> None:
    """Refuses more than is checked in one go; what is no batch at all is left to the model."""
    records = value.get("records") if isinstance(value, dict) else None
    if not isinstance(records, list):
        return
    if len(records) > MAX_RECORDS:
        raise BodyTooLargeError(f"the body has {len(records):,} records; send at most {MAX_RECORDS:,} at once")
    lists = [record.get("points") for record in records if isinstance(record, dict)]
    points = sum(len(one) for one in lists if isinstance(one, list))
    if points > MAX_POINTS:
        raise BodyTooLargeError(f"the body has {points:,} metric values; send at most {MAX_POINTS:,} at once")


def _upload_threads() -> CapacityLimiter:
    """Gives the threads of parts, which wait for slow networks: threads of their own, so that nobody else waits too."""
    try:
        return _upload_limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_UPLOADS_AT_ONCE)
        _upload_limiter.set(limiter)
        return limiter


def _chunks(request: Request) -> Iterator[bytes]:
    """Gives a body piece by piece to the thread that keeps it, while the event loop receives it."""
    stream = request.stream()

    async def receive() -> bytes | None:
        return await anext(stream, None)

    while (chunk := from_thread.run(receive)) is not None:
        if chunk:
            yield chunk
