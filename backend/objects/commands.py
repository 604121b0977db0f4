"""The command `python -m backend.objects`: lists what is stored, removes what no run needs, and checks the rest.

Owns what is printed. Exit codes are 0 for done, 1 for a problem, 2 for wrong usage.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import track
from rich.table import Column, Table

from backend.commands import minute, opened
from backend.errors import BackendError
from backend.objects.store import ObjectStore
from backend.objects.sweeping import (
    Fault,
    Leftover,
    find_faults,
    find_leftovers,
    find_unrecorded,
    list_recorded,
    remove,
)
from backend.store import Store

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

app = typer.Typer(
    name="python -m backend.objects",
    help="The artifact store: the content that training machines sent, at ARTIFACT_URI.",
    epilog="Exit codes: 0 done, 1 there is a problem, 2 wrong usage.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_KINDS: Final = {
    "unreferenced": "no artifact refers to it",
    "unrecorded": "the store of runs does not know it",
    "upload": "sent in part, never completed",
}
_FAULTS: Final = {
    "missing": "recorded, but not there: restore it from a backup",
    "damaged": "not what was stored: restore it from a backup",
    "unrecorded": "there, but not recorded: `python -m lab_logger sync` on the machine that trained records it",
}


@app.command("list")
def show(
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the content that is stored, and how many artifacts each is of."""
    with _opened() as (store, _):
        found = list_recorded(store, limit=limit)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    table = _table("size", "stored", "artifacts")
    for one in found:
        table.add_row(one.sha256, decimal(one.size_bytes), minute(one.stored_at), str(one.artifacts))
    _print(table, f"{_files(found)}, {decimal(sum(one.size_bytes for one in found))}")


@app.command()
def remove_unreferenced(
    delete: Annotated[bool, typer.Option("--delete", help="Remove it. Without, it is only listed.")] = False,
    grace_hours: Annotated[
        float, typer.Option(min=0, help="Leave what came within so many hours: its record may be on its way.")
    ] = 24.0,
    upload_days: Annotated[
        float, typer.Option(min=0, help="Leave what is being sent and went on within so many days.")
    ] = 7.0,
    as_json: AsJson = False,
) -> None:
    """List what no artifact needs, and remove it when told to."""
    now = datetime.now(UTC)
    with _opened() as (store, objects):
        before, sent_before = now - timedelta(hours=grace_hours), now - timedelta(days=upload_days)
        found = list(find_leftovers(store, objects, before=before, sent_before=sent_before))
        removed = [one for one in found if remove(store, objects, one)] if delete else []
    if as_json:
        document = {"found": [asdict(one) for one in found], "removed": [one.sha256 for one in removed]}
        print(json.dumps({**document, "size_bytes": _size(found), "removed_bytes": _size(removed)}, indent=2))
        return
    table = _table("size", "since", "why")
    for one in found:
        table.add_row(one.sha256, decimal(one.size_bytes), minute(one.since), _KINDS[one.kind])
    advice = f"Removed {len(removed)}, {decimal(_size(removed))}." if delete else "Remove it with --delete."
    _print(table, f"{_files(found)}, {decimal(_size(found))}. {advice if found else 'Nothing to do.'}")


@app.command()
def verify(
    sample: Annotated[int | None, typer.Option(min=1, help="Read so many, drawn at random, instead of all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read what is stored and compare it with its SHA-256; exit code 1 when something is missing or damaged."""
    with _opened() as (store, objects):
        checked = list_recorded(store, limit=sample, at_random=sample is not None)
        reading = track(find_faults(objects, checked), total=len(checked), console=Console(stderr=True), transient=True)
        faults = [fault for fault in reading if fault is not None]
        if sample is None:
            faults.extend(find_unrecorded(store, objects))
    if as_json:
        print(json.dumps({"checked": len(checked), "faults": [asdict(one) for one in faults]}, indent=2))
    else:
        _print(_table_of(faults), f"{_files(checked)} read, {len(faults)} with a problem.")
    if faults:
        raise typer.Exit(1)


def main() -> None:
    """Runs the command that the process's arguments name, and ends the process."""
    app(prog_name="python -m backend.objects")


@contextmanager
def _opened() -> Iterator[tuple[Store, ObjectStore]]:
    """Opens both stores of the settings."""
    with opened("objects", BackendError) as (settings, store):
        objects = ObjectStore(settings.artifact_location, max_bytes=settings.artifact_max_bytes)
        try:
            yield store, objects
        finally:
            objects.close()


def _table(*columns: str) -> Table:
    """Makes a table that shows every SHA-256 whole: that is how the content is found, however narrow the terminal."""
    whole = Column("sha256", min_width=64, no_wrap=True)
    return Table(whole, *columns, box=None, pad_edge=False, header_style="bold")


def _print(table: Table, sum_up: str) -> None:
    if table.row_count:
        Console().print(table)
    print(sum_up)


def _table_of(faults: list[Fault]) -> Table:
    table = _table("artifacts", "what is wrong")
    for one in faults:
        table.add_row(one.sha256, str(one.artifacts), f"{one.kind}: {_FAULTS[one.kind]}")
    return table


def _files(found: Sequence[object]) -> str:
    return "1 file" if len(found) == 1 else f"{len(found)} files"


def _size(found: list[Leftover]) -> int:
    return sum(one.size_bytes for one in found)
