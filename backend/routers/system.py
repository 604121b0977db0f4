"""Whether the service is up, and what it is."""

from fastapi import APIRouter, Depends, Response

from backend import __version__
from backend.access import ThePrincipal, WantsToken
from backend.contract import answer, only, problems
from backend.models import Health, Identity, Version
from backend.queries import NoQuery
from backend.service import TheService
from lab_logger import StoreError

router = APIRouter(tags=["system"], dependencies=[Depends(only(NoQuery))])


@router.get("/health", operation_id="health", response_model=Health, responses=problems(is_open=True))
def health(service: TheService) -> Response:
    """Says that the service is up; it does not touch the store, and needs no token."""
    return answer({"status": "ok", "project": service.settings.project_name})


@router.get("/version", operation_id="version", response_model=Version, responses=problems())
def version(service: TheService) -> Response:
    """Says which version serves which store, and, when the store cannot be opened, why."""
    schema_version, store_error = None, None
    try:
        schema_version = service.store.schema_version()
    except StoreError as error:
        store_error = str(error)
    return answer(
        {
            "version": __version__,
            "store_kind": service.store.kind,
            "store_path": service.store.place,
            "schema_version": schema_version,
            "store_error": store_error,
        }
    )


@router.get("/whoami", operation_id="whoami", response_model=Identity, responses=problems(503))
def whoami(principal: ThePrincipal, wants_token: WantsToken) -> Response:
    """Says whose token came with the request, and what its user may do."""
    return answer({"user": principal.user, "role": principal.role, "wants_token": wants_token})
