"""The command-line arguments `run.py` and `sweep.py` share, and the values they accept.

Owns their names, defaults and ranges, so that both scripts mean the same. It must not train.
"""

import argparse
import math
from pathlib import Path
from typing import Final

from training_errors import OptionError

DEFAULT_OUTPUT_DIR: Final = Path(__file__).resolve().parent / "checkpoints"
_LARGEST_SEED: Final = 2**32 - 1  # numpy's limit


def add_training_arguments(parser: argparse.ArgumentParser, *, experiment_name: str) -> None:
    """Adds what every training takes: name, epochs, learning rate, split and folder.

    Args:
        experiment_name: The default name of the experiment.
    """
    parser.add_argument(
        "--experiment_name", default=experiment_name, help="a name to find the runs by later (default: %(default)s)"
    )
    parser.add_argument(
        "--n_epochs",
        type=positive_int,
        default=20,
        metavar="N",
        help="passes over the training rows (default: %(default)s)",
    )
    parser.add_argument(
        "--learning_rate",
        type=positive_float,
        default=0.01,
        metavar="RATE",
        help="step size of stochastic gradient descent, the same in every epoch (default: %(default)s)",
    )
    parser.add_argument(
        "--test_size",
        type=share,
        default=0.25,
        metavar="SHARE",
        help="share of the rows held out for validation, above 0 and below 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--output_dir",
        type=Path,
        default=DEFAULT_OUTPUT_DIR,
        metavar="FOLDER",
        help="where metrics and models are written (default: checkpoints/ beside this script)",
    )


def positive_int(text: str) -> int:
    """Reads a whole number of at least 1."""
    return _checked_int(text, smallest=1, largest=None)


def seed(text: str) -> int:
    """Reads a seed: a whole number from 0 to 4294967295."""
    return _checked_int(text, smallest=0, largest=_LARGEST_SEED)


def job_count(text: str) -> int:
    """Reads a number of jobs as joblib counts them: from 1, or -1 for one per core, -2 for all cores but one."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of jobs: 1, 2, … or -1 for one per core")
    return number


def positive_float(text: str) -> float:
    """Reads a finite number above 0."""
    number = _float(text)
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")
    return number


def share(text: str) -> float:
    """Reads a number above 0 and below 1."""
    number = _float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and below 1")
    return number


def require_training_values(*, n_epochs: int, learning_rate: float, random_state: int) -> None:
    """Raises an `OptionError` for numbers no training can start with; for callers other than argparse."""
    if n_epochs < 1:
        raise OptionError(f"n_epochs is {n_epochs}; train for at least 1 epoch")
    if not (learning_rate > 0 and math.isfinite(learning_rate)):
        raise OptionError(f"learning_rate is {learning_rate}; give a finite number above 0")
    if not 0 <= random_state <= _LARGEST_SEED:
        raise OptionError(f"random_state is {random_state}; give a whole number from 0 to {_LARGEST_SEED}")


def _checked_int(text: str, *, smallest: int, largest: int | None) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < smallest or (largest is not None and number > largest):
        limits = f"of at least {smallest}" if largest is None else f"from {smallest} to {largest}"
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limits}")
    return number


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
