"""Every error the service answers with, and the problem documents (RFC 9457) that say so.

Owns the tree below, and how any failure, those of the framework included, becomes an `application/problem+json` answer.

    BackendError
    ├── InvalidRequestError      422  a value of the request cannot be used
    ├── UnknownRunError          404  no run has the id
    ├── AmbiguousRunError        409  several runs have ids that start like this
    ├── UnknownMetricError       404  no such metric
    ├── UnknownArtifactError     404  the run has no such artifact, or it no longer exists
    ├── ForbiddenArtifactError   403  the artifact may not be handed out
    ├── ForbiddenClientError     403  the client is on another machine and no token is set
    ├── ForbiddenRoleError       403  the token's role may not do this
    ├── UnauthorizedError        401  the token is missing or wrong
    ├── MissingHostError         400  the request does not say which host it is for
    ├── MisdirectedError         421  the request is for a host this service does not answer for
    ├── BodyTooLargeError        413  the body is too long
    ├── UnsupportedBodyError     415  the body is of a kind, or packed in a way, that is not read
    ├── ForbiddenRunError        403  the run is another user's
    ├── UnknownObjectError       404  the artifact store does not hold the content
    ├── IncompleteObjectError    409  parts of the content are still to be sent
    ├── ObjectMismatchError      409  what was sent is not what its SHA-256 says; it is to be sent anew
    ├── DamagedObjectError       503  what the artifact store holds is not what was stored
    └── ObjectStoreError         503  the artifact store cannot be used now

A `lab_logger.StoreError` is answered with 503. What the model registry raises is answered by its own tree:

    lightml.errors.LightMLError
    ├── RegistryError            503  the file cannot be used now, or an earlier version made it
    │   └── RegistryMissingError 404  there is no registry yet, and so not what was asked for
    ├── UnknownNameError         404  no run, model, checkpoint, family or metric has the name
    ├── AmbiguousNameError       409  several have
    └── InvalidEntryError        422  a value that the registry does not take
"""

import difflib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from lab_logger import StoreError
from lightml.errors import (
    AmbiguousNameError,
    InvalidEntryError,
    LightMLError,
    RegistryError,
    RegistryMissingError,
    RegistryUnavailableError,
    UnknownNameError,
)

MEDIA_TYPE = "application/problem+json"
MAX_CANDIDATES = 10
RETRY_AFTER_S = 1

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_KIND_PREFIX = "urn:ai-lab:problem:"
_MAX_SHOWN_CHARS = 200
_MAX_DETAIL_CHARS = 4_000
_REGISTRY_PROBLEMS: tuple[tuple[type[LightMLError], int, str, str], ...] = (
    (RegistryMissingError, 404, "no-registry", "No registry yet"),
    (UnknownNameError, 404, "unknown-name", "Unknown name"),
    (AmbiguousNameError, 409, "ambiguous-name", "Ambiguous name"),
    (InvalidEntryError, 422, "invalid-entry", "Invalid entry"),
    (RegistryError, 503, "registry-unavailable", "The registry is unavailable"),
)

_log = logging.getLogger(__name__)


class BackendError(Exception):
    """The root: a request that cannot be answered, and why.

    Args:
        detail: What is wrong, the offending value, and what to do.
        candidates: What may have been meant; the first ten are shown.
        errors: The values that cannot be used, as `InvalidValue` objects.
    """

    status = 500
    kind = "internal-error"
    title = "Internal error"
    headers: Mapping[str, str] = {}

    def __init__(
        self,
        detail: str,
        *,
        candidates: Sequence[str] | None = None,
        errors: Sequence[Mapping[str, object]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.candidates = None if candidates is None else list(candidates[:MAX_CANDIDATES])
        self.errors = errors


class InvalidRequestError(BackendError):
    """A value of the request cannot be used."""

    status, kind, title = 422, "invalid-request", "Invalid request"

    @classmethod
    def of_parameter(cls, name: str, message: str, value: object = None) -> "InvalidRequestError":
        """Makes the error about one query parameter."""
        shown = _shown(value)
        was = "" if value is None else f" (it is {shown!r})"
        return cls(
            f"query {name}: {message}{was}", errors=[{"location": f"query {name}", "message": message, "value": shown}]
        )


class UnknownRunError(BackendError):
    """No run has the id."""

    status, kind, title = 404, "unknown-run", "Unknown run"


class AmbiguousRunError(BackendError):
    """Several runs have ids that start with what was given."""

    status, kind, title = 409, "ambiguous-run-id", "Ambiguous run id"


class UnknownMetricError(BackendError):
    """There is no such metric."""

    status, kind, title = 404, "unknown-metric", "Unknown metric"


class UnknownArtifactError(BackendError):
    """The run has no such artifact, or the artifact no longer exists."""

    status, kind, title = 404, "unknown-artifact", "Unknown artifact"


class ForbiddenArtifactError(BackendError):
    """The artifact may not be handed out."""

    status, kind, title = 403, "forbidden-artifact", "Artifact not served"


class ForbiddenClientError(BackendError):
    """The client is on another machine, and only this one is served."""

    status, kind, title = 403, "forbidden-client", "Only this machine is served"


class ForbiddenRoleError(BackendError):
    """The role of the token may not do what was asked."""

    status, kind, title = 403, "role-too-low", "Role too low"


class UnauthorizedError(BackendError):
    """The token is missing or wrong."""

    status, kind, title = 401, "unauthorized", "Token needed"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="ai-lab"'}


class MissingHostError(BackendError):
    """The request has no usable Host header."""

    status, kind, title = 400, "missing-host", "Missing host"


class MisdirectedError(BackendError):
    """The Host header names a host that the service does not answer for."""

    status, kind, title = 421, "misdirected-request", "Host not served"


class BodyTooLargeError(BackendError):
    """The request's body is too long."""

    status, kind, title = 413, "body-too-large", "Body too large"


class UnsupportedBodyError(BackendError):
    """The body is of a media type, or has a content encoding, that is not read."""

    status, kind, title = 415, "unsupported-body", "Body not readable"
    headers: Mapping[str, str] = {"Accept": "application/json", "Accept-Encoding": "gzip, identity"}


class ForbiddenRunError(BackendError):
    """The run is another user's, and only an admin may add to it."""

    status, kind, title = 403, "forbidden-run", "Another user's run"


class UnknownObjectError(BackendError):
    """The artifact store does not hold the content."""

    status, kind, title = 404, "unknown-object", "Unknown content"


class IncompleteObjectError(BackendError):
    """Parts of the content are still to be sent."""

    status, kind, title = 409, "incomplete-object", "Content incomplete"


class ObjectMismatchError(BackendError):
    """What was sent is not what its SHA-256 says; nothing of it was kept."""

    status, kind, title = 409, "object-mismatch", "Content does not fit its SHA-256"


class DamagedObjectError(BackendError):
    """What the artifact store holds is not what was stored."""

    status, kind, title = 503, "damaged-object", "Stored content is damaged"


class ObjectStoreError(BackendError):
    """The artifact store cannot be used now."""

    status, kind, title = 503, "artifact-store-unavailable", "The artifact store is unavailable"
    headers: Mapping[str, str] = {"Retry-After": str(RETRY_AFTER_S)}


def store_unavailable(detail: str) -> BackendError:
    """Makes the error for a store that cannot be used now."""
    unavailable = BackendError(detail)
    unavailable.status, unavailable.kind, unavailable.title = 503, "store-unavailable", "The store is unavailable"
    unavailable.headers = {"Retry-After": str(RETRY_AFTER_S)}
    return unavailable


def problem(error: BackendError, *, instance: str) -> Response:
    """Gives the problem document of an error.

    Args:
        error: What went wrong.
        instance: The path that was asked for.
    """
    document: dict[str, object] = {
        "type": _KIND_PREFIX + error.kind,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
    }
    if error.errors is not None:
        document["errors"] = list(error.errors)
    if error.candidates is not None:
        document["candidates"] = error.candidates
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return Response(
        text.encode("utf-8", "replace"), status_code=error.status, media_type=MEDIA_TYPE, headers=dict(error.headers)
    )


def install(app: FastAPI) -> None:
    """Makes an application answer every failure with a problem document."""
    app.add_exception_handler(BackendError, _answer_backend_error)
    app.add_exception_handler(StoreError, _answer_store_error)
    app.add_exception_handler(LightMLError, _answer_registry_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_unexpected_error)


async def _answer_backend_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, BackendError)
    return problem(error, instance=request.url.path)


async def _answer_store_error(request: Request, error: Exception) -> Response:
    _log.warning("the store did not answer %s: %s", request.url.path, error)
    return problem(store_unavailable(str(error)), instance=request.url.path)


async def _answer_registry_error(request: Request, error: Exception) -> Response:
    found = next((row for row in _REGISTRY_PROBLEMS if isinstance(error, row[0])), None)
    if found is None:
        return await _answer_unexpected_error(request, error)
    _, status, kind, title = found
    refusal = BackendError(_shortened(str(error), _MAX_DETAIL_CHARS))
    refusal.status, refusal.kind, refusal.title = status, kind, title
    if isinstance(error, RegistryUnavailableError):
        refusal.headers = {"Retry-After": str(RETRY_AFTER_S)}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        _log.warning("the registry did not answer %s: %s", request.url.path, error)
    return problem(refusal, instance=request.url.path)


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_invalid_value(found) for found in error.errors()]
    detail = "; ".join(_sentence(found) for found in errors)
    return problem(InvalidRequestError(detail, errors=errors), instance=request.url.path)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    possible = _possible_methods(request) if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else ""
    details = {
        404: f"there is nothing at {request.url.path}; GET /openapi.json lists the addresses there are",
        405: f"{request.method} is not possible here; possible: {possible}",
    }
    plain = BackendError(details.get(error.status_code, str(error.detail)))
    plain.status, plain.kind, plain.title = error.status_code, phrase.lower().replace(" ", "-"), phrase
    plain.headers = {"Allow": possible} if possible else error.headers or {}
    return problem(plain, instance=request.url.path)


def _possible_methods(request: Request) -> str:
    """Gives the methods of every route at an address: the framework names those of one route alone."""
    routes = request.app.router.routes
    asked = [{**request.scope, "method": method} for method in _METHODS]
    return ", ".join(scope["method"] for scope in asked if any(one.matches(scope)[0] is Match.FULL for one in routes))


async def _answer_unexpected_error(request: Request, error: Exception) -> Response:
    # The traceback follows in the server's own log: the framework raises the error on once it is answered.
    _log.error("%s %s failed: %r", request.method, request.url.path, error)
    return problem(
        BackendError("the service failed on this request; its log has the traceback"), instance=request.url.path
    )


def _invalid_value(found: Mapping[str, Any]) -> dict[str, object]:
    # Where values do not fit together, or one is missing, the input is everything that was given.
    is_one_value = len(found["loc"]) > 1 and found["type"] != "missing"
    value = _shown(found.get("input")) if is_one_value else None
    location = " ".join(str(part) for part in found["loc"] if part != "")
    return {"location": location, "message": str(found["msg"]).removeprefix("Value error, "), "value": value}


def _sentence(found: Mapping[str, object]) -> str:
    was = "" if found["value"] is None else f" (it is {found['value']!r})"
    return f"{found['location']}: {found['message']}{was}"


def _shown(value: object) -> str | int | bool | None:
    """Gives a received value fit to be shown: short, and JSON whatever it is."""
    if value is None or isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else repr(value)
    return _shortened(text.encode("utf-8", "replace").decode(), _MAX_SHOWN_CHARS)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text)} characters in all]"


def list_names(names: Iterable[str], *, limit: int = MAX_CANDIDATES) -> str:
    """Gives names as text, the first `limit` of them."""
    listed = list(names)
    shown = ", ".join(repr(name) for name in listed[:limit])
    return shown + (f" and {len(listed) - limit} more" if len(listed) > limit else "")


def close_names(name: str, known: Iterable[str]) -> list[str]:
    """Gives the known names in order of likeness to a name that is not among them; the unlike ones in text order."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=MAX_CANDIDATES)
    return close + [other for other in names if other not in close]
