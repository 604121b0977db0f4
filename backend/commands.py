"""What the commands of the service share: the store of the settings, trouble said in one line, and times.

Owns these. What a command does is in its own module.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from pydantic import ValidationError

from backend.config import Settings
from backend.opening import open_store
from backend.store import Store
from lab_logger import LabLoggerError


@contextmanager
def opened(command: str, *mistakes: type[Exception]) -> Iterator[tuple[Settings, Store]]:
    """Opens the store of the settings; what goes wrong with it, or in the block, becomes one line and exit code 1.

    Args:
        command: The command's name, which begins the line.
        mistakes: The errors of the command itself, beside those of settings and store.
    """
    said: tuple[type[Exception], ...] = (LabLoggerError, *mistakes)
    try:
        settings = Settings()
        store = open_store(settings)
        try:
            yield settings, store
        finally:
            store.close()
    except ValidationError as error:
        found = error.errors()[0]
        complain(
            f"{command}: {str(found['loc'][0]).upper()} cannot be used: {found['msg'].removeprefix('Value error, ')}"
        )
        raise typer.Exit(1) from error
    except said as error:
        complain(f"{command}: {error}")
        raise typer.Exit(1) from error


def complain(text: str) -> None:
    """Says something on stderr, in one line that drives no terminal."""
    print("".join(c if c.isprintable() else " " for c in text), file=sys.stderr)


def minute(moment: str | None) -> str:
    """Gives a stored time to the minute, as a table shows it; empty for none."""
    return "" if moment is None else moment[:16].replace("T", " ")
