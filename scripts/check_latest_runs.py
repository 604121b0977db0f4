"""Shows the newest runs of the server as a table, or with --metric the runs that rank best by a metric.

Owns the table. It asks over HTTP, through `tools.client`, and must not open the store.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # started by its path, from any folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.box import SIMPLE
from rich.table import Table

from backend.models import ArtifactInfo, RunSummary
from scripts.terminal import (
    EXIT_STATUSES,
    NO_RUN_YET,
    ScriptError,
    console,
    moment,
    pairs_text,
    plain,
    run_script,
    short_id,
    size_text,
    value_text,
)
from tools.client import LabClient

MAX_RUNS = 500
_ORDERS = {"desc": "highest first", "asc": "lowest first"}
_WIDE_CHARS = 130
_MODEL_PARAMS = ("model_name", "model")
_DATASET_PARAMS = ("dataset_id", "dataset_name", "task_name")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the script and gives its exit status."""
    options = _parser().parse_args(arguments)
    return run_script(lambda: show_runs(limit=options.limit, metric=options.metric, order=options.order))


def show_runs(*, limit: int, metric: str | None = None, order: str = "desc") -> None:
    """Prints the table.

    Args:
        limit: How many runs at most.
        metric: Rank by this final metric; the newest runs are shown unless given.
        order: "desc" ranks the highest value first, "asc" the lowest.

    Raises:
        LabClientError: The server does not answer, or not with runs.
        ScriptError: There is no run to show.
    """
    with LabClient() as client:
        if metric is None:
            page = client.list_runs(limit=limit)
            runs, heading = page.runs, f"The latest {len(page.runs)} of {page.total:,} runs at {client.base_url}"
        else:
            runs = client.leaderboard(metric, top_k=limit, order="asc" if order == "asc" else "desc")
            heading = f"The first {len(runs)} by {plain(metric)}, {_ORDERS[order]}, at {client.base_url}"
        if not runs:
            raise ScriptError(NO_RUN_YET)
        artifacts = [client.artifacts(run.run_id) for run in runs]
    output = console()
    table = _table(runs, artifacts, metric=metric, is_narrow=output.width < _WIDE_CHARS)
    output.print(heading)
    output.print(table)


def _table(
    runs: Sequence[RunSummary], artifacts: Sequence[Sequence[ArtifactInfo]], *, metric: str | None, is_narrow: bool
) -> Table:
    rows = [_cells(run, left, metric=metric) for run, left in zip(runs, artifacts, strict=True)]
    names = list(rows[0])
    groups = [["run", "status", "started (UTC)"], ["dataset", "model", "artifacts"], *([name] for name in names[6:])]
    columns = groups if is_narrow else [[name] for name in [*names[:5], *names[6:], "artifacts"]]
    table = Table(box=SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column("\n".join(column), no_wrap=column[0] not in ("params", "metrics"), overflow="fold")
    for row in rows:
        table.add_row(*("\n".join(row[name] for name in column) for column in columns))
    return table


def _cells(run: RunSummary, artifacts: Sequence[ArtifactInfo], *, metric: str | None) -> dict[str, str]:
    """Gives a run's cells by column: six about the run, the metric it is ranked by, params, other metrics."""
    model = next((name for name in _MODEL_PARAMS if name in run.params), None)
    params = {name: value for name, value in run.params.items() if name not in (model, *_DATASET_PARAMS)}
    metrics = {name: value for name, value in run.final_metrics.items() if name != metric}
    return {
        "run": short_id(run.run_id),
        "started (UTC)": moment(run.timestamp),
        "status": run.status,
        "dataset": value_text(run.dataset_id),
        "model": value_text(run.params[model]) if model else "-",
        "artifacts": _artifacts_text(artifacts),
        **({} if metric is None else {plain(metric): value_text(run.final_metrics.get(metric))}),
        "params": pairs_text(params),
        "metrics": pairs_text(metrics),
    }


def _artifacts_text(artifacts: Sequence[ArtifactInfo]) -> str:
    if not artifacts:
        return "-"
    gone = sum(1 for artifact in artifacts if not artifact.exists)
    size_bytes = sum(artifact.current_size_bytes or artifact.size_bytes or 0 for artifact in artifacts)
    return f"{len(artifacts)} ({size_text(size_bytes)})" + (f", {gone} gone" if gone else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Shows the newest runs of the ai-lab server (LAB_SERVER_URL) as a table.", epilog=EXIT_STATUSES
    )
    parser.add_argument("--limit", type=_count, default=10, help="how many runs at most (default: 10)")
    parser.add_argument("--metric", help="rank by this final metric instead, such as accuracy")
    parser.add_argument(
        "--order",
        choices=("desc", "asc"),
        default="desc",
        help="with --metric: desc ranks the highest first, asc the lowest, as for a loss (default: desc)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_RUNS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MAX_RUNS}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
