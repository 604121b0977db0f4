"""A training script that leaves files, run by the tests in a process of its own: `leaving.py FOLDER`."""

import sys
from pathlib import Path

from lab_logger import log_artifact, log_run


@log_run(dataset_id="iris")
def train(folder: str) -> None:
    for name in ("model.bin", "plots"):
        log_artifact(Path(folder) / name)


if __name__ == "__main__":
    train(sys.argv[1])
