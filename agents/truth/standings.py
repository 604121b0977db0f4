"""Whether an answer says of registered models what no ranking, no test and no lineage bears out.

Owns the reading of sentences such as "llama-sft is significantly better than base". What was ranked and tested stands
in the `ModelEvidence`. Numbers are for `guard` to judge.
"""

import re
from collections.abc import Iterator
from typing import Final

from agents.truth.models import ModelEvidence, NamedModels
from backend.registry_views import RankedModel
from tools.found import SignificanceFound, TestedMetric

_SENTENCE: Final = re.compile(r"(?<=[.!?;:])\s+|\n+")
_SIGNIFICANT: Final = re.compile(r"\bsignifican(?:t|tly|ce)\b|\bstatistically\b", re.IGNORECASE)
_DENIED: Final = re.compile(
    r"\b(?:not|no|none|never|neither|nor|without|cannot|whether|if|unknown|untested|unclear)\b|n['’]t\b|\binsignifican",
    re.IGNORECASE,
)
_WORSE: Final = re.compile(r"\b(?:worse|weaker|lower|behind|loses|lost|inferior|below)\b", re.IGNORECASE)
_ORDER: Final = re.compile(
    r"\b(?:better|stronger|higher|ahead|beats?|outperform\w*|superior|above|wins?|improve\w*|worse|weaker|lower|behind|"
    r"loses|lost|inferior|below)\b",
    re.IGNORECASE,
)
_SAME: Final = re.compile(
    r"\b(?:cannot|can['’]?t|can not)\s+(?:be\s+)?(?:tell|told)\b[^.]{0,30}\bapart\b|\btied\b|\bties?\b|"
    r"\bindistinguishable\b|"
    r"\bno (?:statistically )?significant difference\b|\bnot (?:statistically )?significant",
    re.IGNORECASE,
)
_BEST: Final = re.compile(
    r"\b(?:best|top|leads?|leader|winner|wins|ranks? first|ranked first|in first place|highest|strongest|number one|#1|"
    r"state of the art)\b",
    re.IGNORECASE,
)
_NOT_FIRST: Final = re.compile(
    r"\b(?:second|third|next|runner|than|after|follow\w*|worst|behind|tied|if|which)\b|\?", re.I
)
_FROM: Final = re.compile(
    r"\b(?:descend\w*|deriv\w+|made|built|trained|tuned|fine-?tuned|comes?|came|based|child|offspring|successor)\b"
    r"[^.;]{0,20}?\b(?:from|on|of|to)\b",
    re.IGNORECASE,
)
_NAMELIKE: Final = re.compile(r"(?<![\w./-])[^\W\d_]\w*(?:[-_]\w+)+(?![\w/-])")
_ADJECTIVES: Final = frozenset(
    "based like style family type class sized derived specific only level wide size tuned".split()  # noqa: SIM905
)
_MIN_STEM_CHARS: Final = 3


def false_standings(text: str, evidence: ModelEvidence, *, known: str, question: str) -> list[str]:
    """Gives what is to be said of sentences about models that nothing bears out.

    Args:
        text: The answer.
        evidence: What the tools returned of models.
        known: The store's names in small letters.
        question: The user's words in small letters.
    """
    if not evidence.names:
        return []
    named = NamedModels(text, evidence)
    found = [f"the model name {name!r}" for name in _invented(named, evidence, known=known, question=question)]
    for sentence in _SENTENCE.split(named.text):
        models = [name for _, _, name in named.in_order(sentence)]
        if _is_false_test(sentence, models, evidence, named):
            found.append(f"what is said of a significant difference ({_told(sentence, named)!r})")
        elif _is_false_first(named.spelled(sentence), models, evidence):
            found.append(f"which model is said to be the best ({_told(sentence, named)!r})")
        elif _is_false_origin(sentence, named, evidence):
            found.append(f"what a model is said to be made from ({_told(sentence, named)!r})")
    return found


def _invented(named: NamedModels, evidence: ModelEvidence, *, known: str, question: str) -> Iterator[str]:
    """Gives words that begin as a model's name does, and name none: `llama-ultra`."""
    stems = {re.split(r"[-_]", name.rpartition("/")[2])[0] for name in evidence.names}
    for match in _NAMELIKE.finditer(named.text):
        word = match[0].lower()
        first, *_, last = re.split(r"[-_]", word)
        is_like_one = len(first) >= _MIN_STEM_CHARS and first in stems and last not in _ADJECTIVES
        if is_like_one and word not in known and word not in question:
            yield match[0]


def _is_false_test(sentence: str, models: list[str], evidence: ModelEvidence, named: NamedModels) -> bool:
    says_same = _SAME.search(sentence) is not None
    if not (says_same or _SIGNIFICANT.search(sentence)) or sentence.rstrip().endswith("?"):
        return False
    distinct = list(dict.fromkeys(models))
    if len(distinct) != 2:  # noqa: PLR2004 - a difference is between two
        return False
    spelled = named.spelled(sentence)
    results = list(_results(distinct, spelled, evidence))
    if says_same or _DENIED.search(sentence):
        return bool(results) and all(results) and says_same and not _are_tied(distinct, evidence)
    if not results:
        return not _is_ahead_of_all(distinct, spelled, evidence)
    if not any(results):
        return True
    return _is_wrong_way(sentence, named, {winner for winner in results if winner})


def _results(pair: list[str], sentence: str, evidence: ModelEvidence) -> Iterator[str | None]:
    """Gives, of every test of two models that a sentence may speak of, which was better; None where none was."""
    tests = [(found, tested) for found in evidence.tests for tested in found.tested if tested.stats is not None]
    of_pair = [(found, tested) for found, tested in tests if _is_of(found, pair)]
    families = _families_in(sentence, evidence)
    for found, tested in of_pair:
        if not families or tested.family.lower() in families:
            yield _winner(found, tested)


def _families_in(sentence: str, evidence: ModelEvidence) -> set[str]:
    lower = sentence.lower()
    return {family for family in evidence.families if family in lower}


def _winner(found: SignificanceFound, tested: TestedMetric) -> str | None:
    if not tested.is_significant or tested.result is None or tested.result.winner is None:
        return None
    model = found.model_a if tested.result.winner == "a" else found.model_b
    return model.model_name.lower()


def _is_of(found: SignificanceFound, pair: list[str]) -> bool:
    known = [_spellings(model.model_name, model.run_name) for model in (found.model_a, found.model_b)]
    return any(one in known[0] and other in known[1] for one, other in (pair, pair[::-1]))


def _is_wrong_way(sentence: str, named: NamedModels, winners: set[str]) -> bool:
    """Tells whether a sentence that names two models and an order between them has it the other way round."""
    order = _ORDER.search(sentence)
    if order is None:
        return False
    places = named.in_order(sentence)
    before = [name for _, end, name in places if end <= order.start()]
    after = [name for start, _, name in places if start >= order.end()]
    if not before or not after:
        return False
    better = after[0] if _WORSE.fullmatch(order[0]) else before[-1]
    return better.rpartition("/")[2] not in winners and better not in winners


def _is_ahead_of_all(pair: list[str], sentence: str, evidence: ModelEvidence) -> bool:
    """Tells whether a ranking tested one of two models to be better than the other."""
    families = _families_in(sentence, evidence)
    for board in evidence.boards:
        if families and board.family.lower() not in families:
            continue
        rows = [row for row in board.rows if _spellings(row.model, row.run) & set(pair)]
        if any(row.tied_with_best is False for row in rows) and board.rows[0] in rows:
            return True
    return False


def _are_tied(pair: list[str], evidence: ModelEvidence) -> bool:
    return any(
        sum(bool(row.tied_with_best) and bool(_spellings(row.model, row.run) & set(pair)) for row in board.rows) > 1
        for board in evidence.boards
    )


def _is_false_first(sentence: str, models: list[str], evidence: ModelEvidence) -> bool:
    """Tells whether a sentence calls a model the best that some ranking has, and none has first."""
    if not evidence.boards or not _BEST.search(sentence) or _DENIED.search(sentence) or _NOT_FIRST.search(sentence):
        return False
    distinct = set(models)
    if len(distinct) != 1:
        return False
    families = _families_in(sentence, evidence)
    boards = [board for board in evidence.boards if board.family.lower() in families] or evidence.boards
    return not any(distinct & _spellings(row.model, row.run) for board in boards for row in _first(board.rows))


def _first(rows: list[RankedModel]) -> list[RankedModel]:
    return [row for row in rows if row.rank == rows[0].rank or row.tied_with_best]


def _is_false_origin(sentence: str, named: NamedModels, evidence: ModelEvidence) -> bool:
    """Tells whether a sentence gives a model an ancestor that it does not have."""
    origin = _FROM.search(sentence)
    if origin is None or _DENIED.search(sentence):
        return False
    places = named.in_order(sentence)
    children = [name for _, end, name in places if end <= origin.start()]
    parents = [name for start, _, name in places if start >= origin.end()]
    if not children or not parents:
        return False
    known = evidence.ancestors.get(children[-1].rpartition("/")[2])
    return known is not None and parents[0].rpartition("/")[2] not in known


def _spellings(model: str, run: str) -> set[str]:
    return {model.lower(), f"{run}/{model}".lower()}


def _told(sentence: str, named: NamedModels) -> str:
    """Gives a sentence as it was written, with the models' names in small letters."""
    return named.spelled(sentence.strip())[:200]
