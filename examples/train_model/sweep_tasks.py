"""The trainings of a sweep, as values that travel to worker processes and back.

Owns what one worker is told, does and answers. It must not know the sweep's command line, nor where workers run.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from inspect import unwrap
from pathlib import Path
from typing import Any

from lab_logger import child_of, log_run
from lab_logger.settings import resolve
from run import train
from training_errors import BackendError


@dataclass(frozen=True, slots=True)
class Task:
    """One training of a sweep.

    Attributes:
        output_dir: Where the worker writes metrics and models; a relative path starts in the worker's own folder.
        store: Absolute path of the store, so that a worker writes where the sweep does whatever its folder or `.env`;
            None where runs are recorded on a server, whose address and token each worker has from its own environment.
        parent_run_id: The sweep's own run; None until there is one.
        command: The sweep's command as typed, which a worker process cannot know.
    """

    experiment_name: str
    model_name: str
    task_name: str
    n_epochs: int
    learning_rate: float
    test_size: float
    random_state: int
    output_dir: str
    store: str | None
    parent_run_id: str | None = None
    command: str | None = None

    @property
    def label(self) -> str:
        """Names the training to a person."""
        return f"{self.model_name} on {self.task_name}, seed {self.random_state}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: its final metrics, or the error that ended it."""

    task: Task
    final_metrics: dict[str, float] = field(default_factory=dict)
    error: str | None = None

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> "Outcome":
        """Reads what `work` gave."""
        return cls(Task(**answer["task"]), final_metrics=answer["final_metrics"], error=answer["error"])


def plan_tasks(
    template: Task, *, model_names: Sequence[str], task_names: Sequence[str], seeds: Sequence[int]
) -> list[Task]:
    """Gives one task for every model, data set and seed, in that order of nesting; a name given twice counts once."""
    return [
        replace(template, model_name=model_name, task_name=task_name, random_state=seed)
        for model_name in dict.fromkeys(model_names)
        for task_name in dict.fromkeys(task_names)
        for seed in dict.fromkeys(seeds)
    ]


def work(task: Mapping[str, Any]) -> dict[str, Any]:
    """Does `run_task` for a task and gives its outcome, both as plain data that any worker can read."""
    return asdict(run_task(Task(**task)))


def run_task(task: Task) -> Outcome:
    """Trains in whatever process or thread this is called, as a run that is a child of the sweep's.

    An error of the training is its outcome; an interrupt passes through.
    """
    try:
        if task.store is None:
            _require_server()
        with child_of(task.parent_run_id, command=task.command):
            result = log_run(store=task.store)(unwrap(train))(
                task.experiment_name,
                model_name=task.model_name,
                task_name=task.task_name,
                n_epochs=task.n_epochs,
                learning_rate=task.learning_rate,
                test_size=task.test_size,
                random_state=task.random_state,
                output_dir=task.output_dir,
            )
    except Exception as error:  # noqa: BLE001 - whatever one training raised, its run holds the traceback; the others go on
        return Outcome(task, error=f"{type(error).__name__}: {error}")
    return Outcome(task, final_metrics=result["final_metrics"])


def _require_server() -> None:
    """Raises a `BackendError` where the run would be recorded on the worker's own disk, where nobody looks for it."""
    if resolve(code_folder=Path(unwrap(train).__code__.co_filename).parent).server_url is None:
        raise BackendError(
            f"the worker on {socket.gethostname()} does not know the server: set LAB_SERVER_URL, and LAB_API_TOKEN if "
            "the server wants one, where `dask worker` is started"
        )
