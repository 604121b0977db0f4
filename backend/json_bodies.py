"""How a body of JSON that may be long is read: unpacked, parsed and checked, in the thread that answers.

Owns the limits of what is unpacked and parsed, and the words for what cannot be used. JSON is read strictly: UTF-8, no
bare NaN or Infinity, no name twice in one object. It must not know what a body is about.
"""

import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from backend.errors import BodyTooLargeError, InvalidRequestError, UnsupportedBodyError

MAX_UNPACKED_BYTES: Final = 64_000_000
MAX_MARKS: Final = 3_000_000
"""Texts, commas, colons and opening brackets of one body, so that a short one cannot become gigabytes of objects."""

_MAX_LISTED = 20
_MAX_SHOWN_CHARS = 200
_PIECE_BYTES = 1 << 20
_GZIP = 31  # zlib's word for: with a gzip header and checksum
_ENCODINGS = ("gzip", "x-gzip")
# Possessive, and without the last quote being needed, so that no text makes it look twice at the same place.
_MARKS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[,:\[{]', re.DOTALL)

_Model = TypeVar("_Model", bound=BaseModel)
Loc = Sequence[str | int]


class SentJson:
    """A JSON body as it was sent; see `TheJson`."""

    def __init__(self, content: bytes, *, media_type: str, encoding: str) -> None:
        self._content = content
        self._media_type = media_type
        self._encoding = encoding

    def read(self) -> Any:
        """Gives the JSON value.

        Raises:
            UnsupportedBodyError: The body is no JSON, or is encoded in a way that is not known.
            BodyTooLargeError: It is too long when unpacked, or holds too many values.
            InvalidRequestError: It cannot be unpacked or parsed.
        """
        if not _is_json(self._media_type):
            raise UnsupportedBodyError(
                f"the body must be JSON, with 'Content-Type: application/json'; it is {self._media_type[:100]!r}"
            )
        return parse(unpack(self._content, encoding=self._encoding))


async def _sent_json(request: Request) -> SentJson:
    headers = request.headers
    return SentJson(
        await request.body(),
        media_type=headers.get("content-type", ""),
        encoding=headers.get("content-encoding", "identity"),
    )


TheJson = Annotated[SentJson, Depends(_sent_json)]
"""A route's parameter of this type is the request's body, not read yet: a plain `def` reads it off the event loop."""


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Gives the `openapi_extra` of a route that reads a model from `TheJson`."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def unpack(content: bytes, *, encoding: str) -> bytes:
    """Gives a body without its Content-Encoding; never holds more than `MAX_UNPACKED_BYTES` of it.

    Raises:
        UnsupportedBodyError: The encoding is neither gzip nor identity.
        InvalidRequestError: The body is not what its encoding says.
        BodyTooLargeError: It is too long.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return content
    if encoding not in _ENCODINGS:
        raise UnsupportedBodyError(f"Content-Encoding {encoding[:100]!r} is not known here; send gzip, or none")
    inflater = zlib.decompressobj(_GZIP)
    unpacked = bytearray()
    try:
        while not inflater.eof and (content or not unpacked):
            piece = inflater.decompress(content, _PIECE_BYTES)
            if not piece and not inflater.unconsumed_tail and not inflater.eof:
                break
            unpacked += piece
            content = inflater.unconsumed_tail
            if len(unpacked) > MAX_UNPACKED_BYTES:
                raise BodyTooLargeError(
                    f"the body is longer than {MAX_UNPACKED_BYTES:,} bytes when unpacked; send it in several requests"
                )
    except zlib.error as error:
        raise _of_body(f"the body is not whole gzip: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise _of_body(f"the body is not whole gzip: it {'goes on after its end' if inflater.eof else 'ends early'}")
    return bytes(unpacked)


def parse(text: bytes) -> Any:
    """Gives the JSON value that a body spells.

    Raises:
        InvalidRequestError: The body is no strict JSON in UTF-8.
        BodyTooLargeError: It holds more than `MAX_MARKS` texts, commas, colons and brackets.
    """
    if _has_too_many_marks(text):
        raise BodyTooLargeError(
            f"the body holds more than {MAX_MARKS:,} texts, commas, colons and brackets; send it in several requests"
        )
    try:
        return _decode(text.decode("utf-8"))
    except RecursionError as error:
        raise _of_body("the body is nested too deeply") from error
    except ValueError as error:  # of UTF-8, of JSON, and of numbers too long to be read
        raise _of_body(f"the body is no JSON in UTF-8: {error}") from error


def check(model: type[_Model], value: object, *, tagged: str | None = None) -> _Model:
    """Gives a model's object from a JSON value.

    Args:
        model: The model.
        value: What `SentJson.read` gave.
        tagged: A list of the model whose items are told apart by a tag; places in it are named without the tag.

    Raises:
        InvalidRequestError: The value does not fit; the first twenty places are named, in words and as a list, `loc`.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise unusable(
            [(_without_tag(one["loc"], tagged), one["msg"], _input(one)) for one in found[:_MAX_LISTED]],
            more=len(found) - _MAX_LISTED,
        ) from None


def unusable(places: Sequence[tuple[Loc, str, object]], *, more: int = 0) -> InvalidRequestError:
    """Makes the error about values of a body: where each stands, what is wrong with it, and the value."""
    errors = [error_at(loc, message, value) for loc, message, value in places]
    sentences = [f"{error['location']}: {error['message']}{_was(error['value'])}" for error in errors]
    if more > 0:
        sentences.append(f"and {more} more")
    return InvalidRequestError("; ".join(sentences), errors=errors)


def error_at(loc: Loc, message: str, value: object = None) -> Mapping[str, object]:
    """Gives one `InvalidValue` of a problem document."""
    return {
        "location": " ".join(["body", *map(str, loc)]),
        "loc": list(loc),
        "message": message.removeprefix("Value error, "),
        "value": _shown(value),
    }


def _is_json(media_type: str) -> bool:
    # A page of another origin can send other media types without asking; see `security`.
    kind = media_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _has_too_many_marks(text: bytes) -> bool:
    # No fewer than there are, as those within texts count too; nearly always that settles it.
    most = text.count(b'"') // 2 + sum(map(text.count, (b",", b":", b"[", b"{")))
    return most > MAX_MARKS and sum(1 for _ in islice(_MARKS.finditer(text), MAX_MARKS + 1)) > MAX_MARKS


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON; null stands for NaN, and the texts 'Infinity' and '-Infinity' for the others")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"an object has the name {twice[:_MAX_SHOWN_CHARS]!r} twice")
    return found


_decode: Callable[[str], Any] = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_refuse_constant).decode


def _of_body(message: str) -> InvalidRequestError:
    return unusable([((), message, None)])


def _without_tag(loc: Loc, tagged: str | None) -> Loc:
    return loc if tagged is None or loc[:1] != (tagged,) else (*loc[:2], *loc[3:])


def _input(found: Mapping[str, Any]) -> object:
    """Gives the value that does not fit, if it is one value: where one is missing, the input is everything given."""
    return None if found["type"] == "missing" or isinstance(found["input"], dict | list) else found["input"]


def _shown(value: object) -> str | int | bool | None:
    if value is None or isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}… [{len(text)} characters in all]"


def _was(value: object) -> str:
    return "" if value is None else f" (it is {value!r})"
