"""The command line: `python -m backend.copy_store SOURCE TARGET`.

Owns arguments, exit codes and what goes where: the verdict to stdout, progress and problems to stderr.
"""

import argparse
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from backend.copy_store.contents import REGISTRY
from backend.copy_store.copying import Copying, Outcome, UnstorableError, Watch, tables_of
from backend.copy_store.places import CopyError, Source, open_source, open_target
from backend.copy_store.values import Problem
from lab_logger.errors import LabLoggerError
from lightml.errors import LightMLError

_SHOWN = 20
_STEPS = {"check": "checking", "compare": "comparing", "copy": "copying", "verify": "verifying", "derive": "deriving"}
_EPILOG = (
    "A copy that was interrupted goes on where it was when the same command is given again. Stop what writes to the "
    "source first: the copy holds it as it is at the start. The content of artifacts is not in the store; "
    "docs/operations.md says how to move it. exit codes: 0 source and target hold the same, 1 there is a problem, "
    "2 wrong use"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Copies one store into another.

    Args:
        argv: The arguments; those of the process unless given.

    Returns:
        The exit code: 0 when everything is copied and verified, else 1.

    Raises:
        SystemExit: With 2 for wrong use, with 0 after `--help`.
    """
    arguments = _parser().parse_args(argv)
    try:
        with closing(open_source(arguments.source)) as source:
            outcome = _copy(source, arguments.target, replaces=arguments.replace_unstorable)
    except UnstorableError as error:
        _print_problems(error.problems)
        return _complain(str(error))
    except (CopyError, LabLoggerError, LightMLError) as error:
        return _complain(str(error))
    except (psycopg.Error, sqlite3.Error) as error:
        return _complain(f"a database failed: {str(error).strip()}; give the same command again to go on")
    return _report(outcome)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backend.copy_store",
        description="Takes a whole store from SQLite to PostgreSQL, back, or to another of its kind: every run, and "
        "the model registry where the source holds one.",
        epilog=_EPILOG,
    )
    words = "a SQLite file, or postgresql://user@host:5432/name (the password in PGPASSWORD or ~/.pgpass)"
    parser.add_argument("source", metavar="SOURCE", help=words)
    parser.add_argument("target", metavar="TARGET", help=words.replace("file", "file, made if missing") + "; empty")
    parser.add_argument(
        "--replace-unstorable",
        action="store_true",
        help="copy although the target cannot hold some values: what is no text becomes U+FFFD, what is no number "
        "null, a name too long for an index is shortened, a row without a key is left out; each is named",
    )
    return parser


def _copy(source: Source, target: str, *, replaces: bool) -> Outcome:
    names = tables_of(source)
    with closing(open_target(target, with_registry=REGISTRY[0] in names)) as opened, _progress(source, names) as watch:
        return Copying(source, opened, replaces=replaces, watch=watch).run()


@contextmanager
def _progress(source: Source, names: Sequence[str]) -> Iterator[Watch]:
    total = sum(source.count(name) for name in names)
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks = {step: bar.add_task(words, total=total, visible=False, start=False) for step, words in _STEPS.items()}

        def watch(step: str, table: str, rows: int) -> None:
            if bar.tasks[tasks[step]].start_time is None:
                bar.start_task(tasks[step])
            bar.update(tasks[step], advance=rows, visible=True, description=f"{_STEPS[step]} {table}")

        yield watch


def _report(outcome: Outcome) -> int:
    table = Table("table", "rows", "rows there", "checksum", "", box=SIMPLE)
    for verdict in outcome.verdicts:
        here, there = str(verdict.source)[:16], str(verdict.target)[:16]
        checksum = here if here == there else f"{here} / {there}"
        word = "same" if verdict.is_same else "DIFFERENT"
        table.add_row(verdict.table, f"{verdict.source.rows:,}", f"{verdict.target.rows:,}", checksum, word)
    Console(width=110).print(table)
    if outcome.problems:
        _print_problems(outcome.problems)
        print(f"copy_store: {len(outcome.problems):,} values were replaced as said above", file=sys.stderr)
    for name in outcome.anew:
        print(f"copy_store: {name} was copied anew, the source had changed since the interruption", file=sys.stderr)
    if outcome.was_written:
        words = "the source was written to meanwhile; what came after the start is not in the copy"
        print(f"copy_store: {words}", file=sys.stderr)
    if outcome.is_same:
        return 0
    return _complain("the target differs and stays closed; give the same command again to copy those tables anew")


def _print_problems(problems: Sequence[Problem]) -> None:
    table = Table("table", "key", "column", "value", "with --replace-unstorable", box=SIMPLE)
    for problem in problems[:_SHOWN]:
        cells = (problem.table, problem.key, problem.column, problem.words, problem.remedy)
        table.add_row(*map(escape, cells))
    console = Console(stderr=True)
    console.print(table)
    if len(problems) > _SHOWN:
        console.print(f"… and {len(problems) - _SHOWN:,} more")


def _complain(words: str) -> int:
    print(f"copy_store: {words}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
