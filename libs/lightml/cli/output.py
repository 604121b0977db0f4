"""How the commands print: results to stdout, problems to stderr, either as text or as JSON.

Owns the streams. A command says what it found; nothing else in this package prints.
"""

import io
import json
import os
import sys
from typing import Any


def forgive_encoding() -> None:
    """Lets the streams replace what their encoding lacks, such as Δ in ASCII, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(result: Any, text: str, *, as_json: bool) -> None:
    """Prints a result: the JSON document, or the text."""
    print(json.dumps(result, indent=2, allow_nan=False) if as_json else text)


def warn(text: str) -> None:
    """Prints what is wrong, without what a terminal would obey."""
    print("lightml:", "\n".join(map(one_line, text.splitlines())), file=sys.stderr)


def one_line(text: str) -> str:
    """Gives text without line breaks and what a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def color(no_color: bool) -> bool | None:
    """Gives what `--no-color` means to the functions that draw tables; None leaves it to terminal and NO_COLOR."""
    return False if no_color else None


def stop_printing() -> None:
    """Sends what is still to come nowhere: whoever read the output, such as `head`, has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
