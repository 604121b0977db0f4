"""The REST service: `uvicorn backend.api:app`.

Owns putting the parts together, and nothing else.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from agents import chat_agent
from agents.engine import Assistant
from backend import __version__, errors, openapi
from backend.body_limit import BodyLimit
from backend.config import Settings
from backend.contract import only, problems
from backend.hang_ups import HangUps
from backend.mcp_mount import McpMount
from backend.queries import NoQuery
from backend.routers import artifacts, compare, ingest, registry, registry_views, runs, system
from backend.security import Gate
from backend.service import Service


def create_app(settings: Settings | None = None, *, assistant: Assistant | None = None) -> FastAPI:
    """Makes an application.

    Args:
        settings: The settings; read from the environment and `.env` when the application starts unless given.
        assistant: What answers questions; one that reads its settings likewise, when the first comes, unless given.
    """
    service = Service(settings)
    mcp = McpMount()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await mcp.aclose()
        await to_thread.run_sync(service.close)  # a bucket's connections close only outside the event loop

    # The pages under /docs bring their scripts along: nothing is fetched from elsewhere.
    app = FastAPIOffline(title="ai-lab", version=__version__, description=openapi.DESCRIPTION, lifespan=lifespan)
    app.state.service = service
    app.state.assistant = assistant or Assistant()
    errors.install(app)
    # The one added last stands first: the gate, then the limit, then the hang-ups, then the routes.
    app.add_middleware(HangUps)
    app.add_middleware(BodyLimit)
    app.add_middleware(Gate, settings=lambda: service.settings, book=service.tokens)
    # A run id may hold slashes, so the address of a run comes after every longer one.
    writers = (ingest.router, ingest.runs_router)
    for router in (system.router, *writers, runs.router, compare.router, artifacts.router, runs.detail_router):
        app.include_router(router)
    for router in (registry.router, registry_views.router):
        app.include_router(router, prefix="/registry", tags=["registry"])
    no_query = [Depends(only(NoQuery))]
    app.include_router(chat_agent.router, dependencies=no_query, responses=problems(413, 503))
    app.include_router(chat_agent.status_router, dependencies=no_query, responses=problems())
    app.router.routes.extend(mcp.routes)
    openapi.complete(app)
    return app


app = create_app()
