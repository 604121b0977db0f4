import json
import random
import sqlite3
from pathlib import Path

import httpx
import pytest

from backend.api import create_app
from backend.config import Settings
from benchmarks.reads import QUESTIONS, Question
from benchmarks.stores import METRICS, filled_store
from benchmarks.workspace import SETTINGS
from tests.live_server import serving

N_RUNS = 300


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps this project's settings away from the servers of these tests."""
    (tmp_path / ".env").touch()
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_store(N_RUNS, folder=tmp_path_factory.mktemp("stores"))


def test_a_store_is_filled_once_and_outdated_ones_of_its_size_go(tmp_path: Path) -> None:
    outdated, other_size = tmp_path / "0123456789ab-5.db", tmp_path / "0123456789ab-6.db"
    outdated.touch()
    other_size.touch()
    path = filled_store(5, folder=tmp_path)
    written_ns = path.stat().st_mtime_ns
    assert filled_store(5, folder=tmp_path) == path
    assert path.stat().st_mtime_ns == written_ns
    assert sorted(tmp_path.glob("*.db")) == sorted([path, other_size])


def test_the_same_recipe_gives_the_same_runs(store: Path, tmp_path: Path) -> None:
    def ids(path: Path) -> list[tuple[str]]:
        connection = sqlite3.connect(path)
        try:
            return connection.execute("SELECT run_id FROM manifests ORDER BY timestamp").fetchall()
        finally:
            connection.close()

    again = filled_store(20, folder=tmp_path)
    assert ids(again)[0] == ids(store)[0]


def test_runs_look_as_runs_do(store: Path) -> None:
    connection = sqlite3.connect(store)
    try:
        rows = connection.execute(
            "SELECT params_json, final_metrics_json, length(pip_freeze) FROM manifests"
        ).fetchall()
        counts = {
            table: connection.execute(f"SELECT count(DISTINCT run_id) FROM {table}").fetchone()[0]
            for table in ("run_index", "run_state", "run_metrics", "run_params", "artifacts", "run_tags")
        }
        (found,) = connection.execute("SELECT count(*) FROM run_text WHERE run_text MATCH 'perceptron'").fetchone()
    finally:
        connection.close()
    assert len(rows) == N_RUNS
    assert all(
        len(json.loads(params)) == 10 and list(json.loads(metrics)) == list(METRICS) for params, metrics, _ in rows
    )
    assert all(5_000 < packages < 7_000 for _, _, packages in rows)
    assert [counts[table] for table in ("run_index", "run_state", "run_metrics", "run_params")] == [N_RUNS] * 4
    assert 0 < counts["run_tags"] < counts["artifacts"] < N_RUNS
    assert found > 0


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.what)
def test_every_question_has_an_answer(store: Path, question: Question) -> None:
    connection = sqlite3.connect(store)
    run_ids = [run_id for (run_id,) in connection.execute("SELECT run_id FROM manifests")]
    connection.close()
    with serving(create_app(Settings(db_path=store))) as address, httpx.Client(base_url=address) as http:
        answers = [http.get(question.path(random.Random(seed), run_ids)) for seed in range(8)]
    assert {answer.status_code for answer in answers} == {200}
    assert any(answer.json() for answer in answers)
