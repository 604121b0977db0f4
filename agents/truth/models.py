"""What the tools returned of registered models: whose numbers are whose, and what ranked and tested how.

Owns that part of the evidence, and how models' names are told apart in a text. It must not judge a text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from backend.registry_models import ModelDetail, ModelSummary
from backend.registry_views import ModelLeaderboard
from tools.found import (
    ModelFound,
    ModelsCompared,
    ModelsRanked,
    NameUnsettled,
    RegistryDescribed,
    RegistryFound,
    SignificanceFound,
)

_JOINED: Final = r"[-_./@]"
_RIGHT_BEHIND: Final = re.compile(r"[\s(:=]*(?:(?:has|at|with|of|a|mean|scores?|reaches)\s+)*$")
_PLACED: Final = re.compile(r"\bmdl[a-z]+zz\b", re.IGNORECASE)
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"

MEAN_SCORE: Final = "mean score"
"""What the mean of a model's per-sample scores is called."""

Named = tuple[str, float]
"""The name of a number, and the number."""


@dataclass
class ModelEvidence:
    """What may be said of models.

    Attributes:
        names: The models' names, `RUN/MODEL` among them, by their spelling in small letters.
        labels: Names of runs, families and metrics of the registry.
        families: Names of families alone, in small letters.
        checkpoints: How many checkpoints each model has, by its name in small letters.
        values: The numbers of each model, by its name in small letters.
        boards: The rankings.
        tests: The tests of two models.
        ancestors: The names of what each model was made from, by its name in small letters; of models whose whole
            lineage is known.
        made_from: The name of each model's parent, likewise.
    """

    names: dict[str, str] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    families: set[str] = field(default_factory=set)
    checkpoints: dict[str, set[int]] = field(default_factory=dict)
    values: dict[str, list[Named]] = field(default_factory=dict)
    boards: list[ModelLeaderboard] = field(default_factory=list)
    tests: list[SignificanceFound] = field(default_factory=list)
    ancestors: dict[str, set[str]] = field(default_factory=dict)

    def add(self, found: RegistryFound) -> None:
        """Takes in what a tool returned."""
        match found:
            case RegistryDescribed(facets, models):
                self.labels |= {run.run_name for run in facets.runs}
                self._add_families(each.family for each in facets.families)
                self._add_models(models)
            case ModelsRanked(board):
                self.boards.append(board)
                self._add_families([board.family])
                for row in board.rows:
                    self._add(row.run, row.model, _under_names(board.family, board.metric, row.value))
                    self.labels |= {row.run}
            case ModelsCompared(comparison):
                self._add_families(delta.family for delta in comparison.deltas)
                for delta in comparison.deltas:
                    for name, value in ((comparison.model_a, delta.value_a), (comparison.model_b, delta.value_b)):
                        own = [delta.delta, -delta.delta if delta.delta is not None else None, delta.pct_change]
                        values = _under_names(delta.family, delta.metric_name, value)
                        self._add_full(name, [*values, *(("", number) for number in own)])
            case ModelFound(model):
                self._add_detail(model)
            case SignificanceFound():
                self._add_tests(found)
            case NameUnsettled():
                self.labels.update(found.candidates)

    def _add_models(self, models: Iterable[ModelSummary]) -> None:
        by_id = {model.id: model for model in models}
        for model in by_id.values():
            self._add(model.run_name, model.model_name, [])
            self._count_checkpoints(model, model.checkpoints)
            found: set[str] = set()
            above, is_whole = model, True
            while above.parent_id is not None and is_whole:
                is_whole = above.parent_id in by_id
                above = by_id.get(above.parent_id, above)
                found.add(above.model_name.lower())
            if is_whole:
                self.ancestors.setdefault(model.model_name.lower(), set()).update(found)

    def _add_detail(self, model: ModelDetail) -> None:
        values = [named for each in model.metrics for named in _under_names(each.family, each.metric_name, each.value)]
        self._add(model.run_name, model.model_name, values)
        self._count_checkpoints(model, len(model.checkpoints))
        self._add_families(metric.family for metric in model.metrics)
        self.labels.add(model.run_name)
        for other in (*model.lineage.ancestors, *model.lineage.children):
            self._add(other.run_name, other.model_name, [])
        above = {other.model_name.lower() for other in model.lineage.ancestors}
        self.ancestors.setdefault(model.model_name.lower(), set()).update(above)
        for child in model.lineage.children:
            self.ancestors.setdefault(child.model_name.lower(), set()).update(above | {model.model_name.lower()})

    def _add_tests(self, found: SignificanceFound) -> None:
        self.tests.append(found)
        self._add_detail(found.model_a)
        self._add_detail(found.model_b)
        shared = [("", number) for name, number in numbers_of(found) if name != MEAN_SCORE]
        stats = [each.stats for each in found.tested if each.stats is not None]
        for model, means in ((found.model_a, [s.mean_a for s in stats]), (found.model_b, [s.mean_b for s in stats])):
            self._add(model.run_name, model.model_name, [*shared, *((MEAN_SCORE, mean) for mean in means)])

    def _add_families(self, families: Iterable[str]) -> None:
        for family in families:
            self.labels.add(family)
            self.families.add(family.lower())

    def _count_checkpoints(self, model: ModelDetail | ModelSummary, count: int) -> None:
        for name in (model.model_name, f"{model.run_name}/{model.model_name}"):
            self.checkpoints.setdefault(name.lower(), set()).add(count)

    def _add_full(self, full: str, values: Iterable[tuple[str, float | None]]) -> None:
        run, _, name = full.partition("/")
        owners = [known for known in self.names if known == full.lower()]
        if not owners and name:
            self._add(run, name, values)
        for known in owners:
            self._add_to(known.partition("/")[2] or known, values)
            self._add_to(known, values)

    def _add(self, run: str, name: str, values: Iterable[tuple[str, float | None]]) -> None:
        values = list(values)
        for known in (name, f"{run}/{name}"):
            self.names[known.lower()] = known
            self._add_to(known.lower(), values)

    def _add_to(self, name: str, values: Iterable[tuple[str, float | None]]) -> None:
        own = self.values.setdefault(name, [])
        own += [(metric.lower(), float(value)) for metric, value in values if value is not None]


def _under_names(family: str, metric_name: str, value: float | None) -> list[tuple[str, float | None]]:
    """Gives a value under each name that an answer may call it by."""
    return [(name, value) for name in (metric_name, family, f"{family}/{metric_name}")]


def numbers_of(found: SignificanceFound) -> Iterator[Named]:
    """Gives the numbers of tests, each with what it is."""
    for tested in found.tested:
        if tested.stats is None:
            continue
        stats, interval = tested.stats, tested.stats.bootstrap
        if tested.result is not None:
            yield "p", tested.result.p_value
        if tested.p_adjusted is not None:
            yield "p", tested.p_adjusted
        for number in (interval.delta, interval.ci_lower, interval.ci_upper):
            yield "difference of means", number
            yield "difference of means", -number
        for number in (stats.mean_a, stats.mean_b):
            yield MEAN_SCORE, number
        yield "test samples", float(stats.n_samples)
        if stats.contingency is not None:
            for count in stats.contingency.model_dump().values():
                yield "test samples", float(count)


class NamedModels:
    """The models that a text names.

    Attributes:
        text: The text, with a word of letters for each name; the registry's other names, where they hold digits, too.
        words: Which name each of these words stands for, in small letters; of models alone.
    """

    def __init__(self, text: str, evidence: ModelEvidence) -> None:
        lower = text.lower()
        digits = {label.lower() for label in evidence.labels if any(map(str.isdigit, label))}
        labels = {label for label in digits if any(map(str.isalpha, label))}
        names = sorted(
            (n for n in {*evidence.names, *labels} if n in lower and not _is_number(n)), key=len, reverse=True
        )
        self._names = {_word(at): name for at, name in enumerate(names)}
        self.words = {word: name for word, name in self._names.items() if name in evidence.names}
        self.text = text
        if names:
            forms = "|".join(map(re.escape, names))
            form = re.compile(rf"(?<!\w)(?<!\w{_JOINED})(?:{forms})(?!\w|{_JOINED}\w)", re.IGNORECASE)
            places = {name: word for word, name in self._names.items()}
            self.text = form.sub(lambda match: places[match[0].lower()], text)

    def in_order(self, text: str) -> list[tuple[int, int, str]]:
        """Gives where in a part of `text` models are named, and which, in small letters."""
        return [
            (match.start(), match.end(), self.words[match[0].lower()])
            for match in _PLACED.finditer(text)
            if match[0].lower() in self.words
        ]

    def spelled(self, text: str) -> str:
        """Gives a part of `text` with the names, in small letters."""
        return _PLACED.sub(lambda match: self._names.get(match[0].lower(), match[0]), text)

    def owner_of(self, clause: str) -> str | None:
        """Gives the model that the end of a clause is about: the only one it names, or one right before the end."""
        places = self.in_order(clause)
        if len({name for _, _, name in places}) == 1 or (places and _RIGHT_BEHIND.match(clause[places[-1][1] :])):
            return places[-1][2]
        return None


def _word(at: int) -> str:
    """Gives a word that stands for a name, and can be nothing else."""
    letters = ""
    while True:
        letters = _LETTERS[at % 25] + letters
        at = at // 25 - 1
        if at < 0:
            return f"mdl{letters}zz"


def _is_number(name: str) -> bool:
    return not any(map(str.isalpha, name)) and re.fullmatch(r"[-+]?[\d.,%]+", name) is not None
