"""The parts of addresses that several routes share."""

from typing import Annotated, ClassVar

from fastapi import Path
from starlette.convertors import PathConvertor, register_url_convertor


class _AnyText(PathConvertor):
    """Text with slashes, as `path` takes it, and with line breaks, which `path` does not take."""

    regex: ClassVar[str] = r"(?s:.*)"


register_url_convertor("text", _AnyText())

RunId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=500,
        description="A run's id, or any prefix of it that no other run's id starts with.",
        examples=["3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11", "3f0a"],
    ),
]
"""The id of a run in an address."""
