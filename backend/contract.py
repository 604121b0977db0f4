"""What every route has in common: strict query parameters, JSON answers, and documented problems.

Owns these three. It must not know what a route answers.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, get_origin

from fastapi import Request, Response
from pydantic import BaseModel

from backend.errors import InvalidRequestError, list_names
from backend.models import Problem

_MEANINGS = {
    400: "The request names no host.",
    401: "The server wants a token, and the request has none that works.",
    403: "The client, or the file asked for, is not served; or the token's role may not do this.",
    404: "There is no such run, metric, artifact or model.",
    409: "The prefix of a run id, or the name of a model, fits several.",
    413: "The body is too long.",
    415: "The body is of a media type, or packed in a way, that is not read.",
    421: "The server does not answer for the host asked.",
    422: "A value of the request cannot be used.",
    500: "The service failed.",
    503: "The store, or the registry, cannot be read or written now.",
}
_GATE = (400, 403, 421)
_ANYWHERE = (401, 422, 500)

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def answer(value: object, *, headers: Mapping[str, str] | None = None) -> Response:
    """Gives a JSON answer without checking it against its model again: rows are shaped as the model says."""
    return Response(_encode(value).encode("utf-8", "replace"), media_type="application/json", headers=headers)


def problems(*statuses: int, is_open: bool = False) -> dict[int | str, dict[str, Any]]:
    """Documents the problems that a route may answer with.

    Args:
        statuses: Those of the route itself; the ones that any route may answer with are added.
        is_open: Whether the route works without a token.
    """
    found = {*_GATE, *_ANYWHERE, *statuses} - ({401} if is_open else set())
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in sorted(found)}


def only(query: type[BaseModel]) -> Callable[[Request], None]:
    """Makes a dependency that refuses query parameters a model does not have, and repeats of those that are no list.

    Raises:
        InvalidRequestError: From the dependency; it names the parameters and the known ones.
    """
    fields = query.model_fields
    lists = {name for name, field in fields.items() if get_origin(field.annotation) is list}

    def check(request: Request) -> None:
        given = request.query_params
        unknown = [name for name in given if name not in fields]
        if unknown:
            has = f"it has {list_names(fields, limit=len(fields))}" if fields else "it has none"
            errors = [_error(name, "there is no such parameter", given[name]) for name in unknown]
            raise InvalidRequestError(
                f"unknown query parameter {list_names(unknown)} for {request.url.path}; {has}", errors=errors
            )
        for name in given:
            if name not in lists and len(given.getlist(name)) > 1:
                raise InvalidRequestError.of_parameter(name, "give it once", ", ".join(given.getlist(name)))

    return check


def _error(name: str, message: str, value: str) -> Mapping[str, object]:
    return InvalidRequestError.of_parameter(name, message, value).errors[0]  # type: ignore[index]  # it has just one
