"""Trains small neural networks, each recorded as a run: what the screenshots show beside the example's linear models.

Owns the training. `scripts.showcase` copies it beside the modules of `examples/train_model` and runs it there, with
that folder as its repository; every number it logs is measured on the held-out rows of a data set of scikit-learn.
"""

import argparse
import csv
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix, f1_score, log_loss
from sklearn.neural_network import MLPClassifier

from bundled_data import DATASET_NAMES, Split, load_split
from lab_logger import current_run, log_metrics, log_run, set_tags
from trainer import stop_sign

CELL_PX = 52
MARGIN_PX = 64
SAID_EVERY = 25
"""So many epochs lie between two lines of progress."""


@log_run(tags=["mlp"])
def train_network(
    experiment_name: str,
    *,
    model_name: str = "mlp",
    task_name: str = "digits",
    hidden_units: int = 32,
    learning_rate: float = 0.05,
    n_epochs: int = 30,
    random_state: int = 1,
    output_dir: str = "checkpoints",
) -> dict[str, Any]:
    """Trains one network, logging losses and accuracies after each epoch; gives its final metrics and its files."""
    run = current_run()
    assert run is not None
    set_tags(experiment_name)
    split = load_split(task_name, test_size=0.25, random_state=random_state)
    network = MLPClassifier(
        hidden_layer_sizes=(hidden_units,),
        solver="sgd",
        learning_rate_init=learning_rate,
        momentum=0.0,
        batch_size=32,
        random_state=random_state,
    )
    folder = Path(output_dir).resolve() / run.run_id
    folder.mkdir(parents=True)
    started = time.perf_counter()
    history = []
    for epoch in range(1, n_epochs + 1):
        if stop_sign.is_up:
            raise KeyboardInterrupt
        network.partial_fit(split.train_features, split.train_labels, classes=np.unique(split.train_labels))
        history.append(measured(network, split))
        log_metrics(history[-1], step=epoch)
        if epoch % SAID_EVERY == 0:
            print(f"{run.run_id} epoch {epoch}", flush=True)
    predicted = network.predict(split.val_features)
    return {
        "final_metrics": {
            "accuracy": accuracy_score(split.val_labels, predicted),
            "f1_macro": f1_score(split.val_labels, predicted, average="macro"),
            **history[-1],
            "runtime_s": time.perf_counter() - started,
        },
        "artifacts": write_files(folder, network, split=split, history=history),
    }


def measured(network: MLPClassifier, split: Split) -> dict[str, float]:
    """Gives the log loss and the accuracy on both parts."""
    return {
        "train_loss": log_loss(split.train_labels, network.predict_proba(split.train_features)),
        "val_loss": log_loss(split.val_labels, network.predict_proba(split.val_features)),
        "train_accuracy": network.score(split.train_features, split.train_labels),
        "val_accuracy": network.score(split.val_features, split.val_labels),
    }


def write_files(folder: Path, network: MLPClassifier, *, split: Split, history: list[dict[str, float]]) -> list[str]:
    """Writes the confusion matrix, the report, the metrics and the model, and gives their paths."""
    predicted = network.predict(split.val_features)
    picture, report, table, model = (
        folder / name for name in ("confusion_matrix.png", "report.json", "metrics.csv", "model.joblib")
    )
    draw_matrix(confusion_matrix(split.val_labels, predicted)).save(picture)
    report.write_text(json.dumps(classification_report(split.val_labels, predicted, output_dict=True), indent=2))
    with table.open("w", newline="") as file:
        rows = csv.DictWriter(file, ["epoch", *history[0]])
        rows.writeheader()
        rows.writerows({"epoch": epoch, **row} for epoch, row in enumerate(history, start=1))
    joblib.dump(network, model)
    return [str(picture), str(report), str(table), str(model)]


def draw_matrix(counts: np.ndarray[Any, Any]) -> Image.Image:
    """Draws how often each true class (rows) was taken for each class (columns)."""
    size = len(counts)
    image = Image.new("RGB", (MARGIN_PX + CELL_PX * size + 8, MARGIN_PX + CELL_PX * size + 8), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(18)
    draw.text((MARGIN_PX, 6), "predicted class", fill="#444444", font=font)
    for true in range(size):
        middle = MARGIN_PX + CELL_PX * true + CELL_PX // 2
        draw.text((middle, MARGIN_PX - 16), str(true), fill="#444444", font=font, anchor="mm")
        draw.text((MARGIN_PX - 16, middle), str(true), fill="#444444", font=font, anchor="mm")
        for guessed in range(size):
            left, top = MARGIN_PX + CELL_PX * guessed, MARGIN_PX + CELL_PX * true
            share = counts[true, guessed] / counts[true].sum()
            fill = tuple(round(255 - share * (255 - dark)) for dark in (31, 78, 160))
            draw.rectangle((left, top, left + CELL_PX - 3, top + CELL_PX - 3), fill=fill)
            ink = "white" if share > 0.5 else "#333333"  # noqa: PLR2004 - white reads on the dark half
            place = (left + CELL_PX // 2 - 1, top + CELL_PX // 2 - 1)
            draw.text(place, str(counts[true, guessed]), fill=ink, font=font, anchor="mm")
    return image


def main() -> int:
    """Trains a network for each width, learning rate and seed."""
    parser = argparse.ArgumentParser(description="Trains small neural networks, each a run.")
    parser.add_argument("--experiment_name", required=True)
    parser.add_argument("--dataset_name", choices=DATASET_NAMES, default="digits")
    parser.add_argument("--hidden_units", type=int, nargs="+", default=[32])
    parser.add_argument("--learning_rates", type=float, nargs="+", default=[0.05])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--n_epochs", type=int, default=30)
    options = parser.parse_args()
    for hidden_units in options.hidden_units:
        for learning_rate in options.learning_rates:
            for seed in options.seeds:
                train_network(
                    options.experiment_name,
                    task_name=options.dataset_name,
                    hidden_units=hidden_units,
                    learning_rate=learning_rate,
                    n_epochs=options.n_epochs,
                    random_state=seed,
                )
    return 0


if __name__ == "__main__":
    # Asked to end by the system, a training ends as one that is interrupted, but between two epochs: scikit-learn takes
    # an interrupt within one for the end of that epoch alone.
    signal.signal(signal.SIGTERM, lambda *_: stop_sign.put_up())
    sys.exit(main())
