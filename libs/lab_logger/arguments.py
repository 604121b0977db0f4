"""What may be given as a step, a metric's name or a tag.

Owns these checks and what they say. It must not convert values: `record` does.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from lab_logger.errors import ParameterError

STEP_LIMIT = 2**63
"""One past the highest step; the lowest is its negative."""


def checked_step(step: object) -> int:
    """Gives a step as an int.

    Raises:
        ParameterError: It is no integer of 64 bits.
    """
    if type(step) is not int:
        import operator

        try:
            step = operator.index(step)  # type: ignore[arg-type]
        except TypeError:
            raise ParameterError(f"step is {step!r}; give an integer, or leave it out to count on") from None
    if not -STEP_LIMIT <= step < STEP_LIMIT:
        raise ParameterError(f"step is {step}; give an integer of 64 bits")
    return step


def check_metric_name(name: object) -> None:
    """Checks a metric's name.

    Raises:
        ParameterError: It is no text, blank, or holds what UTF-8 or SQLite cannot say.
    """
    try:
        if isinstance(name, str) and name.strip() and b"\x00" not in name.encode():
            return
    except UnicodeEncodeError:
        pass
    raise ParameterError(f"the metric name {name!r} is not usable; give text that is not empty and has no NUL")


def tag_list(tags: str | Iterable[str] | None) -> list[str]:
    """Gives tags as a list without repeats; a mapping gives `name:value`.

    Raises:
        ParameterError: A tag is no text, or blank.
    """
    if tags is None:
        return []
    if isinstance(tags, str):
        tags = [tags]
    elif isinstance(tags, Mapping):
        tags = [f"{name}:{value}" for name, value in tags.items()]
    found: dict[str, None] = {}
    for tag in tags:
        text = cast("object", tag)
        if not isinstance(text, str) or not text.strip():
            raise ParameterError(f"the tag {tag!r} is not usable; give text that is not empty")
        found[text] = None
    return list(found)
