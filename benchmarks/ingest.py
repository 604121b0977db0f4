"""How many points a second the server takes in, and how long readers wait meanwhile, on SQLite and on PostgreSQL.

Owns what is measured of taking in. The floor is the same points written to the same kind of database by one program
that does nothing else: raw `executemany` or raw COPY, a commit for as many points as a request has.
"""

import contextlib
import functools
import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx
import psycopg

from benchmarks.databases import postgresql
from benchmarks.floors import RawPoints
from benchmarks.measure import BenchmarkError, Finding, Sample, time_text
from benchmarks.reads import FEW, MANY
from benchmarks.senders import POINTS_A_BODY, points, send_all, sending
from benchmarks.servers import Server, start_server
from benchmarks.shared_stores import fill
from benchmarks.stores import METRICS, filled_store
from benchmarks.workspace import Workspace

CLIENTS: Final = (1, 4, 16)
N_POINTS: Final = 320_000
"""A multiple of the points of a body times the most clients."""

SENDERS_BESIDE: Final = 4
_READS: Final = {
    "/runs, a page of 50": "/runs?limit=50",
    "/runs/leaderboard, top 10": f"/runs/leaderboard?top_k=10&metric_name={METRICS[0]}",
}


def taking_in(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Times 1, 4 and 16 clients on both kinds of database, and readers of SQLite beside 4 of them."""
    n_points, rounds = (N_POINTS // 10, 1) if is_quick else (N_POINTS, 3)
    rates = functools.partial(_rates, workspace=workspace, n_points=n_points, rounds=rounds)
    findings = []
    with contextlib.ExitStack() as open_things:
        store = workspace.folder / "ingest.db"
        shutil.copy(filled_store(FEW), store)
        findings += rates("SQLite", store, lambda: _sqlite_floor_s(workspace, n_points))
        databases = open_things.enter_context(postgresql())
        url, raw = (open_things.enter_context(databases.empty()) for _ in range(2))
        fill(url, FEW)
        findings += rates("PostgreSQL", url, lambda: _postgresql_floor_s(raw, n_points))
    n_runs = FEW if is_quick else MANY
    shutil.copy(filled_store(n_runs), store)
    with start_server(store, workspace=workspace) as server:
        findings += reading_meanwhile(server, rounds=30 if is_quick else 300, where=f"{n_runs:,} runs in SQLite")
    return findings


def reading_meanwhile(server: Server, *, rounds: int, where: str) -> list[Finding]:
    """Times readers at rest and while clients send points as fast as the server takes them."""
    findings = []
    for what, path in _READS.items():
        rest = _ask(server, path, rounds)
        with sending(server.url, n_clients=SENDERS_BESIDE):
            meanwhile = _ask(server, path, rounds)
        shares = {"p50": (meanwhile.median_s, rest.median_s), "p99": (meanwhile.p99_s, rest.p99_s)}
        for share, (took_s, floor_s) in shares.items():
            findings.append(
                Finding(
                    what=f"{what}, {where}, while {SENDERS_BESIDE} clients send points: {share}",
                    limit="-",
                    measured=time_text(took_s),
                    floor=time_text(floor_s),
                    ratio=took_s / floor_s,
                    is_met=None,
                    spread=meanwhile.spread,
                    remark="the floor is the same request to the same store while nobody sends",
                )
            )
    return findings


def _rates(
    kind: str, store: Path | str, floor_s: Callable[[], float], *, workspace: Workspace, n_points: int, rounds: int
) -> list[Finding]:
    times: dict[int, list[float]] = {n_clients: [] for n_clients in CLIENTS}
    floors = []
    with start_server(store, workspace=workspace) as server:
        for _ in range(rounds):
            floors.append(floor_s())
            for n_clients in CLIENTS:
                before = stored_points(store)
                times[n_clients].append(send_all(server.url, n_clients=n_clients, n_points=n_points))
                if stored_points(store) - before != n_points:
                    raise BenchmarkError(
                        f"{n_points} points were sent, {stored_points(store) - before} more are stored"
                    )
    floor = Sample(tuple(floors))
    return [
        _rate(kind, n_clients, Sample(tuple(seconds)), floor, n_points=n_points) for n_clients, seconds in times.items()
    ]


def _rate(kind: str, n_clients: int, times: Sample, floor: Sample, *, n_points: int) -> Finding:
    return Finding(
        what=f"points taken in by the server on {kind} from {n_clients} client{'s' * (n_clients > 1)}",
        limit="every point is stored once",
        measured=f"{n_points / times.median_s:,.0f} a second",
        floor=f"{n_points / floor.median_s:,.0f} a second",
        ratio=times.median_s / floor.median_s,
        is_met=True,
        spread=times.spread,
        remark=f"{n_points:,} points in bodies of {POINTS_A_BODY:,}, each client a process on the same machine that "
        "posts them one after the other; ratio of the times",
    )


def _ask(server: Server, path: str, rounds: int) -> Sample:
    times = []
    for _ in range(rounds):
        started_s = time.perf_counter()
        answer = server.http.get(path)
        times.append(time.perf_counter() - started_s)
        if answer.status_code != httpx.codes.OK:
            raise BenchmarkError(f"{path} answered {answer.status_code}: {answer.text[:500]}")
    return Sample(tuple(times))


def stored_points(store: Path | str) -> int:
    """Counts the points of a store, a SQLite file or the URL of a PostgreSQL database."""
    count = "SELECT count(*) FROM metric_points"
    if isinstance(store, str):
        with psycopg.connect(store) as connection:
            row = connection.execute(count).fetchone()
    else:
        with contextlib.closing(sqlite3.connect(store)) as file:
            row = file.execute(count).fetchone()
    assert row is not None
    return int(row[0])


def _chunks(n_points: int) -> Iterator[Sequence[tuple[int, int, int, float]]]:
    for start in range(0, n_points, POINTS_A_BODY):
        yield [points(number) for number in range(start, start + POINTS_A_BODY)]


def _sqlite_floor_s(workspace: Workspace, n_points: int) -> float:
    chunks = list(_chunks(n_points))
    floor = RawPoints(workspace.folder / f"floor-{uuid.uuid4().hex}.db")
    started_s = time.perf_counter()
    for chunk in chunks:
        floor.insert(chunk)
    elapsed_s = time.perf_counter() - started_s
    floor.close()
    return elapsed_s


def _postgresql_floor_s(url: str, n_points: int) -> float:
    chunks = list(_chunks(n_points))
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS raw_points")
        cursor.execute(
            "CREATE TABLE raw_points (series BIGINT, step BIGINT, timestamp BIGINT, value DOUBLE PRECISION, "
            "PRIMARY KEY (series, step))"
        )
        connection.commit()
        started_s = time.perf_counter()
        for chunk in chunks:
            with cursor.copy("COPY raw_points FROM STDIN") as copy:
                for row in chunk:
                    copy.write_row(row)
            connection.commit()
        return time.perf_counter() - started_s
