"""Registers what a run of the tracker made: its model artifact, and its final metrics.

Owns which of a run's artifacts is its model. Runs are read through `lab_logger.reading`, and those of a PostgreSQL
store through `server_runs`, never by queries of its own.
"""

from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import PurePath
from typing import Any

from lab_logger import reading, settings
from lab_logger.errors import LabLoggerError, ParameterError
from lightml import server_runs
from lightml.connections import Address, Connection, Database, Place, ensure, locate, writing
from lightml.errors import AmbiguousNameError, InvalidEntryError, RegistryUnavailableError, UnknownNameError
from lightml.lookup import find_models
from lightml.metrics import METRIC_INSERTED, METRIC_UPDATED, allowed_metrics, make_entry, put_metric
from lightml.models.metrics import MetricCreate
from lightml.models.tracker import RunModelResult
from lightml.registry import find_parent, put_model, put_run

DEFAULT_RUN = "tracker"
"""The registry's run for models of tracker runs that name no project."""
DEFAULT_FAMILY = "final"
"""The family of the metrics of tracker runs that name no dataset."""

_MODEL_ENDINGS = {
    ".bin", ".ckpt", ".gguf", ".h5", ".joblib", ".keras", ".mlmodel", ".onnx", ".pb", ".pickle", ".pkl", ".pt",
    ".pt2", ".pth", ".safetensors", ".tflite",
}  # fmt: skip
_MODEL_WORDS = ("checkpoint", "ckpt", "model", "weights", "adapter")
_NEVER_MODELS = {
    ".csv", ".gif", ".html", ".ipynb", ".jpeg", ".jpg", ".json", ".jsonl", ".log", ".md", ".pdf", ".png", ".py",
    ".svg", ".toml", ".tsv", ".txt", ".xlsx", ".yaml", ".yml",
}  # fmt: skip
"""What describes a model rather than being one, as `model_card.md` or `model.json`."""
_ID_SHOWN = 8


def register_run_model(
    db: Database,
    run_id: str,
    model_name: str | None = None,
    run_name: str | None = None,
    *,
    artifact: str | None = None,
    store: Database = None,
    parent_name: str | None = None,
    allow_failed: bool = False,
    force: bool = False,
) -> RunModelResult:
    """Registers the model that a run of the tracker made, with the run's final metrics and a link back to it.

    Everything is written in one transaction; a second call with the same run changes nothing.

    Args:
        db: The registry's file; made if missing.
        run_id: The tracker's run, or enough of the beginning of its id.
        model_name: The model's name; None makes one of the artifact's name and the run's id.
        run_name: The registry's run to put it in; None takes the tracker run's project, or "tracker" without one.
        artifact: Which of the run's artifacts is the model: its path or the end of it. None takes the only one whose
            ending or name says so, such as `.pt`, `.safetensors` or `checkpoint`.
        store: The tracker's store, a file or an address; None for the registry's own database where that is one, and
            else for the one that the environment and `.env` name.
        parent_name: The model it was made from.
        allow_failed: Whether a run that failed or was killed may be registered; what it saved may be half written.
        force: Whether metrics that are there already are overwritten, and a model of this name that another run made
            is replaced.

    Returns:
        What was registered. Metrics are in a family called after the run's dataset, or "final" without one; those that
        are no finite numbers, or that the registry does not allow, are left out and named.

    Raises:
        UnknownNameError: There is no such run, artifact or parent, or the run has no artifact that looks like a model.
        AmbiguousNameError: Several runs' ids begin so, or several artifacts could be the model; lists them.
        InvalidEntryError: The run is not over, it did not finish and `allow_failed` is not set, or the model was made
            by another run and `force` is not set.
        RegistryUnavailableError: The tracker's store cannot be read.
    """
    run = _read_run(db, store, run_id)
    _check_status(run, allow_failed=allow_failed)
    source, path = str(run["run_id"]), _choose(run, artifact)
    name = model_name or f"{PurePath(path).stem}-{source[:_ID_SHOWN]}"
    holder = run_name or str(run.get("project") or DEFAULT_RUN)
    family = str(run.get("dataset_id") or DEFAULT_FAMILY)
    entries, left_out = _entries(name, family, run["final_metrics"])
    ensure(db)
    with writing(db) as connection:
        registry_run = put_run(connection, holder)
        _check_source([model.source_run_id for model in find_models(connection, name, holder)], name, source, force)
        parent = find_parent(connection, holder, name, parent_name)
        model_id = put_model(connection, registry_run, name, path, parent_id=parent, source_run_id=source)
        statuses = _log(connection, model_id, entries, left_out, force=force)
    inserted, updated = statuses.count(METRIC_INSERTED), statuses.count(METRIC_UPDATED)
    return RunModelResult(
        model_id=model_id,
        model_name=name,
        run_name=holder,
        source_run_id=source,
        path=path,
        family=family,
        inserted=inserted,
        updated=updated,
        skipped=len(statuses) - inserted - updated,
        left_out=left_out,
    )


def model_artifacts(paths: Iterable[str]) -> list[str]:
    """Gives those artifacts whose ending or name says that they are a model or a checkpoint, in order."""
    return [path for path in paths if _looks_like_model(PurePath(path))]


def _looks_like_model(path: PurePath) -> bool:
    ending = path.suffix.lower()
    return ending in _MODEL_ENDINGS or (
        ending not in _NEVER_MODELS and any(word in path.name.lower() for word in _MODEL_WORDS)
    )


def _read_run(db: Database, store: Database, run_id: str) -> Mapping[str, Any]:
    place = _find_store(db, store)
    try:
        if isinstance(place, Address):
            return server_runs.read_run(place, run_id)
        return reading.whole_run(settings.resolve(place), run_id)
    except ParameterError as error:
        kind = AmbiguousNameError if str(error).startswith("several") else UnknownNameError
        raise kind(str(error)) from error
    except LabLoggerError as error:
        raise RegistryUnavailableError(f"cannot read the tracker's store: {error}") from error


def _find_store(db: Database, store: Database) -> Place:
    """Gives the store to read, which is never a registry alone: opening that as a store would make it one."""
    if store is None:
        own = locate(db)
        return own if _holds_runs(own) else locate(None)
    place = locate(store)
    is_there = isinstance(place, Address) or place.is_file()
    if is_there and not _holds_runs(place):
        raise RegistryUnavailableError(f"{place} holds no runs of the tracker; give the tracker's store")
    return place


def _holds_runs(place: Place) -> bool:
    if isinstance(place, Address):
        return server_runs.holds_runs(place)
    if not place.is_file():
        return False
    with closing(reading.connect_to_read(place)) as connection:
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'manifests'").fetchone())


def _check_status(run: Mapping[str, Any], *, allow_failed: bool) -> None:
    status, run_id = run.get("status"), run["run_id"]
    if status == "running":
        raise InvalidEntryError(f"the run {run_id} is running; register its model once it is over")
    if status in ("failed", "killed") and not allow_failed:
        raise InvalidEntryError(
            f"the run {run_id} is {status}, and what it saved may be half written; set allow_failed to register it"
        )


def _log(
    connection: Connection,
    model_id: int,
    entries: Iterable[MetricCreate],
    left_out: dict[str, str],
    *,
    force: bool,
) -> list[int]:
    """Logs the entries. Those the registry does not allow go to `left_out`: a run measures more than benchmarks."""
    allowed, statuses = allowed_metrics(connection), []
    for entry in entries:
        try:
            statuses.append(put_metric(connection, entry, model_id=model_id, force=force, allowed=allowed))
        except UnknownNameError as error:
            left_out[entry.metric_name] = str(error)
    return statuses


def _check_source(sources: Iterable[str | None], name: str, source: str, force: bool) -> None:
    for other in sources:
        if other not in (None, source) and not force:
            raise InvalidEntryError(
                f"the model {name!r} was made by the run {other}; give another name, or set force to replace it"
            )


def _choose(run: Mapping[str, Any], artifact: str | None) -> str:
    """Gives the artifact that is the model."""
    recorded = run["artifacts"] if isinstance(run["artifacts"], list) else []
    paths = list(dict.fromkeys(path for path in recorded if isinstance(path, str)))
    if artifact is None:
        found, wanted = model_artifacts(paths), "looks like a model"
    else:
        found = [path for path in paths if path == artifact] or [path for path in paths if path.endswith(artifact)]
        wanted = f"is called {artifact!r}"
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousNameError(
            f"the run {run['run_id']} has several artifacts that could be the model: {', '.join(found)};"
            " say which with artifact"
        )
    has = f"it has {', '.join(paths)}; say which is the model with artifact" if paths else "it has none"
    raise UnknownNameError(f"the run {run['run_id']} has no artifact that {wanted}; {has}")


def _entries(name: str, family: str, final: object) -> tuple[list[MetricCreate], dict[str, str]]:
    """Gives the run's final metrics as entries, and why the others are none."""
    entries, left_out = [], {}
    for metric, value in (final if isinstance(final, Mapping) else {}).items():
        try:
            entries.append(make_entry(family, metric, value, model_name=name))
        except InvalidEntryError as error:
            left_out[str(metric)] = str(error)
    return entries, left_out
