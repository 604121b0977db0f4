"""What the words of a question ask for, its names set aside: an end of a ranking, how many, a state, a kind of answer.

Owns the phrases that say so. They are looked for in masked text, where each name is a word such as `METRIC`, so that
no name of a store is taken for a phrase.
"""

import re
from typing import Final, Literal

from agents.offline.language.words import NUMBER_WORDS
from backend.models import Status

End = Literal["best", "worst", "highest", "lowest", "fastest", "slowest"]

_COUNT: Final = r"(?P<count>\d+|" + "|".join(NUMBER_WORDS) + r")"
_BEST: Final = (
    r"best\d*|top\d*|strongest|finest|greatest|winner|winners|winning|wins|win|won|leader|leaders|leading|"
    r"leads?|champion|"
    "optimal|number one|most accurate|most promising|most successful|best-performing|"
    "outperforms?|favou?rite|leaderboard|ranking|runner up|luckiest|nicest|easiest|most impressive|superior|on top|"
    "sota|number 1|first place|ahead|the record|upper hand|all time (?:best|high)"
)
_WORST: Final = (
    "worst|weakest|poorest|least accurate|least successful|bottom|least promising|lousiest|hardest|toughest|"
    "most difficult|unluckiest|last place"
)
_FASTEST: Final = (
    "fastest|quickest|cheapest|least (?:time|long)|shortest|(?:faster|quicker|cheaper|speedier)(?! than NUMBER)"
)
_SLOWEST: Final = "slowest|most expensive|costliest|longest|most time|slower(?! than NUMBER)"
_HIGHEST: Final = "highest|maximum|max|largest|biggest|most|peak|top"
_LOWEST: Final = "lowest|minimum|min|smallest|least|fewest|minimal|littlest"

_ENDS: Final[tuple[tuple[End, re.Pattern[str]], ...]] = (
    ("fastest", re.compile(rf"\b(?:{_FASTEST})\b|\bin (?:the )?least\b")),
    ("slowest", re.compile(rf"\b(?:{_SLOWEST})\b")),
    ("best", re.compile(rf"\b(?:{_BEST})\b")),
    ("worst", re.compile(rf"\b(?:{_WORST})\b")),
    ("highest", re.compile(rf"(?<!at )\b(?:{_HIGHEST.removesuffix('|top')})\b(?! recent| similar)")),
    ("lowest", re.compile(rf"(?<!at )\b(?:{_LOWEST})\b")),
)
_ANY_END: Final = (
    rf"(?:{_BEST}|{_WORST}|{_FASTEST}|{_SLOWEST}|{_HIGHEST}|{_LOWEST}|"
    "latest|newest|most recent|recent|oldest|first|last|earliest)"
)
_BY: Final = re.compile(
    r"\b(?:by|sort(?:ed)? (?:on|by)|in terms of|going by|according to|based on|rank(?:ed|ing)?) (?:METRIC|final METRIC)"
)
_SHOULD_USE: Final = re.compile(
    r"\b(?:(?:should|shall|would|do) (?:i|we|you)|(?:i|we|you) (?:should|shall|would)) (?:be )?"
    r"(?:use|using|pick|choose|go with|take|prefer|deploy|"
    r"recommend|ship|put|show|submit|trust|keep|present|report|bet on)\b|"
    r"\bworks? (?:best|well|better)\b|\bperforms? (?:best|well)\b|\bdoes? (?:best|well)\b|\bbest choice\b"
)
_LATEST: Final = re.compile(r"\b(?:latest|newest|most recent(?:ly)?|last|recent|recently|previous)\b")
_OLDEST: Final = re.compile(
    r"\b(?:oldest|earliest|first (?:ever )?(?:\w+ |[A-Z]+ ){0,2}(?:run|experiment)s?|very first|least recent)\b"
)
_TOP_K: Final = (
    re.compile(rf"\b{_ANY_END} {_COUNT}\b(?! (?:of|per|%|percent)\b)"),
    re.compile(r"\b(?:top|best|worst|last)(?P<count>\d+)\b"),
    re.compile(rf"\b{_COUNT} (?:of )?(?:the |my |our )*(?:very )?(?:[A-Z]+ )*{_ANY_END}\b"),
    re.compile(rf"\b{_COUNT} (?:[A-Z]+ )*(?:runs|experiments|ones|models|jobs|trainings)\b"),
    re.compile(rf"\b(?:show|list|give|find)(?: me| us)? (?:the )?{_COUNT} (?!of)"),
)
_PLACES: Final = {
    "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5, "two": 2, "three": 3,
}  # fmt: skip
_NTH: Final = r"second|2nd|third|3rd|fourth|4th|fifth|5th|\d{1,3}(?:st|nd|rd|th)"
_PLACE: Final = re.compile(
    rf"\b(?P<nth>{_NTH}) (?:best|most|least|place|\w+est|worst|in line)\b|\brunner up\b|"
    rf"\b(?:is|was|were|came|comes?|come in|ranks?|ranked|placed|places|finish\w*|who's|in|number|no) (?:the )?"
    rf"(?P<rank>{_NTH}|two|three)\b(?! (?:one|run|of|most|PARAM|[A-Z]+ (?:run|one)))"
)
_PLURAL: Final = re.compile(
    r"\b(?:runs|experiments|models|trainings|leaderboard|leaders|winners|ones|jobs|performers|results|configs|"
    r"rank|ranked|ranking|rankings|candidates)\b"
)
RUN_WORDS: Final = re.compile(
    r"\b(?:runs?|experiments?|models?|leaderboard|ones?|jobs?|manifests?|DATASET|VALUE|TAG|METRIC|PARAM|ID|"
    r"results?|artifacts?|hyperparameters?|params?|parameters?|checkpoints?|sweeps?|configs?|configurations?|"
    r"ran|trainings?|trained|fine ?tun\w*|settings?|notes?|metrics?|datasets?|tags?|trials?|store|loss|"
    r"accuracy|learning curves?)\b|"
    r"\b(?!WHEN\b|NUMBER\b)[A-Z]+\b"
)
"""What only a question about runs holds."""

_STATUSES: Final[tuple[tuple[re.Pattern[str], tuple[Status, ...]], ...]] = (
    (
        re.compile(
            r"\b(?:did ?n[o']t|\w+n't|not|never|no|without|non) "
            r"(?:have |has |any |end in |in |get |be |been )*(?:fail\w*|crash\w*|error\w*|die|died|break|"
            r"broken|blow up|killed)\b"
        ),
        ("finished", "running"),
    ),
    (
        re.compile(
            r"\b(?:not|never|\w+n't) (?:yet |been |be |successfully |properly )*(?:finish\w*|complete\w*|"
            r"succeed\w*|success\w*|end|done|make it)\b|"
            r"\b(?:unfinished|incomplete|unsuccessful)\b"
        ),
        ("failed", "killed", "running"),
    ),
    (
        re.compile(
            r"\b(?:crash(?:e[sd]|ing)?|die[sd]?|dying|dead|bl[eo]w up|blown up|explode[sd]?|went wrong|"
            r"go(?:ne)? wrong|broke|broken)\b"
        ),
        ("failed", "killed"),
    ),
    (
        re.compile(
            r"\b(?:fail|fails|failed|failing|failure|failures|errored|error(?:ed)? out|with errors|unsuccessful)\b"
        ),
        ("failed",),
    ),
    (
        re.compile(r"\b(?:killed|aborted|interrupted|preempted|terminated|cancelled|canceled|stopped early)\b"),
        ("killed",),
    ),
    (
        re.compile(
            r"\b(?:still (?:going|active|training|alive)|in progress|ongoing|active|(?:is|are|anything|"
            r"currently|what's) (?:still |currently )?training(?! METRIC)|"
            r"(?:training|running|going) (?:right )?now|currently going|unfinished|"
            r"(?:is|are|still|currently|status|the|my|all|any|which|what|anything|every|DATASET|"
            r"VALUE) running(?! time)|"
            r"running (?:[A-Z]+ )*(?:runs?|jobs?|experiments?|ones?|now|at the moment|right now|currently)|^running)\b"
        ),
        ("running",),
    ),
    (re.compile(r"\b(?:finished|completed|succeeded|successful|successfully|went well|worked out)\b"), ("finished",)),
)


def ends_of(masked: str) -> list[End]:
    """Gives the ends of a ranking that a question names, in its order; `best` where it asks what to use."""
    found: dict[End, int] = {}
    for end, form in _ENDS:
        match = form.search(masked)
        if match is not None:
            found.setdefault(end, match.start())
    if not found and (match := _PLACE.search(masked) or _BY.search(masked) or _SHOULD_USE.search(masked)):
        found["best"] = match.start()
    return sorted(found, key=lambda end: found[end])


def recency_of(masked: str) -> Literal["latest", "oldest"] | None:
    """Tells whether a question asks for the newest or the oldest runs."""
    if _OLDEST.search(masked):
        return "oldest"
    return "latest" if _LATEST.search(masked) else None


def names_both_times(masked: str) -> bool:
    """Tells whether a question names the newest and the oldest."""
    return _OLDEST.search(masked) is not None and _LATEST.search(masked) is not None


def top_k_of(masked: str) -> int | None:
    """Gives how many runs a question asks for; None where it says no number."""
    for form in _TOP_K:
        match = form.search(masked)
        if match is not None:
            number = NUMBER_WORDS.get(match["count"]) or float(match["count"])
            if number >= 1:
                return min(int(number), 200)
    return None


def place_of(masked: str) -> int:
    """Gives which place of a ranking is asked for: 2 for `the second best`."""
    match = _PLACE.search(masked)
    if match is None:
        return 1
    said = match["nth"] or match["rank"] or "second"
    return _PLACES.get(said) or max(1, int(re.sub(r"\D", "", said) or 2))


def is_plural(masked: str) -> bool:
    """Tells whether a question asks for several runs."""
    return _PLURAL.search(masked) is not None


def statuses_of(masked: str) -> tuple[Status, ...]:
    """Gives the states that a question names; none where it names none."""
    negated = next((statuses for form, statuses in _STATUSES[:2] if form.search(masked)), None)
    if negated is not None:
        return negated
    found = [status for form, statuses in _STATUSES[2:] if form.search(masked) for status in statuses]
    return tuple(dict.fromkeys(found))


def artifacts_of(masked: str) -> bool | None:
    """Tells whether runs with, or without, artifacts are meant."""
    thing = r"(?:artifacts?|checkpoints?|files?|saved models?)"
    if re.search(rf"\b(?:without|no|missing|lack\w*)(?: any| a)? {thing}\b", masked):
        return False
    return (
        True
        if re.search(rf"\b(?:with|have|has|having|saved|left|that left)(?: any| an?| saved)? {thing}\b", masked)
        else None
    )


def notes_of(masked: str) -> bool | None:
    """Tells whether runs with any note, or without one, are meant."""
    thing = r"(?:notes?|comments?|annotations?)"
    if re.search(
        rf"\b(?:without|no|missing|lack\w*|\w+n't have)(?: any| a)? {thing}\b|\bun(?:annotated|commented)\b", masked
    ):
        return False
    having = re.search(
        rf"\b(?:with|have|has|having|carry|carries)(?: any| an?| some)? {thing}(?: |$)(?!\w)|\bannotated\b", masked
    )
    return True if having else None


def flagged_note_of(masked: str) -> str | None:
    """Gives what the notes of the runs start with that a question calls flagged or marked."""
    if re.search(r"\b(?:mark|marked|labell?ed|noted|called|flagged) as (?:an? |the |my )?best\b", masked):
        return "BEST"
    if re.search(
        r"^(?:is|was|has) (?:the|my|our|that|this) (?:\S+ ){0,5}?(?:run|one|model|experiment) (?:been )?", masked
    ):
        return None
    if re.search(r"\bbad runs?\b|\bmarked (?:as )?bad\b", masked):
        return "BAD RUN"
    if re.search(
        r"\b(?:flagged(?! the| it| this| that)|published|publishable|marked (?:for|as) publish\w*|publish flag|"
        r"to be published)\b",
        masked,
    ):
        return "PUBLISH"
    return None
