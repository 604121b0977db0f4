"""Tools asked over the real application in this process, on a real store."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from backend.api import create_app
from tests.backend.conftest import settings_for
from tests.backend.stores import StoredRun
from tools.client import AsyncLabClient
from tools.found import Found, Reply
from tools.in_process import client_of

Answer = TypeVar("Answer")
FoundKind = TypeVar("FoundKind", bound=Found)


def ask(store: Path, use: Callable[[AsyncLabClient], Awaitable[Answer]], **settings: Any) -> Answer:
    """Gives what a use of the client gives."""

    async def answer() -> Answer:
        app = create_app(settings_for(store, **settings))
        try:
            async with client_of(app, authorization=None) as client:
                return await use(client)
        finally:
            app.state.service.close()

    return asyncio.run(answer())


def call(store: Path, function: Callable[..., Awaitable[Reply]], /, **arguments: Any) -> Reply:
    """Calls one of the tools' functions."""
    return ask(store, lambda client: function(client, **arguments))


def told(reply: Reply) -> dict[str, Any]:
    """Gives what a model is told, which is valid JSON in UTF-8."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    reply.content.encode("utf-8")
    document = json.loads(reply.content, parse_constant=refuse)
    assert isinstance(document, dict)
    return document


def found(reply: Reply, kind: type[FoundKind]) -> FoundKind:
    """Gives the data behind a reply."""
    assert isinstance(reply.found, kind)
    return reply.found


def ids(reply: Reply) -> list[str]:
    """Gives the ids of the runs that a model is told of."""
    return [run["run_id"] for run in told(reply)["runs"]]


def at(day: int) -> str:
    """A moment on a day of one month."""
    return f"2025-12-{day:02d}T10:00:00.000000Z"


WINE = [
    StoredRun(
        "aa-best", at(1), "python train.py --model svm", "wine", {"model": "svm", "lr": 0.1},
        {"accuracy": 0.95, "val_loss": 0.4, "runtime_s": 9.0}, ["model.joblib"], "keep", tags=("baseline",),
        duration_s=9.5,
    ),
    StoredRun(
        "ab-quick", at(2), "python train.py --model perceptron", "wine", {"model": "perceptron", "lr": 0.1},
        {"accuracy": 0.9, "val_loss": 0.2, "runtime_s": 1.0}, duration_s=1.5,
    ),
    StoredRun("b-iris", at(3), "python train.py", "iris", {"model": "svm", "lr": 0.5}, {"accuracy": 0.8}),
    StoredRun("c-failed", at(4), "python other.py", None, {}, {}, status="failed", note="out of memory"),
]  # fmt: skip
"""Three runs that ended well and one that did not, the newest last."""
