"""Places for a registry: the same test functions run on a SQLite file and on a PostgreSQL database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lightml.database import Database
from tests.registry_servers import fresh_address


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Where a test's registry is; nothing is there yet."""
    if request.param == "sqlite":
        yield tmp_path / "registry" / "main.db"
        return
    with fresh_address() as address:
        yield address
