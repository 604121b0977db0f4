"""The questions an agent may ask of the runs, as plain async functions over HTTP.

Owns each tool's arguments, and what its reply says. A function's docstring and the descriptions of its arguments are
what a model reads to choose it. Everything is asked through `client`; nothing here knows who asks.
"""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from backend.models import MAX_NOTE_CHARS, RunSummary, Status
from tools import trimming
from tools.calls import Order
from tools.client import AsyncLabClient
from tools.directions import better_order, order_text
from tools.found import ComparisonFound, DetailsFound, NoteWritten, Reply, RunsFound, StoreDescribed

PUBLISH: Final = "PUBLISH"
"""What the note of a run flagged for publish starts with."""

_FLAGGED: Final = re.compile(rf"{PUBLISH}\b")
_MAX_RUNS: Final = 200
_MAX_WORDS: Final = 6
_CURVE_POINTS: Final = 400

RunId = Annotated[str, Field(min_length=1, max_length=500, description="A run id, or a unique beginning of one.")]
Dataset = Annotated[str | None, Field(description="Only runs on this dataset, spelled as describe_store gives it.")]
HasArtifacts = Annotated[bool | None, Field(description="Only runs with artifacts, or only runs without.")]


async def list_runs(
    client: AsyncLabClient,
    *,
    dataset_id: Dataset = None,
    status: Annotated[list[Status] | None, Field(description="Only runs that stand like one of these.")] = None,
    param: Annotated[
        list[str] | None, Field(description="Only runs with all of these parameters, each as 'name:value'.")
    ] = None,
    tag: Annotated[list[str] | None, Field(description="Only runs with all of these tags.")] = None,
    metric_name: Annotated[str | None, Field(description="Only runs with this final metric.")] = None,
    metric_min: Annotated[float | None, Field(description="The metric is at least this; needs metric_name.")] = None,
    metric_max: Annotated[float | None, Field(description="The metric is at most this; needs metric_name.")] = None,
    from_timestamp: Annotated[str | None, Field(description="Started then or later; ISO 8601, UTC.")] = None,
    to_timestamp: Annotated[str | None, Field(description="Started then or earlier; ISO 8601, UTC.")] = None,
    note_substring: Annotated[str | None, Field(description="The note holds this text.")] = None,
    command_substring: Annotated[str | None, Field(description="The command holds this text.")] = None,
    has_artifacts: HasArtifacts = None,
    sort: Annotated[
        str, Field(description="timestamp, duration, metric:NAME or param:NAME; runs without a value come last.")
    ] = "timestamp",
    order: Annotated[
        Literal["asc", "desc"] | None,
        Field(description="Unless given: newest or highest first, for a metric its better end first."),
    ] = None,
    limit: Annotated[int, Field(ge=1, le=_MAX_RUNS, description="How many runs at most.")] = 10,
) -> Reply:
    """Lists runs that meet every filter given, newest first unless sorted, and counts all that do.

    Use it to filter, to count (total), and to rank among filtered runs (sort='metric:NAME').
    """
    by_metric = sort.removeprefix("metric:") if sort.startswith("metric:") else None
    direction: Order = order or (better_order(by_metric) if by_metric else "desc")
    page = await client.list_runs(
        dataset_id=dataset_id,
        status=status,
        param=param,
        tag=tag,
        metric_name=metric_name,
        metric_min=metric_min,
        metric_max=metric_max,
        from_timestamp=from_timestamp,
        to_timestamp=to_timestamp,
        note_substring=note_substring,
        command_substring=command_substring,
        has_artifacts=has_artifacts,
        sort=sort,
        order=direction,
        limit=limit,
    )
    newest = "newest first" if direction == "desc" else "oldest first"
    said = newest if sort == "timestamp" else f"{sort}, {order_text(direction)}"
    found = RunsFound(page.runs, page.total, by_metric, direction if by_metric else None)
    named = [sort.partition(":")[2], metric_name or "", *(text.partition(":")[0] for text in param or [])]
    return _reply(trimming.runs(page.runs, total=page.total, ordered_by=said, first=named), found)


async def leaderboard(
    client: AsyncLabClient,
    *,
    metric_name: Annotated[str, Field(description="The final metric, spelled as describe_store gives it.")],
    top_k: Annotated[int, Field(ge=1, le=_MAX_RUNS, description="How many runs at most.")] = 5,
    dataset_id: Dataset = None,
    has_artifacts: HasArtifacts = None,
    order: Annotated[
        Literal["asc", "desc"] | None,
        Field(description="Unless given, the better end first: 'asc' for losses, errors and times, else 'desc'."),
    ] = None,
) -> Reply:
    """Ranks runs by one final metric, best first."""
    direction: Order = order or better_order(metric_name)
    runs = await client.leaderboard(
        metric_name, top_k=top_k, dataset_id=dataset_id, has_artifacts=has_artifacts, order=direction
    )
    document = trimming.runs(runs, ordered_by=f"metric:{metric_name}, {order_text(direction)}", first=[metric_name])
    return _reply(document, RunsFound(runs, len(runs), metric_name, direction))


async def get_run_details(
    client: AsyncLabClient,
    *,
    run_id: RunId,
    curve: Annotated[
        str | None, Field(description="Also give the live curve of this metric; '*' gives the curves of all.")
    ] = None,
) -> Reply:
    """Gives one run: status, times, dataset, params, final metrics, note, tags, error, and a curve on request."""
    run = await client.get_run(run_id)
    if curve is None:
        return _reply(trimming.detail(run), DetailsFound(run))
    names = [] if curve == "*" else [curve]
    series = await client.metrics(run.run_id, names=names, max_points=_CURVE_POINTS)
    return _reply({**trimming.detail(run), **trimming.curves(series)}, DetailsFound(run, series))


async def compare_runs(
    client: AsyncLabClient,
    *,
    run_ids: Annotated[list[RunId], Field(min_length=2, max_length=100, description="The runs, two or more.")],
) -> Reply:
    """Puts runs side by side: every metric's value per run, and the params that differ."""
    comparison = await client.compare(run_ids)
    return _reply(trimming.comparison(comparison), ComparisonFound(comparison))


async def flag_run_for_publish(client: AsyncLabClient, *, run_id: RunId) -> Reply:
    """Flags one run for publish: its note then starts with PUBLISH, and goes on with what it said before."""
    run = await client.get_run(run_id)
    former = run.note or ""
    note = former if _FLAGGED.match(former) else f"{PUBLISH}: {former}" if former else PUBLISH
    return _written(await client.set_note(run.run_id, note), previous=run.note)


async def update_note(
    client: AsyncLabClient,
    *,
    run_id: RunId,
    note: Annotated[str, Field(max_length=MAX_NOTE_CHARS, description="The new note, in the user's own words.")],
) -> Reply:
    """Sets the note of one run to a text; the reply holds the note it had before."""
    run = await client.get_run(run_id)
    return _written(await client.set_note(run.run_id, note), previous=run.note)


async def search_run_summaries(
    client: AsyncLabClient,
    *,
    query: Annotated[str, Field(min_length=1, max_length=1_000, description="Words to look for.")],
    limit: Annotated[int, Field(ge=1, le=_MAX_RUNS, description="How many runs at most.")] = 5,
) -> Reply:
    """Finds runs by words in command, note, params, dataset and tags, the most relevant first.

    Runs with all words come first choice; where none has them all, those that have the most of them are given.
    """
    page = await client.list_runs(q=query, sort="relevance", limit=limit)
    words = list({word.lower(): word for word in query.split()}.values())[:_MAX_WORDS]
    if page.runs or len(words) < 2:  # noqa: PLR2004 - of one word no part can be searched for
        return _reply(
            trimming.runs(page.runs, total=page.total, ordered_by="relevance"), RunsFound(page.runs, page.total)
        )
    runs = await _with_most_words(client, words, limit=limit)
    document = trimming.runs(runs, ordered_by="most words first")
    if runs:
        document["remark"] = "no run holds all of the words; these hold some"
    return _reply(document, RunsFound(runs, len(runs), is_partial=bool(runs)))


async def describe_store(client: AsyncLabClient) -> Reply:
    """Gives the store's own vocabulary: how many runs, datasets, metrics with ranges, params with values, tags.

    Ask it first when a name in the question may be spelled differently in the store.
    """
    facets = await client.facets()
    return _reply(trimming.store(facets), StoreDescribed(facets))


async def _with_most_words(client: AsyncLabClient, words: list[str], *, limit: int) -> list[RunSummary]:
    """Gives the runs that hold the most of some words; among equals, the more relevant to an earlier word first.

    Of each word the most relevant `_MAX_RUNS` runs are looked at.
    """
    hits: dict[str, int] = {}
    by_id: dict[str, RunSummary] = {}
    for word in words:
        for run in (await client.list_runs(q=word, sort="relevance", limit=_MAX_RUNS)).runs:
            hits[run.run_id] = hits.get(run.run_id, 0) + 1
            by_id.setdefault(run.run_id, run)
    return sorted(by_id.values(), key=lambda run: -hits[run.run_id])[:limit]


def _written(run: Any, *, previous: str | None) -> Reply:
    document = {
        "run_id": run.run_id, "note": trimming.cut(run.note), "previous_note": trimming.cut(previous), "written": True
    }  # fmt: skip
    return _reply(document, NoteWritten(run, previous))


def _reply(document: trimming.Document, found: Any) -> Reply:
    return Reply(trimming.text_of(document), found)
