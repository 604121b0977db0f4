"""Stores of many runs in PostgreSQL: the runs of `stores`, brought in by COPY.

Owns how they are filled in minutes: triggers, keys and indexes are held back, the derived tables are filled from
`manifests` by the schema's own functions, and keys and indexes are made at the end.
"""

import os
import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, Final

import psycopg

from backend.postgres_connection import Address
from benchmarks.stores import FEW_POINTS, SEED, SERIES, SERIES_OF_EVERY, SHARES, TAGS, manifests
from lab_logger.statements import MANIFEST_COLUMNS

_BUSY_TIMEOUT_S: Final = 600.0
_HANDS: Final = max(2, min(8, os.cpu_count() or 2))
"""How many connections work on the derived tables at once."""

_SAME: Final = ("python_version", "pip_freeze", "device_info", "wandb_url")
"""Columns that are alike in every run: sent once."""

_OWN: Final = tuple(name for name in MANIFEST_COLUMNS if name not in _SAME)

_WITH_TRIGGERS: Final = ("manifests", "run_tags")

_KEYS: Final = """
SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', r.relname, c.conname),
       format('ALTER TABLE %I ADD CONSTRAINT %I %s', r.relname, c.conname, pg_get_constraintdef(c.oid))
FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid
WHERE r.relname IN ('run_index', 'run_metrics', 'run_params') AND c.contype IN ('p', 'u')
UNION ALL
SELECT format('DROP INDEX %I', i.relname), pg_get_indexdef(i.oid)
FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS r ON r.oid = x.indrelid
WHERE r.relname IN ('run_index', 'run_metrics', 'run_params', 'run_text')
      AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.oid)
"""
"""What drops the keys and indexes of the large derived tables, and what makes them again; `run_text` keeps its key."""

_SLICE: Final = "SELECT m.* FROM manifests AS m JOIN run_state AS s USING (run_id) WHERE s.seq % {hands} = {hand}"
_DERIVATIONS: Final = (
    f"WITH slice AS ({_SLICE}) INSERT INTO run_index (run_id, started_at, dataset_id, has_artifacts, command, note) "
    "SELECT run_id, coalesce(lab_started_at(timestamp), ''), lab_indexed_name(dataset_id), "
    "lab_has_artifacts(artifacts_json), command, note FROM slice",
    f"WITH slice AS ({_SLICE}) INSERT INTO run_metrics (run_id, name, value) "
    "SELECT run_id, d.name, d.value FROM slice, lab_derived_metrics(final_metrics_json) AS d",
    f"WITH slice AS ({_SLICE}) INSERT INTO run_params (run_id, name, text, number) "
    "SELECT run_id, d.name, d.text, d.number FROM slice, lab_derived_params(params_json) AS d",
    "DO $$ BEGIN PERFORM lab_derive_text(m) FROM manifests AS m JOIN run_state AS s USING (run_id) "
    "WHERE s.seq % {hands} = {hand}; END $$",
)
"""What the triggers would do run by run, with the schema's own functions."""

_BESIDE: Final = (
    "SELECT setseed(0.5)",
    "INSERT INTO run_state (run_id, started_at, finished_at, status, duration_s) "
    "SELECT run_id, timestamp, timestamp, (ARRAY['finished', 'failed', 'killed'])"
    "[CASE WHEN chance < 0.9 THEN 1 WHEN chance < 0.97 THEN 2 ELSE 3 END], -60 * ln(1 - chance) "
    "FROM (SELECT run_id, timestamp, random() AS chance FROM manifests ORDER BY timestamp) AS runs",
    "INSERT INTO run_tags (run_id, tag) "
    f"SELECT run_id, (ARRAY{list(TAGS)})[1 + floor(random() * {len(TAGS)})::INTEGER] FROM manifests "
    f"WHERE random() < {SHARES['with a tag']}",
    "INSERT INTO artifacts (run_id, position, path, kind, size_bytes, sha256, media_type, recorded_at) "
    "SELECT run_id, 0, artifacts_json::JSON ->> 0, 'file', 4711, repeat('0', 64), 'application/octet-stream', "
    "timestamp FROM manifests WHERE artifacts_json <> '[]'",
    f"INSERT INTO metric_series (run_id, name) SELECT run_id, name FROM run_state, unnest(ARRAY{list(SERIES)}) AS name "
    f"WHERE seq % {SERIES_OF_EVERY} = 0",
    "INSERT INTO metric_points (series, step, timestamp, value) SELECT series, step, 1735689600000 + step, "
    f"1 / (1 + 9.0 * step / {FEW_POINTS}) + 0.1 * random() "
    f"FROM metric_series, generate_series(0, {FEW_POINTS - 1}) AS step",
)
"""What lies beside `manifests` and is not derived from it, as `stores` makes it."""


def fill(url: str, n_runs: int) -> None:
    """Fills an empty database with that many runs.

    Raises:
        StoreError: The database does not answer, or is none for a store.
    """
    with closing(Address(url, busy_timeout_s=_BUSY_TIMEOUT_S).connect()) as connection:
        connection.autocommit = True
        _switch_triggers(connection, "DISABLE")
        keys = connection.execute(_KEYS).fetchall()
        for drop, _ in keys:
            connection.execute(drop)
        _copy_runs(connection, n_runs)
        for statement in _BESIDE:
            connection.execute(statement.encode())
        _at_once(lambda hand: _run_all(url, (text.format(hands=_HANDS, hand=hand) for text in _DERIVATIONS)))
        _at_once(lambda hand: _run_all(url, (make for _, make in keys[hand::_HANDS])))
        _switch_triggers(connection, "ENABLE")
        connection.execute("VACUUM (ANALYZE)")


def _copy_runs(connection: psycopg.Connection[Any], n_runs: int) -> None:
    """Sends what differs from run to run, and lets the server put it together with what does not."""
    own, same = ", ".join(_OWN), ", ".join(_SAME)
    connection.execute(f"CREATE UNLOGGED TABLE incoming AS SELECT {own} FROM manifests".encode())
    connection.execute(f"CREATE UNLOGGED TABLE alike AS SELECT {same} FROM manifests".encode())
    row: dict[str, str | None] = {}
    with connection.cursor() as cursor, cursor.copy(f"COPY incoming ({own}) FROM STDIN".encode()) as copy:
        for row in manifests(n_runs, random.Random(SEED)):
            copy.write_row([row[name] for name in _OWN])
    # A text that a table holds compressed is copied as it is: the packages are compressed once, not a million times.
    marks = ", ".join(f"%({name})s" for name in _SAME)
    connection.execute(f"INSERT INTO alike VALUES ({marks})".encode(), row)
    connection.execute(f"INSERT INTO manifests ({own}, {same}) SELECT {own}, {same} FROM incoming, alike".encode())
    connection.execute("DROP TABLE incoming, alike")
    connection.execute("VACUUM (ANALYZE) manifests")


def _switch_triggers(connection: psycopg.Connection[Any], how: str) -> None:
    for table in _WITH_TRIGGERS:
        connection.execute(f"ALTER TABLE {table} {how} TRIGGER USER".encode())


def _at_once(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(_HANDS) as pool:
        list(pool.map(work, range(_HANDS)))


def _run_all(url: str, statements: Iterable[str]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
