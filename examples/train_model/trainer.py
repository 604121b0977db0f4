"""One training: epochs, what is measured after each, and the files that come of it.

Owns the loop and the files. It must not know about the run that records it: callers log what it yields.
"""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import joblib
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import Pipeline

from bundled_data import Split
from classifiers import Labels, mean_loss
from training_errors import DivergedError

CSV_COLUMNS: Final = ("epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy")
"""The columns of a metrics file, one row per epoch."""


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """What was measured after one epoch, on all rows of each part; the epoch counts from 1."""

    epoch: int
    train_loss: float
    val_loss: float
    train_accuracy: float
    val_accuracy: float

    def as_metrics(self) -> dict[str, float]:
        """Gives the measurements by name, without the epoch."""
        return {name: getattr(self, name) for name in CSV_COLUMNS[1:]}


class StopSign:
    """Stops every training of this process at its next epoch, as an interrupt would, once it is up.

    It is what reaches a training in a thread, where no signal does.
    """

    def __init__(self) -> None:
        self.is_up = False

    def put_up(self) -> None:
        """Stops the trainings."""
        self.is_up = True


stop_sign = StopSign()


def train_epochs(classifier: SGDClassifier, split: Split, *, n_epochs: int) -> Iterator[EpochMetrics]:
    """Trains in place, one pass over the training rows per item taken from the iterator.

    Raises:
        DivergedError: The weights overflowed.
        KeyboardInterrupt: The `stop_sign` is up.
    """
    classes = np.unique(split.train_labels)
    for epoch in range(1, n_epochs + 1):
        if stop_sign.is_up:
            raise KeyboardInterrupt
        _one_pass(classifier, split, classes=classes, epoch=epoch)
        yield EpochMetrics(
            epoch=epoch,
            train_loss=mean_loss(classifier, split.train_features, labels=split.train_labels),
            val_loss=mean_loss(classifier, split.val_features, labels=split.val_labels),
            train_accuracy=float(classifier.score(split.train_features, split.train_labels)),
            val_accuracy=float(classifier.score(split.val_features, split.val_labels)),
        )


def _one_pass(classifier: SGDClassifier, split: Split, *, classes: Labels, epoch: int) -> None:
    try:
        classifier.partial_fit(split.train_features, split.train_labels, classes=classes)
    except ValueError as error:
        # The data and the options are checked before, so what scikit-learn still refuses is an overflow.
        raise DivergedError(
            f"the weights overflowed in epoch {epoch} at learning rate {classifier.eta0}; choose a smaller one"
        ) from error


def evaluate(classifier: SGDClassifier, split: Split) -> dict[str, float]:
    """Scores a trained classifier on the validation part: `accuracy`, and `f1_macro`, the unweighted mean over classes.

    A class that is never predicted counts with an F1 of 0.
    """
    predicted = classifier.predict(split.val_features)
    return {
        "accuracy": float(accuracy_score(split.val_labels, predicted)),
        "f1_macro": float(f1_score(split.val_labels, predicted, average="macro", zero_division=0)),
    }


class CheckpointFiles:
    """The two files of one training: its metrics, written row by row, and its model.

    The names hold the model and the time; they belong to this training alone, also among trainings that start in the
    same microsecond. Use it as a context manager.
    """

    def __init__(self, folder: Path, *, model_name: str) -> None:
        """Creates the folder if need be, and the metrics file with its header."""
        folder.mkdir(parents=True, exist_ok=True)
        self.metrics_path, self.model_path, self._file = _claim(folder, model_name=model_name)
        self._rows = csv.writer(self._file)
        self._rows.writerow(CSV_COLUMNS)

    def __enter__(self) -> "CheckpointFiles":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def write_epoch(self, metrics: EpochMetrics) -> None:
        """Adds a row; another process can read it at once."""
        self._rows.writerow([metrics.epoch, *metrics.as_metrics().values()])
        self._file.flush()

    def save_model(self, classifier: SGDClassifier, split: Split) -> None:
        """Saves scaler and classifier as one pipeline, which takes unscaled features."""
        joblib.dump(Pipeline([("scaler", split.scaler), ("classifier", classifier)]), self.model_path)


def _claim(folder: Path, *, model_name: str) -> tuple[Path, Path, TextIO]:
    """Opens a metrics file nobody else has, and gives its path, the model's path beside it, and the open file."""
    while True:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        metrics_path = folder / f"{model_name}_metrics_{stamp}.csv"
        try:
            descriptor = os.open(metrics_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            continue
        return metrics_path, folder / f"{model_name}_model_{stamp}.joblib", os.fdopen(descriptor, "w", newline="")
