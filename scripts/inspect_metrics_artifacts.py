"""Shows what one run measured and left behind: its artifacts, its curves as a table and as plots.

Owns what is shown and where it is taken from: the run's metrics file, fetched over HTTP, or its live series. It asks
through `tools.client`, and must not open the store or a file that the server did not send.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

if not __package__:  # started by its path, from any folder
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.models import ArtifactInfo, RunDetail
from scripts import plots
from scripts.curves import Curve, curves_of_csv, curves_of_series, rows_by_step, together
from scripts.terminal import (
    EXIT_STATUSES,
    NO_RUN_YET,
    ScriptError,
    console,
    moment,
    plain,
    run_script,
    short_id,
    size_text,
    value_text,
)
from tools.client import LabClient
from tools.errors import LabClientError

MAX_CSV_BYTES = 50_000_000
MIN_ROWS, MAX_ROWS = 4, 10_000

_DRAWN_POINTS = 1_000


@dataclass(frozen=True)
class Source:
    """Where curves come from.

    Attributes:
        words: The place, fit to be shown.
        curves: The curves.
        notice: What else a reader should know, such as a file that is gone; None when there is nothing.
    """

    words: str
    curves: list[Curve]
    notice: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the script and gives its exit status."""
    options = _parser().parse_args(arguments)
    return run_script(
        lambda: show_run(options.run_id, names=options.metric, max_points=options.max_points, source=options.source)
    )


def show_run(run_id: str | None, *, names: Sequence[str] = (), max_points: int = 20, source: str = "auto") -> None:
    """Prints everything about one run's measurements.

    Args:
        run_id: A run id or a unique prefix; the newest run unless given.
        names: The metrics to show; all unless given.
        max_points: How many rows the table of values has at most; plots draw more.
        source: "csv" for the metrics file, "live" for the live series, "auto" for the file when it can be had.

    Raises:
        LabClientError: The server does not answer, or has not got the run.
        ScriptError: There is no run, no such metric, or the metrics file cannot be had.
    """
    output = console()
    with LabClient() as client:
        run = client.get_run(_newest(client) if run_id is None else run_id)
        artifacts = client.artifacts(run.run_id)
        _print_run(output, run, artifacts)
        found = _source(client, run, artifacts, kind=source)
    curves = _picked(found, names)
    if found.notice is not None:
        output.print(f"Note: {found.notice}")
    _print_curves(output, curves, heading=f"Curves from {found.words}", max_rows=max_points)


def _newest(client: LabClient) -> str:
    runs = client.list_runs(limit=1).runs
    if not runs:
        raise ScriptError(NO_RUN_YET)
    return runs[0].run_id


def _source(client: LabClient, run: RunDetail, artifacts: Sequence[ArtifactInfo], *, kind: str) -> Source:
    notice = None
    if kind != "live":
        try:
            found = _from_csv(client, run, artifacts)
            if found is not None:
                return found
            notice = "the run recorded no metrics file (a .csv artifact)"
        except ScriptError as error:
            notice = str(error)
        if kind == "csv":
            raise ScriptError(f"{notice}; --source live shows the live series")
    curves = curves_of_series(client.metrics(run.run_id, max_points=_DRAWN_POINTS))
    if not curves:
        also = f", and {notice}" if notice else ""
        raise ScriptError(f"run {short_id(run.run_id)} logged no metric while it ran{also}")
    return Source("the live series", curves, notice)


def _from_csv(client: LabClient, run: RunDetail, artifacts: Sequence[ArtifactInfo]) -> Source | None:
    """Fetches and reads the run's metrics file; None when it recorded none.

    Raises:
        ScriptError: There is one, and it cannot be had.
    """
    file = _metrics_file(artifacts)
    if file is None:
        return None
    artifact, inner_path = file
    words = plain(artifact.path if inner_path is None else f"{artifact.path}/{inner_path}")
    if not artifact.exists:
        raise ScriptError(f"the metrics file {words} was recorded and no longer exists")
    if (artifact.current_size_bytes or 0) > MAX_CSV_BYTES:
        raise ScriptError(f"the metrics file {words} is longer than {size_text(MAX_CSV_BYTES)}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "metrics.csv"
        try:
            client.download_artifact(run.run_id, artifact.index, to=copy, path=inner_path)
        except LabClientError as error:
            raise ScriptError(f"the metrics file {words} cannot be had ({error})") from error
        with copy.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            curves = curves_of_csv(text)
    if not curves:
        raise ScriptError(f"the metrics file {words} has no column of numbers")
    return Source(words, curves)


def _metrics_file(artifacts: Sequence[ArtifactInfo]) -> tuple[ArtifactInfo, str | None] | None:
    """Finds the CSV file that holds the curves: one called metrics before any other, a file before one in a folder."""
    found: list[tuple[ArtifactInfo, str | None]] = [(artifact, None) for artifact in artifacts]
    found.extend((artifact, inner_path) for artifact in artifacts for inner_path in artifact.files)
    tables = [file for file in found if _name(file).endswith(".csv")]
    return next((file for file in tables if "metrics" in _name(file)), tables[0] if tables else None)


def _name(file: tuple[ArtifactInfo, str | None]) -> str:
    artifact, inner_path = file
    return PurePath(inner_path or artifact.path).name.lower()


def _picked(found: Source, names: Sequence[str]) -> list[Curve]:
    known = [curve.name for curve in found.curves]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ScriptError(
            f"there is no metric {', '.join(map(repr, unknown))} in {found.words}; there are {', '.join(known)}"
        )
    return [curve for curve in found.curves if not names or curve.name in names]


def _print_run(output: Console, run: RunDetail, artifacts: Sequence[ArtifactInfo]) -> None:
    output.print(f"Run {plain(run.run_id)}, {run.status}, started {moment(run.timestamp)} (UTC)")
    output.print(f"Dataset {value_text(run.dataset_id)}, command: {plain(run.command or '-')}")
    if not artifacts:
        output.print("Artifacts: none")
        return
    table = Table(box=SIMPLE, pad_edge=False)
    for name in ("artifact", "kind", "size", "now"):
        table.add_column(name, overflow="fold")
    for artifact in artifacts:
        now = "there" if artifact.downloadable else "there, not served" if artifact.exists else "gone"
        table.add_row(plain(artifact.path), artifact.kind, size_text(artifact.size_bytes), now)
    output.print(table)


def _print_curves(output: Console, curves: Sequence[Curve], *, heading: str, max_rows: int) -> None:
    output.print(heading)
    output.print(_summary(curves))
    output.print(_values(curves, max_rows=max_rows))
    for group in together(curves):
        drawing = plots.draw(group, width=output.width)
        if drawing is None:
            names = ", ".join(plain(curve.name) for curve in group)
            output.print(f"{names}: no finite value to draw")
        else:
            output.print(Text.from_ansi(drawing), no_wrap=True, overflow="crop")


def _summary(curves: Sequence[Curve]) -> Table:
    table = Table("metric", "points", "first", "last", "lowest", "highest", box=SIMPLE, pad_edge=False)
    for curve in curves:
        table.add_row(
            plain(curve.name),
            f"{len(curve.values):,}",
            value_text(curve.values[0]),
            value_text(curve.values[-1]),
            _extreme(curve.lowest()),
            _extreme(curve.highest()),
        )
    return table


def _extreme(point: tuple[float, float] | None) -> str:
    return "-" if point is None else f"{value_text(point[1])} (step {point[0]:g})"


def _values(curves: Sequence[Curve], *, max_rows: int) -> Table:
    table = Table("step", *(plain(curve.name) for curve in curves), box=SIMPLE, pad_edge=False)
    for step, values in rows_by_step(curves, max_rows=max_rows):
        table.add_row(f"{step:g}", *(value_text(value) for value in values))
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Shows the curves and artifacts of a run on the ai-lab server (LAB_SERVER_URL).",
        epilog=EXIT_STATUSES,
    )
    parser.add_argument("run_id", nargs="?", help="a run id or a unique prefix of one (default: the newest run)")
    parser.add_argument("--metric", action="append", default=[], help="show only this metric; may be repeated")
    parser.add_argument(
        "--max_points", type=_count, default=20, help="how many rows the table of values has at most (default: 20)"
    )
    parser.add_argument(
        "--source",
        choices=("auto", "csv", "live"),
        default="auto",
        help="csv: the metrics file among the artifacts; live: what was logged while the run ran; "
        "auto: the file when it can be had (default)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not MIN_ROWS <= int(text) <= MAX_ROWS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {MIN_ROWS} to {MAX_ROWS}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
