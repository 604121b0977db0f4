"""How the findings are shown: a table in the terminal, and `RESULTS.md`.

Owns the words and the form. It must not leave out a finding, least of all a miss.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Finding

_HEADINGS = ("what", "limit", "measured", "floor", "ratio", "met")
_PIPED_WIDTH = 160
_INTRODUCTION = """\
# What was measured

`make bench` wrote this file as it came out. Times are medians. A floor is what the limit is held against, measured in
the same run, turn by turn: raw `sqlite3` or COPY writing the same rows, a bare interpreter, the imports of the
frameworks, or, for reads, the same requests to a store of 1,000 runs, or to a store at rest. Ratio is measured over
floor; for points a second, it is that of the times.
"""


def print_table(findings: Sequence[Finding]) -> None:
    """Prints the findings as a table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_lines=False)
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold", justify="left" if heading in ("what", "limit") else "right")
    for finding in findings:
        style = "bold red" if finding.is_met is False else None
        table.add_row(*_cells(finding), style=style)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = max(console.width, _PIPED_WIDTH)
    console.print(table)


def markdown(findings: Sequence[Finding], *, machine: Sequence[str], at: datetime) -> str:
    """Gives the findings as the text of `RESULTS.md`.

    Args:
        findings: What came out, in the order to show.
        machine: What it was measured on, a line for each fact.
        at: When it was measured.
    """
    lines = [_INTRODUCTION, f"Measured on {at.astimezone(UTC):%Y-%m-%d} (UTC) on:", ""]
    lines += [f"- {fact}" for fact in machine]
    lines += ["", verdict(findings), ""]
    lines += [f"| {' | '.join(_HEADINGS)} |", "|---|---|---:|---:|---:|---|"]
    lines += [f"| {' | '.join(map(_cell, _cells(finding)))} |" for finding in findings]
    lines += ["", "## How the single times lie", ""]
    lines += ["From the fastest tenth to the slowest tenth of the times.", ""]
    lines += ["| what | spread | remark |", "|---|---|---|"]
    lines += [
        f"| {_cell(finding.what)} | {_cell(finding.spread or '-')} | {_cell(finding.remark or '-')} |"
        for finding in findings
    ]
    return "\n".join(lines) + "\n"


def verdict(findings: Sequence[Finding]) -> str:
    """Says in a sentence how many promises hold, and names those that do not."""
    promised = [finding for finding in findings if finding.is_met is not None]
    missed = [finding for finding in promised if not finding.is_met]
    held = f"{len(promised) - len(missed)} of {len(promised)} limits are met"
    if not missed:
        return f"{held}."
    return f"{held}. Missed: {'; '.join(f'{finding.what} ({finding.measured})' for finding in missed)}."


def _cells(finding: Finding) -> tuple[str, ...]:
    met = {True: "yes", False: "NO", None: "-"}[finding.is_met]
    ratio = "-" if finding.ratio is None else f"{finding.ratio:.2f}"
    return finding.what, finding.limit, finding.measured, finding.floor or "-", ratio, met


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
