import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import postgres
from tests.remote.training import loss_at

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Database:
    """The database behind the servers: the settings that name it, and a way to look into it past them."""

    settings: dict[str, str]
    rows: Callable[[str], Rows]

    def points(self) -> int:
        (count,) = self.rows("SELECT count(*) FROM metric_points")[0]
        return int(count)

    def check_everything_is_there_once(self, trainings: Sequence[tuple[str, int]], *, steps: int) -> None:
        """Every run of `(name, runs)` has finished with its metrics, and has each of its points, no more."""
        found = self.rows(
            "SELECT n.text, cast(s.number AS INTEGER), r.status, m.value, r.run_id FROM run_params n "
            "JOIN run_params s ON s.run_id = n.run_id AND s.name = 'seed' JOIN run_state r ON r.run_id = n.run_id "
            "LEFT JOIN run_metrics m ON m.run_id = n.run_id AND m.name = 'accuracy' WHERE n.name = 'name'"
        )
        expected = {(name, seed): ("finished", seed / 100) for name, runs in trainings for seed in range(runs)}
        assert len(found) == len(expected)
        assert {(name, seed): (status, accuracy) for name, seed, status, accuracy, _ in found} == expected
        points: dict[str, dict[int, float]] = {}
        for run_id, step, value in self.rows(
            "SELECT s.run_id, p.step, p.value FROM metric_series s JOIN metric_points p ON p.series = s.series"
        ):
            points.setdefault(run_id, {})[step] = value
        for _, seed, _, _, run_id in found:
            assert points[run_id] == {step: loss_at(step, seed) for step in range(steps)}


def _in_sqlite(path: Path) -> Callable[[str], Rows]:
    def rows(query: str) -> Rows:
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            return connection.execute(query).fetchall()

    return rows


def _in_postgresql(url: str) -> Callable[[str], Rows]:
    def rows(query: str) -> Rows:
        with psycopg.connect(url) as connection:
            return connection.execute(query.encode()).fetchall()

    return rows


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database, one of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "store" / "runs.db"
        yield Database({"DB_PATH": str(path)}, _in_sqlite(path))
        return
    with postgres.fresh_database() as url:
        yield on_postgresql(url, tmp_path)


def on_postgresql(url: str, folder: Path) -> Database:
    """A PostgreSQL database; the servers' own files are in a folder."""
    return Database({"DATABASE_URL": url, "DB_PATH": str(folder / "store" / "unused.db")}, _in_postgresql(url))
