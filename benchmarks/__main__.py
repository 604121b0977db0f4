"""Measures what the project promises: `python -m benchmarks`, or `make bench`.

Owns the order, and where the results go.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from benchmarks import (
    answers,
    crowds,
    ingest,
    log_calls,
    machine,
    pages,
    reads,
    registry,
    report,
    shared_reads,
    startup,
    workspace,
    writes,
)
from benchmarks.measure import BenchmarkError, Finding
from benchmarks.workspace import Workspace

RESULTS = Path(__file__).with_name("RESULTS.md")


class Benchmark(Protocol):
    """Measures one group of promises."""

    def __call__(self, workspace: Workspace, *, is_quick: bool) -> list[Finding]:
        """Gives what came out; `is_quick` measures less often."""


BENCHMARKS: Mapping[str, Benchmark] = {
    "import": startup.importing,
    "one_run": startup.one_run,
    "finished_run": writes.finished_run,
    "log_metrics": writes.metric_calls,
    "point_size": writes.point_size,
    "reads": reads.reading,
    "postgres": shared_reads.reading,
    "ingest": ingest.taking_in,
    "log_calls": log_calls.calls_while_a_server_dies,
    "answers": answers.answering,
    "registry": registry.keeping_models,
    "writers": crowds.writers_at_once,
    "starters": crowds.starters_at_once,
    "server": startup.serving,
    "pages": pages.viewing,
}
"""The groups by the name that `--only` takes, in the order of measuring."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, writes; gives the exit status, which a missed limit does not change."""
    options = _parser().parse_args(arguments)
    names = options.only or list(BENCHMARKS)
    try:
        return _measure(names, is_quick=options.quick, output=options.output)
    except BenchmarkError as error:
        print(f"the benchmark stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _measure(names: Sequence[str], *, is_quick: bool, output: Path | None) -> int:
    findings: list[Finding] = []
    at = datetime.now(UTC)
    with workspace.prepared() as place:
        facts = machine.describe(place.folder)
        for name in names:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            findings += BENCHMARKS[name](place, is_quick=is_quick)
    print("\n".join(facts))
    report.print_table(findings)
    print(report.verdict(findings))
    is_whole = len(names) == len(BENCHMARKS) and not is_quick
    target = output or (RESULTS if is_whole else None)
    if target is None:
        print(f"not written: only a whole measuring goes into {RESULTS.name}, unless --output names a file")
    else:
        target.write_text(report.markdown(findings, machine=facts, at=at), encoding="utf-8")
        print(f"written to {target.name}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures every limit on time and size against its floor; takes some minutes on a quiet machine.",
        epilog="exit status: 0 measured, limits met or not; 1 something could not be measured; 2 wrong usage",
    )
    parser.add_argument(
        "--only", action="append", choices=list(BENCHMARKS), metavar="NAME",
        help=f"measure only this, may be repeated: {', '.join(BENCHMARKS)}",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="measure less often: rough figures in a minute or two")
    parser.add_argument("--output", type=Path, help="the file to write, also after a quick or partial measuring")
    return parser


if __name__ == "__main__":
    sys.exit(main())
