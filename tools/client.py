"""The HTTP client of the ai-lab server: `LabClient` for scripts and pages, `AsyncLabClient` for tools.

Owns sending and receiving. The way to the server, and what goes wrong on it, is `connection`; what is said to it is
`calls`. Nothing else in the project talks to the server.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import httpx

from backend.models import (
    ArtifactInfo,
    DayActivity,
    FacetPart,
    Facets,
    Health,
    Identity,
    LongField,
    MetricSeries,
    NoteChange,
    RunComparison,
    RunDetail,
    RunSummary,
    SeriesNames,
    Version,
)
from tools import calls
from tools.calls import AgentEngine, AgentReply, Call, LeaderboardOptions, RunFilters, RunPage
from tools.connection import BROKEN, CONNECT_RETRIES, LIMITS, TIMEOUT, Connection, check_size, may_repeat
from tools.registry_client import AsyncRegistryClient, RegistryClient
from tools.whole_file import whole_file

if TYPE_CHECKING:
    from tools.agent_stream import AgentEvent

_CHUNK_BYTES = 1 << 20

Answer = TypeVar("Answer")


class LabClient(Connection):
    """A client that waits for each answer. Use it as a context manager, or close it.

    Each method raises a `LabClientError`: `ServerUnreachableError` when nothing answers, `NotFoundError` for an unknown
    run, and so on. Run ids may be shortened to any unique prefix. Proxies of the environment are not used.

    Args:
        base_url: Where the server is; `LAB_SERVER_URL` unless given.
        token: A token of the server, or its API_TOKEN. Unless given, `LAB_API_TOKEN`, which only the server at
            `LAB_SERVER_URL` is sent.
        transport: What carries the requests, such as an application in this process; a network connection unless given.
        timeout: How long to wait; unless given `TIMEOUT`, and for the agent `calls.AGENT_READ_TIMEOUT_S`.

    Raises:
        ClientSettingsError: The address or the token cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        super().__init__(base_url, token, timeout)
        self._http = httpx.Client(
            transport=transport or httpx.HTTPTransport(retries=CONNECT_RETRIES, limits=LIMITS),
            trust_env=False,
            **self._options,
        )
        self.registry = RegistryClient(self._send)
        """Asks about the model registry."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def health(self) -> Health:
        """Asks whether the server is up."""
        return self._send(calls.health())

    def version(self) -> Version:
        """Asks what is serving, and from which store."""
        return self._send(calls.version())

    def whoami(self) -> Identity:
        """Asks whose token this client sends, and what its user may do."""
        return self._send(calls.whoami())

    def list_runs(self, **filters: Unpack[RunFilters]) -> RunPage:
        """Lists runs, the newest first unless `sort` and `order` say otherwise."""
        return self._send(calls.list_runs(filters))

    def leaderboard(self, metric_name: str, **options: Unpack[LeaderboardOptions]) -> list[RunSummary]:
        """Ranks runs by a final metric, highest first unless `order` is "asc"; an unknown one is a `NotFoundError`."""
        return self._send(calls.leaderboard(metric_name, options))

    def ranking(self, metric_name: str, **options: Unpack[LeaderboardOptions]) -> RunPage:
        """Ranks runs as `leaderboard` does, and counts all that rank."""
        return self._send(calls.ranking(metric_name, options))

    def facets(self, *, leave_out: Iterable[FacetPart] = ()) -> Facets:
        """Asks for the store's own vocabulary: datasets, metrics, params, tags, statuses; parts left out are empty."""
        return self._send(calls.facets(leave_out))

    def activity(self, *, from_timestamp: str | None = None, to_timestamp: str | None = None) -> list[DayActivity]:
        """Counts the runs of each day by status, in order of time; days without a run are left out."""
        return self._send(calls.activity(from_timestamp, to_timestamp))

    def compare(self, run_ids: Iterable[str], *, leave_out: Iterable[LongField] = ()) -> RunComparison:
        """Gives runs side by side, in the order asked, repeats left out; at most `MAX_COMPARED_RUNS`.

        Long texts that are left out are None.
        """
        return self._send(calls.compare(run_ids, leave_out))

    def get_run(self, run_id: str) -> RunDetail:
        """Gives everything about one run, its live series aside."""
        return self._send(calls.get_run(run_id))

    def series_names(self, run_ids: Iterable[str]) -> SeriesNames:
        """Gives the names of the live series that runs have, without their points; at most `MAX_COMPARED_RUNS`."""
        return self._send(calls.series_names(run_ids))

    def metrics(
        self,
        run_id: str,
        *,
        names: Iterable[str] = (),
        max_points: int | None = None,
        smoothing: float | None = None,
    ) -> dict[str, MetricSeries]:
        """Gives the live series of a run by name.

        Args:
            run_id: The run.
            names: Which series; all of them unless given.
            max_points: Thins each out to so many points and keeps the extremes.
            smoothing: Adds the moving average of all points, from 0 (none) to below 1.
        """
        return self._send(calls.metrics(run_id, names=names, max_points=max_points, smoothing=smoothing))

    def curves(
        self, run_ids: Iterable[str], *, names: Iterable[str] = (), max_points: int, smoothing: float | None = None
    ) -> dict[str, dict[str, MetricSeries]]:
        """Gives the live series of several runs, at most `MAX_COMPARED_RUNS`, by run id and name.

        Args:
            run_ids: The runs; each has an entry, also one that has none of the series.
            names: Which series; all of them unless given.
            max_points: Thins each out to so many points, 10,000 at most, and keeps the extremes.
            smoothing: Adds the moving average of all points, from 0 (none) to below 1.
        """
        return self._send(calls.curves(run_ids, names=names, max_points=max_points, smoothing=smoothing))

    def artifacts(self, run_id: str) -> list[ArtifactInfo]:
        """Lists what a run left behind, and whether it is still there."""
        return self._send(calls.artifacts(run_id))

    def download_artifact(
        self,
        run_id: str,
        index: int,
        *,
        to: str | os.PathLike[str],
        path: str | None = None,
        max_bytes: int | None = None,
    ) -> int:
        """Streams an artifact into a file, which appears when it is whole and replaces one that is there.

        Args:
            run_id: The run.
            index: The artifact's place among the run's.
            to: The file to write; its folder must exist.
            path: For a recorded folder, the relative path of the file in it.
            max_bytes: The most that is fetched; nothing is of a file that the server says is larger.

        Returns:
            How many bytes the file has.

        Raises:
            FileTooLargeError: The file has more than `max_bytes`.
            OSError: The file cannot be written.
        """
        call = calls.artifact_content(run_id, index=index, path=path)
        with self._translated(), self._http.stream(call.method, call.path, params=call.query) as response:
            if not response.is_success:
                response.read()
            calls.check(response)
            check_size(response, max_bytes)
            with whole_file(Path(to)) as file:
                for chunk in response.iter_bytes(_CHUNK_BYTES):
                    file.write(chunk)
                    check_size(response, max_bytes, received=file.tell())
                return file.tell()

    def set_note(self, run_id: str, note: str | None) -> RunDetail:
        """Sets a run's note, None clears it; gives the run as it is then."""
        return self._send(calls.set_note(run_id, note=note))

    def note_history(self, run_id: str, *, limit: int | None = None) -> list[NoteChange]:
        """Gives how a run's note was changed and by whom, the newest change first; the last 100 unless told."""
        return self._send(calls.note_history(run_id, limit=limit))

    def ask_agent(self, query: str, *, session_id: str | None = None) -> AgentReply:
        """Asks the agent a question, which may have it write a note; those of one `session_id` are one conversation."""
        return self._send(calls.ask_agent(query, session_id=session_id))

    def stream_agent(self, query: str, *, session_id: str | None = None) -> "Generator[AgentEvent, None, None]":
        """Asks as `ask_agent` does, and yields what comes while it comes; the last event is the `AgentReply`.

        The question is sent when the first event is asked for. Closing the iterator ends the agent's work.

        Raises:
            ApiError: The agent gave up, also after events have come.
            UnexpectedAnswerError: The stream broke off before the answer.
        """
        from tools.agent_stream import read_events

        call = calls.stream_agent(query, session_id=session_id)
        options: dict[str, Any] = {"json": call.body, "timeout": self._timeout_of(call)}
        with self._translated(), self._http.stream(call.method, call.path, **options) as response:
            if not response.is_success:
                response.read()
            calls.check(response)
            yield from read_events(response)

    def agent_status(self) -> AgentEngine:
        """Asks which engine answers questions now, and why."""
        return self._send(calls.agent_status())

    def _send(self, call: Call[Answer]) -> Answer:
        request = self._request_of(call)
        with self._translated():
            try:
                response = self._http.request(**request)
            except BROKEN:
                if not may_repeat(call):
                    raise
                response = self._http.request(**request)
        calls.check(response)
        return call.read(response)


class AsyncLabClient(Connection):
    """A client to await, with the same arguments, methods, answers and errors as `LabClient`."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        super().__init__(base_url, token, timeout)
        self._http = httpx.AsyncClient(
            transport=transport or httpx.AsyncHTTPTransport(retries=CONNECT_RETRIES, limits=LIMITS),
            trust_env=False,
            **self._options,
        )
        self.registry = AsyncRegistryClient(self._send)
        """See `LabClient.registry`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def health(self) -> Health:
        """See `LabClient.health`."""
        return await self._send(calls.health())

    async def version(self) -> Version:
        """See `LabClient.version`."""
        return await self._send(calls.version())

    async def whoami(self) -> Identity:
        """See `LabClient.whoami`."""
        return await self._send(calls.whoami())

    async def list_runs(self, **filters: Unpack[RunFilters]) -> RunPage:
        """See `LabClient.list_runs`."""
        return await self._send(calls.list_runs(filters))

    async def leaderboard(self, metric_name: str, **options: Unpack[LeaderboardOptions]) -> list[RunSummary]:
        """See `LabClient.leaderboard`."""
        return await self._send(calls.leaderboard(metric_name, options))

    async def ranking(self, metric_name: str, **options: Unpack[LeaderboardOptions]) -> RunPage:
        """See `LabClient.ranking`."""
        return await self._send(calls.ranking(metric_name, options))

    async def facets(self, *, leave_out: Iterable[FacetPart] = ()) -> Facets:
        """See `LabClient.facets`."""
        return await self._send(calls.facets(leave_out))

    async def activity(
        self, *, from_timestamp: str | None = None, to_timestamp: str | None = None
    ) -> list[DayActivity]:
        """See `LabClient.activity`."""
        return await self._send(calls.activity(from_timestamp, to_timestamp))

    async def compare(self, run_ids: Iterable[str], *, leave_out: Iterable[LongField] = ()) -> RunComparison:
        """See `LabClient.compare`."""
        return await self._send(calls.compare(run_ids, leave_out))

    async def get_run(self, run_id: str) -> RunDetail:
        """See `LabClient.get_run`."""
        return await self._send(calls.get_run(run_id))

    async def series_names(self, run_ids: Iterable[str]) -> SeriesNames:
        """See `LabClient.series_names`."""
        return await self._send(calls.series_names(run_ids))

    async def metrics(
        self,
        run_id: str,
        *,
        names: Iterable[str] = (),
        max_points: int | None = None,
        smoothing: float | None = None,
    ) -> dict[str, MetricSeries]:
        """See `LabClient.metrics`."""
        return await self._send(calls.metrics(run_id, names=names, max_points=max_points, smoothing=smoothing))

    async def curves(
        self, run_ids: Iterable[str], *, names: Iterable[str] = (), max_points: int, smoothing: float | None = None
    ) -> dict[str, dict[str, MetricSeries]]:
        """See `LabClient.curves`."""
        return await self._send(calls.curves(run_ids, names=names, max_points=max_points, smoothing=smoothing))

    async def artifacts(self, run_id: str) -> list[ArtifactInfo]:
        """See `LabClient.artifacts`."""
        return await self._send(calls.artifacts(run_id))

    async def download_artifact(
        self,
        run_id: str,
        index: int,
        *,
        to: str | os.PathLike[str],
        path: str | None = None,
        max_bytes: int | None = None,
    ) -> int:
        """See `LabClient.download_artifact`."""
        call = calls.artifact_content(run_id, index=index, path=path)
        with self._translated():
            async with self._http.stream(call.method, call.path, params=call.query) as response:
                if not response.is_success:
                    await response.aread()
                calls.check(response)
                check_size(response, max_bytes)
                with whole_file(Path(to)) as file:
                    async for chunk in response.aiter_bytes(_CHUNK_BYTES):
                        await asyncio.to_thread(file.write, chunk)
                        check_size(response, max_bytes, received=file.tell())
                    return file.tell()

    async def set_note(self, run_id: str, note: str | None) -> RunDetail:
        """See `LabClient.set_note`."""
        return await self._send(calls.set_note(run_id, note=note))

    async def note_history(self, run_id: str, *, limit: int | None = None) -> list[NoteChange]:
        """See `LabClient.note_history`."""
        return await self._send(calls.note_history(run_id, limit=limit))

    async def ask_agent(self, query: str, *, session_id: str | None = None) -> AgentReply:
        """See `LabClient.ask_agent`."""
        return await self._send(calls.ask_agent(query, session_id=session_id))

    async def stream_agent(self, query: str, *, session_id: str | None = None) -> "AsyncGenerator[AgentEvent, None]":
        """See `LabClient.stream_agent`."""
        from tools.agent_stream import read_events_async

        call = calls.stream_agent(query, session_id=session_id)
        options: dict[str, Any] = {"json": call.body, "timeout": self._timeout_of(call)}
        with self._translated():
            async with self._http.stream(call.method, call.path, **options) as response:
                if not response.is_success:
                    await response.aread()
                calls.check(response)
                async with aclosing(read_events_async(response)) as events:
                    async for event in events:
                        yield event

    async def agent_status(self) -> AgentEngine:
        """See `LabClient.agent_status`."""
        return await self._send(calls.agent_status())

    async def _send(self, call: Call[Answer]) -> Answer:
        request = self._request_of(call)
        with self._translated():
            try:
                response = await self._http.request(**request)
            except BROKEN:
                if not may_repeat(call):
                    raise
                response = await self._http.request(**request)
        calls.check(response)
        return call.read(response)
