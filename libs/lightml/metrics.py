"""Logs metrics: one value per model or checkpoint, family and name, with per-sample scores beside it.

Owns what a second value of the same metric means, and which metrics a registry allows. Two processes never store one
metric twice: each looks and writes inside one write transaction, and the tables' constraints stand behind that.
"""

import json
from collections.abc import Iterable, Sequence, Set
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypedDict

from pydantic import ValidationError

from lightml.checkpoints import checkpoint_by_id
from lightml.connections import Connection, Database, reading, writing
from lightml.entries import check_fit
from lightml.errors import InvalidEntryError, LightMLError, UnknownNameError
from lightml.lookup import find_model
from lightml.models.metrics import MetricCreate
from lightml.samples import parsed_scores

METRIC_SKIPPED: Final = 0
"""The metric was there already and stays as it is."""
METRIC_INSERTED: Final = 1
"""The metric is new."""
METRIC_UPDATED: Final = 2
"""The metric was there already and is overwritten."""

_COLUMNS: Final = ("model_id", "checkpoint_id", "family", "metric_name", "value")
_CHANGE: Final = "UPDATE metrics SET value = ? WHERE id = ?"
_FORGET_SCORES: Final = "DELETE FROM detailed_scores WHERE metric_id = ?"
_COUNTED: Final = {METRIC_INSERTED: "inserted", METRIC_UPDATED: "updated", METRIC_SKIPPED: "skipped"}

Allowed = Set[tuple[str, str]]
"""The (family, metric name) pairs a registry allows; empty allows every one."""


def add_metric(  # noqa: PLR0917 - existing code passes them in order
    db: Database,
    family: str,
    metric_name: str,
    value: float,
    scores: Iterable[float] | None = None,
    model_name: str | None = None,
    checkpoint_id: int | None = None,
    run_name: str | None = None,
    force: bool = False,
) -> int:
    """Logs one metric of a model or of a checkpoint.

    Args:
        db: The registry's file.
        family: The group the metric belongs to.
        metric_name: Its name in the family.
        value: One finite number.
        scores: One number per sample, whose mean is the value, or the value in percent.
        model_name: The model; or
        checkpoint_id: the checkpoint.
        run_name: The run the model or checkpoint is in; None takes the only model of that name.
        force: Whether a metric that is there is overwritten. Its scores go with its old value: without new ones it
            has none afterwards.

    Returns:
        METRIC_INSERTED, METRIC_SKIPPED (it was there, and stays) or METRIC_UPDATED (it was there, and `force` is set).

    Raises:
        InvalidEntryError: A blank name, a value that is no finite number, neither or both of model and checkpoint, or
            a checkpoint of another run.
        ScoresError: The scores are empty, no finite numbers, or not those of this value.
        UnknownNameError: No such run, model or checkpoint, or the registry does not allow the metric.
        AmbiguousNameError: Several runs have a model of that name.
    """
    entry = make_entry(family, metric_name, value, scores, model_name=model_name, checkpoint_id=checkpoint_id)
    with writing(db) as connection:
        return put_metric(connection, entry, **_OwnerFinder(connection, run_name)(entry), force=force)


def add_metrics(
    db: Database, entries: Iterable[MetricCreate], run_name: str | None = None, force: bool = False
) -> dict[str, int]:
    """Logs many metrics in one transaction: all of them, or none if one is refused.

    Returns:
        How many were "inserted", "updated" and "skipped".

    Raises:
        LightMLError: As `add_metric` does for any of them.
    """
    counts = dict.fromkeys(_COUNTED.values(), 0)
    with writing(db) as connection:
        find = _OwnerFinder(connection, run_name)
        owned = [(find(entry), entry) for entry in entries]
        for owner, group in groupby(owned, key=itemgetter(0)):
            for status in put_metrics(connection, [entry for _, entry in group], **owner, force=force):
                counts[_COUNTED[status]] += 1
    return counts


def put_metric(
    connection: Connection,
    entry: MetricCreate,
    *,
    model_id: int | None = None,
    checkpoint_id: int | None = None,
    force: bool = False,
    allowed: Allowed | None = None,
) -> int:
    """Logs one metric inside the caller's transaction and gives its status.

    Args:
        connection: A registry open for writing.
        entry: The metric.
        model_id: The model it belongs to; or
        checkpoint_id: the checkpoint. Without both, the entry's own checkpoint; its `model_name` is not looked up.
        force: Whether a metric that is there is overwritten, its scores with it.
        allowed: What `allowed_metrics` gives; None asks the registry.

    Raises:
        InvalidEntryError: Neither or both of the owners are given.
        ScoresError: The scores are not those of this value.
        UnknownNameError: The registry does not allow the metric.
    """
    if model_id is None and checkpoint_id is None:
        checkpoint_id = entry.checkpoint_id
    _owner(model_id, checkpoint_id)
    _check(entry, allowed_metrics(connection) if allowed is None else allowed)
    metric_id = _find_metric(connection, entry.family, entry.metric_name, model_id, checkpoint_id)
    if metric_id is None:
        made = connection.execute(
            f"INSERT INTO metrics ({', '.join(_COLUMNS)}) VALUES (?, ?, ?, ?, ?) RETURNING id",
            (model_id, checkpoint_id, entry.family, entry.metric_name, entry.value),
        ).fetchone()
        _put_scores(connection, made["id"], entry.scores)
        return METRIC_INSERTED
    if not force:
        return METRIC_SKIPPED
    connection.execute(_CHANGE, (entry.value, metric_id))
    connection.execute(_FORGET_SCORES, (metric_id,))
    _put_scores(connection, metric_id, entry.scores)
    return METRIC_UPDATED


def put_metrics(
    connection: Connection,
    entries: Sequence[MetricCreate],
    *,
    model_id: int | None = None,
    checkpoint_id: int | None = None,
    force: bool = False,
    allowed: Allowed | None = None,
) -> list[int]:
    """Logs many metrics of one owner inside the caller's transaction, the same as one after the other but faster.

    Args:
        connection: A registry open for writing.
        entries: The metrics; their own owners are not looked at.
        model_id: The model they belong to; or
        checkpoint_id: the checkpoint.
        force: Whether a metric that is there is overwritten, its scores with it.
        allowed: What `allowed_metrics` gives; None asks the registry.

    Returns:
        The status of each.

    Raises:
        LightMLError: As `put_metric` does for any of them; the caller takes back what is written by then.
    """
    allowed = allowed_metrics(connection) if allowed is None else allowed
    batch = _Batch(connection, model_id, checkpoint_id)
    statuses = []
    for entry in entries:
        _check(entry, allowed)
        statuses.append(batch.put(entry, force=force, allowed=allowed))
    batch.flush()
    return statuses


def make_entry(
    family: str,
    metric_name: str,
    value: float,
    scores: Iterable[float] | None = None,
    *,
    model_name: str | None = None,
    checkpoint_id: int | None = None,
) -> MetricCreate:
    """Gives the metric to log, checked.

    Raises:
        InvalidEntryError: A blank name, no finite number, or neither or both of model and checkpoint.
        ScoresError: The scores are empty, or no finite numbers.
    """
    try:
        return MetricCreate.model_validate(
            {
                "family": family,
                "metric_name": metric_name,
                "value": value,
                "scores": scores,
                "model_name": model_name,
                "checkpoint_id": checkpoint_id,
            }
        )
    except ValidationError as error:
        raise _refusal(error, family, metric_name) from error


def allowed_metrics(connection: Connection) -> frozenset[tuple[str, str]]:
    """Gives the (family, metric name) pairs that the registry restricts itself to; empty when it takes any."""
    rows = connection.execute("SELECT family, metric_name FROM registry_schema")
    return frozenset((row["family"], row["metric_name"]) for row in rows)


def get_detailed_scores(
    db: Database,
    model_name: str,
    family: str,
    metric_name: str,
    run_name: str | None = None,
    *,
    prefer_run: str | None = None,
) -> list[float] | None:
    """Gives the per-sample scores of a model's metric, in the order they were logged.

    Marks of 0 and 1 come back as ints, whatever they were logged as.

    Returns:
        The scores; None when the model has no such metric, or the metric was logged without scores.

    Raises:
        UnknownNameError: There is no such model, or no such run.
        ScoresError: What another program stored as scores is no JSON list.
        AmbiguousNameError: Several runs have a model of that name, and neither `run_name` nor `prefer_run` says which.
    """
    with reading(db) as connection:
        model = find_model(connection, model_name, run_name, prefer_run=prefer_run)
        metric_id = _find_metric(connection, family, metric_name, model.id)
        row = connection.execute("SELECT scores FROM detailed_scores WHERE metric_id = ?", (metric_id,)).fetchone()
    return None if row is None else parsed_scores(row["scores"])


class _Owner(TypedDict, total=False):
    model_id: int
    checkpoint_id: int


class _OwnerFinder:
    """Finds what entries belong to, and keeps the ids of the models found so far."""

    def __init__(self, connection: Connection, run_name: str | None) -> None:
        self._connection = connection
        self._run_name = run_name
        self._models: dict[str, int] = {}

    def __call__(self, entry: MetricCreate) -> _Owner:
        if entry.checkpoint_id is not None:
            checkpoint_by_id(self._connection, entry.checkpoint_id, self._run_name)
            return {"checkpoint_id": entry.checkpoint_id}
        name = str(entry.model_name)
        if name not in self._models:
            self._models[name] = find_model(self._connection, name, self._run_name).id
        return {"model_id": self._models[name]}


class _Batch:
    """Metrics of one owner on their way into the registry, in as few statements as their order allows."""

    def __init__(self, connection: Connection, model_id: int | None, checkpoint_id: int | None) -> None:
        self._connection = connection
        self._owners = (model_id, checkpoint_id)
        column, owner = _owner(model_id, checkpoint_id)
        rows = connection.execute(f"SELECT id, family, metric_name FROM metrics WHERE {column} = ?", (owner,))
        self._ids: dict[tuple[str, str], int | None] = {(row["family"], row["metric_name"]): row["id"] for row in rows}
        self._new: list[tuple[object, ...]] = []
        self._changed: list[tuple[float, int]] = []

    def put(self, entry: MetricCreate, *, force: bool, allowed: Allowed) -> int:
        """Takes a metric in, and gives its status."""
        key = (entry.family, entry.metric_name)
        if key in self._ids and not force:
            return METRIC_SKIPPED
        if key not in self._ids and entry.scores is None:
            self._new.append((*self._owners, *key, entry.value))
            self._ids[key] = None
            return METRIC_INSERTED
        metric_id = self._ids.setdefault(key, None)
        if metric_id is not None and entry.scores is None:
            self._changed.append((entry.value, metric_id))
            return METRIC_UPDATED
        self.flush()
        model_id, checkpoint_id = self._owners
        return put_metric(
            self._connection, entry, model_id=model_id, checkpoint_id=checkpoint_id, force=force, allowed=allowed
        )

    def flush(self) -> None:
        """Writes what was taken in so far. Ids tell the order in which metrics were logged."""
        self._connection.insert_many("metrics", _COLUMNS, self._new)
        self._connection.execute_many(_CHANGE, self._changed)
        self._connection.execute_many(_FORGET_SCORES, [(metric_id,) for _, metric_id in self._changed])
        self._new, self._changed = [], []


def _owner(model_id: int | None, checkpoint_id: int | None) -> tuple[str, int]:
    """Gives the column and the id of the one owner."""
    if model_id is not None and checkpoint_id is None:
        return "model_id", model_id
    if checkpoint_id is not None and model_id is None:
        return "checkpoint_id", checkpoint_id
    raise InvalidEntryError("a metric belongs to a model or to a checkpoint: give the id of one of them")


def _find_metric(
    connection: Connection,
    family: str,
    metric_name: str,
    model_id: int | None,
    checkpoint_id: int | None = None,
) -> int | None:
    # Each owner has an index of its own, which only an equality with that owner's column can use.
    column, owner = _owner(model_id, checkpoint_id)
    row = connection.execute(
        f"SELECT id FROM metrics WHERE {column} = ? AND family = ? AND metric_name = ?", (owner, family, metric_name)
    ).fetchone()
    return None if row is None else int(row["id"])


def _put_scores(connection: Connection, metric_id: int, scores: list[float] | None) -> None:
    if scores is None:
        return
    are_marks = all(score in (0.0, 1.0) for score in scores)
    text = json.dumps([int(score) for score in scores] if are_marks else scores)
    connection.execute(
        "INSERT INTO detailed_scores (metric_id, scores, n_samples) VALUES (?, ?, ?)", (metric_id, text, len(scores))
    )


def _check(entry: MetricCreate, allowed: Allowed) -> None:
    _check_allowed(entry, allowed)
    if entry.scores is not None:
        check_fit(entry.value, entry.scores)


def _check_allowed(entry: MetricCreate, allowed: Allowed) -> None:
    if not allowed or (entry.family, entry.metric_name) in allowed:
        return
    names = sorted(name for family, name in allowed if family == entry.family)
    if names:
        raise UnknownNameError(
            f"the registry allows no metric {entry.metric_name!r} in the family {entry.family!r};"
            f" it allows {', '.join(names)}"
        )
    families = ", ".join(sorted({family for family, _ in allowed}))
    raise UnknownNameError(f"the registry allows no family {entry.family!r}; it allows {families}")


def _refusal(error: ValidationError, family: Any, metric_name: Any) -> LightMLError:
    """Gives the error of ours that a validator raised, told of its metric, or one that says what pydantic says."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    kind = type(cause) if isinstance(cause, InvalidEntryError) else InvalidEntryError
    reason = str(cause) if cause is not None else f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return kind(f"the metric {family!r}/{metric_name!r} is refused: {reason}")
