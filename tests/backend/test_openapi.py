"""The OpenAPI document: complete enough that a stranger needs nothing else."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest
from pydantic import BaseModel

from agents import agents
from backend import ingest_models, models, object_models, registry_entries, registry_models, registry_views
from backend.api import create_app
from backend.filters import FILTERS
from backend.models import Status
from backend.queries import RunQuery

ENDPOINTS = {
    "GET /health",
    "GET /version",
    "GET /whoami",
    "GET /runs",
    "GET /runs/leaderboard",
    "GET /runs/compare",
    "GET /runs/curves",
    "GET /runs/series",
    "POST /compare",
    "GET /runs/facets",
    "GET /runs/activity",
    "GET /runs/{run_id}",
    "GET /runs/{run_id}/metrics",
    "GET /runs/{run_id}/artifacts",
    "GET /runs/{run_id}/artifacts/{index}",
    "PATCH /runs/{run_id}/note",
    "GET /runs/{run_id}/notes",
    "GET /registry/facets",
    "GET /registry/models",
    "POST /registry/models",
    "GET /registry/models/{model_id}",
    "DELETE /registry/models/{model_id}",
    "POST /registry/checkpoints",
    "GET /registry/metrics",
    "POST /registry/metrics",
    "GET /registry/pivot",
    "GET /registry/compare",
    "GET /registry/stats",
    "GET /registry/leaderboard",
    "GET /registry/lineage",
    "GET /registry/export",
    "POST /ingest/records",
    "POST /ingest/heartbeat",
    "GET /ingest/objects/{sha256}",
    "PUT /ingest/objects/{sha256}/parts/{index}",
    "POST /ingest/objects/{sha256}/complete",
    "POST /runs",
    "POST /runs/{run_id}/points",
    "POST /runs/{run_id}/heartbeat",
    "POST /runs/{run_id}/tags",
    "POST /runs/{run_id}/artifacts",
    "POST /runs/{run_id}/finish",
    "POST /agent/query",
    "POST /agent/stream",
    "GET /agent/status",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app().openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_has_every_endpoint_of_the_contract(document: dict[str, Any]) -> None:
    assert {name for name, _ in operations(document)} == ENDPOINTS


def test_every_operation_is_named_explained_and_grouped(document: dict[str, Any]) -> None:
    identifiers = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(identifiers)) == len(identifiers)
    for name, operation in operations(document):
        assert operation["description"], name
        assert len(operation["tags"]) == 1, name


def test_every_parameter_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], (name, parameter["name"])
            assert "example" in parameter, (name, parameter["name"])
            assert {"type": "null"} not in parameter["schema"].get("anyOf", []), (name, parameter["name"])


def test_every_field_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        if name == "JsonValue":
            continue
        assert schema["description"], name
        for field, details in schema["properties"].items():
            assert details["description"], (name, field)
            assert details.get("examples"), (name, field)


def test_examples_fit_their_models() -> None:
    rooms = (models, ingest_models, object_models, registry_models, registry_entries, registry_views, agents)
    for model in [shape for room in rooms for shape in vars(room).values()]:
        if isinstance(model, type) and issubclass(model, BaseModel):
            example = {name: field.examples[0] for name, field in model.model_fields.items() if field.examples}
            if example:
                model.model_validate(example)


def test_every_failure_is_a_documented_problem(document: dict[str, Any]) -> None:
    without_store = ("GET /health", "GET /version", "GET /agent/status")
    announces_a_body = ("GET /ingest/objects/{sha256}",)
    for name, operation in operations(document):
        failures = {int(status) for status in operation["responses"]} - {200, 201, 204}
        assert {400, 403, 421, 422, 500} <= failures, name
        assert (401 in failures) == (name != "GET /health"), name
        assert (503 in failures) == (name not in without_store), name
        assert (413 in failures) == ("requestBody" in operation or name in announces_a_body), name
        for status in failures:
            assert list(operation["responses"][str(status)]["content"]) == ["application/problem+json"], (name, status)


def test_says_where_a_token_may_be_needed_and_of_which_role(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if name == "GET /health":
            assert operation["security"] == [{}]
            continue
        with_token, without = operation["security"]
        (role,) = with_token["token"]
        assert without == {}
        assert f"`{role}`" in operation["description"], name


def test_every_filter_of_the_contract_is_a_parameter() -> None:
    contract = (
        "dataset_id command_substring from_timestamp to_timestamp note_substring has_artifacts metric_name metric_min "
        "metric_max status tag param q sort order limit offset"
    )
    assert set(RunQuery.model_fields) == set(contract.split())
    assert set(FILTERS) == set(contract.split()) - {"metric_min", "metric_max", "sort", "order", "limit", "offset"}
    assert set(get_args(Status)) == {"running", "finished", "failed", "killed"}


def test_every_operation_refuses_parameters_it_does_not_have(document: dict[str, Any], client: httpx.Client) -> None:
    for name, _ in operations(document):
        method, _, path = name.partition(" ")
        answer = client.request(
            method, path.format(run_id="x", index=0, model_id=1, sha256="x"), params={"no_such": "1"}
        )
        assert answer.status_code == 422, name
        assert "'no_such'" in answer.json()["detail"], name


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_interactive_documentation_needs_nothing_from_elsewhere(page: str, client: httpx.Client) -> None:
    addresses = re.findall(r'(?:src|href)="([^"]+)"', client.get(page).text)

    assert [address for address in addresses if not address.startswith("/")] == []
    assert [client.get(address).status_code for address in addresses] == [200] * len(addresses)
    assert any(address.endswith(".js") for address in addresses)
