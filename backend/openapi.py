"""The OpenAPI document: what FastAPI cannot know by itself.

Owns the corrections: problems are `application/problem+json`, an optional parameter is absent rather than null,
examples stand where tools look for them, and a token may be needed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from backend import ingest_models
from backend.access import Role, role_needed
from backend.errors import MEDIA_TYPE

DESCRIPTION = (
    "Every experiment of the store: list, filter, rank and compare runs, read their live metrics, download their "
    "artifacts, and note what matters. Every model of the registry: its lineage, checkpoints and metrics, and whether "
    "a difference is real. Failures are problem documents (RFC 9457) whose `detail` says what to do."
)

_FIRST_ERROR_STATUS = 400
_TOKEN = (
    "A token of the store (`python -m backend.tokens create`), or the server's API_TOKEN, whose holder may do "
    "everything. Wanted once there is one or the other."
)


def complete(app: FastAPI) -> None:
    """Makes an application give the corrected document."""
    made_by_fastapi = app.openapi

    def corrected() -> dict[str, Any]:
        if app.openapi_schema is None:
            _correct(made_by_fastapi(), _roles(app))
        return made_by_fastapi()

    app.openapi = corrected  # type: ignore[method-assign]  # the way FastAPI documents


def _roles(app: FastAPI) -> dict[tuple[str, str], Role]:
    """Gives the role that each operation needs, by method and path."""
    routes = [route for route in iter_route_contexts(app.routes) if isinstance(route.original_route, APIRoute)]
    return {
        (method, route.path_format or ""): role_needed(method, route.path_format or "", route.dependant)
        for route in routes
        for method in route.methods or ()
    }


def _correct(document: dict[str, Any], roles: Mapping[tuple[str, str], Role]) -> None:
    components = document["components"]
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "description": _TOKEN}}
    for method, path, operation in _operations(document):
        if path == "/health":
            operation["security"] = [{}]
        else:
            # OpenAPI 3.1: the list names the roles that are needed.
            operation["security"] = [{"token": [roles[method, path]]}, {}]
            operation["description"] += f"\n\nWhere the server wants a token: the role `{roles[method, path]}`."
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if int(status) >= _FIRST_ERROR_STATUS and content:
                response["content"] = {MEDIA_TYPE: next(iter(content.values()))}
        for parameter in operation.get("parameters", ()):
            _correct_parameter(parameter)
    # FastAPI knows nothing of the bodies that `json_bodies` reads.
    components["schemas"] |= ingest_models.schemas()
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _correct_parameter(parameter: dict[str, Any]) -> None:
    schema = parameter["schema"]
    kinds = schema.get("anyOf", [])
    if {"type": "null"} in kinds:
        kinds.remove({"type": "null"})
        if len(kinds) == 1:
            del schema["anyOf"]
            schema.update(kinds[0])
    if schema.get("examples"):
        parameter["example"] = schema["examples"][0]
