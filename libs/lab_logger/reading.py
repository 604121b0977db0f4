"""Reads runs from a store, for the command line.

Owns the queries behind `list` and `show`, and opening a store to read it. It never makes a store, and the only thing it
writes is the truth about runs whose process is gone; a store that cannot be written is read as it is, with that truth
laid over it.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from lab_logger import leases, schema, statements
from lab_logger.errors import ParameterError, SchemaTooNewError, StoreUnavailableError
from lab_logger.record import from_epoch_ms, loads, utc_now
from lab_logger.settings import Settings
from lab_logger.storage import open_database, schema_version, store_error

STATUSES = ("running", "finished", "failed", "killed")

_REAP_TIMEOUT_MS = 1000
_AMBIGUOUS_LIMIT = 10
_STATUS = "CASE WHEN s.run_id IN (SELECT value FROM json_each(:dead)) THEN 'killed' ELSE s.status END"
_NEWEST = f"""
SELECT m.run_id, i.started_at, {_STATUS} AS status, s.duration_s, m.dataset_id, m.final_metrics_json, m.note, m.command
FROM run_index i JOIN run_state s ON s.run_id = i.run_id JOIN manifests m ON m.run_id = i.run_id
WHERE :status IS NULL OR {_STATUS} = :status
ORDER BY i.started_at DESC, i.run_id DESC LIMIT :limit"""
_STATE = f"""
SELECT {_STATUS} AS status, s.started_at, s.finished_at, s.duration_s, s.project, s.parent_run_id, s.error
FROM run_state s WHERE s.run_id = :run_id"""
_SERIES = """
SELECT s.name, count(*) AS points, min(p.step) AS first_step, max(p.step) AS last_step,
       (SELECT q.value FROM metric_points q WHERE q.series = s.series ORDER BY q.step DESC LIMIT 1) AS last_value,
       max(p.timestamp) AS logged_at
FROM metric_series s JOIN metric_points p ON p.series = s.series WHERE s.run_id = :run_id
GROUP BY s.series ORDER BY s.name"""
_ARTIFACTS = """
SELECT path, kind, size_bytes, sha256, media_type, recorded_at FROM artifacts
WHERE run_id = :run_id ORDER BY position"""

Row = dict[str, object]


def newest_runs(settings: Settings, *, limit: int, status: str | None = None) -> list[Row]:
    """Gives the newest runs first: id, start, status, duration, dataset, final metrics, note and command.

    Args:
        settings: Where the store is.
        limit: How many at most.
        status: One of `STATUSES`, to give only runs of that status.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    with _reading(settings) as (connection, dead):
        rows = _rows(connection, _NEWEST, {"dead": dead, "status": status, "limit": limit})
    for row in rows:
        row["final_metrics"] = loads(_text(row.pop("final_metrics_json")), default={})
    return rows


def whole_run(settings: Settings, run_id: str) -> Row:
    """Gives everything the store has of one run, JSON columns parsed, points summed up by series.

    Args:
        settings: Where the store is.
        run_id: The run's id, or enough of its beginning.

    Raises:
        ParameterError: No run, or more than one, has an id that begins so.
        StoreError: There is no store, or it cannot be read.
    """
    with _reading(settings) as (connection, dead):
        values = {"run_id": _full_id(connection, run_id), "dead": dead}
        columns = ", ".join(statements.MANIFEST_COLUMNS)
        (run,) = _rows(connection, f"SELECT {columns} FROM manifests WHERE run_id = :run_id", values)
        run.update(*_rows(connection, _STATE, values))
        tags = _rows(connection, "SELECT tag FROM run_tags WHERE run_id = :run_id ORDER BY tag", values)
        run["tags"] = [row["tag"] for row in tags]
        run["recorded_artifacts"] = _rows(connection, _ARTIFACTS, values)
        run["series"] = [_series(row) for row in _rows(connection, _SERIES, values)]
    for column, empty in (("params_json", {}), ("final_metrics_json", {}), ("artifacts_json", [])):
        run[column.removesuffix("_json")] = loads(_text(run.pop(column)), default=empty)
    device = loads(_text(run["device_info"]))
    run["device_info"] = run["device_info"] if device is None else device
    return run


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Opens a store without changing a byte of it, whatever its schema.

    A store in a folder that cannot be written is read without its write-ahead log where SQLite cannot open that.

    Raises:
        StoreUnavailableError: There is no such file, or it cannot be read.
        NotAStoreError: The file is no SQLite database.
    """
    if not path.is_file():
        raise StoreUnavailableError(f"{path} is {'not a file' if path.exists() else 'not there'}")
    problem: sqlite3.Error | None = None
    for options in ("mode=ro", "mode=ro&immutable=1"):
        try:
            connection = sqlite3.connect(f"file:{quote(str(path))}?{options}", uri=True, isolation_level=None)
        except sqlite3.Error as error:
            problem = problem or error
            continue
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except sqlite3.Error as error:
            problem = problem or error
            connection.close()
    assert problem is not None
    raise store_error(problem, path) from problem


def reap(connection: sqlite3.Connection) -> tuple[list[str], bool]:
    """Finds the running runs whose process is gone, and marks them where the store can be written.

    Returns:
        Their ids, and whether they are marked now.
    """
    now = utc_now()
    connection.execute(f"PRAGMA busy_timeout = {_REAP_TIMEOUT_MS}")
    try:
        return leases.reap(connection.execute, now=now), True
    except sqlite3.OperationalError:
        return [run_id for run_id, _, _ in leases.dead_runs(connection.execute, now=now)], False


@contextmanager
def _reading(settings: Settings) -> Iterator[tuple[sqlite3.Connection, str]]:
    """Yields the open store and the ids of the dead runs, as a JSON list, that are not marked in it."""
    path = settings.db_path
    if not path.exists():
        raise StoreUnavailableError(
            f"no store yet at {path} ({settings.db_path_reason}): it is made by the first run; "
            "if your runs are elsewhere, set DB_PATH or give --store"
        )
    try:
        with closing(_open(settings)) as connection:
            dead, are_marked = reap(connection)
            yield connection, json.dumps([] if are_marked else dead)
    except sqlite3.Error as error:
        raise store_error(error, path) from error


def _open(settings: Settings) -> sqlite3.Connection:
    try:
        return open_database(settings.db_path, busy_timeout_s=settings.busy_timeout_s)
    except StoreUnavailableError as error:
        connection = connect_to_read(settings.db_path)
        found = schema_version(connection)
        if found == schema.VERSION:
            return connection
        connection.close()
        if found > schema.VERSION:
            raise SchemaTooNewError(f"{settings.db_path} has schema version {found}; upgrade lab_logger") from error
        raise


def _full_id(connection: sqlite3.Connection, prefix: str) -> str:
    statement = (
        "SELECT run_id FROM manifests WHERE substr(run_id, 1, length(:prefix)) = :prefix ORDER BY run_id LIMIT :limit"
    )
    found = [
        str(row["run_id"]) for row in _rows(connection, statement, {"prefix": prefix, "limit": _AMBIGUOUS_LIMIT + 1})
    ]
    if prefix in found:
        return prefix
    if not prefix or not found:
        raise ParameterError(
            f"no run has an id that begins with {prefix!r}; `python -m lab_logger list` shows the runs"
        )
    if len(found) > 1:
        shown = ", ".join(found[:_AMBIGUOUS_LIMIT]) + (", …" if len(found) > _AMBIGUOUS_LIMIT else "")
        raise ParameterError(f"several runs have an id that begins with {prefix!r}: {shown}; give more of it")
    return found[0]


def _series(row: Row) -> Row:
    value = row["last_value"]
    row["last_value"] = "NaN" if value is None else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), value)
    with suppress(OverflowError, ValueError):  # a row by another hand may hold anything
        row["logged_at"] = from_epoch_ms(int(str(row["logged_at"])))
    return row


def _rows(connection: sqlite3.Connection, statement: str, values: Mapping[str, object]) -> list[Row]:
    cursor = connection.execute(statement, values)
    names: Sequence[str] = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
