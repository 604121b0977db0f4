"""Models of runs that a PostgreSQL store holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lightml.database import Database, close
from lightml.errors import AmbiguousNameError, InvalidEntryError, RegistryUnavailableError, UnknownNameError
from lightml.metrics import METRIC_INSERTED, add_metric
from lightml.registry import list_models
from lightml.tracker import register_run_model
from tests.backend.stores import StoredRun, on_postgresql, write_runs
from tests.registry_servers import fresh_address

TRAINED = StoredRun(
    "3f0a9c1e-run",
    dataset_id="iris",
    metrics={"accuracy": 0.9, "loss": "NaN"},
    artifacts=["plot.png", "/m/svm.joblib"],
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[str]:
    """A store with runs of every kind."""
    path = tmp_path / "stands for a database"
    with on_postgresql(path) as url:
        others = [
            StoredRun("3e-failed", status="failed", artifacts=["m.pt"]),
            StoredRun("3e-bare"),
            StoredRun("3%", artifacts=["m.pt"]),
        ]
        write_runs(path, [TRAINED, *others])
        yield url
        close(url)


@pytest.fixture(params=["the same database", "another database", "a file"])
def registry(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> Iterator[Database]:
    """Where models are registered."""
    if request.param == "another database":
        with fresh_address() as address:
            yield address
        return
    yield store if request.param == "the same database" else tmp_path / "registry.db"


def test_a_run_becomes_a_model_with_its_metrics(registry: Database, store: str) -> None:
    made = register_run_model(registry, "3f0a", store=store)
    assert (made.model_name, made.run_name, made.family) == ("svm-3f0a9c1e", "tracker", "iris")
    assert (made.inserted, list(made.left_out)) == (1, ["loss"])
    (model,) = list_models(registry)
    assert (model.path, model.source_run_id) == ("/m/svm.joblib", "3f0a9c1e-run")
    again = register_run_model(registry, "3f0a9c1e-run", store=store)
    assert (again.model_id, again.inserted, again.skipped) == (made.model_id, 0, 1)


def test_the_registry_s_own_database_is_the_store_unless_told(store: str) -> None:
    made = register_run_model(store, "3f", "net", "mine")
    assert add_metric(store, "more", "f1", 0.5, model_name="net", run_name="mine") == METRIC_INSERTED
    assert made.source_run_id == "3f0a9c1e-run"


def test_a_run_must_be_there_be_one_and_be_whole(registry: Database, store: str) -> None:
    for beginning in ("nobody", "", "_f", "3f0a9c1e-run and more"):
        with pytest.raises(UnknownNameError, match="no run has an id"):
            register_run_model(registry, beginning, store=store)
    with pytest.raises(AmbiguousNameError, match="3e-bare, 3e-failed"):
        register_run_model(registry, "3e", store=store)
    with pytest.raises(UnknownNameError, match="no artifact"):
        register_run_model(registry, "3e-b", store=store)
    with pytest.raises(InvalidEntryError, match="failed"):
        register_run_model(registry, "3e-f", store=store)
    assert register_run_model(registry, "3%", store=store).source_run_id == "3%"
    assert register_run_model(registry, "3e-f", store=store, allow_failed=True).path == "m.pt"


def test_a_database_without_runs_is_no_store(tmp_path: Path) -> None:
    with fresh_address() as address, pytest.raises(RegistryUnavailableError, match="holds no runs"):
        register_run_model(tmp_path / "registry.db", "3f", store=address)
