"""Stores of many runs to read from, filled in bulk and kept for the next time.

Owns what such a run looks like: ten params, three metrics, some six kilobytes of packages, a device, one of five
datasets or none, a note here and there, tags, artifacts and two live series on some. The last run started as this week
did. A store is filled anew when anything that decides its content has changed.
"""

import hashlib
import json
import random
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.workspace import CACHE
from lab_logger import schema
from lab_logger.record import dumps
from lab_logger.statements import MANIFEST_COLUMNS
from lab_logger.storage import open_database

DATASETS: Final = ("iris", "wine", "breast_cancer", "digits", "cifar10", None)
MODELS: Final = ("linear_svm", "logistic_regression", "perceptron", "mlp", "random_forest")
METRICS: Final = ("accuracy", "f1_macro", "val_loss")
TAGS: Final = ("baseline", "sweep", "ablation", "nightly")
NOTES: Final = ("promising, look again", "diverged after a while", "PUBLISH", "repeat with another seed")

SEED: Final = 20
_APART: Final = timedelta(minutes=5)
SERIES: Final = ("train_loss", "val_loss")
SERIES_OF_EVERY: Final = 100
FEW_POINTS: Final = 20
_BUSY_TIMEOUT_S: Final = 60.0
_PACKAGES: Final = "".join(
    f"package-number-{number:03d}=={number % 7}.{number % 13}.{number % 5}\n" for number in range(230)
)
_DEVICE: Final = dumps(
    {
        "host": "trainer-1",
        "os": "Linux 6.8.0 x86_64",
        "cpu_model": "a processor of 16 cores",
        "cpu_count": 16,
        "ram_bytes": 68_719_476_736,
        "gpus": [{"index": 0, "name": "an accelerator", "memory_bytes": 25_769_803_776, "driver": "555.42"}],
    }
)
_DIFF: Final = "diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-rate = 1\n+rate = 2\n"
SHARES: Final = {"shuffled": 0.5, "with artifacts": 0.5, "with a diff": 0.3, "with a note": 0.05, "with a tag": 0.1}


def filled_store(n_runs: int, *, n_points: int | None = None, folder: Path = CACHE / "stores") -> Path:
    """Gives the file of a store of that many runs in a folder, and fills it first unless it is there.

    Args:
        n_runs: How many runs.
        n_points: How many points each of two series of every run has; unless given, every hundredth run has a few.
        folder: Where stores are kept.
    """
    size = f"{n_runs}" if n_points is None else f"{n_runs}x{n_points}"
    path = folder / f"{_recipe()}-{size}.db"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for outdated in path.parent.glob(f"*-{size}.*"):
            outdated.unlink()
        part = path.with_suffix(".part")
        _fill(part, n_runs, n_points)
        part.replace(path)
    return path


def _week() -> datetime:
    """Gives the beginning of this week."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday())


def _recipe() -> str:
    """Gives a short name for everything that decides what a store holds."""
    text = Path(__file__).read_bytes() + schema.migration(schema.VERSION).encode() + _week().isoformat().encode()
    return hashlib.sha256(text).hexdigest()[:12]


def _fill(path: Path, n_runs: int, n_points: int | None) -> None:
    """Writes `manifests` alone, lets the logger complete the file as it does an older one, and adds the rest."""
    rng = random.Random(SEED)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        columns = ", ".join(f"{name} TEXT{' PRIMARY KEY' * (name == 'run_id')}" for name in MANIFEST_COLUMNS)
        connection.execute(f"CREATE TABLE manifests ({columns})")
        marks = ", ".join(f":{name}" for name in MANIFEST_COLUMNS)
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO manifests VALUES ({marks})", manifests(n_runs, rng))
        connection.execute("COMMIT")
    with closing(open_database(path, busy_timeout_s=_BUSY_TIMEOUT_S)) as connection:
        connection.execute("BEGIN")
        _add_states(connection, rng)
        _add_tags(connection, rng)
        _add_artifacts(connection)
        if n_points is None:
            _add_series(connection, rng, every=SERIES_OF_EVERY, n_points=FEW_POINTS)
        else:
            _add_series(connection, rng, every=1, n_points=n_points)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for leftover in path.parent.glob(f"{path.name}-*"):
        leftover.unlink()


def manifests(n_runs: int, rng: random.Random) -> Iterator[dict[str, str | None]]:
    """Gives the rows of `manifests` in time order, as runs are logged."""
    began = _week() - n_runs * _APART
    for number in range(n_runs):
        dataset_id, model, seed = rng.choice(DATASETS), rng.choice(MODELS), rng.randrange(1_000_000)
        rate = rng.choice((0.001, 0.003, 0.01, 0.03, 0.1))
        params = {
            "experiment_name": f"exp_{number % 40}", "model_name": model, "dataset_name": dataset_id,
            "n_epochs": rng.choice((10, 20, 30)), "learning_rate": rate, "test_size": 0.2, "random_state": seed,
            "shuffle": falls_to("shuffled", rng), "momentum": round(rng.random(), 4), "layers": [64, 32],
        }  # fmt: skip
        metrics = {"accuracy": rng.random(), "f1_macro": rng.random(), "val_loss": rng.expovariate(1.0)}
        artifacts = [f"checkpoints/{model}_{number}.joblib"] if falls_to("with artifacts", rng) else []
        at = began + number * _APART + timedelta(microseconds=rng.randrange(1_000_000))
        yield {
            "run_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "git_hash": f"{number // 100:040x}",
            "git_diff": _DIFF if falls_to("with a diff", rng) else "",
            "command": f"python train.py --model_name {model} --learning_rate {rate} --random_state {seed}",
            "python_version": "3.11.9",
            "pip_freeze": _PACKAGES,
            "device_info": _DEVICE,
            "dataset_id": dataset_id,
            "params_json": json.dumps(params),
            "final_metrics_json": json.dumps(metrics),
            "artifacts_json": json.dumps(artifacts),
            "wandb_url": None,
            "note": rng.choice(NOTES) if falls_to("with a note", rng) else None,
        }


def falls_to(share: str, rng: random.Random) -> bool:
    """Tells whether a run falls to a share of `SHARES`."""
    return rng.random() < SHARES[share]


def _add_states(connection: sqlite3.Connection, rng: random.Random) -> None:
    states = [
        (rng.choices(("finished", "failed", "killed"), (90, 7, 3))[0], rng.expovariate(1 / 60), run_id)
        for (run_id,) in connection.execute("SELECT run_id FROM run_state ORDER BY seq").fetchall()
    ]
    connection.executemany("UPDATE run_state SET status = ?, duration_s = ? WHERE run_id = ?", states)


def _add_tags(connection: sqlite3.Connection, rng: random.Random) -> None:
    found = connection.execute("SELECT run_id FROM run_index ORDER BY started_at").fetchall()
    tags = [(run_id, rng.choice(TAGS)) for (run_id,) in found if falls_to("with a tag", rng)]
    connection.executemany("INSERT INTO run_tags (run_id, tag) VALUES (?, ?)", tags)


def _add_artifacts(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO artifacts (run_id, position, path, kind, size_bytes, sha256, media_type, recorded_at) "
        "SELECT run_id, 0, artifacts_json ->> '$[0]', 'file', 4711, hex(zeroblob(32)), 'application/octet-stream', "
        "timestamp FROM manifests WHERE artifacts_json <> '[]'"
    )


def _add_series(connection: sqlite3.Connection, rng: random.Random, *, every: int, n_points: int) -> None:
    """Gives some of the runs two series, noise around a curve that falls."""
    chosen = connection.execute("SELECT run_id FROM run_state WHERE seq % ? = 0", (every,)).fetchall()
    for (run_id,) in chosen:
        for name in SERIES:
            (series,) = connection.execute(
                "INSERT INTO metric_series (run_id, name) VALUES (?, ?) RETURNING series", (run_id, name)
            ).fetchone()
            points = [
                (series, step, 1_735_689_600_000 + step, 1 / (1 + 9 * step / n_points) + 0.1 * rng.random())
                for step in range(n_points)
            ]
            connection.executemany("INSERT INTO metric_points VALUES (?, ?, ?, ?)", points)
