"""What may be entered into the registry: names, numbers, per-sample scores.

Owns the checks, and the words that refuse an entry. It opens no file.
"""

import math
import re
from collections.abc import Iterable, Mapping, Set
from decimal import Decimal
from numbers import Real

from lightml.errors import InvalidEntryError, ScoresError

_RELATIVE_TOLERANCE = 1e-3
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def check_name(kind: str, name: object) -> str:
    """Gives the name back.

    Args:
        kind: What it names, for the message, such as "model".
        name: The name; it is kept as it is, blanks and all.

    Raises:
        InvalidEntryError: It is no text, blank, or holds what no database stores (NUL, lone surrogates).
    """
    if not isinstance(name, str):
        raise InvalidEntryError(f"the {kind} name {name!r} is a {type(name).__name__}; give text")
    if not name.strip():
        raise InvalidEntryError(f"the {kind} name {name!r} is blank; give a name")
    return check_text(f"{kind} name", name)


def check_text(what: str, text: str) -> str:
    """Gives the text back.

    Raises:
        InvalidEntryError: It holds what no database stores: NUL, or the lone surrogates of an undecodable file name.
    """
    if _UNSTORABLE.search(text):
        raise InvalidEntryError(f"the {what} {text!r} holds characters that cannot be stored; choose another")
    return text


def check_number(value: object) -> float:
    """Gives a metric's value as a float; numbers of NumPy are numbers too.

    Raises:
        InvalidEntryError: It is no number (a bool and a text are none), NaN or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidEntryError(f"the value {value!r} is a {type(value).__name__}; give a number")
    if not math.isfinite(value):
        raise InvalidEntryError(f"the value {value!r} is not finite; a metric is a finite number")
    return float(value)


def check_scores(scores: object) -> list[float]:
    """Gives per-sample scores as floats; a one-dimensional array and any other iterable will do.

    Raises:
        ScoresError: There are none, or one is no finite number.
    """
    if isinstance(scores, str | bytes | Mapping | Set) or not isinstance(scores, Iterable):
        raise ScoresError(f"scores are a {type(scores).__name__}; give a list with one number per sample")
    numbers = [_score(place, score) for place, score in enumerate(scores)]
    if not numbers:
        raise ScoresError("the list of scores is empty; give one number per sample, or no scores at all")
    return numbers


def check_fit(value: float, scores: list[float]) -> None:
    """Makes sure that scores can be those behind a value: their mean, or their mean in percent.

    The mean may differ from the value by 0.1 %, or by what rounding to the value's own decimals takes away: 0.634 may
    stand for 0.63421. A whole number stands for a rounded one in percent only, so that 1.0 is not 0.96.

    Raises:
        ScoresError: It cannot.
    """
    mean = math.fsum(scores) / len(scores)
    decimals = max(0, -int(Decimal(repr(value)).normalize().as_tuple().exponent))
    rounding = 0.5 * 10.0**-decimals
    exact = _RELATIVE_TOLERANCE * abs(value) + 1e-12
    if abs(mean - value) <= max(exact, rounding + 1e-12 if decimals else 0.0):
        return
    if abs(100 * mean - value) <= max(exact, rounding + 1e-12):
        return
    raise ScoresError(
        f"the {len(scores)} scores have the mean {mean:.6g}, which is neither the value {value!r} nor that in percent; "
        "log the scores the value was computed from, or correct the value"
    )


def _score(place: int, score: object) -> float:
    # A mark may be a bool: scikit-learn and NumPy give `prediction == truth` so.
    if type(score).__name__ in ("bool", "bool_"):
        return float(bool(score))
    if not isinstance(score, Real) or not math.isfinite(score):
        raise ScoresError(f"the score {score!r} of sample {place} is no finite number; give one number per sample")
    return float(score)
