import asyncio

import pytest
from anyio import BrokenResourceError
from starlette.types import Receive, Scope, Send

from backend.hang_ups import HangUps


def _answered(*errors: Exception) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("inner", list(errors))])

    async def nothing(*_: object) -> None: ...

    asyncio.run(HangUps(app)({"type": "http"}, nothing, nothing))  # type: ignore[arg-type]


def test_a_write_to_a_stream_that_nobody_reads_ends_the_request_in_silence() -> None:
    _answered(BrokenResourceError())


def test_any_other_failure_of_a_stream_is_told() -> None:
    with pytest.raises(ExceptionGroup, match="TaskGroup"):
        _answered(BrokenResourceError(), ZeroDivisionError())
