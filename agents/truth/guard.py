"""Whether an answer says only what the tools returned.

Owns the judgement on every id, number and moment of a text, held against the `Evidence`. A number stands when a tool
returned it, rounded or not; when it counts what was returned; or when it is a difference, a ratio or a mean of numbers
of one name and the words around it say so. Right behind a metric's name it is one of that metric's, and of the run's
that the clause names. What the user
asked for may be repeated as a bound ("above 0.9") or denied, and what stands in a note, a command or a diff only as a
quotation of it. Claims of having written something are for `deeds` to judge.
"""

import bisect
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from agents.memory import MAX_FACTS, Facts
from agents.truth import cues, derived
from agents.truth.claims import Claim, claims
from agents.truth.deeds import false_deeds
from agents.truth.evidence import Evidence
from agents.truth.known import Known, plain
from agents.truth.models import NamedModels
from agents.truth.standings import false_standings
from agents.wording import SHORT_ID_CHARS

MAX_CLAIMS: Final = 2_000
"""How many ids and numbers an answer may state."""

_MAX_FOCUS: Final = 12
_MAX_COUNTS: Final = 60
_MAX_OBJECTIONS: Final = 10
_ROUNDED_WHOLE: Final = 10.0
_MIN_ID_CHARS: Final = 4
_MAX_SHOWN_CHARS: Final = 80
_HUNDRED: Final = 100.0
_HALF_OF_ONE: Final = 0.005
"""How far below 1 a score may lie that is called 1.0: for a score, that is perfection."""

_KNOWN_NAMES: Final = frozenset({"f1", "l1", "l2", "r2", "top1", "top5"})
_CLOCK: Final = re.compile(r"\d{1,3}(?::\d{2}){1,2}")


class Guard:
    """Judges one answer.

    Args:
        evidence: What the tools returned.
        question: The user's words.
        run_ids: Full ids of the runs that the answer is about.
        asked_write: Whether the user asked for something to be written.
    """

    def __init__(self, evidence: Evidence, *, question: str, run_ids: Sequence[str], asked_write: bool = False) -> None:
        self._evidence = evidence
        self._known = Known(evidence)
        self._question = question.lower()
        self._run_ids = list(run_ids)
        self._asked_write = asked_write
        self._named = NamedModels("", evidence.models)

    def objections(self, text: str) -> list[str]:
        """Says what of a text nothing returned bears out, the first of it; nothing when all of it stands."""
        focus = self._focus(text)
        self._named = NamedModels(text, self._evidence.models)
        stated = list(itertools.islice(claims(self._named.text), MAX_CLAIMS + 1))
        if len(stated) > MAX_CLAIMS:
            return [f"all after the first {MAX_CLAIMS} numbers, which are too many to be checked"]
        false = (claim.text[:_MAX_SHOWN_CHARS] for claim in stated if not self._stands(claim, focus))
        found = list(itertools.islice(_distinct(false), _MAX_OBJECTIONS))
        models = self._evidence.models
        said = false_standings(text, models, known=self._known.names, question=self._question)
        return [*found, *said, *false_deeds(text, self._evidence, asked=self._asked_write)]

    def facts_in(self, text: str) -> Facts:
        """Gives what of a text a tool returned, or is made from what one did: no quotation, and no mere bound."""
        focus = self._focus(text)
        self._named = NamedModels(text, self._evidence.models)
        unquoted = (claim for claim in claims(self._named.text) if claim.quotation is None)
        plain = list(itertools.islice(unquoted, MAX_FACTS))
        return Facts(
            numbers=tuple(
                claim.value
                for claim in plain
                if claim.kind == "number"
                and math.isfinite(claim.value)
                and (self._was_returned(claim) or self._is_derived(claim, focus))
            ),
            moments=tuple(
                spelled
                for claim in plain
                if claim.kind == "moment"
                and any((spelled := claim.text.replace(" ", "T")) in moment for moment in self._evidence.moments)
            ),
            names=tuple(claim.text for claim in plain if claim.kind == "name" and self._is_spelled_out(claim.text)),
        )

    def _focus(self, text: str) -> list[str]:
        """Gives the runs that a text is about, the first returned where it names none: others are not set apart."""
        lower = text.lower()
        named = [run_id for run_id in self._evidence.runs if run_id[:SHORT_ID_CHARS].lower() in lower]
        return list(dict.fromkeys([*named, *self._run_ids] or self._evidence.runs))[:_MAX_FOCUS]

    def _stands(self, claim: Claim, focus: Sequence[str]) -> bool:
        if self._is_known_id(claim) or self._is_quoted(claim):
            return True
        match claim.kind:
            case "id":
                return self._is_spelled_out(claim.text) or (
                    claim.text.lower() in self._question and cues.is_denied(claim)
                )
            case "moment":
                return self._is_moment(claim)
            case "name":
                return (
                    self._is_spelled_out(claim.text)
                    or claim.text.lower() in self._question
                    or claim.text.lower() in _KNOWN_NAMES
                    or self._is_written(claim.text)
                )
        return math.isfinite(claim.value) and self._is_number(claim, focus)

    def _is_known_id(self, claim: Claim) -> bool:
        """Tells whether it begins a run's id; digits alone must be as many as an id is cut to, or follow `run`."""
        is_plain = claim.kind == "number" and not claim.before.rstrip(" `\"'*#").lower().endswith((" run", " id"))
        chars = claim.text.lower()
        return len(chars) >= (SHORT_ID_CHARS if is_plain else _MIN_ID_CHARS) and any(
            run_id.lower().startswith(chars) for run_id in self._evidence.known_ids
        )

    def _is_spelled_out(self, text: str) -> bool:
        """Tells whether a name stands in the store's own names."""
        return text.lower() in self._known.names

    def _is_written(self, text: str) -> bool:
        """Tells whether words stand in what people and programs wrote, not cut out of a longer word or number."""
        pattern = re.compile(rf"(?<![\w.]){re.escape(plain(text))}(?![\w]|\.\d)")
        return any(pattern.search(written) for written in self._known.written)

    def _is_quoted(self, claim: Claim) -> bool:
        """Tells whether it stands in a quotation of what was written: of some words, or said to be one."""
        if claim.kind != "name" and cues.has_source(claim) and self._is_written(claim.text.rstrip("%…")):
            return True
        if claim.quotation is None:
            return False
        if cues.is_not_understood(claim) and claim.quotation.lower() in self._question:
            return True
        words = plain(claim.quotation).rstrip("….")
        is_telling = len(words.split()) > 1 or cues.has_source(claim)
        return bool(words and is_telling) and any(words in written for written in self._known.written)

    def _is_moment(self, claim: Claim) -> bool:
        spelled = claim.text.replace(" ", "T")
        if any(spelled in moment for moment in self._evidence.moments):
            return True
        if _CLOCK.fullmatch(claim.text) and self._is_time(_clock_s(claim.text), half_s=0.5):
            return True
        if cues.is_denied(claim):
            return claim.text.lower() in self._question or any(spelled in bound for bound in self._evidence.bounds)
        is_filter = any(spelled in bound for bound in self._evidence.bounds) and cues.is_asked_time(claim)
        return is_filter or (claim.text.lower() in self._question and cues.is_bound(claim))

    def _is_number(self, claim: Claim, focus: Sequence[str]) -> bool:
        date = cues.date_part(claim)
        if date is not None:
            return any(date in moment for moment in self._evidence.moments) or self._is_asked_date(claim, date)
        of_model = self._is_of_model(claim, focus) if self._evidence.models.names else None
        if of_model is not None:
            return of_model
        named = self._name_before(claim)
        if named is not None:
            own = self._known.values_of(cues.run_before(claim), named)
            returned = [*self._known.by_name[named], *self._known.by_name.get("", ())] if own is None else own
            is_said = self._was_returned(claim, sorted(returned)) or self._is_derived(claim, focus, named)
            return is_said or self._is_missed_value(claim, named)
        if cues.counts_runs(claim):
            return self._is_count_or_rank(claim) or self._is_repeated(claim)
        return (
            self._was_returned(claim)
            or self._is_part_of_name(claim)
            or self._is_count_or_rank(claim)
            or self._is_repeated(claim)
            or self._is_derived(claim, focus)
        )

    def _is_of_model(self, claim: Claim, focus: Sequence[str]) -> bool | None:
        """Tells whether a number is one of the registered model's that its clause names; None where none says so."""
        if self._evidence.models.tests and cues.is_convention(claim):
            return True
        if self._evidence.models.tests and cues.is_p_value_bound(claim):
            return any(value < claim.value for value in self._known.by_name.get("p", ()))
        owner = self._named.owner_of(cues.clause_before(claim))
        if owner is not None and claim.is_whole and cues.counts_checkpoints(claim):
            return claim.value in self._evidence.models.checkpoints.get(owner, {claim.value})
        own = self._evidence.models.values.get(owner or "")
        if not own or claim.is_whole or cues.is_set_against(claim):
            return None
        name = cues.name_before(claim)
        named = [number for known, number in own if known == name]
        is_of_test = bool(derived.derivations(claim)) or cues.is_of_test(claim)
        numbers = named or [number for known, number in own if known or is_of_test]
        returned = sorted([*numbers, *self._known.by_name.get("", ())])
        return self._was_returned(claim, returned) or self._is_repeated(claim) or self._is_derived(claim, focus)

    def _is_asked_date(self, claim: Claim, date: str) -> bool:
        """Tells whether a part of a date is one that the user or a filter asked for, and is not said to be a run's."""
        is_filter = any(date in bound for bound in self._evidence.bounds)
        is_asked = any(phrase in self._question for phrase in cues.date_phrases(claim))
        return (is_filter or is_asked) and (cues.is_asked_time(claim) or cues.is_denied(claim))

    def _name_before(self, claim: Claim) -> str | None:
        """Gives the metric or param whose value is claimed; None where no name stands right before."""
        name = cues.name_before(claim)
        if name not in self._known.by_name or (claim.is_whole and cues.counts_something(claim)):
            return None
        return name

    def _was_returned(self, claim: Claim, candidates: Sequence[float] | None = None) -> bool:
        """Tells whether a returned number, one of some sorted candidates if given, rounds to what is claimed."""
        numbers = self._known.numbers if candidates is None else candidates
        if claim.unit_s is not None:
            in_seconds = self._is_time(claim.value * claim.unit_s, half_s=claim.half * claim.unit_s)
            return in_seconds or (claim.unit_s == 1.0 and _rounds_to(claim, numbers))
        return _rounds_to(claim, numbers) or (_is_percent(claim) and _rounds_to(claim, numbers, scale=_HUNDRED))

    def _is_time(self, seconds: float, *, half_s: float) -> bool:
        return any(abs(seconds - time_s) <= half_s * (1 + 1e-9) for time_s in self._known.times_s)

    def _is_part_of_name(self, claim: Claim) -> bool:
        """Tells whether it is a piece of a name with hyphens that the store, the user or a note spells: `exp-12`."""
        word = cues.hyphenated(claim)
        if not word:
            return False
        is_known = any(run_id.lower().startswith(word) for run_id in self._evidence.known_ids)
        return is_known or self._is_spelled_out(word) or word in self._question or self._is_written(word)

    def _is_count_or_rank(self, claim: Claim) -> bool:
        is_ordinal = cues.is_ordinal(claim)
        if not claim.is_whole or claim.value < 0 or (claim.unit and not is_ordinal):
            return False
        if is_ordinal:
            return 1 <= claim.value <= max(self._evidence.counts, default=0)
        is_count = claim.value in self._evidence.counts or claim.value == len(self._run_ids)
        return is_count and cues.hyphenated(claim) is None

    def _is_repeated(self, claim: Claim) -> bool:
        """Tells whether a number of the question, or of a filter, is repeated as the bound that it was, or denied."""
        asked = [*re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?|\.\d+", self._question), *self._evidence.bounds]
        values = (claim.value, claim.value / _HUNDRED) if _is_percent(claim) else (claim.value,)
        if not any(_as_number(text) in values for text in asked):
            return False
        return cues.is_denied(claim) or (cues.is_bound(claim) and self._is_bound_held(claim, values[-1]))

    def _is_missed_value(self, claim: Claim, name: str) -> bool:
        """Tells whether it is the value of a parameter that a tool was asked for, said to be in vain."""
        is_asked = any(bound.lower() == f"{name}:{claim.text}".lower() for bound in self._evidence.bounds)
        return is_asked and cues.denies(claim)

    def _is_bound_held(self, claim: Claim, bound: float) -> bool:
        """Tells whether some value of the metric spoken of lies beyond a bound; so, too, where none is spoken of."""
        name = next((word for word in cues.words_before(claim) if word in self._known.by_name), None)
        if name is None or cues.denies(claim):
            return True
        values, side = self._known.by_name[name], cues.bounds_from(claim)
        return side is None or (max(values) >= bound if side == "below" else min(values) <= bound)

    def _is_derived(self, claim: Claim, focus: Sequence[str], named: str | None = None) -> bool:
        kinds = derived.derivations(claim)
        if not (kinds or derived.is_proposal(claim)):
            return False
        is_scaled = claim.unit in ("%", "percent", "pp") or re.match(r"\s*(?:percentage\s+)?points?\b", claim.after)
        scale = _HUNDRED if is_scaled else 1.0
        if derived.means in kinds and any(_is_close(claim, mean * scale) for mean in self._known.means(named)):
            return True
        return any(
            _is_close(claim, number * scale)
            for name, values in self._comparable(claim, focus)
            if named in (None, name.lower())
            for derive in self._kinds_for(name, claim, kinds)
            for number in derive(values)
        )

    def _comparable(self, claim: Claim, focus: Sequence[str]) -> Iterator[tuple[str, list[float]]]:
        """Gives the numbers that may be set against each other: those of one name, and the counts where shares are."""
        yield from self._known.comparable(focus)
        is_counted = derived.is_share(claim) or cues.counts_something(claim)
        if is_counted and len(self._evidence.counts) <= _MAX_COUNTS:
            yield "", [float(count) for count in self._evidence.counts]

    def _kinds_for(self, name: str, claim: Claim, kinds: list[derived.Derive]) -> list[derived.Derive]:
        is_param = name in self._evidence.param_names
        return [*kinds, derived.proposals] if is_param and derived.is_proposal(claim) else kinds


def known_ids(evidence: Evidence, claimed: Iterable[str]) -> list[str]:
    """Gives the claimed ids in full, those that no tool returned left out."""
    completed = (evidence.complete(run_id.strip()) for run_id in claimed)
    return list(dict.fromkeys(run_id for run_id in completed if run_id is not None))


def _distinct(texts: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        if text not in seen:
            seen.add(text)
            yield text


def _is_percent(claim: Claim) -> bool:
    return claim.unit in ("%", "percent")


def _rounds_to(claim: Claim, numbers: Sequence[float], *, scale: float = 1.0) -> bool:
    """Tells whether one of some sorted numbers, times a scale, rounds to what is claimed."""
    half = min(claim.half, _HALF_OF_ONE) if claim.value == 1.0 else claim.half
    low, high = (claim.value - half) / scale, (claim.value + half) / scale
    for number in itertools.islice(numbers, bisect.bisect_left(numbers, low - abs(low) * 1e-9), None):
        if number > high + abs(high) * 1e-9:
            return False
        if not claim.is_whole or number * scale == claim.value or abs(number * scale) >= _ROUNDED_WHOLE:
            return True
    return False


def _is_close(claim: Claim, number: float) -> bool:
    if not math.isfinite(number):
        return False
    tolerance = claim.half * (1 + 1e-6) + 1e-12
    if claim.is_whole and abs(number) < _ROUNDED_WHOLE:
        tolerance = 1e-9
    return abs(abs(number) - abs(claim.value)) <= tolerance


def _clock_s(text: str) -> float:
    """Gives `1:02:03` and `2:03` in seconds."""
    total = 0
    for part in text.split(":"):
        total = 60 * total + int(part)
    return float(total)


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
