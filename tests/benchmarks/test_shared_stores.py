import random
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from benchmarks.databases import Databases, postgresql
from benchmarks.reads import QUESTIONS
from benchmarks.servers import start_server
from benchmarks.shared_stores import fill
from benchmarks.workspace import prepared
from lab_logger.statements import MANIFEST_COLUMNS

N_RUNS = 300
DERIVED = {
    "run_index": "SELECT started_at, run_id, dataset_id, has_artifacts, command, note FROM run_index ORDER BY run_id",
    "run_metrics": "SELECT run_id, name, value FROM run_metrics ORDER BY run_id, name",
    "run_params": "SELECT run_id, name, text, number FROM run_params ORDER BY run_id, name",
    "run_text": "SELECT s.run_id, t.document::TEXT FROM run_text AS t JOIN run_state AS s ON s.seq = t.rowid "
    "ORDER BY s.run_id",
}
SHAPE = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname"
TRIGGERS = "SELECT tgname, tgenabled::TEXT FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    with postgresql() as databases:
        yield databases


@pytest.fixture(scope="module")
def filled(databases: Databases) -> Iterator[str]:
    with databases.empty() as url:
        fill(url, N_RUNS)
        yield url


def test_what_is_filled_in_bulk_is_what_the_triggers_derive(filled: str) -> None:
    with psycopg.connect(filled) as connection:
        found = {table: connection.execute(query).fetchall() for table, query in DERIVED.items()}
        assert len(found["run_index"]) == len(found["run_text"]) == N_RUNS
        columns = ", ".join(MANIFEST_COLUMNS)
        connection.execute(f"CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT {columns} FROM manifests".encode())
        connection.execute("CREATE TEMPORARY TABLE tagged ON COMMIT DROP AS SELECT run_id, tag FROM run_tags")
        connection.execute("DELETE FROM manifests")
        connection.execute(f"INSERT INTO manifests ({columns}) SELECT {columns} FROM kept".encode())
        connection.execute("INSERT INTO run_tags (run_id, tag) SELECT run_id, tag FROM tagged")
        by_triggers = {table: connection.execute(query).fetchall() for table, query in DERIVED.items()}
        connection.rollback()
    assert found == by_triggers


def test_a_filled_database_has_the_keys_indexes_and_triggers_of_an_empty_one(databases: Databases, filled: str) -> None:
    with databases.empty() as url:
        fill(url, 1)
        shapes = []
        for each in (url, filled):
            with psycopg.connect(each) as connection:
                shapes.append((connection.execute(SHAPE).fetchall(), connection.execute(TRIGGERS).fetchall()))
    assert shapes[0] == shapes[1]
    indexes = {name for name, _ in shapes[0][0]}
    assert {"run_params_pkey", "run_params_lookup", "run_metrics_rank", "run_text_document"} <= indexes
    assert {enabled for _, enabled in shapes[0][1]} == {"O"}


def test_a_server_over_it_has_runs_with_states_tags_artifacts_and_curves(filled: str) -> None:
    with prepared() as workspace, start_server(filled, workspace=workspace) as server:
        facets = server.http.get("/runs/facets").raise_for_status().json()
        with_curves = server.http.get("/runs", params={"limit": 300}).raise_for_status().json()
        curves = [server.http.get(f"/runs/{run['run_id']}/metrics").json() for run in with_curves]
        answers = [server.http.get(q.path(random.Random(1), [run["run_id"] for run in with_curves])) for q in QUESTIONS]
    assert facets["total"] == N_RUNS
    assert {status["name"] for status in facets["statuses"] if status["runs"]} == {"finished", "failed", "killed"}
    assert sum(len(curve) == 2 for curve in curves) == N_RUNS // 100
    assert {answer.status_code for answer in answers} == {httpx.codes.OK}
