"""Trains models × data sets × seeds in parallel, each a run under the sweep's own: `python …/sweep.py --help`.

Owns the command line, the progress bar and the closing table. Trainings lie in `sweep_tasks`, where they run in
`parallel_backends`.
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from arguments import DEFAULT_OUTPUT_DIR, add_training_arguments, job_count, require_training_values, seed
from bundled_data import DATASET_NAMES, load_split
from classifiers import MODEL_NAMES
from lab_logger import LabLoggerError, start_run
from lab_logger.settings import resolve
from parallel_backends import BACKENDS, parallel_backend
from run import EXIT_FAILED, EXIT_INTERRUPTED
from sweep_tasks import Outcome, Task, plan_tasks, work
from trainer import stop_sign
from training_errors import OptionError, TrainingError

_TABLE_METRICS = ("accuracy", "f1_macro", "runtime_s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and gives its exit status: 0, 1 when a training failed, 2 for wrong usage, 130."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.scheduler is not None and options.backend != "dask":
        parser.error("--scheduler goes with --backend dask")
    try:
        tasks = _plan(options)
        outcomes = _run_sweep(tasks, options=options)
    except OptionError as error:
        parser.error(str(error))
    except (TrainingError, LabLoggerError, OSError) as error:
        print(f"sweep failed: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("interrupted; the sweep and the trainings that were under way are stored as killed", file=sys.stderr)
        return EXIT_INTERRUPTED
    return _report(outcomes)


def _plan(options: argparse.Namespace) -> list[Task]:
    """Makes the tasks, after checking every split, so that a wrong option stops the sweep before it starts."""
    for dataset_name in options.dataset_names:
        load_split(dataset_name, test_size=options.test_size, random_state=0)
    for random_state in options.seeds:
        require_training_values(
            n_epochs=options.n_epochs, learning_rate=options.learning_rate, random_state=random_state
        )
    settings = resolve()
    template = Task(
        experiment_name=options.experiment_name,
        model_name="",
        task_name="",
        n_epochs=options.n_epochs,
        learning_rate=options.learning_rate,
        test_size=options.test_size,
        random_state=0,
        output_dir=_output_dir(options, is_on_server=settings.server_url is not None),
        store=None if settings.server_url is not None else str(settings.db_path),
    )
    return plan_tasks(template, model_names=options.model_names, task_names=options.dataset_names, seeds=options.seeds)


def _output_dir(options: argparse.Namespace, *, is_on_server: bool) -> str:
    """Gives the folder as workers are told it: those of a cluster that records on a server have disks of their own."""
    output_dir: Path = options.output_dir
    if options.scheduler is None or not is_on_server:
        return str(output_dir.resolve())
    return str(output_dir if output_dir != DEFAULT_OUTPUT_DIR else DEFAULT_OUTPUT_DIR.name)


def _run_sweep(tasks: Sequence[Task], *, options: argparse.Namespace) -> list[Outcome]:
    """Runs every task under a run of the sweep's own, showing progress.

    The backend comes up first and goes down last: one that does not answer leaves no run behind, and no worker trains
    on when the sweep's run has ended.
    """
    params = {name: value for name, value in vars(options).items() if name != "scheduler"}
    stop_sign.is_up = False
    backend = parallel_backend(
        options.backend, n_jobs=options.n_jobs, scheduler=options.scheduler, on_interrupt=stop_sign.put_up
    )
    with backend as run_all, start_run(params, tags=["sweep"], store=tasks[0].store) as sweep:
        children = [asdict(replace(task, parent_run_id=sweep.run_id, command=sweep.command)) for task in tasks]
        place = f"stored in {tasks[0].store}" if tasks[0].store is not None else f"sent to {resolve().server_url}"
        print(f"sweep {sweep.run_id}: {len(children)} trainings, {place}")
        answers = run_all(work, children)
        outcomes = list(_with_progress(map(Outcome.from_answer, answers), total=len(children)))
        n_failed = sum(outcome.error is not None for outcome in outcomes)
        sweep.log_metrics({"runs_finished": len(outcomes) - n_failed, "runs_failed": n_failed})
    return outcomes


def _with_progress(outcomes: Iterator[Outcome], *, total: int) -> Iterator[Outcome]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("training", total=total)
        for outcome in outcomes:
            progress.update(bar, advance=1, description=outcome.task.label)
            yield outcome
        progress.update(bar, description="done")


def _report(outcomes: Sequence[Outcome]) -> int:
    """Prints the finished trainings, best first, then the failed ones, and gives the exit status."""
    finished = [outcome for outcome in outcomes if outcome.error is None]
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    table = Table("model", "dataset", "seed", *_TABLE_METRICS, box=SIMPLE)
    for outcome in sorted(finished, key=lambda outcome: -outcome.final_metrics["accuracy"]):
        task = outcome.task
        values = [f"{outcome.final_metrics[name]:.4f}" for name in _TABLE_METRICS]
        table.add_row(task.model_name, task.task_name, str(task.random_state), *values)
    if finished:
        Console().print(table)
    print(f"{len(finished)} finished, {len(failed)} failed")
    for outcome in failed:
        print(f"failed: {outcome.task.label}: {outcome.error}", file=sys.stderr)
    return EXIT_FAILED if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Train every model on every data set with every seed, in parallel, and record each training as a "
        "run under the sweep's own run. A training that fails does not stop the others; the exit status is then 1.",
        epilog="example: %(prog)s --models linear_svm perceptron --datasets iris wine --seeds 1 2 3 --n_jobs 4",
    )
    _add_grid_arguments(parser)
    add_training_arguments(parser, experiment_name="sweep")
    parser.add_argument(
        "--n_jobs",
        type=job_count,
        default=-1,
        metavar="N",
        help="how many trainings run at once, -1 for one per core; a cluster decides by itself (default: %(default)s)",
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=BACKENDS[0],
        help="loky: processes; threading: threads; dask: the workers of a cluster (default: %(default)s)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="the dask scheduler, such as tcp://10.0.0.5:8786; its workers need lab_logger and scikit-learn, and "
        "LAB_SERVER_URL and LAB_API_TOKEN if the sweep has them, else a path to the same store. Without it, "
        "--backend dask starts a cluster on this machine",
    )
    return parser


def _add_grid_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models",
        dest="model_names",
        nargs="+",
        choices=MODEL_NAMES,
        default=list(MODEL_NAMES),
        metavar="MODEL",
        help=f"what to train, of {', '.join(MODEL_NAMES)} (default: all)",
    )
    parser.add_argument(
        "--datasets",
        dest="dataset_names",
        nargs="+",
        choices=DATASET_NAMES,
        default=list(DATASET_NAMES),
        metavar="DATASET",
        help=f"what to train on, of {', '.join(DATASET_NAMES)} (default: all)",
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=seed,
        default=[1, 2],
        metavar="SEED",
        help="seeds of the split and of the order of rows (default: 1 2)",
    )


if __name__ == "__main__":
    # A sweep that is asked to end by the system ends like one that is interrupted: workers down, runs marked.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
