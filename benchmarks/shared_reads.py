"""What asking the server costs when a million runs lie in PostgreSQL: the questions of `reads`, over HTTP.

Owns the size, and the databases that are filled for it and dropped after. The budgets are those of `reads`; the floor
is a server over 1,000 runs in the same PostgreSQL.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

import psycopg

from benchmarks.databases import postgresql
from benchmarks.ingest import reading_meanwhile
from benchmarks.measure import Finding
from benchmarks.reads import FEW, KNOWN_IDS, ask_both
from benchmarks.servers import start_server
from benchmarks.shared_stores import fill
from benchmarks.workspace import Workspace
from lab_logger.record import utc_now

MANY: Final = 1_000_000
QUICK_MANY: Final = 50_000


def reading(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Asks both servers each kind of question, and times the answers; a quick measuring asks fewer runs, less often."""
    n_runs = QUICK_MANY if is_quick else MANY
    with postgresql() as databases, contextlib.ExitStack() as open_things:
        urls = {name: open_things.enter_context(databases.empty()) for name in ("few", "many")}
        for name, number in (("few", FEW), ("many", n_runs)):
            fill(urls[name], number)
        starting = {name: start_server(url, workspace=workspace) for name, url in urls.items()}
        servers = {name: open_things.enter_context(server) for name, server in starting.items()}
        where = f"{n_runs:,} runs in PostgreSQL"
        findings = ask_both(
            servers,
            {name: _known_ids(url) for name, url in urls.items()},
            {name: open_things.enter_context(_writer(url)) for name, url in urls.items()},
            rounds=20 if is_quick else 60,
            where=where,
        )
        findings += reading_meanwhile(servers["many"], rounds=30 if is_quick else 300, where=where)
    return [*findings, Finding(what="the PostgreSQL of the reads", limit="-", measured=databases.about, is_met=None)]


def _known_ids(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT run_id FROM manifests LIMIT %s", (KNOWN_IDS,))
        return [str(run_id) for (run_id,) in rows]


@contextlib.contextmanager
def _writer(url: str) -> Iterator[Callable[[], None]]:
    """Gives a function that commits a change to a store: one run's heartbeat, which no question is about."""
    with psycopg.connect(url, autocommit=True) as connection:

        def write() -> None:
            connection.execute("UPDATE run_state SET heartbeat_at = %s WHERE seq = 1", (utc_now(),))

        yield write
