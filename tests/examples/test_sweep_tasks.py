import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lab_logger import start_run
from sweep_tasks import Outcome, Task, plan_tasks, run_task, work
from tests.examples.conftest import Rows


@pytest.fixture
def task(store: Path, tmp_path: Path) -> Task:
    return Task(
        experiment_name="tasks",
        model_name="perceptron",
        task_name="iris",
        n_epochs=2,
        learning_rate=0.01,
        test_size=0.25,
        random_state=1,
        output_dir=str(tmp_path / "out"),
        store=str(store),
    )


def test_a_plan_crosses_models_data_sets_and_seeds(task: Task) -> None:
    planned = plan_tasks(task, model_names=["perceptron", "linear_svm"], task_names=["wine"], seeds=[1, 2, 1])
    assert [(one.model_name, one.task_name, one.random_state) for one in planned] == [
        ("perceptron", "wine", 1),
        ("perceptron", "wine", 2),
        ("linear_svm", "wine", 1),
        ("linear_svm", "wine", 2),
    ]
    assert {one.experiment_name for one in planned} == {"tasks"}


def test_a_task_is_recorded_as_a_child_of_the_sweep(task: Task, rows: Rows) -> None:
    with start_run(tags=["sweep"], store=task.store) as sweep:
        sweep_id = sweep.run_id
    outcome = run_task(replace(task, parent_run_id=sweep_id))
    assert outcome.error is None
    assert rows(
        "SELECT status, dataset_id FROM run_state JOIN manifests USING (run_id) WHERE parent_run_id IS NOT NULL"
    ) == [("finished", "iris")]
    assert rows("SELECT DISTINCT parent_run_id FROM run_state WHERE parent_run_id IS NOT NULL") == [(sweep_id,)]


def test_a_failing_training_is_an_outcome_and_a_failed_run(task: Task, rows: Rows) -> None:
    outcome = run_task(replace(task, learning_rate=1e308))
    assert outcome.final_metrics == {}
    assert outcome.error is not None
    assert outcome.error.startswith("DivergedError: the weights overflowed")
    assert rows("SELECT status FROM run_state") == [("failed",)]


def test_a_task_and_its_outcome_travel_as_plain_data(task: Task) -> None:
    answer = work(json.loads(json.dumps(asdict(task))))
    outcome = Outcome.from_answer(json.loads(json.dumps(answer)))
    assert outcome.task == task
    assert outcome.error is None
    assert set(outcome.final_metrics) > {"accuracy", "f1_macro"}
