"""The model registry's names found in a question, as people write them, and the words that speak of models.

Owns the index over what the registry holds, and the search in it. It must not decide what a question asks for.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from agents.offline.language.english import COMMON, RESERVED
from agents.offline.language.spelling import nearest
from agents.offline.language.words import canonical, pieces_of
from backend.registry_models import ModelSummary
from tools.found import RegistryDescribed
from tools.registry_names import Metric, all_metrics, full_name, models_named, plain

Kind = Literal["model", "family", "metric"]

_MIN_PART_CHARS: Final = 3
_MIN_SLIP_CHARS: Final = 5
_MAX_WORDS: Final = 5
_JOINERS: Final = r"[-_./@+:]"
_WORD: Final = re.compile(rf"[^\W_](?:\w|(?:{_JOINERS}|['’])(?=\w))*(?<!_)")
_POSSESSIVE: Final = re.compile(r"['’]s$")
_NAMED: Final = frozenset(
    """
    mcnemar lightml pvalue pvalues permutation bootstrap holm lineage ancestor ancestors ancestry descend
    descends descended descendant descendants derive derived derives parent parents child children kids
    grandchildren offspring siblings significant significance significantly statistically statistical registry
    registered register benchmark benchmarks benchmarked eval evals evaluated evaluate evaluation evaluations
    outperform outperforms scored scores pretrained finetuned checkpoint checkpoints leaderboard fine tuned task
    tasks noise luck chance family families samples
    """.split()  # noqa: SIM905 - a list of quoted words would be unreadable
)
"""Words about models, which name none unless the registry says so."""
_EVERYDAY: Final = COMMON | _NAMED
_UNNAMED: Final = RESERVED | {"model", "models", "registry", "benchmark", "benchmarks", "lineage"}
"""Words that mean no name of the registry unless they are quoted, whatever it holds."""
_QUOTES: Final = "\"'`“\u2018"

HINTS: Final = re.compile(
    r"\b(?:models?|registry|registered|lightml|benchmark\w*|evals?|evaluat\w+|lineage|ancest\w+|descen\w+|deriv\w+|"
    r"parents?|child(?:ren)?|offspring|significan\w*|statistical\w*|p-?values?|mcnemar|checkpoints?|fine-?tuned? from|"
    r"made from|built (?:on|from))\b",
    re.IGNORECASE,
)
"""Words that a question about the registry is likely to hold; without one, its names must be unknown to the runs."""


@dataclass(frozen=True, slots=True)
class ModelMention:
    """A name of the registry in a question.

    Attributes:
        kind: What it names.
        start: Where it starts.
        end: Where it ends.
        text: As it was written.
        models: The models it may mean: several where several runs have one of the name.
        families: The families it may mean.
        metric_name: The metric it means.
        is_everyday: Whether it is a word of English, too.
        is_slip: Whether it is spelled otherwise than the name.
    """

    kind: Kind
    start: int
    end: int
    text: str
    models: tuple[ModelSummary, ...] = ()
    families: tuple[str, ...] = ()
    metric_name: str | None = None
    is_everyday: bool = False
    is_slip: bool = False

    @property
    def named(self) -> str:
        """What it stands for, as the registry spells it."""
        return self.models[0].model_name if self.models else self.metric_name or ", ".join(self.families)


@dataclass(frozen=True)
class ModelNames:
    """Every name of the registry, by spelling.

    Attributes:
        described: What the registry holds.
    """

    described: RegistryDescribed

    @property
    def is_empty(self) -> bool:
        """Whether there are no models."""
        return self.described.facets.total_models == 0

    @cached_property
    def metrics(self) -> list[Metric]:
        """Every metric with its family."""
        return all_metrics(self.described.facets)

    @cached_property
    def twins(self) -> frozenset[str]:
        """The model names that several runs have."""
        times = Counter(model.model_name for model in self.described.models)
        return frozenset(name for name, count in times.items() if count > 1)

    @cached_property
    def by_id(self) -> dict[int, ModelSummary]:
        """The models by their ids."""
        return {model.id: model for model in self.described.models}

    @cached_property
    def stems(self) -> frozenset[str]:
        """How the models' names begin: `llama` for `llama-sft`."""
        firsts = {re.split(_JOINERS, model.model_name.lower())[0] for model in self.described.models}
        return frozenset(first for first in firsts if len(first) >= _MIN_PART_CHARS and first not in _EVERYDAY)

    def descendants(self, model_id: int) -> list[ModelSummary]:
        """Gives the models that were made from one, and those made from them, the nearer first."""
        found: dict[int, ModelSummary] = {}
        above = {model_id}
        while above:
            made = [m for m in self.described.models if m.parent_id in above and m.id not in {*found, model_id}]
            found |= {model.id: model for model in made}
            above = {model.id for model in made}
        return list(found.values())

    @cached_property
    def _spelled(self) -> dict[str, tuple[Kind, str]]:
        """Names by their letters and digits; models win over families, families over metrics."""
        found: dict[str, tuple[Kind, str]] = {}
        for _, metric in self.metrics:
            for spelling in {metric, "".join(canonical(pieces_of(metric)))}:
                found[plain(spelling)] = ("metric", metric)
        for family, metric in self.metrics:
            found[plain(family + metric)] = ("family", family)
            found[plain(family)] = ("family", family)
        for model in self.described.models:
            found[plain(full_name(model))] = ("model", full_name(model))
        for model in self.described.models:
            found[plain(model.model_name)] = ("model", model.model_name)
        return {spelling: named for spelling, named in found.items() if any(map(str.isalpha, spelling))}

    @cached_property
    def _by_part(self) -> dict[str, tuple[ModelSummary, ...]]:
        """The models by each word of their names."""
        found: dict[str, tuple[ModelSummary, ...]] = {}
        for model in self.described.models:
            for part in set(re.split(_JOINERS, model.model_name.lower())):
                found[part] = (*found.get(part, ()), model)
        return found

    @cached_property
    def _families(self) -> dict[str, str]:
        return {plain(family): family for family, _ in self.metrics}

    def find(self, text: str) -> list[ModelMention]:
        """Finds the registry's names in a question, in order, no two over the same words."""
        found = list(self._verbatim(text))
        words = list(_WORD.finditer(text))
        for length in range(min(_MAX_WORDS, len(words)), 0, -1):
            for at in range(len(words) - length + 1):
                start, end = words[at].start(), words[at + length - 1].end()
                if all(end <= each.start or start >= each.end for each in found):
                    mention = self._mention(text, start, end, is_one=length == 1)
                    found += [mention] if mention is not None else []
        return sorted(found, key=lambda each: each.start)

    def unknown_words(self, text: str, found: Sequence[ModelMention]) -> list[tuple[int, str]]:
        """Gives the words that are no name of the registry and none of English, with where each starts."""
        unknown = []
        for match in _WORD.finditer(text):
            word = _POSSESSIVE.sub("", match[0])
            is_found = any(match.start() < each.end and match.end() > each.start for each in found)
            if not is_found and not is_everyday(word) and any(map(str.isalpha, word)):
                unknown.append((match.start(), word))
        return unknown

    def _verbatim(self, text: str) -> Iterator[ModelMention]:
        """Finds model names that letters and digits alone do not tell, such as `=1+1`, spelled exactly."""
        odd = {m.model_name for m in self.described.models if not re.fullmatch(r"[\w\-./@+: ]*", m.model_name)}
        odd |= {
            name
            for model in self.described.models
            if plain(name := model.model_name).isdecimal() and name != plain(name)
        }
        taken: list[tuple[int, int]] = []
        for name in sorted(odd, key=len, reverse=True):
            match = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
            if match and all(match.end() <= start or match.start() >= end for start, end in taken):
                taken.append(match.span())
                models = tuple(models_named(self.described.models, name))
                yield ModelMention("model", *match.span(), match[0], models=models)

    def _mention(self, text: str, start: int, end: int, *, is_one: bool) -> ModelMention | None:
        written = _POSSESSIVE.sub("", text[start:end])
        end, spelling = start + len(written), plain(written)
        if is_one and written.lower() in _UNNAMED and text[max(0, start - 1) : start] not in set(_QUOTES):
            return None
        named = self._spelled.get(spelling)
        words = written.lower().split()
        if named is None and not {words[0], words[-1]} & _UNNAMED:
            named = self._spelled.get("".join(canonical(pieces_of(written))))
        is_slip = False
        if named is None and is_one and not is_everyday(written):
            part = self._part(written, start, end)
            if part is not None:
                return part
            named = self._nearest(spelling)
            is_slip = named is not None
        if named is None:
            return None
        kind, name = named
        return ModelMention(
            kind, start, end, written, is_everyday=is_one and is_everyday(written), is_slip=is_slip,
            models=tuple(models_named(self.described.models, name)) if kind == "model" else (),
            families=self._families_of(name, spelling) if kind == "family" else (),
            metric_name=name if kind == "metric" else None,
        )  # fmt: skip

    def _part(self, written: str, start: int, end: int) -> ModelMention | None:
        """Finds what has a word in its name: families such as `hellaswag_0shot`, models such as `llama-sft`."""
        spelling = plain(written)
        if len(spelling) < _MIN_PART_CHARS or not any(map(str.isalpha, spelling)):
            return None
        families = tuple(family for key, family in self._families.items() if spelling in key)
        if families:
            return ModelMention("family", start, end, written, families=families)
        models = self._by_part.get(written.lower(), ())
        return ModelMention("model", start, end, written, models=models) if models else None

    def _nearest(self, spelling: str) -> tuple[Kind, str] | None:
        """Gives what a word is a slip of; another letter in a model's name is another model."""
        near = nearest(spelling, tuple(self._spelled)) if len(spelling) >= _MIN_SLIP_CHARS else None
        if near is None:
            return None
        is_other = len(near[1]) == len(spelling) and sorted(near[1]) != sorted(spelling)
        named = self._spelled[near[1]]
        return None if named[0] == "model" and is_other else named

    def _families_of(self, name: str, spelling: str) -> tuple[str, ...]:
        """Gives a family, and beside `mmlu` those whose names go on from it."""
        if spelling != plain(name):
            return (name,)
        return (name, *(family for key, family in self._families.items() if family != name and key == spelling))


def masked_by(text: str, found: Iterable[ModelMention]) -> str:
    """Gives a question in small letters with `MODEL`, `FAMILY` or `METRIC` in the place of each name."""
    parts, end = [], 0
    for mention in found:
        parts += [text[end : mention.start].lower(), mention.kind.upper()]
        end = mention.end
    masked = "".join([*parts, text[end:].lower()]).replace("’", "'")
    return " ".join(re.sub(r"[^\w'\-]+", " ", masked).split())


def is_everyday(word: str) -> bool:
    """Tells whether a word, or each part of it, is one of English, or of those that models are spoken of with."""
    lower = word.lower().replace("’", "'")
    return lower in _EVERYDAY or all(piece in _EVERYDAY for piece in re.split(_JOINERS, lower))


def is_namelike(word: str) -> bool:
    """Tells whether a word can hardly be one of English: `llama-xyz`, `gpt2`."""
    return re.search(rf"\d|\w{_JOINERS}\w", word) is not None
