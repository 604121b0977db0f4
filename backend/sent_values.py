"""The values that training machines send, each as a type that says what it may be.

Owns their limits and what makes them fit to be stored. It must not read settings, the store or the network.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from backend.models import MAX_NOTE_CHARS, NO_NUL
from backend.objects import MAX_PARTS
from backend.points import MAX_NAME_CHARS, POINTS_SCHEMA, SentPoint, read_points, whole_number
from backend.timestamps import read_moment

MAX_PATH_CHARS: Final = 4_096
MAX_TEXT_CHARS: Final = 10_000_000
MAX_NESTING: Final = 50
MAX_INT64: Final = 2**63 - 1
MAX_AHEAD_S: Final = 24 * 3600
"""How far a clock of another machine may be ahead of the server's."""

UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
SHA256_PATTERN: Final = r"^[0-9a-f]{64}$"
_HIGHEST_PORTABLE = 2**31 - 1


def _moment(text: str) -> str:
    try:
        moment = read_moment(text)
    except ValueError as error:
        raise PydanticCustomError("moment", "{reason}", {"reason": str(error)}) from error
    latest = datetime.now(UTC) + timedelta(seconds=MAX_AHEAD_S)
    if datetime.fromisoformat(moment.first) > latest:
        raise PydanticCustomError(
            "future", "lies more than a day in the future; set the clock of the machine it is from"
        )
    return moment.first


def _without_nul(text: str) -> str:
    """A database may not be able to hold it, and for a byte of some output no run is turned away."""
    return text.replace("\x00", "\ufffd")


def _document(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _check_nested(value, path="", depth=1)
    return value


def _check_nested(value: JsonValue, *, path: str | None, depth: int) -> None:
    """Checks the names that a document's values go by, which are dotted paths outside of lists, and how deep it is."""
    if depth > MAX_NESTING:
        raise PydanticCustomError("nested", "is nested deeper than {limit}", {"limit": MAX_NESTING})
    if isinstance(value, list):
        for item in value:
            _check_nested(item, path=None, depth=depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            inner = None if path is None else f"{path}{name}"
            if inner is not None and len(inner) > MAX_NAME_CHARS:
                limit = {"name": name[:50], "limit": MAX_NAME_CHARS}
                raise PydanticCustomError("name", "the name {name}… is longer than {limit} characters", limit)
            _check_nested(item, path=None if inner is None else f"{inner}.", depth=depth + 1)


RunUuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256_PATTERN)]
Name = Annotated[str, StringConstraints(max_length=MAX_NAME_CHARS, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
"""A name that is not blank."""
ShownPath = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PATH_CHARS, pattern=NO_NUL)]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS), AfterValidator(_without_nul)]
ShortText = Annotated[str, StringConstraints(max_length=MAX_NAME_CHARS), AfterValidator(_without_nul)]
Note = Annotated[str, StringConstraints(max_length=MAX_NOTE_CHARS), AfterValidator(_without_nul)]
Size = Annotated[int, Field(ge=0, le=MAX_INT64), BeforeValidator(whole_number)]
Index = Annotated[int, Field(ge=0, le=_HIGHEST_PORTABLE), BeforeValidator(whole_number)]
Position = Annotated[int, Field(ge=1, le=MAX_INT64), BeforeValidator(whole_number)]
PartCount = Annotated[int, Field(ge=0, le=MAX_PARTS), BeforeValidator(whole_number)]
MomentText = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Document = Annotated[dict[str, JsonValue], AfterValidator(_document)]
Points = Annotated[list[SentPoint], PlainValidator(read_points), WithJsonSchema(POINTS_SCHEMA)]


class Sent(BaseModel):
    """What is sent: JSON of exactly this shape."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
