"""The OpenAPI document: what FastAPI cannot know by itself.

Owns the corrections: problems are `application/problem+json`, an optional parameter is absent rather than null,
examples stand where tools look for them, and a token may be needed.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from backend.errors import MEDIA_TYPE

DESCRIPTION = (
    "Every experiment of the store: list, filter, rank and compare runs, read their live metrics, download their "
    "artifacts, and note what matters. Every model of the registry: its lineage, checkpoints and metrics, and whether "
    "a difference is real. Failures are problem documents (RFC 9457) whose `detail` says what to do."
)

_FIRST_ERROR_STATUS = 400


def complete(app: FastAPI) -> None:
    """Makes an application give the corrected document."""
    made_by_fastapi = app.openapi

    def corrected() -> dict[str, Any]:
        if app.openapi_schema is None:
            _correct(made_by_fastapi())
        return made_by_fastapi()

    app.openapi = corrected  # type: ignore[method-assign]  # the way FastAPI documents


def _correct(document: dict[str, Any]) -> None:
    components = document["components"]
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "The server's API_TOKEN, where it has one."}
    }
    for path, operation in _operations(document):
        operation["security"] = [{}] if path == "/health" else [{"token": []}, {}]
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if int(status) >= _FIRST_ERROR_STATUS and content:
                response["content"] = {MEDIA_TYPE: next(iter(content.values()))}
        for parameter in operation.get("parameters", ()):
            _correct_parameter(parameter)
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            yield path, operation


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
