"""The REST service: `uvicorn backend.api:app`.

Owns putting the parts together, and nothing else.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from backend import __version__, errors, openapi
from backend.body_limit import BodyLimit
from backend.config import Settings
from backend.routers import artifacts, compare, runs, system
from backend.security import Gate
from backend.service import Service


def create_app(settings: Settings | None = None) -> FastAPI:
    """Makes an application.

    Args:
        settings: The settings; read from the environment and `.env` when the application starts unless given.
    """
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    # The pages under /docs bring their scripts along: nothing is fetched from elsewhere.
    app = FastAPIOffline(title="ai-lab", version=__version__, description=openapi.DESCRIPTION, lifespan=lifespan)
    app.state.service = service
    errors.install(app)
    # The one added last stands first: the gate, then the limit, then the routes.
    app.add_middleware(BodyLimit)
    app.add_middleware(Gate, settings=lambda: service.settings)
    # A run id may hold slashes, so the address of a run comes after every longer one.
    for router in (system.router, runs.router, compare.router, artifacts.router, runs.detail_router):
        app.include_router(router)
    openapi.complete(app)
    return app


app = create_app()
