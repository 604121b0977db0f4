"""Storing what training machines send: records in batches, each exactly once, and signs of life.

Owns the one transaction of a batch, who may add to which run, and turning records into the logger's own writes. Values
are checked before they come here. It must not know HTTP.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, select, text

from backend.access import Principal
from backend.db_utils import change_note
from backend.ingest_models import (
    MAX_TAGS,
    AddedPoints,
    AddedTags,
    Finish,
    NewDataset,
    NewNote,
    NewUrl,
    RecordBatch,
    RecordedArtifact,
    Start,
    StoredRecords,
)
from backend.json_bodies import Loc, unusable
from backend.ownership import Item, check_known, check_owners, owners
from backend.points import SentPoint
from backend.store import SeriesPoint, Store
from backend.tables import artifacts, metric_series, run_state, run_tags
from lab_logger import leases, statements
from lab_logger.record import JsonValue, RunRecord, dumps, loads, utc_now

_FEW_NAMES = 1_000
_spools = Table(
    "applied_spools", MetaData(), Column("spool_id", Text, primary_key=True), Column("position", BigInteger)
)


def store_batch(store: Store, batch: RecordBatch, *, principal: Principal) -> StoredRecords:
    """Stores the records of a sender that are not stored yet: all of them, on disk when this returns, or none.

    Raises:
        InvalidRequestError: The positions do not ascend.
        UnknownRunError: A record is about a run that no record started.
        ForbiddenRunError: A record is about another user's run.
        StoreError: The store cannot be written.
    """
    _check_positions(batch)
    with store.write() as connection:
        applied = _lock_sender(connection, batch.sender)
        fresh = [
            Item(record.run_id, record, ("records", place, "run_id"))
            for place, record in enumerate(batch.records)
            if record.position > applied
        ]
        if fresh:
            _Transaction(store, connection, principal).add(fresh)
            applied = batch.records[-1].position
            _execute(
                connection,
                statements.ADVANCE_SPOOL,
                {"spool_id": batch.sender, "position": applied, "applied_at": utc_now()},
            )
    return StoredRecords(applied=applied, stored=len(fresh))


def store_item(store: Store, item: Item, *, principal: Principal) -> bool:
    """Stores one thing about a run, on disk when this returns. The same thing a second time leaves the same rows.

    Returns:
        Whether the run is new.

    Raises:
        UnknownRunError: There is no such run.
        ForbiddenRunError: It is another user's.
        StoreError: The store cannot be written.
    """
    with store.write() as connection:
        return bool(_Transaction(store, connection, principal).add([item]))


def hear(store: Store, run_ids: Sequence[str], *, principal: Principal) -> list[str]:
    """Notes that runs live, by the server's own clock. One that was taken for dead runs again; a told end stays.

    Returns:
        The ids that no run has.

    Raises:
        ForbiddenRunError: A run is another user's.
        StoreError: The store cannot be written.
    """
    asked = [Item(run_id, AddedTags(tags=[]), ("run_ids", place)) for place, run_id in enumerate(run_ids)]
    with store.write() as connection:
        found = owners(connection, run_ids)
        check_owners([item for item in asked if item.run_id in found], found, principal)
        # In one order for every request, so that no two wait for each other.
        signs = [{"run_id": run_id, "heartbeat_at": utc_now()} for run_id in sorted(found)]
        if signs:
            connection.execute(text(statements.BEAT), signs)
        for run_id in _presumed_dead(connection, found):
            if _execute(connection, statements.REVIVE, {"run_id": run_id, "heartbeat_at": utc_now()}):
                # They were made of its live series when it was taken for dead; it has not told them yet.
                _execute(connection, statements.CLEAR_METRICS, {"run_id": run_id})
    return [run_id for run_id in dict.fromkeys(run_ids) if run_id not in found]


class _Transaction:
    """What one request adds to the store."""

    def __init__(self, store: Store, connection: Connection, principal: Principal) -> None:
        self._store = store
        self._connection = connection
        self._principal = principal
        self._points: list[tuple[str, list[SentPoint]]] = []
        self._with_artifacts: dict[str, None] = {}
        self._tags: dict[str, set[str]] = {}
        self._ends: dict[str, Finish] = {}

    def add(self, items: Sequence[Item]) -> int:
        """Adds everything, in order; gives how many runs are new."""
        found = owners(self._connection, {item.run_id for item in items})
        check_known(items, found)
        check_owners(items, found, self._principal)
        started = 0
        for item in items:
            if not isinstance(item.body, Start):
                self._add_one(item)
            elif item.run_id not in found:
                found[item.run_id] = self._principal.user
                started += self._start(item, item.body)
        for run_id in self._with_artifacts:
            self._write("set_artifacts", {"run_id": run_id, "artifacts_json": self._artifact_list(run_id)})
        for run_id, finish in self._ends.items():
            self._finish(run_id, finish)
        self._add_points()
        return started

    def _add_one(self, item: Item) -> None:
        run_id, body = item.run_id, item.body
        match body:
            case AddedPoints():
                self._points.append((run_id, body.points))
            case AddedTags():
                self._add_tags(run_id, body.tags, loc=item.loc)
            case NewNote():
                change_note(self._connection, run_id, body.note, changed_by=self._principal.user)
            case NewDataset():
                self._write("set_dataset", {"run_id": run_id, "dataset_id": body.dataset_id})
            case NewUrl():
                self._write("set_wandb_url", {"run_id": run_id, "wandb_url": body.wandb_url})
            case RecordedArtifact():
                self._record_artifact(run_id, body)
            case Finish():
                self._ends[run_id] = body  # the last one counts

    def _start(self, item: Item, start: Start) -> bool:
        run_id, lease = item.run_id, _lease(start)
        state = {
            "run_id": run_id,
            "started_at": start.started_at,
            "project": start.project,
            "parent_run_id": start.parent_run_id,
            **lease,
        }
        if not self._write("insert_state", state):  # another request has started it just now
            check_owners([item], owners(self._connection, [run_id]), self._principal)
            return False
        if self._principal.user is not None:
            creator = {"run_id": run_id, "created_by": self._principal.user}
            _execute(self._connection, statements.SET_CREATOR, creator)
        now = utc_now()
        if start.started_at > now:  # a clock that is ahead must not count as a sign of life for as long
            _execute(self._connection, statements.BEAT, {"run_id": run_id, "heartbeat_at": now})
        self._add_tags(run_id, start.tags, loc=item.loc)
        manifest = RunRecord(
            run_id=run_id,
            timestamp=start.started_at,
            git_hash=start.git_hash,
            git_diff=start.git_diff,
            command=start.command,
            python_version=start.python_version,
            pip_freeze=start.pip_freeze,
            device_info=start.device_info,
            dataset_id=start.dataset_id,
            params_json=_document(start.params),
            final_metrics_json="{}",
            artifacts_json="[]",
            note=start.note,
        )
        self._write("insert_manifest", manifest.as_row())
        return True

    def _add_tags(self, run_id: str, tags: Iterable[str], *, loc: Loc) -> None:
        known = self._tags.get(run_id)
        if known is None:
            known = self._tags[run_id] = set(
                self._connection.execute(select(run_tags.c.tag).where(run_tags.c.run_id == run_id)).scalars()
            )
        new = [tag for tag in dict.fromkeys(tags) if tag not in known]
        # The full text of a run is made anew with each tag, so that a run with very many would hold up everybody.
        if new and len(known) + len(new) > MAX_TAGS:
            message = f"the run would have {len(known) + len(new):,} tags; {MAX_TAGS:,} is the most"
            raise unusable([((*loc[:-1], "tags"), message, None)])
        for tag in new:
            self._write("add_tag", {"run_id": run_id, "tag": tag})
        known.update(new)

    def _record_artifact(self, run_id: str, artifact: RecordedArtifact) -> None:
        place = {"run_id": run_id, "position": artifact.index}
        described = artifact.model_dump(include={"path", "size_bytes", "sha256", "media_type", "recorded_at"})
        self._write("record_artifact", {**place, **described, "kind": artifact.artifact_kind})
        _execute(self._connection, statements.MARK_ARTIFACT_REMOTE, place)
        _execute(self._connection, statements.CLEAR_ARTIFACT_FILES, place)
        if artifact.files:
            files = [{**place, **file.model_dump()} for file in artifact.files]
            self._connection.execute(text(statements.ADD_ARTIFACT_FILE), files)
        self._with_artifacts[run_id] = None

    def _finish(self, run_id: str, finish: Finish) -> None:
        documents = {
            "final_metrics_json": _document(finish.final_metrics),
            "artifacts_json": self._artifact_list(run_id),
        }
        self._write("finish_manifest", {"run_id": run_id, **documents})
        ended = finish.model_dump(include={"status", "finished_at", "duration_s", "error"})
        self._write("finish_state", {"run_id": run_id, **ended})

    def _artifact_list(self, run_id: str) -> str:
        paths = select(artifacts.c.path).where(artifacts.c.run_id == run_id).order_by(artifacts.c.position)
        return dumps(list(self._connection.execute(paths).scalars()))

    def _add_points(self) -> None:
        rows = _by_series(self._connection, self._points)
        if rows:
            self._store.add_points(self._connection, rows)

    def _write(self, name: str, values: Mapping[str, object]) -> int:
        return _execute(self._connection, statements.WRITES[name], values)


def _check_positions(batch: RecordBatch) -> None:
    latest = 0
    for place, record in enumerate(batch.records):
        if record.position <= latest:
            message = f"must be above {latest}, the position before it; send records in the order of their positions"
            raise unusable([(("records", place, "position"), message, record.position)])
        latest = record.position


def _lock_sender(connection: Connection, sender: str) -> int:
    """Gives the highest position of a sender that is stored; nobody else stores records of it until the commit."""
    known = {"spool_id": sender, "position": 0, "applied_at": utc_now()}
    _execute(connection, statements.KNOW_SPOOL, known)
    locked = select(_spools.c.position).where(_spools.c.spool_id == sender).with_for_update()
    return int(connection.execute(locked).scalar_one())


def _presumed_dead(connection: Connection, run_ids: Iterable[str]) -> list[str]:
    columns = run_state.c
    presumed = select(columns.run_id).where(
        columns.run_id.in_(sorted(run_ids)), columns.status == "killed", columns.is_presumed == 1
    )
    return list(connection.execute(presumed.order_by(columns.run_id)).scalars())


def _by_series(connection: Connection, added: Sequence[tuple[str, list[SentPoint]]]) -> list[SeriesPoint]:
    """Gives points under the numbers of their series, which are made where they are missing."""
    wanted = {(run_id, name) for run_id, points in added for name in {point[0] for point in points}}
    if not wanted:
        return []
    series = _series(connection, wanted)
    missing = sorted(wanted - series.keys())
    if missing:
        connection.execute(text(statements.ADD_SERIES), [{"run_id": run_id, "name": name} for run_id, name in missing])
        series |= _series(connection, missing)
    return [(series[run_id, name], step, at, value) for run_id, points in added for name, step, at, value in points]


def _series(connection: Connection, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    columns = metric_series.c
    run_ids, names = {run_id for run_id, _ in wanted}, {name for _, name in wanted}
    statement = select(columns.run_id, columns.name, columns.series).where(columns.run_id.in_(sorted(run_ids)))
    if len(names) <= _FEW_NAMES:  # a run may have very many others
        statement = statement.where(columns.name.in_(sorted(names)))
    return {(run_id, name): number for run_id, name, number in connection.execute(statement)}


def _lease(start: Start) -> dict[str, object]:
    if start.lease is None:
        return {"lease_host": None, "lease_boot": None, "lease_pid": None, "lease_pid_started": None}
    lease, own = start.lease, leases.own_lease()
    # A machine with the server's name that was started another time is not the server's: only its heartbeat can tell.
    is_namesake = lease.host == own.host and lease.boot != own.boot
    return {
        "lease_host": f"{lease.host} ({lease.boot})" if is_namesake else lease.host,
        "lease_boot": lease.boot,
        "lease_pid": lease.pid,
        "lease_pid_started": lease.pid_started,
    }


def _document(value: dict[str, JsonValue]) -> str:
    """Gives JSON text as the store holds it, without NUL, which PostgreSQL reads in no text of a document."""
    text_of_it = dumps(value)
    return text_of_it if "\\u0000" not in text_of_it else dumps(_without_nul(loads(text_of_it)))


def _without_nul(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {name.replace("\x00", "\ufffd"): _without_nul(item) for name, item in value.items()}
    return value


def _execute(connection: Connection, statement: str, values: Mapping[str, Any]) -> int:
    """Executes a statement; gives how many rows it changed."""
    return connection.execute(text(statement), values).rowcount
