"""The running server against its own OpenAPI document, by schemathesis."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from backend.api import create_app
from tests.backend import registries
from tests.backend.conftest import settings_for
from tests.backend.sending import AT, AT_MS
from tests.backend.stores import StoredRun, record_artifact, write_points, write_runs
from tests.live_server import serving

SCHEMA = schemathesis.openapi.from_dict(create_app().openapi())
OPERATIONS = {
    operation.ok().label: operation.ok() for operation in SCHEMA.get_all_operations() if isinstance(operation, Ok)
}
ASKED = [
    (label, mode)
    for label, operation in OPERATIONS.items()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # What takes no values cannot be given wrong ones.
    if mode is GenerationMode.POSITIVE or operation.query or operation.path_parameters or operation.body
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("fuzz")
    store = write_runs(
        folder / "runs.db",
        [
            StoredRun("a1", dataset_id="iris", metrics={"accuracy": 0.5, "loss": float("nan")}, params={"lr": 0.1}),
            StoredRun("a2", status="failed", tags=("baseline",), note="PUBLISH", duration_s=1.5),
            StoredRun("0", timestamp=None, documents={"params_json": "{", "artifacts_json": "one.csv"}),
        ],
    )
    (folder / "curve.csv").write_text("epoch,loss\n")
    record_artifact(store, "a1", 0, folder / "curve.csv")
    record_artifact(store, "a1", 1, folder, kind="folder")
    write_points(store, "a1", "loss", [(step, step, None if step % 5 == 0 else step / 7) for step in range(100)])
    registries.fill(store)
    with serving(create_app(settings_for(store))) as address:
        yield address


@pytest.mark.parametrize(("label", "mode"), ASKED)
def test_the_server_keeps_to_its_document(address: str, label: str, mode: GenerationMode) -> None:
    @settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        _complete(case.query)
        if mode is GenerationMode.POSITIVE and label in FITTINGS:
            FITTINGS[label](case.body)
        if mode is GenerationMode.POSITIVE and label in FITTINGS_OF_HEADERS:
            FITTINGS_OF_HEADERS[label](case)
        case.call_and_validate(base_url=address, timeout=30)

    check()


def _complete(query: dict[str, Any]) -> None:
    """Adds the parameters that others need, which OpenAPI has no words for."""
    if "metric_min" in query or "metric_max" in query:
        query.setdefault("metric_name", "accuracy")
    if query.get("sort") == "relevance":
        query.setdefault("q", "iris")


def _fit_metric(metric: dict[str, Any]) -> None:
    """Makes a metric belong to one model or to one checkpoint of any run, and its scores those of its value."""
    if metric.get("checkpoint_id") is None:
        metric["model_name"] = metric.get("model_name") or "llama"
    else:
        metric |= {"model_name": None, "run_name": None}
    if metric.get("scores") is not None:
        metric["scores"] = [metric["value"]]


def _fit_model(model: dict[str, Any]) -> None:
    """Makes a model no parent of its own, of one parent at most, and made from no run but one that went well."""
    if model.get("from_run") is not None:
        model["from_run"] = "a1"
    if model.get("parent_id") is not None or model.get("parent_name") == model.get("model_name"):
        model.pop("parent_name", None)


def _fit_part(case: Any) -> None:
    """Makes the header say what the part is."""
    case.headers["X-Content-SHA256"] = sha256(case.body.data).hexdigest()


def _fit_size(case: Any) -> None:
    """Makes content that is announced no longer than the server takes it."""
    if "X-Content-Size" in case.headers:
        case.headers["X-Content-Size"] = str(min(int(case.headers["X-Content-Size"]), 1_000_000))


def _fit_whole(whole: dict[str, Any]) -> None:
    """Makes content no longer than the server takes it."""
    whole["size_bytes"] = min(whole["size_bytes"], 1_000_000)


def _fit_records(batch: dict[str, Any]) -> None:
    """Makes positions ascend, beside what each kind of record needs."""
    for place, record in enumerate(batch["records"]):
        record["position"] = place + 1
        _fit_record(record)


def _fit_record(record: dict[str, Any]) -> None:
    """Makes no time lie in the future, and the files of an artifact be those of its kind."""
    for name in ("started_at", "finished_at", "recorded_at"):
        if name in record:
            record[name] = AT
    for point in record.get("points", ()):
        point[2] = min(point[2], AT_MS)
    if "files" in record:
        record["files"] = []


FITTINGS = {
    "POST /registry/metrics": _fit_metric,
    "POST /registry/models": _fit_model,
    "POST /ingest/records": _fit_records,
    "POST /ingest/objects/{sha256}/complete": _fit_whole,
    "POST /runs": _fit_record,
    "POST /runs/{run_id}/points": _fit_record,
    "POST /runs/{run_id}/artifacts": _fit_record,
    "POST /runs/{run_id}/finish": _fit_record,
}
"""What OpenAPI has no words for in bodies."""

FITTINGS_OF_HEADERS = {
    "GET /ingest/objects/{sha256}": _fit_size,
    "PUT /ingest/objects/{sha256}/parts/{index}": _fit_part,
}
"""What it has no words for in headers."""
