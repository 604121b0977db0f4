"""Looks a store over: where it is and why, whether it is sound, what waits beside it.

Owns the checks and what each problem's remedy is. It changes nothing but the status of runs whose process is gone, and
makes neither a store nor a folder.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from lab_logger import reading, schema, spool
from lab_logger.errors import LabLoggerError, SpoolError
from lab_logger.settings import Settings
from lab_logger.storage import schema_version, store_error

_SHOWN = 5
_UNINDEXED = """run_id NOT IN (
    SELECT i.run_id FROM run_index i JOIN run_state s ON s.run_id = i.run_id JOIN run_text t ON t.rowid = s.seq)"""
_REINDEX = (
    "sqlite3 '{}' \"INSERT OR REPLACE INTO manifests SELECT * FROM manifests WHERE "
    + _UNINDEXED.replace("\n    ", "")
    + '"'
)
_REBUILD = "with no run going on: sqlite3 '{}' \"INSERT INTO run_text (run_text) VALUES ('rebuild')\""


@dataclass(slots=True)
class Report:
    """What was found.

    Attributes:
        facts: What is so, as (topic, words), in the order to be read.
        problems: What is wrong, each with what to do about it.
    """

    facts: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, topic: str, words: str, *, problem: str | None = None) -> None:
        """Notes a fact, and the problem that it is."""
        self.facts.append((topic, words))
        if problem:
            self.problems.append(problem)


def examine(settings: Settings) -> Report:
    """Examines the store that the settings name, and its spool. A store that is not there yet is no problem."""
    report = Report()
    report.add("store", f"{settings.db_path} ({settings.db_path_reason})")
    report.add("project", f"{settings.project_name}, in {settings.root}")
    report.add(".env", str(settings.env_file or "none from here upwards"))
    if settings.db_path.exists():
        _examine_store(settings.db_path, report)
    else:
        _examine_place(settings.db_path, report)
    _examine_spool(settings.db_path, report)
    server_url = settings.server_url
    if server_url is not None:
        from lab_logger import server_check

        server_check.examine(server_url, settings, report)
    return report


def _examine_place(path: Path, report: Report) -> None:
    report.add("file", "no store yet: it is made by the first run")
    folder = next(folder for folder in path.parents if folder.exists())
    if not folder.is_dir():
        report.problems.append(f"{folder} is a file, so that no store can be made in it; set DB_PATH to another place")
    elif not os.access(folder, os.W_OK | os.X_OK):
        report.problems.append(
            f"the folder {folder} cannot be written; make it writable, or set DB_PATH to another place"
        )


def _examine_store(path: Path, report: Report) -> None:
    try:
        with closing(reading.connect_to_read(path)) as connection:
            version = _examine_file(connection, path, report)
            if version == schema.VERSION:
                _examine_integrity(connection, path, report)
    except (sqlite3.Error, LabLoggerError) as error:
        problem = store_error(error, path) if isinstance(error, sqlite3.Error) else error
        report.add("file", "cannot be read", problem=f"{problem}; runs are kept in the spool until then")
        return
    if version == schema.VERSION:
        _examine_runs(path, report)


def _examine_file(connection: sqlite3.Connection, path: Path, report: Report) -> int:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    version = schema_version(connection)
    words = f"{_size(path)}, journal mode {mode}"
    report.add("file", words)
    if version > schema.VERSION:
        report.add("schema", str(version), problem=f"this lab_logger knows schema {schema.VERSION}; upgrade lab_logger")
    elif version < schema.VERSION:
        report.add("schema", f"{version}, of an earlier version: the next run or `list` completes it")
    else:
        report.add("schema", str(version))
        if mode != "wal":
            remedy = f"with no run going on: sqlite3 '{path}' \"PRAGMA journal_mode = WAL\""
            report.problems.append(
                f"the journal mode is {mode}, so that readers and writers block one another; {remedy}"
            )
    return version


def _examine_integrity(connection: sqlite3.Connection, path: Path, report: Report) -> None:
    found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_SHOWN})")]
    if found == ["ok"]:
        report.add("integrity", "ok")
    else:
        remedy = f"restore a copy, or save what can be read: sqlite3 '{path}' .recover | sqlite3 recovered.db"
        report.add("integrity", "damaged", problem=f"the database is damaged ({'; '.join(found)}); {remedy}")
    (unindexed,) = connection.execute(f"SELECT count(*) FROM manifests WHERE {_UNINDEXED}").fetchone()
    if unindexed:
        problem = f"{unindexed} runs are missing from lists and search; add them: {_REINDEX.format(path)}"
        report.add("index", f"{unindexed} runs missing", problem=problem)


def _examine_runs(path: Path, report: Report) -> None:
    """The checks that need to write: the full-text index can only be checked so, and dead runs are marked."""
    try:
        with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as connection:
            is_writable = _examine_writing(connection, path, report)
            dead, are_marked = reading.reap(connection)
            _examine_counts(connection, dead, report, are_marked=are_marked)
            if is_writable:
                _examine_search(connection, path, report)
    except sqlite3.Error as error:
        report.problems.append(str(store_error(error, path)))


def _examine_writing(connection: sqlite3.Connection, path: Path, report: Report) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM run_state WHERE false")  # a read-only file only says so when something writes
    except sqlite3.Error as error:
        report.add(
            "writing", "not possible now", problem=f"{store_error(error, path)}; runs go to the spool until then"
        )
        return False
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    report.add("writing", "ok")
    return True


def _examine_counts(connection: sqlite3.Connection, dead: list[str], report: Report, *, are_marked: bool) -> None:
    counts = dict(connection.execute("SELECT status, count(*) FROM run_state GROUP BY status").fetchall())
    if not are_marked:
        counts["running"] = counts.get("running", 0) - len(dead)
        counts["killed"] = counts.get("killed", 0) + len(dead)
    by_status = ", ".join(f"{counts[status]} {status}" for status in reading.STATUSES if counts.get(status))
    report.add("runs", f"{sum(counts.values())}" + (f": {by_status}" if by_status else ""))
    if dead:
        shown = ", ".join(dead[:_SHOWN]) + (", …" if len(dead) > _SHOWN else "")
        report.add("leases", f"{len(dead)} of processes that are gone; these runs now read killed: {shown}")
    else:
        report.add("leases", "none stale")


def _examine_search(connection: sqlite3.Connection, path: Path, report: Report) -> None:
    try:
        connection.execute("INSERT INTO run_text (run_text) VALUES ('integrity-check')")
    except sqlite3.OperationalError:
        report.add("search", "not checked: the store is busy")
    except sqlite3.DatabaseError as error:
        problem = f"the full-text index is damaged ({error}); {_REBUILD.format(path)}"
        report.add("search", "damaged", problem=problem)
    else:
        report.add("search", "ok")


def _examine_spool(path: Path, report: Report) -> None:
    waiting = False
    for words, problem in _spool_findings(path):
        waiting = True
        report.add("spool", words, problem=problem)
    if not waiting:
        report.add("spool", "nothing waits")


def _spool_findings(path: Path) -> Iterator[tuple[str, str | None]]:
    try:
        backlogs = spool.backlog(path)
    except SpoolError as error:
        yield "cannot be read", f"{error}; move it aside only if you can spare those runs"
        return
    for backlog in backlogs:
        if backlog.waiting:
            words = f"{backlog.waiting} records wait in {backlog.path}"
            yield words, f"{words}; bring them in: python -m lab_logger sync"
        if backlog.rejected:
            words = f"{backlog.rejected} records in {backlog.path} were refused by the store"
            yield (
                words,
                f"{words}; its table `rejected` holds each with the error, delete it there once you have seen it",
            )


def _size(path: Path) -> str:
    log = path.with_name(path.name + "-wal")
    size_bytes = float(path.stat().st_size + (log.stat().st_size if log.exists() else 0))
    for unit in ("bytes", "KiB", "MiB"):
        if size_bytes < 1024:  # noqa: PLR2004 - the unit's factor
            return f"{size_bytes:.0f} {unit}" if unit == "bytes" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} GiB"
