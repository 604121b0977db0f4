"""What the scripts have in common: the console, how values look in it, and how a script ends.

Owns presentation only. It must not know the server's contract beyond the errors of its client.
"""

import math
import sys
from collections.abc import Callable, Mapping
from typing import Final

from rich.console import Console

from tools.errors import LabClientError

EXIT_STATUSES: Final = "exit status: 0 done; 1 the server is not up or has not got what was asked for; 2 wrong usage"
NO_RUN_YET: Final = "no run is recorded yet; `python examples/train_model/run.py` trains one"

_PIPED_WIDTH: Final = 160
_SHORT_ID_CHARS: Final = 8
_MAX_VALUE_CHARS: Final = 40


class ScriptError(Exception):
    """What was asked for cannot be shown; the message says why and what to do."""


def run_script(show: Callable[[], None]) -> int:
    """Runs a script's work; what goes wrong becomes one sentence on stderr.

    Returns:
        The exit status, as `EXIT_STATUSES` says.
    """
    try:
        show()
    except (LabClientError, ScriptError) as error:
        print(plain(str(error)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def console() -> Console:
    """Gives the console of stdout; what the server sends is shown as it is, never as markup."""
    found = Console(markup=False, emoji=False, highlight=False)
    if not found.is_terminal:
        found.width = max(found.width, _PIPED_WIDTH)
    return found


def plain(text: str) -> str:
    """Gives text on one line and without characters that a terminal would obey."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


def short_id(run_id: str) -> str:
    """Gives the beginning of a run's id, which nearly always names it alone."""
    return plain(run_id[:_SHORT_ID_CHARS])


def moment(timestamp: str | None) -> str:
    """Gives an ISO 8601 time to the minute."""
    return "-" if timestamp is None else plain(timestamp[:16].replace("T", " "))


def value_text(value: object) -> str:
    """Gives a metric's or param's value, numbers to four digits, long text cut."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}" if abs(value) < 1 or value != round(value, 3) else f"{value:g}"
    text = plain("-" if value is None else str(value))
    return text if len(text) <= _MAX_VALUE_CHARS else text[: _MAX_VALUE_CHARS - 1] + "…"


def pairs_text(values: Mapping[str, object]) -> str:
    """Gives names with their values, or a dash when there are none."""
    return ", ".join(f"{plain(name)}={value_text(value)}" for name, value in values.items()) or "-"


def size_text(size_bytes: int | None) -> str:
    """Gives a size with a unit of 1,000s."""
    if size_bytes is None:
        return "-"
    size, units = float(size_bytes), ["B", "kB", "MB", "GB"]
    while size >= 1000 and len(units) > 1:  # noqa: PLR2004 - the step of SI prefixes
        size /= 1000
        units.pop(0)
    return f"{size:.3g} {units[0]}" if units[0] != "B" else f"{size_bytes} B"
