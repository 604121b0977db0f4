"""The numbers of a question: bounds such as `accuracy above 0.9`, and parameters' values such as `lr 0.1`.

Owns reading them. What the numbers belong to was found before, as mentions of the store's names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from agents.offline.language.names import Names, is_runtime
from agents.offline.language.spelling import is_other_name
from agents.offline.language.vocabulary import Mention
from agents.offline.language.words import Token, number_of
from agents.offline.reading.scopes import Bound, ParamIs
from tools.directions import better_order

Sign = Literal["ge", "gt", "le", "lt", "eq", "better", "worse"]

_PERCENT_RANGE: Final = 1.5
_HALF_OF_ONE: Final = 0.005
"""How far from 0 or 1 a score may lie that is called so: for a score, those are its ends."""
_REACH: Final = 6
_SIGNS: Final[tuple[tuple[str, Sign], ...]] = (
    (
        r"(?:at least|>=|≥|minimum(?: of)?|min(?: of)?|no(?:t)? less than|no(?:t)? (?:lower|fewer|"
        r"smaller) than|not below)", "ge"),
    (
        r"(?:at most|<=|≤|up to|maximum(?: of)?|max(?: of)?|no(?:t)? (?:more|higher|greater|longer) than|"
        r"not above|not over)", "le"),
    (
        r"(?:better than|beat(?:s|en|ing)?|outperform(?:s|ed)?|surpass(?:es|ed|ing)?|topp(?:ed|ing)|past|"
        r"passed|passing|crossed|cleared)", "better"),
    (r"worse than", "worse"),
    (
        r"(?:>|above|over|(?:more|greater|higher|larger|bigger|longer|slower) than|exceed(?:s|ing|ed)?|beyond|"
        r"in excess of|upwards of|north of)", "gt"),
    (r"(?:<|below|under|beneath|(?:less|lower|smaller|fewer|shorter|faster|quicker) than|south of)", "lt"),
    (r"(?:hit|hits|reach|reache[sd]|reaching|got|get|gets|achieve[sd]?|achieving|scored?|scoring|made)", "ge"),
    (r"(?:=|==|is|are|was|equals?|equal to|exactly|of|at|:|set to|value|to)", "eq"),
)  # fmt: skip
_FILLER: Final = r"(?: (?:a|an|the|of|to|is|be|with|about|only|just|even|its|value))*"
_BEFORE: Final = tuple((re.compile(rf"(?:^| ){form}{_FILLER}$"), sign) for form, sign in _SIGNS)
_AFTER: Final[tuple[tuple[re.Pattern[str], Sign], ...]] = (
    (re.compile(r"^(?:or|and) (?:more|higher|better|above|greater|larger|longer|over|up|bigger)\b"), "ge"),
    (re.compile(r"^(?:or|and) (?:less|lower|below|fewer|smaller|shorter|under|faster)\b"), "le"),
)
_LINKING: Final = re.compile(
    r"^(?:(?:score|scores|value|values|metric|that|which|is|was|are|were|be|being|has|have|had|stays?|gets?|"
    r"goes|of|with|a|an|the|final|at|in) )+"
)
_BETWEEN: Final = re.compile(r"(?:between|from|in the range(?: of)?|ranging from)$")
_UNITS: Final[dict[str, float]] = {
    "ms": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3, "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
    "min": 60, "mins": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600,
    "day": 86_400, "days": 86_400,
}  # fmt: skip
_SCORED: Final = re.compile(
    r"\b(?:that|which|and|to) (?:still |ever )?(?:got|get|gets|reach\w*|hit|hits|scored?|achieved?|made)\b"
)
_CONTINUING: Final = frozenset(
    {"or", "and", "vs", "versus", "against", "to", "with", "better", "worse", "than", "compared"}
)
_TOOK: Final = re.compile(
    r"\b(?:took|takes?|taking|lasted|lasting|ran for|longer|faster|quicker|slower|shorter|trains?)\b"
)


@dataclass(frozen=True)
class Numbers:
    """What the numbers of a question say.

    Attributes:
        bounds: Bounds of metrics, parameters and the duration.
        params: Parameters' values.
        tokens: The tokens that are read with it.
        mentions: The mentions that numbers belong to.
    """

    bounds: tuple[Bound, ...]
    params: tuple[ParamIs, ...]
    tokens: frozenset[int]
    mentions: frozenset[int]


class NumberReader:
    """Reads the numbers of one question.

    Args:
        tokens: Its tokens, misspellings put right.
        mentions: The names in it.
        names: The store's names.
        taken: Tokens that are part of a date or an id.
    """

    def __init__(
        self, tokens: Sequence[Token], mentions: Sequence[Mention], names: Names, *, taken: frozenset[int]
    ) -> None:
        self._tokens, self._mentions, self._names, self._taken = tokens, mentions, names, set(taken)
        self._bounds: list[Bound] = []
        self._params: dict[str, list[str]] = {}
        self._used: set[int] = set()
        self._read: set[int] = set()
        self._last_param: tuple[str, int] | None = None

    def read(self) -> Numbers:
        """Gives what the numbers say."""
        for position, token in enumerate(self._tokens):
            if position not in self._taken and position not in self._read and _is_amount(token, self._tokens, position):
                self._read_number(position)
        params = tuple(ParamIs(name, tuple(dict.fromkeys(values))) for name, values in self._params.items())
        return Numbers(tuple(self._bounds), params, frozenset(self._read), frozenset(self._used))

    def _read_number(self, position: int) -> None:
        if self._continues_values(position):
            return
        before = self._words(max(0, position - 5), position)
        last = position
        second = self._second(position) if _BETWEEN.search(before) else None
        sign: Sign = "eq"
        if second is not None:
            last = second
        else:
            found = next(((form.search(before), sign) for form, sign in _BEFORE if form.search(before)), None)
            sign = found[1] if found else "eq"
        last, scale, is_percent = self._unit(last)
        after = self._words(last + 1, last + 4)
        late = next((late for form, late in _AFTER if form.search(after)), None)
        if late is not None and second is None:
            sign = late
        if second is None and sign == "eq":
            self._read_value(position, last)
            return
        target = self._target(position, last, has_unit=scale is not None)
        if target is not None:
            self._add(target, (position, second), sign=sign, scale=scale, is_percent=is_percent)
            self._read.update(range(position, last + 1))

    def _add(
        self, target: Bound, places: tuple[int, int | None], *, sign: Sign, scale: float | None, is_percent: bool
    ) -> None:
        first, second = places
        low = self._value(first, target, scale=scale, is_percent=is_percent)
        if second is not None:
            high = self._value(second, target, scale=scale, is_percent=is_percent)
            low, high = min(low, high), max(low, high)
            self._bounds.append(Bound(target.target, target.name, low, high))
            return
        if sign in {"better", "worse"}:
            from_below = is_runtime(target.name) or not _is_high_better(target.name)
            sign = "lt" if from_below == (sign == "better") else "gt"
        is_strict = sign in {"gt", "lt"}
        is_low = sign in {"ge", "gt"}
        is_other_unit = is_percent or (scale is not None and scale != _unit_of(target.name))
        text = self._words(first, first + 2) if is_other_unit else None
        self._bounds.append(
            Bound(target.target, target.name, low if is_low else None, None if is_low else low, is_strict, text)
        )

    def _value(self, position: int, target: Bound, *, scale: float | None, is_percent: bool) -> float:
        value = self._number(position)
        facet = next((metric for metric in self._names.facets.metrics if metric.name == target.name), None)
        is_share = target.target == "metric" and facet is not None and facet.min >= 0 and facet.max <= _PERCENT_RANGE
        if is_share and not is_runtime(target.name) and (is_percent or value > _PERCENT_RANGE):
            return value / 100
        if scale is not None and target.target != "param":
            return value * scale / _unit_of(target.name)
        return value

    def _read_value(self, position: int, last: int) -> None:
        """Reads a parameter's value, or a metric's; a number beside neither stays unread."""
        index = self._beside(position, last, kinds=("param", "metric"))
        if index is None or (self._mentions[index].start > position and self._is_rank(position)):
            return
        name = self._mentions[index].first
        self._read.update(range(position, last + 1))
        self._used.add(index)
        if name.kind == "param" and self._read_list(name.name, position):
            return
        if name.kind == "param":
            self._add_value(name.name, position)
            return
        value = self._value(position, Bound("metric", name.name), scale=None, is_percent=last > position)
        half = 0.5 * 10.0 ** -len(self._tokens[position].text.partition(".")[2])
        facet = next((metric for metric in self._names.facets.metrics if metric.name == name.name), None)
        if facet is not None and facet.min >= 0 and facet.max <= 1 and value in {0, 1}:
            half = min(half, _HALF_OF_ONE)
        if re.search(r"\b(?:exactly|precisely|equals?|equal to|==)(?: to)?$", self._words(position - 3, position)):
            half = 0.0
        self._bounds.append(Bound("metric", name.name, round(value - half, 12), round(value + half, 12)))

    def _read_list(self, name: str, position: int) -> bool:
        """Reads a value of several numbers, such as the `[64, 32]` of `layers [64, 32]`."""
        for value in self._names.values_of(name):
            numbers = re.findall(r"-?\d+(?:\.\d+)?", value) if value.startswith("[") else []
            following = self._tokens[position : position + len(numbers)]
            if numbers and [number_of(token) for token in following] == [float(number) for number in numbers]:
                self._params.setdefault(name, []).append(value)
                self._read.update(range(position, position + len(numbers)))
                return True
        return False

    def _is_rank(self, position: int) -> bool:
        """Tells whether a number says how many of a ranking: `top 3 accuracies`."""
        return (
            re.search(r"(?:\btop|\bbest|\bworst|\bbottom|\w{2}est)$", self._words(position - 1, position)) is not None
        )

    def _continues_values(self, position: int) -> bool:
        """Reads `0.01` in `lr 0.1 or 0.01`, `lr 0.1 vs 0.01`."""
        if self._last_param is None or not 1 <= position - self._last_param[1] <= 4:  # noqa: PLR2004 - a few words
            return False
        between = {token.lower for token in self._tokens[self._last_param[1] + 1 : position]}
        if not between <= _CONTINUING:
            return False
        self._read.add(position)
        self._add_value(self._last_param[0], position)
        return True

    def _add_value(self, name: str, position: int) -> None:
        self._params.setdefault(name, []).append(self._spelled(name, position))
        self._last_param = (name, position)

    def _spelled(self, name: str, position: int) -> str:
        """Gives a number as the store spells it, as itself where the store has no such value."""
        number = number_of(self._tokens[position])
        for value in self._names.values_of(name):
            try:
                if float(value) == number:
                    return value
            except ValueError:
                continue
        return self._tokens[position].text if self._tokens[position].text[:1].isdigit() else f"{number:g}"

    def _target(self, position: int, last: int, *, has_unit: bool) -> Bound | None:
        index = self._likelier(self._beside(position, last, kinds=("metric", "param")), position, last)
        if has_unit and (index is None or not is_runtime(self._mentions[index].first.name)):
            return self._duration()
        if index is None:
            index = self._nearest_left(position)
        if index is not None and self._is_score(index, position) and self._names.headline:
            return Bound("metric", self._names.headline)
        if index is not None:
            self._used.add(index)
            name = self._mentions[index].first
            return Bound("metric" if name.kind == "metric" else "param", name.name)
        if _TOOK.search(self._words(max(0, position - _REACH), position)):
            return self._duration()
        near = self._tokens[max(0, position - _REACH) : last + 3]
        if any(is_other_name(token, self._names) for token in near):
            return None  # the number belongs to a name that the store does not have
        headline = self._names.headline
        number = self._number(position)
        return Bound("metric", headline) if headline and (0 < number < 1 or last > position) else None

    def _is_score(self, index: int, position: int) -> bool:
        """Tells whether a number is what a run reached, as in `the lowest lr that got over 0.95`."""
        mention = self._mentions[index]
        return mention.first.kind == "param" and _SCORED.search(self._words(mention.end, position)) is not None

    def _likelier(self, index: int | None, position: int, last: int) -> int | None:
        """Gives the parameter right behind a number that lies beyond all values of the metric before it."""
        behind = next((at for at, mention in enumerate(self._mentions) if mention.start == last + 1), None)
        if index is None or behind is None or self._mentions[behind].first.kind != "param":
            return index
        facet = next(
            (each for each in self._names.facets.metrics if each.name == self._mentions[index].first.name), None
        )
        is_within = facet is None or facet.min <= self._number(position) <= facet.max
        return index if is_within else behind

    def _duration(self) -> Bound:
        runtime = self._names.runtime_metric
        return Bound("metric", runtime) if runtime else Bound("duration", "duration")

    def _beside(self, position: int, last: int, *, kinds: tuple[str, ...]) -> int | None:
        """Gives the mention right before the number and its sign, else the one right behind it."""
        for index, mention in enumerate(self._mentions):
            between = self._words(mention.end, position)
            is_near = 0 <= position - mention.end <= _REACH and _is_sign(between)
            if mention.first.kind in kinds and index not in self._used and is_near:
                return index
        for index, mention in enumerate(self._mentions):
            between = self._words(last + 1, mention.start)
            is_near = 0 <= mention.start - last - 1 <= 2 and between in {"", "of", "in", "for", "on", "in the", "as"}  # noqa: PLR2004
            if mention.first.kind in kinds and index not in self._used and is_near:
                return index
        return None

    def _nearest_left(self, position: int) -> int | None:
        near = [
            index
            for index, mention in enumerate(self._mentions)
            if mention.first.kind in {"metric", "param"} and 0 <= position - mention.end <= _REACH
        ]
        return next((index for index in reversed(near) if index not in self._used), None)

    def _second(self, position: int) -> int | None:
        """Gives the place of the other number of `between 0.1 and 0.3`."""
        for other in range(position + 1, min(position + 5, len(self._tokens))):
            if self._tokens[other].kind == "number":
                return other
        return None

    def _unit(self, last: int) -> tuple[int, float | None, bool]:
        following = self._tokens[last + 1] if last + 1 < len(self._tokens) else None
        if following is not None and following.lower in {"%", "percent"}:
            return last + 1, None, True
        is_mention = any(mention.start == last + 1 for mention in self._mentions)
        if following is not None and following.lower in _UNITS and not is_mention:
            return last + 1, _UNITS[following.lower], False
        return last, None, False

    def _number(self, position: int) -> float:
        number = number_of(self._tokens[position])
        return 1.0 if number is None else number

    def _words(self, start: int, end: int) -> str:
        return " ".join(token.lower for token in self._tokens[start:end])


def _is_amount(token: Token, tokens: Sequence[Token], position: int) -> bool:
    """Numbers in digits are amounts; `a second` is one of its unit."""
    if token.kind == "number":
        return True
    following = tokens[position + 1].lower if position + 1 < len(tokens) else ""
    before = tokens[position - 1].lower if position else ""
    return token.lower in {"a", "an", "one", "two", "three", "five", "ten", "half"} and (
        following in _UNITS and before in {"than", "under", "over", "within", "least", "most", "below", "above"}
    )


def _is_sign(words: str) -> bool:
    if not words or re.fullmatch(_FILLER.strip() or " ", f" {words}"):
        return True
    bare = _LINKING.sub("", words)
    return not bare or any(form.fullmatch(bare) or form.fullmatch(f" {bare}") for form, _ in _BEFORE)


def _is_high_better(metric: str) -> bool:
    return better_order(metric) == "desc"


def _unit_of(metric: str) -> float:
    """Gives how many seconds the unit in a metric's name has; one second unless it says otherwise."""
    return _UNITS.get(metric.lower().rpartition("_")[2], 1.0)
