"""Trains one classifier and records it as a run: `python examples/train_model/run.py --help`.

Owns the decorated function and its command line. What is learnt, measured and written lies in the modules beside it.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from arguments import DEFAULT_OUTPUT_DIR, add_training_arguments, require_training_values, seed
from bundled_data import DATASET_NAMES, load_split
from classifiers import MODEL_NAMES, make_classifier
from lab_logger import LabLoggerError, current_run, log_metrics, log_run
from trainer import CheckpointFiles, evaluate, train_epochs
from training_errors import OptionError, TrainingError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class TrainingResult(TypedDict):
    """What a training gives back; the logger stores the metrics and the artifacts."""

    run_id: str | None
    final_metrics: dict[str, float]
    artifacts: list[str]


@log_run()
def train(
    experiment_name: str,
    *,
    model_name: str = "logistic_regression",
    task_name: str = "iris",
    n_epochs: int = 20,
    learning_rate: float = 0.01,
    test_size: float = 0.25,
    random_state: int = 42,
    output_dir: str = str(DEFAULT_OUTPUT_DIR),
) -> TrainingResult:
    """Trains one model on one data set, logging losses and accuracies after each epoch if a run is active.

    Args:
        experiment_name: A name to find the run by later.
        model_name: One of `classifiers.MODEL_NAMES`.
        task_name: The data set, one of `bundled_data.DATASET_NAMES`.
        n_epochs: Passes over the training rows, at least 1.
        learning_rate: Step size, above 0.
        test_size: The share of rows held out for validation, above 0 and below 1.
        random_state: Seed of the split and of the order of rows; the same seed gives the same metrics.
        output_dir: Where the metrics file and the model are written; made if missing.

    Returns:
        `final_metrics` with accuracy and f1_macro on the validation rows, the last epoch's train_loss, val_loss and
        train_accuracy, and runtime_s, the seconds the epochs took; `artifacts` with the model and the metrics file.

    Raises:
        OptionError: An argument no training can start with.
        DivergedError: The weights overflowed.
    """
    require_training_values(n_epochs=n_epochs, learning_rate=learning_rate, random_state=random_state)
    classifier = make_classifier(model_name, learning_rate=learning_rate, random_state=random_state)
    split = load_split(task_name, test_size=test_size, random_state=random_state)
    run = current_run()
    started = time.perf_counter()
    with CheckpointFiles(Path(output_dir).resolve(), model_name=model_name) as files:
        for latest in train_epochs(classifier, split, n_epochs=n_epochs):
            files.write_epoch(latest)
            if run is not None:
                log_metrics(latest.as_metrics(), step=latest.epoch)
        runtime_s = time.perf_counter() - started
        files.save_model(classifier, split)
    return {
        "run_id": run.run_id if run is not None else None,
        "final_metrics": {
            **evaluate(classifier, split),
            "train_loss": latest.train_loss,
            "val_loss": latest.val_loss,
            "train_accuracy": latest.train_accuracy,
            "runtime_s": runtime_s,
        },
        "artifacts": [str(files.model_path), str(files.metrics_path)],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and gives its exit status: 0, 1 for a training that failed, 2 for wrong usage, 130."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        load_split(options.dataset_name, test_size=options.test_size, random_state=options.random_state)
        result = train(
            options.experiment_name,
            model_name=options.model_name,
            task_name=options.dataset_name,
            n_epochs=options.n_epochs,
            learning_rate=options.learning_rate,
            test_size=options.test_size,
            random_state=options.random_state,
            output_dir=str(options.output_dir),
        )
    except OptionError as error:
        parser.error(str(error))
    except (TrainingError, LabLoggerError, OSError) as error:
        print(f"training failed: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("interrupted; the run is stored as killed", file=sys.stderr)
        return EXIT_INTERRUPTED
    _report(result, options=options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Train a linear classifier on a data set that comes with scikit-learn, epoch by epoch, and record "
        "the run: parameters, losses and accuracies as they happen, final metrics, the model and its metrics file.",
        epilog="example: %(prog)s --experiment_name iris_svm --model_name linear_svm --n_epochs 30",
    )
    parser.add_argument(
        "--model_name", choices=MODEL_NAMES, default=MODEL_NAMES[0], help="what to train (default: %(default)s)"
    )
    parser.add_argument(
        "--dataset_name",
        "--task_name",
        choices=DATASET_NAMES,
        default=DATASET_NAMES[0],
        help="what to train it on; stored as task_name and as the run's dataset (default: %(default)s)",
    )
    add_training_arguments(parser, experiment_name="single_run")
    parser.add_argument(
        "--random_state",
        type=seed,
        default=42,
        metavar="SEED",
        help="seed of the split and of the order of rows; the same seed gives the same metrics (default: %(default)s)",
    )
    return parser


def _report(result: TrainingResult, *, options: argparse.Namespace) -> None:
    print(f"{options.model_name} on {options.dataset_name}, {options.n_epochs} epochs, run {result['run_id']}")
    for name, value in result["final_metrics"].items():
        print(f"  {name:<15}{value:10.4f}")
    for path in result["artifacts"]:
        print(f"  {path}")


if __name__ == "__main__":
    sys.exit(main())
