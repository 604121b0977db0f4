"""Many processes at one registry: what is stored once is stored once."""

import json
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import lightml
from lightml.database import Database, is_address
from lightml.errors import LineageError
from lightml.handle import LightMLHandle
from lightml.lineage import graph
from lightml.metrics import METRIC_INSERTED, METRIC_SKIPPED
from lightml.registry import list_models, list_runs

LIBS = Path(lightml.__file__).parents[1]
CROWD = 16


def crowd_size(db: Database) -> int:
    """Gives how many processes come: a server's locks are tried by fewer."""
    return 4 if is_address(db) else CROWD


def crowd(db: Database, code: str) -> list[Any]:
    """Runs code in many processes, let loose by one word once all of them are ready; gives what each printed."""
    prelude = """
        import json, sys
        from lightml.handle import LightMLHandle
        from lightml.registry import make_registry
        db, number, size = sys.argv[1], *map(int, sys.argv[2:])
        print("ready", flush=True)
        sys.stdin.readline()
    """
    script = textwrap.dedent(prelude) + textwrap.dedent(code)
    members = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, str(db), str(number), str(crowd_size(db))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(LIBS)},
        )
        for number in range(crowd_size(db))
    ]
    try:
        for member in members:
            assert member.stdout is not None
            member.stdout.readline()
        for member in members:
            assert member.stdin is not None
            member.stdin.write("go\n")
            member.stdin.flush()
        answers = [member.communicate() for member in members]
    finally:
        for member in members:
            member.kill()
    assert [error for _, error in answers if error] == []
    return [json.loads(output) for output, _ in answers]


@pytest.fixture
def db(place: Database) -> Database:
    return place


def test_one_metric_from_many_processes_is_one_row(db: Database) -> None:
    handle = LightMLHandle(db, "r")
    handle.register_model("m", "/m")
    statuses = crowd(
        db,
        "print(json.dumps(LightMLHandle(db, 'r').log_model_metric('m', 'fam', 'acc', number / size)))",
    )
    assert Counter(statuses) == {METRIC_INSERTED: 1, METRIC_SKIPPED: crowd_size(db) - 1}
    (found,) = handle.search(family="fam")
    assert found["value"] == statuses.index(METRIC_INSERTED) / crowd_size(db)


def test_one_model_from_many_processes_is_one_model_on_a_missing_file_too(db: Database) -> None:
    ids = crowd(db, "print(json.dumps(LightMLHandle(db, 'r').register_model('m', '/m')))")
    assert len(set(ids)) == 1
    assert [model.id for model in list_models(db)] == ids[:1]
    assert len(list_runs(db)) == 1


def test_one_checkpoint_from_many_processes_is_one_checkpoint(db: Database) -> None:
    LightMLHandle(db, "r").register_model("m", "/m")
    ids = crowd(
        db,
        """
        handle = LightMLHandle(db, 'r')
        checkpoint = handle.register_checkpoint('m', 100, '/c')
        status = handle.log_checkpoint_metric(checkpoint, 'fam', 'acc', 0.5, scores=[1, 0])
        print(json.dumps([checkpoint, status]))
        """,
    )
    assert len({checkpoint for checkpoint, _ in ids}) == 1
    assert sum(status == METRIC_INSERTED for _, status in ids) == 1


def test_a_forced_metric_has_the_scores_of_its_value(db: Database) -> None:
    handle = LightMLHandle(db, "r")
    handle.register_model("m", "/m")
    crowd(
        db,
        """
        scores = [1] * number + [0] * (size - number)
        print(json.dumps(LightMLHandle(db, 'r').log_model_metric('m', 'f', 'acc', number / size, scores, force=True)))
        """,
    )
    (found,) = handle.search(family="f")
    assert sum(handle.get_detailed_scores("m", "f", "acc") or []) / crowd_size(db) == found["value"]


def test_only_one_of_many_processes_initializes_a_registry(db: Database) -> None:
    made = crowd(
        db,
        """
        try:
            make_registry(db)
            print('true')
        except FileExistsError:
            print('false')
        """,
    )
    assert made.count(True) == 1
    assert list_runs(db) == []


def test_no_crowd_makes_a_circle(db: Database) -> None:
    handle = LightMLHandle(db, "r")
    for number in range(crowd_size(db)):
        handle.register_model(f"m{number}", "/m")
    refused = crowd(
        db,
        """
        try:
            LightMLHandle(db, 'r').register_model(f'm{number}', None, parent_name=f'm{(number + 1) % size}')
            print('false')
        except ValueError:
            print('true')
        """,
    )
    assert refused.count(True) == 1
    assert len(graph(db).edges) == crowd_size(db) - 1
    with pytest.raises(LineageError):
        handle.register_model(
            f"m{refused.index(True)}", None, parent_name=f"m{(refused.index(True) + 1) % crowd_size(db)}"
        )
