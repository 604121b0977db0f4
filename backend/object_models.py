"""How the content of artifacts is sent: what has arrived, and what makes up the whole.

Owns the shapes alone.
"""

from typing import Literal

from pydantic import Field

from backend.sent_values import PartCount, Sent, Size


class ObjectPart(Sent):
    """A part of some content that has arrived."""

    index: int = Field(description="Its place, from 0.", examples=[0])
    size_bytes: int = Field(description="Its size.", examples=[16_777_216])


class ObjectState(Sent):
    """What is there of some content."""

    stored: bool = Field(description="Whether it is stored whole; nothing need be sent then.", examples=[False])
    parts: list[ObjectPart] = Field(
        description="The parts that have arrived of an upload that is not complete.",
        examples=[[{"index": 0, "size_bytes": 16_777_216}]],
    )


class CompleteObject(Sent):
    """How many parts, and how many bytes in all, make up some content."""

    size_bytes: Size = Field(description="The size of the whole.", examples=[20_000_000])
    parts: PartCount = Field(description="How many parts it has.", examples=[2])


class StoredObject(Sent):
    """That some content is stored."""

    stored: Literal[True] = Field(description="Always true.", examples=[True])
