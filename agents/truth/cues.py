"""What the words around a claim say of it: that it is a bound, a rank, a date, a quotation, or that it is denied.

Owns these readings of English, which are heuristics. Whether the claim is then true is for `guard` to say.
"""

import re
from typing import Final

from agents.truth.claims import Claim

_BOUND_END: Final = r"[\s:\"'`(*]*(?:(?:of|the|an?|about)\s+)*[\s:\"'`(*]*$"
_ABOVE: Final = re.compile(
    rf"(?:\babove|\bover|\bleast|(?:more|higher|greater|larger|longer|better|later) than|\bexceed\w*|\bbeyond|\bsince|"
    rf"\bafter|≥|>=|>){_BOUND_END}",
    re.IGNORECASE,
)
_BELOW: Final = re.compile(
    rf"(?:\bbelow|\bunder|\bmost|(?:less|fewer|lower|smaller|shorter|earlier) than|\buntil|\btill|\bbefore|≤|<=|<)"
    rf"{_BOUND_END}",
    re.IGNORECASE,
)
_LIMIT: Final = re.compile(
    rf"(?:\bthan|\bthreshold|\bwithin|\bbetween|\bbetween\s+\S+\s+and|\b(?:top|first|last|past|best|newest|latest)|"
    rf"\blimit|\bcutoff)[-\s]*{_BOUND_END}",
    re.IGNORECASE,
)
_DENIED_BEFORE: Final = re.compile(
    r"(?:\b(?:no|not|none|never|neither|nor|without|nothing)\b|n't\b|n’t\b)"
    r"(?!\s+(?:doubt|question|problem|wonder|only|just|less|least|other)\b)[^.;:,]{0,60}$",
    re.IGNORECASE,
)
_DENIED_AFTER: Final = re.compile(
    r"^\W*(?:\w+\s+){0,2}(?:not|unknown|missing|matches no|fits no|names no)\b|^\W*\w+n['’]t\b", re.IGNORECASE
)
_DENIAL: Final = re.compile(r"\b(?:no|not|none|nothing|never|zero)\b|n['’]t\b|(?<![\w.])0(?![\w.])", re.IGNORECASE)
_ORDINALS: Final = ("st", "nd", "rd", "th")
_RANK_BEFORE: Final = re.compile(r"(?:#|\brank(?:ed)?\s|\bplace\s|\bno\.?\s|\bnumber\s|\btop[\s-])$", re.IGNORECASE)
_LISTED_BEFORE: Final = re.compile(r"^\W*$")
_LISTED_AFTER: Final = re.compile(r"^[.)](?:\s|$)|^\s*$")
_COUNTED_AFTER: Final = re.compile(r"^\s+(?!and\b|or\b|for\b|in\b|at\b|on\b|by\b|with\b|to\b)[a-z]", re.IGNORECASE)
_RUNS_AFTER: Final = re.compile(r"^\s+(?:[a-z]+\s+)?(?:runs|experiments|trainings|jobs)\b", re.IGNORECASE)
_SOURCE: Final = re.compile(
    r"(?<!take )\bnotes?\b(?!\s+that|,)|\bnoted as\b|\bcomment\b|\bcommand\b|\bdiff\b|\berror message\b|\btraceback\b|"
    r"\b(?:says|said|reads)\b|\bpackages?\b|\bversions?\b|\bcode\b|\bdevice\b|\bstarted as\b",
    re.IGNORECASE,
)
_CLAUSE_END: Final = re.compile(r"[;,]\s|\b(?:but|than|while|whereas|against|versus|vs|then|and)\b", re.IGNORECASE)
_ID_BEFORE: Final = re.compile(r"\b(?=[0-9a-f-]*\d)[0-9a-f]{4,}(?:-[0-9a-f]+)*\b", re.IGNORECASE)
_AGAINST: Final = re.compile(r"\b(?:from|over|than|against|versus|vs|above|below|to|with)\W*(?:its\s+|the\s+)?$", re.I)
_LEVEL: Final = 0.05
_LEVEL_NAMED: Final = re.compile(r"\blevels?\b|\bthreshold\b|\balpha\b|\bp\s*[<≤>≥]\s*$", re.IGNORECASE)
_INTERVAL_NAMED: Final = re.compile(r"\binterval\b|\bCI\b|\bconfiden\w+")
_OF_TEST: Final = re.compile(r"\bp(?:[- ]?values?)?\b|\binterval\b|\bCI\b|\bmean\b|\bto\s*$", re.IGNORECASE)
_P_BELOW: Final = re.compile(
    r"\bp(?:[- ]?values?)?\s*(?:is\s*|of\s*)?(?:[<≤]|below|under|less than)\s*$", re.IGNORECASE
)
_HYPHENATED: Final = re.compile(r"[\w.-]*[^\W\d][\w.]*-$")
_NAME_BEFORE: Final = re.compile(
    r"([\w.@/-]+)[*`'\")\]]*(?:\s+(?:of|is|was|are|at|to|equals?|just|only|exactly)\b)*\s*[=:]?[\s*`'\"(]*$",
    re.IGNORECASE,
)
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTH: Final = "|".join(f"{name}|{name[:3]}" for name in (*_MONTHS, *map(str.lower, _MONTHS)) if name != "may")
"""Months as they are written; `may` is another word."""
_MONTH_BEFORE: Final = re.compile(rf"\b({_MONTH})\.?\s+(?:the\s+)?(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s+)?$")
_DAY: Final = re.compile(
    rf"\b(?:on|in|from|to|and|for|as of|between|since|after|before|until|till|by|than)(?:\s+(?:{_MONTH})\.?)?"
    rf"{_BOUND_END}",
    re.IGNORECASE,
)
_BEGAN_BEFORE: Final = re.compile(
    r"\b(?:start|began|begun|ran\b|finish|end|launch|creat|dat)\w*\s+(?:on|in|at|from)\s+(?:the\s+)?"
    rf"(?:(?:{_MONTH})\.?\s+(?:\d{{1,2}}\w*,?\s+)?)?$",
    re.IGNORECASE,
)
_YEAR_BEFORE: Final = re.compile(
    r"\b(?:in|since|from|to|until|till|before|after|during|year|of|and|late|early|mid)[\s-]+$", re.IGNORECASE
)
_MONTH_AFTER: Final = re.compile(rf"^\s+(?:of\s+)?({_MONTH})\b")


def is_bound(claim: Claim) -> bool:
    """Tells whether it is said to bound something: "above 0.9", "the top 3"."""
    return any(cue.search(claim.before) for cue in (_ABOVE, _BELOW, _LIMIT))


def bounds_from(claim: Claim) -> str | None:
    """Tells from which side it bounds: `below` for "above 0.9", `above` for "under 0.9", None for neither."""
    if _ABOVE.search(claim.before):
        return "below"
    return "above" if _BELOW.search(claim.before) else None


def is_asked_time(claim: Claim) -> bool:
    """Tells whether a moment may be the time that was asked for, as in "runs on 2025-12-01": not when one started."""
    return _BEGAN_BEFORE.search(claim.before) is None and bool(is_bound(claim) or _DAY.search(claim.before))


def is_denied(claim: Claim) -> bool:
    """Tells whether the sentence says that there is no such thing."""
    return bool(_DENIED_BEFORE.search(claim.before) or _DENIED_AFTER.search(claim.after))


def is_not_understood(claim: Claim) -> bool:
    """Tells whether the sentence lists words of the question that were not understood."""
    return claim.before.lower().lstrip().startswith("not understood:")


def denies(claim: Claim) -> bool:
    """Tells whether the sentence denies anything at all."""
    return _DENIAL.search(claim.sentence) is not None


def is_ordinal(claim: Claim) -> bool:
    """Tells whether it is a place in an order: "2nd", "rank 2", or the number of a list's item."""
    is_item = _LISTED_BEFORE.search(claim.before) and _LISTED_AFTER.search(claim.after)
    return bool(claim.unit in _ORDINALS or _RANK_BEFORE.search(claim.before) or is_item)


def counts_something(claim: Claim) -> bool:
    """Tells whether what is counted follows: "5 wine runs"."""
    return _COUNTED_AFTER.search(claim.after) is not None


def counts_runs(claim: Claim) -> bool:
    """Tells whether it is said to be a number of runs."""
    return _RUNS_AFTER.search(claim.after) is not None


def has_source(claim: Claim) -> bool:
    """Tells whether the words before it name a text that it is taken from: "its note says"."""
    return _SOURCE.search(claim.before) is not None


def hyphenated(claim: Claim) -> str | None:
    """Gives the word that it ends, as it ends `exp-12`, in lower case; None when it stands by itself."""
    start = _HYPHENATED.search(claim.before)
    return f"{start[0]}{claim.text}".lower() if start else None


def name_before(claim: Claim) -> str | None:
    """Gives the word right before it that it may be the value of, in lower case."""
    match = _NAME_BEFORE.search(claim.before)
    return match[1].lower() if match else None


def run_before(claim: Claim) -> str | None:
    """Gives the beginning of a run's id that stands in the same clause before it; None when none or several do."""
    clause = _CLAUSE_END.split(claim.before)[-1]
    found = {match[0].lower() for match in _ID_BEFORE.finditer(clause)}
    return found.pop() if len(found) == 1 else None


def clause_before(claim: Claim) -> str:
    """Gives the clause before it, without what it is set against: all behind the last comma, "but" or "than"."""
    return _CLAUSE_END.split(claim.before)[-1]


def is_set_against(claim: Claim) -> bool:
    """Tells whether it is what another number is set against: "from 0.4 to 0.6", "over its 0.4"."""
    return _AGAINST.search(claim.before) is not None


def is_convention(claim: Claim) -> bool:
    """Tells whether it is how sure a test of models is by custom: the level of 5 %, the interval of 95 %."""
    around = claim.before[-40:] + " " + claim.after[:30]
    value = claim.value / 100 if claim.unit in ("%", "percent") else claim.value
    if value == _LEVEL:
        return _LEVEL_NAMED.search(around) is not None
    return value == 1 - _LEVEL and _INTERVAL_NAMED.search(around) is not None


def is_of_test(claim: Claim) -> bool:
    """Tells whether the words close to it speak of a test of two models: a p-value, an interval, a mean."""
    return _OF_TEST.search(claim.before[-40:]) is not None


def counts_checkpoints(claim: Claim) -> bool:
    """Tells whether it is said to be a number of checkpoints."""
    return re.match(r"\s+checkpoints?\b", claim.after, re.IGNORECASE) is not None


def is_p_value_bound(claim: Claim) -> bool:
    """Tells whether a p-value is said to lie below it: "p < 0.001"."""
    return _P_BELOW.search(claim.before) is not None


def words_before(claim: Claim) -> list[str]:
    """Gives the words of the sentence before it, the nearest first, in lower case."""
    return re.findall(r"[\w.@/-]+", claim.before.lower())[::-1]


def date_part(claim: Claim) -> str | None:
    """Gives how a year, or a day beside a month's name, is spelled in a timestamp; None for another number."""
    if not claim.is_whole or claim.unit not in ("", *_ORDINALS):
        return None
    beside = _MONTH_BEFORE.search(claim.before) or _MONTH_AFTER.search(claim.after)
    is_year = len(claim.text) == 4 and claim.text.startswith(("19", "20"))  # noqa: PLR2004
    if beside is None:
        return f"{claim.text}-" if is_year and _YEAR_BEFORE.search(claim.before) else None
    month = next(at for at, name in enumerate(_MONTHS, 1) if name.startswith(beside[1].title()[:3]))
    return f"{claim.text}-{month:02d}-" if is_year else f"-{month:02d}-{min(int(claim.value), 99):02d}"


def date_phrases(claim: Claim) -> list[str]:
    """Gives the ways that a day and the month beside it may have been said, in lower case: "march 16", "16 march"."""
    beside = _MONTH_BEFORE.search(claim.before) or _MONTH_AFTER.search(claim.after)
    number = re.sub(r"\D", "", claim.text)
    return [f"{beside[1]} {number}".lower(), f"{number} {beside[1]}".lower()] if beside else []
