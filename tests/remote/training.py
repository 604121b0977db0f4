"""A training script as any other, run by the tests in a process of its own: `training.py NAME RUNS STEPS`."""

import sys

from lab_logger import log_metrics, log_run


@log_run(dataset_id="iris", tags="remote")
def train(name: str, seed: int, steps: int) -> dict[str, object]:
    for step in range(steps):
        log_metrics({"loss": loss_at(step, seed)}, step=step)
    return {"final_metrics": {"accuracy": seed / 100}}


def loss_at(step: int, seed: int) -> float:
    return 1.0 / (step + 1 + seed)


if __name__ == "__main__":
    for each in range(int(sys.argv[2])):
        train(sys.argv[1], each, int(sys.argv[3]))
