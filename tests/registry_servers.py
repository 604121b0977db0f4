"""Places on a PostgreSQL server for the tests of registries.

Owns giving each test a place where no registry is yet, faster than by a database of its own for each.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg

from lightml.database import close
from tests.postgres import url_of

_numbers = itertools.count(1)


@contextmanager
def fresh_address() -> Iterator[str]:
    """Gives the address of a schema where nothing is yet, and removes it."""
    address, name = url_of("postgres"), f"registry_{next(_numbers)}"
    place = f"{address}&options={quote(f'-csearch_path={name}')}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
        try:
            yield place
        finally:
            close(place)
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())
