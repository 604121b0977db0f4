"""The REST contract as values: what to send for each endpoint, and how to read what comes back.

Owns `Call` and one function per endpoint. It must not send anything: the clients in `client` do, so that the one that
waits and the one that awaits say and understand the same.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Generic, Literal, TypedDict, TypeVar, cast
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

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
    Problem,
    RunComparison,
    RunDetail,
    RunSummary,
    SeriesNames,
    Status,
    Version,
)
from tools.errors import LabClientError, UnexpectedAnswerError, api_error

Answer = TypeVar("Answer")

Order = Literal["asc", "desc"]

AGENT_READ_TIMEOUT_S: Final = 180.0
"""How long the agent's answer is waited for: a language model may be asked several times for one question."""


class RunFilters(TypedDict, total=False):
    """What `GET /runs` filters, orders and pages by; what is left out, or None, does not count."""

    dataset_id: str | None
    command_substring: str | None
    from_timestamp: str | None
    to_timestamp: str | None
    note_substring: str | None
    has_artifacts: bool | None
    metric_name: str | None
    metric_min: float | None
    metric_max: float | None
    status: Status | Sequence[Status] | None
    tag: str | Sequence[str] | None
    param: str | Sequence[str] | None
    q: str | None
    sort: str | None
    order: Order | None
    limit: int | None
    offset: int | None


class LeaderboardOptions(TypedDict, total=False):
    """What `GET /runs/leaderboard` takes beside the metric; what is left out, or None, does not count."""

    top_k: int | None
    dataset_id: str | None
    has_artifacts: bool | None
    order: Order | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of runs.

    Attributes:
        runs: The runs of the page, in the order asked.
        total: How many runs fit the filters, or rank, those beyond the page included.
    """

    runs: list[RunSummary]
    total: int


@dataclass(frozen=True, slots=True)
class AgentReply:
    """What the agent answers, as it came.

    Attributes:
        document: The answer; its shape is the agent's, and not checked here.
        engine: Who answered: `llm` or `offline`.
        fallback: Why the built-in planner stood in for the language model; None when it did not.
        status: The HTTP status.
    """

    document: dict[str, Any]
    engine: str
    fallback: str | None
    status: int


@dataclass(frozen=True, slots=True)
class AgentEngine:
    """Which engine answers questions.

    Attributes:
        engine: `llm` for a language model, `offline` for the built-in planner.
        model: The language model; None offline.
        base_url: Where the language model is asked; None for the provider's own address and offline.
        reason: Why this engine.
        tools: The tools there are.
    """

    engine: Literal["llm", "offline"]
    model: str | None
    base_url: str | None
    reason: str
    tools: list[str]


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One request and the way to read its answer.

    Attributes:
        method: The HTTP method.
        path: The path, percent-encoded.
        read: Reads a successful answer.
        query: The query parameters, in order; a repeated name is a repeated parameter.
        body: What is sent as JSON, or None.
        read_timeout_s: How long the answer is waited for, in seconds; as long as any other unless given.
        changes_nothing: Whether asking twice is as good as asking once; every GET is such, whatever this says.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], Answer]
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None
    read_timeout_s: float | None = None
    changes_nothing: bool = False


def health() -> Call[Health]:
    """`GET /health`."""
    return Call("GET", "/health", reader(Health))


def version() -> Call[Version]:
    """`GET /version`."""
    return Call("GET", "/version", reader(Version))


def whoami() -> Call[Identity]:
    """`GET /whoami`."""
    return Call("GET", "/whoami", reader(Identity))


def list_runs(filters: RunFilters) -> Call[RunPage]:
    """`GET /runs`."""
    return Call("GET", "/runs", _read_page, query_of(filters))


def leaderboard(metric_name: str, options: LeaderboardOptions) -> Call[list[RunSummary]]:
    """`GET /runs/leaderboard`."""
    return Call("GET", "/runs/leaderboard", reader(list[RunSummary]), query_of({"metric_name": metric_name, **options}))


def ranking(metric_name: str, options: LeaderboardOptions) -> Call[RunPage]:
    """`GET /runs/leaderboard`, with the number of all runs that rank."""
    return Call(
        "GET", "/runs/leaderboard", _read_page, query_of({"metric_name": metric_name, "count": True, **options})
    )


def facets(leave_out: Iterable[FacetPart]) -> Call[Facets]:
    """`GET /runs/facets`."""
    return Call("GET", "/runs/facets", reader(Facets), query_of({"leave_out": list(leave_out)}))


def activity(from_timestamp: str | None, to_timestamp: str | None) -> Call[list[DayActivity]]:
    """`GET /runs/activity`."""
    query = query_of({"from_timestamp": from_timestamp, "to_timestamp": to_timestamp})
    return Call("GET", "/runs/activity", reader(list[DayActivity]), query)


def compare(run_ids: Iterable[str], leave_out: Iterable[LongField]) -> Call[RunComparison]:
    """`POST /compare`, which has no limit on the length of an address."""
    body: dict[str, object] = {"run_ids": [sendable(run_id) for run_id in run_ids]}
    body["leave_out"] = list(leave_out)
    return Call("POST", "/compare", reader(RunComparison), body=body, changes_nothing=True)


def get_run(run_id: str) -> Call[RunDetail]:
    """`GET /runs/{id}`."""
    return Call("GET", _run_path(run_id), reader(RunDetail))


def series_names(run_ids: Iterable[str]) -> Call[SeriesNames]:
    """`GET /runs/series`."""
    return Call("GET", "/runs/series", reader(SeriesNames), query_of({"ids": list(run_ids)}))


def metrics(
    run_id: str, *, names: Iterable[str], max_points: int | None, smoothing: float | None
) -> Call[dict[str, MetricSeries]]:
    """`GET /runs/{id}/metrics`."""
    query = query_of({"name": list(names), "max_points": max_points, "smoothing": smoothing})
    return Call("GET", _run_path(run_id, "metrics"), reader(dict[str, MetricSeries]), query)


def curves(
    run_ids: Iterable[str], *, names: Iterable[str], max_points: int, smoothing: float | None
) -> Call[dict[str, dict[str, MetricSeries]]]:
    """`GET /runs/curves`."""
    query = {"ids": list(run_ids), "name": list(names), "max_points": max_points, "smoothing": smoothing}
    return Call("GET", "/runs/curves", reader(dict[str, dict[str, MetricSeries]]), query_of(query))


def artifacts(run_id: str) -> Call[list[ArtifactInfo]]:
    """`GET /runs/{id}/artifacts`."""
    return Call("GET", _run_path(run_id, "artifacts"), reader(list[ArtifactInfo]))


def artifact_content(run_id: str, *, index: int, path: str | None) -> Call[None]:
    """`GET /runs/{id}/artifacts/{n}`; the content is streamed, not read here."""
    return Call("GET", _run_path(run_id, "artifacts", str(index)), lambda _: None, query_of({"path": path}))


def set_note(run_id: str, *, note: str | None) -> Call[RunDetail]:
    """`PATCH /runs/{id}/note`."""
    body = {"note": None if note is None else sendable(note)}
    return Call("PATCH", _run_path(run_id, "note"), reader(RunDetail), body=body)


def note_history(run_id: str, *, limit: int | None) -> Call[list[NoteChange]]:
    """`GET /runs/{id}/notes`."""
    return Call("GET", _run_path(run_id, "notes"), reader(list[NoteChange]), query_of({"limit": limit}))


def ask_agent(query: str, *, session_id: str | None) -> Call[AgentReply]:
    """`POST /agent/query`."""
    return _question("/agent/query", query, session_id)


def stream_agent(query: str, *, session_id: str | None) -> Call[AgentReply]:
    """`POST /agent/stream`; the answer comes as the events of `agent_stream`, and is not read here."""
    return _question("/agent/stream", query, session_id)


def agent_status() -> Call[AgentEngine]:
    """`GET /agent/status`."""
    return Call("GET", "/agent/status", reader(AgentEngine))


def check(response: httpx.Response) -> None:
    """Raises the error that an answer stands for, if it is one; the answer's content must have been read.

    Raises:
        ApiError: The server said no.
        UnexpectedAnswerError: The answer is a redirection, which the server never gives.
    """
    if response.is_success:
        return
    if not response.is_error:
        raise unexpected(response, f"it answered with status {response.status_code}")
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        detail = f"the server at {_server(response)} answered {response.status_code} without saying why"
        raise api_error(response.status_code, title=response.reason_phrase, detail=detail) from None
    raise api_error(
        response.status_code, title=problem.title, detail=problem.detail, candidates=problem.candidates or ()
    )


@cache
def _adapter(shape: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("Any", shape))


def reader(shape: type[Answer]) -> Callable[[httpx.Response], Answer]:
    """Makes what reads an answer's JSON as a shape, and raises `UnexpectedAnswerError` where it is another."""

    def read(response: httpx.Response) -> Answer:
        try:
            answer: Answer = _adapter(cast("Hashable", shape)).validate_json(response.content)
        except ValidationError as error:
            raise unexpected(response, str(error).splitlines()[0]) from error
        return answer

    return read


def total_of(response: httpx.Response) -> int:
    """Gives how many things fit in all, beyond the page that was answered.

    Raises:
        UnexpectedAnswerError: The answer does not say.
    """
    total = response.headers.get("X-Total-Count", "")
    if not total.isdecimal():
        raise unexpected(response, "X-Total-Count is missing")
    return int(total)


def _read_page(response: httpx.Response) -> RunPage:
    return RunPage(reader(list[RunSummary])(response), total_of(response))


def _question(path: str, query: str, session_id: str | None) -> Call[AgentReply]:
    body = {"query": sendable(query), "session_id": None if session_id is None else sendable(session_id)}
    return Call("POST", path, _read_agent_reply, body=body, read_timeout_s=AGENT_READ_TIMEOUT_S)


def _read_agent_reply(response: httpx.Response) -> AgentReply:
    engine = response.headers.get("X-Agent-Engine")
    if engine is None:
        raise unexpected(response, "X-Agent-Engine is missing")
    document = reader(dict[str, Any])(response)
    return AgentReply(document, engine, response.headers.get("X-Agent-Fallback"), response.status_code)


def unexpected(response: httpx.Response, what: str) -> UnexpectedAnswerError:
    """Makes the error for an answer that the server would not give."""
    return UnexpectedAnswerError(
        f"what answers at {_server(response)} does not speak as this version of the ai-lab server does ({what}); "
        "check LAB_SERVER_URL, or start the server anew with `make serve`"
    )


def _server(response: httpx.Response) -> str:
    url = response.request.url
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _run_path(run_id: str, *rest: str) -> str:
    if not run_id:
        raise LabClientError("the run id is empty; give a run id or a unique prefix of one")
    # Dots are encoded too, or an id of dots alone would be taken for a step to the folder above.
    return "/".join(["/runs", quote(run_id, safe="", errors="replace").replace(".", "%2E"), *rest])


def query_of(values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Gives values as query parameters: None is left out, each item of a list or tuple is one of its own."""
    query: list[tuple[str, str]] = []
    for name, value in values.items():
        items = value if isinstance(value, list | tuple) else [value]
        query.extend((name, _text(item)) for item in items if item is not None)
    return tuple(query)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else sendable(str(value))


def sendable(text: str) -> str:
    """Gives text without what UTF-8 cannot say, such as a stray byte in a command line's argument."""
    return text.encode("utf-8", "replace").decode("utf-8")
