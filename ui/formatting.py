"""How values are written in the dashboard.

Owns pure functions from values to text. It must not import Streamlit.
"""

import json
import math
import re
import string
from datetime import UTC, datetime
from typing import Final

SHORT_ID_CHARS: Final = 8
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_MAX_CELL_CHARS: Final = 200
_MARKDOWN: Final = str.maketrans({character: f"\\{character}" for character in string.punctuation})
_REWRITTEN: Final = re.compile(
    r"(?<=:)(?=//|material/|streamlit:)|(?<=\bwww)(?=\.)|(?<=[\w.+-])(?=@)|(?<=(?<!\S)[<>~-])(?=[>=-]>?(?!\S))",
    re.IGNORECASE,
)
"""Where Streamlit makes links, icons and arrows of text, even of escaped text."""
_WORD_JOINER: Final = "\u2060"
_NO_BREAK_SPACE: Final = "\u00a0"
_INDENT: Final = re.compile(r"^[ \t]+", re.MULTILINE)

STATUS_COLORS: Final = {"running": "blue", "finished": "green", "failed": "red", "killed": "orange"}
STATUS_ICONS: Final = {
    "running": ":material/sync:",
    "finished": ":material/check_circle:",
    "failed": ":material/error:",
    "killed": ":material/cancel:",
}


def short_id(run_id: str) -> str:
    """Gives the beginning of a run's id."""
    return run_id[:SHORT_ID_CHARS]


def value_text(value: object) -> str:
    """Gives a metric's or parameter's value: numbers to four digits, long text cut, nothing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.4g}" if abs(value) < 1 or value != round(value, 3) else f"{value:g}"
    return cell_text(value)


def cell_text(value: object) -> str:
    """Gives any value as text for a cell, cut to a length that a table bears."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_CELL_CHARS else f"{text[: _MAX_CELL_CHARS - 1]}…"


def duration_text(seconds: float | None) -> str:
    """Gives a duration in seconds as a person says it."""
    if seconds is None:
        return "–"
    if seconds < _MINUTE_S:
        return f"{seconds:.3g} s"
    if seconds < _HOUR_S:
        return f"{int(seconds // _MINUTE_S)} min {int(seconds % _MINUTE_S)} s"
    if seconds < _DAY_S:
        return f"{int(seconds // _HOUR_S)} h {int(seconds % _HOUR_S // _MINUTE_S)} min"
    return f"{int(seconds // _DAY_S)} d {int(seconds % _DAY_S // _HOUR_S)} h"


def moment_text(timestamp: str | None) -> str:
    """Gives an ISO 8601 time to the second, without its zone, which is UTC."""
    return "–" if not timestamp else timestamp[:19].replace("T", " ")


def ago_text(timestamp: str | None, *, now: datetime) -> str:
    """Says how long ago a moment was; the moment itself where it cannot be read."""
    moment = parse_moment(timestamp)
    if moment is None:
        return moment_text(timestamp)
    seconds = max(0.0, (now - moment).total_seconds())
    if seconds < _MINUTE_S:
        return "just now"
    for unit_s, name in ((_DAY_S, "day"), (_HOUR_S, "hour"), (_MINUTE_S, "minute")):
        if seconds >= unit_s:
            number = int(seconds // unit_s)
            return f"{number} {name}{'' if number == 1 else 's'} ago"
    return "just now"


def parse_moment(timestamp: str | None) -> datetime | None:
    """Reads an ISO 8601 time as UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(timestamp or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def plain_markdown(text: str) -> str:
    """Gives text that Markdown shows as it stands: nothing in it is a heading, a link, HTML, code or an icon."""
    kept = _INDENT.sub(lambda indent: _NO_BREAK_SPACE * len(indent[0]), _REWRITTEN.sub(_WORD_JOINER, text))
    return kept.translate(_MARKDOWN).replace("\n", "  \n")


def size_text(size_bytes: int | None) -> str:
    """Gives a size with a unit of 1,000s."""
    if size_bytes is None:
        return "–"
    size, units = float(size_bytes), ["B", "kB", "MB", "GB"]
    while size >= 1000 and len(units) > 1:  # noqa: PLR2004 - the step of SI prefixes
        size /= 1000
        units.pop(0)
    return f"{size:.3g} {units[0]}"
