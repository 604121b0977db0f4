"""The names of a store, indexed by how people write them.

Owns the indexes that are built once for a store's facets: exact spellings, spellings with synonyms, single words. It
must not know questions: `vocabulary` finds names in them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from agents.offline.language.english import COMMON, NAMELIKE
from agents.offline.language.words import canonical, pieces_of, plain
from agents.wording import MODEL_PARAMS
from backend.models import Facets, ParamFacet

Kind = Literal["metric", "dataset", "param", "value", "tag"]

RUNTIME_WORDS: Final = frozenset(
    {"runtime", "duration", "time", "elapsed", "latency", "second", "minute", "seconds", "minutes", "walltime"}
)
DATASET_PARAMS: Final = frozenset({"dataset", "dataset_id", "dataset_name", "task", "task_name", "data", "data_name"})

_HEADLINES: Final = (
    "accuracy", "valaccuracy", "testaccuracy", "top1accuracy", "balancedaccuracy", "f1", "valf1", "testf1", "f1macro",
    "macrof1", "f1weighted", "f1micro", "rocauc", "auc", "valauc", "map", "map50", "em", "bleu", "rouge", "rougel",
    "r2", "ndcg", "iou", "miou", "precision", "recall",
)  # fmt: skip
_TRUTHS: Final = frozenset({"true", "false", "none", "null", "yes", "no", "nan"})
_MAX_NAME_PIECES: Final = 8
_CONTEXTLESS: Final = (COMMON | _TRUTHS) - NAMELIKE


@dataclass(frozen=True, slots=True)
class Name:
    """Something of the store that a question can name.

    Attributes:
        kind: What it is.
        name: As the store spells it.
        param: Of a value, the parameter it belongs to.
        runs: How many runs have it.
    """

    kind: Kind
    name: str
    param: str | None = None
    runs: int = 0

    @property
    def is_model(self) -> bool:
        """Whether it names what was trained."""
        return self.kind == "value" and self.param in MODEL_PARAMS

    @property
    def is_dataset_value(self) -> bool:
        """Whether it is a parameter's value that names a dataset."""
        return self.kind == "value" and self.param in DATASET_PARAMS


@dataclass(frozen=True)
class Names:
    """Every name of a store that a bare word may mean, by spelling.

    Attributes:
        facets: The store's own vocabulary.
        exact: Names by their letters and digits.
        same: Names by their words with synonyms made the same.
        parts: Names by each of their words.
    """

    facets: Facets
    exact: dict[str, list[Name]] = field(default_factory=dict)
    same: dict[str, list[Name]] = field(default_factory=dict)
    parts: dict[str, list[Name]] = field(default_factory=dict)

    @cached_property
    def spellings(self) -> list[str]:
        """What a misspelled word is held against."""
        return [word for word in self.words if len(word) > 3 and word not in COMMON]  # noqa: PLR2004 - too short

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name without its punctuation, and every word of one."""
        return frozenset([*self.exact, *self.same, *self.parts])

    @cached_property
    def metrics(self) -> list[str]:
        """The final metrics, those that most runs have first."""
        return [metric.name for metric in sorted(self.facets.metrics, key=lambda metric: -metric.runs)]

    @cached_property
    def params(self) -> dict[str, ParamFacet]:
        """The parameters by name, those that most runs have first."""
        return {param.name: param for param in sorted(self.facets.params, key=lambda param: -param.runs)}

    @cached_property
    def datasets(self) -> list[str]:
        """The datasets, those of most runs first."""
        found = sorted(self.facets.datasets, key=lambda dataset: -dataset.runs)
        return [dataset.dataset_id for dataset in found if dataset.dataset_id is not None]

    @cached_property
    def model_param(self) -> str | None:
        """The parameter that names what was trained, where the store has one."""
        return next((name for name in MODEL_PARAMS if name in self.params), None)

    @cached_property
    def runtime_metric(self) -> str | None:
        """The metric that says how long a run took, where the store has one."""
        return next((name for name in self.metrics if is_runtime(name) and "_per_" not in name), None)

    @cached_property
    def headline(self) -> str | None:
        """The metric that runs are judged by when none is named; None where there is none."""
        return headline_of(self.metrics)

    def values_of(self, param: str) -> list[str]:
        """Gives a parameter's values, the most used first."""
        facet = self.params.get(param)
        return [] if facet is None else [value.name for value in sorted(facet.values, key=lambda value: -value.runs)]


def headline_of(metrics: Iterable[str]) -> str | None:
    """Chooses the metric that runs are judged by when none is named.

    Args:
        metrics: The metrics to choose from, those of most runs first.

    Returns:
        One like accuracy; else the first that is no time and not measured in training; None where there is none.
    """
    kept = [name for name in metrics if not is_runtime(name)]
    by_key = {"".join(canonical(pieces_of(name))): name for name in reversed(kept)}
    known = next((by_key[key] for key in _HEADLINES if key in by_key), None)
    return known or next((name for name in kept if not name.lower().startswith("train")), next(iter(kept), None))


def is_runtime(metric: str) -> bool:
    """Tells whether a metric says how long something took."""
    return bool(RUNTIME_WORDS & set(canonical(pieces_of(metric))))


def is_number(text: str) -> bool:
    """Tells whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def index_names(facets: Facets) -> Names:
    """Indexes a store's names; takes some microseconds a name."""
    names = Names(facets)
    for name in _names_of(facets):
        _index(names, name)
    return names


def _names_of(facets: Facets) -> Iterator[Name]:
    for metric in facets.metrics:
        yield Name("metric", metric.name, None, metric.runs)
    for dataset in facets.datasets:
        if dataset.dataset_id:
            yield Name("dataset", dataset.dataset_id, None, dataset.runs)
    for param in facets.params:
        yield Name("param", param.name, None, param.runs)
        for value in param.values:
            if value.name and not is_number(value.name):
                yield Name("value", value.name, param.name, value.runs)
    for tag in facets.tags:
        yield Name("tag", tag.name, None, tag.runs)


def _index(names: Names, name: Name) -> None:
    pieces = pieces_of(name.name)
    needs_context = name.kind not in {"metric", "param"} and name.name.lower() in _CONTEXTLESS
    if not pieces or len(pieces) > _MAX_NAME_PIECES or needs_context or is_number(name.name):
        return
    words = canonical(pieces)
    _add(names.exact, plain(name.name), name)
    _add(names.same, "".join(words), name)
    if name.kind == "param" and "." in name.name:
        _add(names.same, "".join(canonical(pieces_of(name.name.rpartition(".")[2]))), name)
    is_path = "/" in name.name or "\\" in name.name
    written = re.split(r"[^a-z0-9]+", name.name.lower())
    for word in () if is_path else {*words, *pieces, *written}:
        if not word.isdecimal() and len(word) > 1:
            _add(names.parts, word, name)


def _add(index: dict[str, list[Name]], key: str, name: Name) -> None:
    found = index.setdefault(key, [])
    if name not in found:
        found.append(name)
