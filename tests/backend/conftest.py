import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.api import create_app
from backend.config import Settings
from backend.service import Service
from tests.backend.stores import place_in, url_at

Ask = Callable[..., httpx.Client]


class InProcess(httpx.BaseTransport):
    """Hands requests to an application in this process, as coming from an address."""

    def __init__(self, app: Any, *, client: tuple[str, int] | None) -> None:
        self._runner = asyncio.Runner()
        self._app = app
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._runner.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False, client=self._client)  # type: ignore[arg-type]
        response = await transport.handle_async_request(request)
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)

    def close(self) -> None:
        self._runner.close()


def settings_for(store: Path, **given: Any) -> Settings:
    """Settings that owe nothing to the environment or a `.env`."""
    independent: dict[str, Any] = {
        "project_name": "test-lab",
        "project_root": store.parent,
        "busy_timeout_s": 60.0,
        "api_token": None,
        "database_url": url_at(store),
        "artifact_uri": None,
        "allowed_hosts": (),
        "cors_origins": (),
        "artifact_roots": (),
    }
    return Settings(**{**independent, "db_path": store, **given})


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sqlite: a test about the SQLite file; others run on each database")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Has every test that uses a store run on each database."""
    if "database" in metafunc.fixturenames:
        is_about_the_file = metafunc.definition.get_closest_marker("sqlite") is not None
        metafunc.parametrize("database", ["sqlite"] if is_about_the_file else ["sqlite", "postgresql"])


@pytest.fixture
def store(database: str, tmp_path: Path) -> Iterator[Path]:
    """Where a test's store is, a SQLite file or what stands for a PostgreSQL database; nothing is there yet."""
    with place_in(tmp_path, database) as path:
        yield path


@pytest.fixture
def ask(store: Path) -> Iterator[Ask]:
    """Makes clients of the real application over the test's store.

    Keyword arguments are settings; `client` is the address that requests come from, `base_url` where they go.
    """
    opened: list[tuple[httpx.Client, Service]] = []

    def make(
        client: tuple[str, int] | None = ("127.0.0.1", 50_000), base_url: str = "http://127.0.0.1", **given: Any
    ) -> httpx.Client:
        app = create_app(settings_for(given.pop("db_path", store), **given))
        opened.append((httpx.Client(transport=InProcess(app, client=client), base_url=base_url), app.state.service))
        return opened[-1][0]

    yield make
    for client, service in opened:
        client.close()
        service.close()


@pytest.fixture
def client(ask: Ask) -> httpx.Client:
    """A client on this machine, with default settings."""
    return ask()
