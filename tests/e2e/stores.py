"""The store that the browser's tests look at: runs recorded by the logger, as a training script would.

Owns the runs and their names.
"""

import contextlib
import json
import math
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab_logger import start_run
from lab_logger.run import Run

MODELS: Final = {"linear_svm": 0.95, "logistic_regression": 0.9, "perceptron": 0.8}
DATASETS: Final = ("iris", "wine")
SEEDS: Final = (1, 2)
N_STEPS: Final = 40
PLOT_PX: Final = (64, 48)
N_OLDER: Final = 15
N_RUNS: Final = N_OLDER + len(MODELS) * len(DATASETS) * len(SEEDS) + 4

HOSTILE_NAME: Final = "<img src=x onerror=alert(1)> **b** [l](http://evil.example)"
HOSTILE_FILE: Final = "<b>x [a](b) 🙂 \u202etxt.txt"
_LONG: Final = "long " * 19_900
_RIGHT_TO_LEFT: Final = "\u202e\u05e9\u05dc\u05d5\u05dd"
HOSTILE_NOTE: Final = f"# {HOSTILE_NAME}\n\n<script>alert(2)</script> :red[x] $x$ 🙂 {_RIGHT_TO_LEFT}\n" + _LONG


@dataclass(frozen=True)
class Lab:
    """The runs of the store, by id.

    Attributes:
        folder: Where the store and the artifacts are.
        best: The run with the highest accuracy, on iris.
        second: The run with the second highest accuracy, on iris.
        failed: A run that raised.
        hostile: A run whose note, params, tags, dataset, metrics and file names are full of markup, and long.
        hostile_failed: A run that raised an error full of markup.
        running: A run that goes on.
        live: The run that goes on, to log to.
    """

    folder: Path
    best: str
    second: str
    failed: str
    hostile: str
    hostile_failed: str
    running: str
    live: Run

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.folder / "manifests.db"


@contextlib.contextmanager
def recorded_lab(folder: Path) -> Iterator[Lab]:
    """Records the runs and yields them; one of them runs until the block ends."""
    store = folder / "manifests.db"
    for number in range(N_OLDER):
        with start_run({"number": number}, dataset_id="older", store=store):
            pass
    trained = {
        (dataset, model, seed): _train(store, dataset=dataset, model=model, seed=seed)
        for dataset in DATASETS
        for model in MODELS
        for seed in SEEDS
    }
    failed = _fail(store, "the loss is not finite")
    hostile, hostile_failed = _log_hostile(store), _fail(store, HOSTILE_NAME)
    with start_run({"model_name": "resnet", "seed": 3}, dataset_id="digits", tags="live", store=store) as live:
        for step in range(5):
            live.log_metrics({"loss": 1 / (step + 1)}, step=step)
        best, second = trained["iris", "linear_svm", 1], trained["iris", "linear_svm", 2]
        yield Lab(folder, best, second, failed, hostile, hostile_failed, live.run_id, live)


def _train(store: Path, *, dataset: str, model: str, seed: int) -> str:
    """Records a run with curves and artifacts, and gives its id."""
    params = {"model_name": model, "learning_rate": 0.1 / seed, "n_epochs": N_STEPS, "seed": seed}
    with start_run(params, dataset_id=dataset, tags=["sweep", model], store=store) as run:
        accuracy = MODELS[model] - 0.01 * seed - 0.1 * DATASETS.index(dataset)
        for step in range(N_STEPS):
            learned = 1 - math.exp(-step / 8)
            run.log_metrics({"accuracy": accuracy * learned, "val_loss": 1.2 - learned * accuracy}, step=step)
        run.log_metrics({"accuracy": accuracy, "val_loss": 1.2 - accuracy}, step=N_STEPS)
        for path in _write_artifacts(store.parent / run.run_id, accuracy):
            run.log_artifact(path)
    return run.run_id


def _write_artifacts(folder: Path, accuracy: float) -> list[Path]:
    folder.mkdir()
    table, report, text, image = (folder / name for name in ("metrics.csv", "report.json", "notes.txt", "plot.png"))
    table.write_text("epoch,accuracy\n" + "".join(f"{epoch},{accuracy * epoch / 10}\n" for epoch in range(10)))
    report.write_text(json.dumps({"accuracy": accuracy}))
    text.write_text("trained to the end\n")
    image.write_bytes(_png(*PLOT_PX))
    return [table, report, text, image]


def _fail(store: Path, message: str) -> str:
    with (
        contextlib.suppress(RuntimeError),
        start_run({"model_name": "linear_svm", "seed": 4}, dataset_id="wine", tags="sweep", store=store) as run,
    ):
        run.log_metrics({"accuracy": 0.1, "val_loss": float("nan")}, step=0)
        raise RuntimeError(message)
    return run.run_id


def _log_hostile(store: Path) -> str:
    params = {"model_name": HOSTILE_NAME, HOSTILE_NAME: HOSTILE_NOTE, "emoji 🙂": "\u202eright to left"}
    with start_run(params, dataset_id=HOSTILE_NAME, tags=HOSTILE_NAME, note=HOSTILE_NOTE, store=store) as run:
        for step in range(3):
            run.log_metrics({"accuracy": 0.3, HOSTILE_NAME: step}, step=step)
        path = store.parent / HOSTILE_FILE
        path.write_text("<script>alert(3)</script>\n")
        run.log_artifact(path)
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # no disk holds such a file
            run.log_artifact(store.parent / _LONG)
    return run.run_id


def _png(width: int, height: int) -> bytes:
    """Gives a grey picture of a shade that grows from left to right."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes(255 * x // width for x in range(width))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content
