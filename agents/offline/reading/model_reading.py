"""A question read against the model registry: whether it is about models at all, and what it asks of which.

Owns that decision and the shape of what was read. A question that the names of the runs explain is about runs: only
words that speak of a registry, or names that it alone has, make it one about models.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from agents.offline.language import cues
from agents.offline.language.models import ModelMention, ModelNames, masked_by
from agents.offline.language.names import Names
from agents.offline.reading.reading import Reading
from backend.registry_models import ModelSummary
from tools.registry_names import Metric, plain

Asked = Literal["rank", "significance", "compare", "lineage", "checkpoints", "benchmarks", "values", "details", "count",
                "overview", "unclear"]  # fmt: skip

_REGISTRY: Final = re.compile(r"\b(?:registry|registered|lightml)\b")
_BENCHMARK: Final = re.compile(r"\b(?:benchmark(?:s|ed)?|evals?|evaluat(?:ed?|ions?|es|ing))\b")
_MODELS: Final = re.compile(r"\bmodels?\b")
_SIGNIFICANCE: Final = re.compile(
    r"\bsignifican\w*|\bp-? ?values?\b|\bmcnemar\b|\bstatistical\w*|\bby chance\b|\bjust luck\b|\bnoise\b|\bapart\b|"
    r"\b(?:really|truly|actually|genuinely|reliably|real) (?:better|worse|difference|different)\b|"
    r"\bconfidence interval"
)
_LINEAGE: Final = re.compile(
    r"\blineage\b|\bancest\w+|\bdescen[dt]\w*|\bderiv\w+|\bparents?\b|\bchild(?:ren)?\b|\boffspring\b|\bfamily tree\b|"
    r"\b(?:made|built|trained|come|comes|came|tuned|start\w*|grew|born) (?:up )?(?:from|out of|on top of)\b|"
    r"\bbased (?:on|off)(?= MODEL)|\borigins?\b|\bgenealogy\b|\bpredecessors?\b|\bsuccessors?\b"
)
_CHECKPOINTS: Final = re.compile(r"\bcheckpoints?\b|\bsnapshots?\b|\bsaved steps\b")
_COMPARE: Final = re.compile(
    r"\b(?:compare[ds]?|comparing|comparison|versus|vs|against|differ\w*|better|worse|beats?|outperform\w*|than|"
    r"side by side|stack up|ahead of|improve[ds]?|improvement|regress\w*|gain|gains|gained)\b"
)
_TESTED: Final = re.compile(r"\b(?:better|worse|beats?|outperform\w*|improve[ds]?|ahead of)\b")
_WHICH_FAMILIES: Final = re.compile(
    r"\b(?:which|what|list|show|all|how many)\b.{0,25}\b(?:benchmarks?|evals?|evaluations?|tasks?|metrics|families)\b|"
    r"\b(?:evaluated|benchmarked|tested|scored|evals?|benchmarks?)\b"
)
_COUNT: Final = re.compile(r"\b(?:how many|number of|count)\b")
_ONLY_MODELS: Final = re.compile(
    r"(?:please )?(?:(?:how many|which|what|list|show|show me|give me|count|name) (?:all )?(?:of )?(?:the |my |our )?"
    r"models(?: (?:do i have|do we have|are there|there are|exist|are known|are available|have i|have we))?)$"
)
_GOES_ON: Final = re.compile(
    r"(?:and|what about|how about|now|ok|but|also|then|on|by|for|same|or)\b|"
    r".*\b(?:it|its|them|they|those|these|that one)\b"
)
_POINTS: Final = re.compile(r"\b(?:it|its|them|they|those|these|that one|that model|this model|the model)\b")
_TOP_OF: Final = re.compile(r"\b(?:rank\w*|leaderboard|standings|order(?:ed)? by|sort(?:ed)? by)\b")
_VALUE_OF: Final = re.compile(
    r"\b(?:what|how|which|value|score[ds]?|scores|results?|does|did|get|gets|reach\w*|have|has|show|metrics?)\b"
)
_IN_RUN: Final = r"\b(?:in|of|from|within) (?:the )?(?:registry )?run ['\"]?"
_ON: Final = re.compile(r"\b(?:on|in|for|by|benchmark|metric|family|task)\s+(?:the\s+)?['\"]?$", re.IGNORECASE)
_OWN: Final = re.compile(r"(?:model )?registry|benchmarks?|evals?|models?|lightml", re.IGNORECASE)
_OF_RUNS_ALONE: Final = frozenset({"metric_trend", "suggest_params", "similar_runs"})
_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class ModelReading:
    """What a question about models was read as.

    Attributes:
        question: The question.
        names: The registry's names.
        asked: What is asked.
        models: The models named, each as all that the name may mean.
        families: The families named.
        metric_names: The metrics named.
        unknown_models: Words in a model's place that name none.
        unknown_metrics: Words in a benchmark's or metric's place that name none.
        is_worst: Whether the other end of a ranking is asked for.
        top_k: How many models are asked for; None where no number is.
        run: The run of the registry that is asked about.
        spelled: Words as written, and the names they were taken for.
        datasets: The datasets of the runs.
        masked: The question with `MODEL`, `FAMILY` and `METRIC` for its names.
    """

    question: str
    names: ModelNames
    asked: Asked = "unclear"
    models: tuple[tuple[ModelSummary, ...], ...] = ()
    families: tuple[str, ...] = ()
    metric_names: tuple[str, ...] = ()
    unknown_models: tuple[str, ...] = ()
    unknown_metrics: tuple[str, ...] = ()
    is_worst: bool = False
    top_k: int | None = None
    run: str | None = None
    spelled: tuple[tuple[str, str], ...] = ()
    datasets: tuple[str, ...] = ()
    masked: str = field(default="", repr=False)

    def topics(self) -> list[Metric]:
        """Gives the metrics asked about: those named, else of each family named or there is the one it is known by."""
        known = [pair for pair in self.names.metrics if not self.families or pair[0] in self.families]
        if self.metric_names:
            return [pair for pair in known if pair[1] in self.metric_names]
        return [_headline(self.names, family) for family in dict.fromkeys(pair[0] for pair in known)]


def read_models(
    question: str, names: ModelNames, runs: Reading, store: Names, *, earlier: ModelReading | None = None
) -> ModelReading | None:
    """Reads a question about models; None where it is one about runs.

    Args:
        question: The question.
        names: The registry's names.
        runs: The same question, read against the runs.
        store: The names of the runs.
        earlier: The question before, where that was about models.
    """
    found = names.find(question)
    reading = _with_strangers(_read(question, names, found), found, runs)
    is_of_run = any(run_id not in runs.last_ids for run_id in runs.run_ids)
    if runs.writing or (is_of_run and not _REGISTRY.search(reading.masked) and not reading.models):
        return None
    if earlier is not None and _GOES_ON.match(reading.masked) and _continues(reading, earlier, runs):
        return _completed(reading, earlier)
    return reading if _is_about_models(reading, found, runs, store) else None


def _is_about_models(reading: ModelReading, found: Sequence[ModelMention], runs: Reading, store: Names) -> bool:
    masked = reading.masked
    if _REGISTRY.search(masked) and not _REGISTRY.search(" ".join(store.words)):
        return True
    if reading.names.is_empty:
        return False
    speaks_of_models = _MODELS.search(masked) is not None
    own = [each for each in found if not each.is_everyday and not _is_of_runs(each.text, store)]
    speaks_of_evals = any(cue.search(masked) for cue in (_BENCHMARK, _SIGNIFICANCE, _LINEAGE))
    is_unexplained = runs.intent == "unanswerable" or bool(runs.unknown) or runs.facets.total == 0
    names_some = bool(reading.models or reading.families)
    return any(
        (
            reading.run is not None and bool(found or speaks_of_models),
            not runs.run_ids and _has_stem_of_model(reading),
            any(each.kind == "model" for each in own),
            any(each.kind == "metric" for each in own) and speaks_of_models,
            any(each.kind == "family" for each in own) and bool(speaks_of_models or cues.ends_of(masked)),
            speaks_of_evals and names_some,
            _CHECKPOINTS.search(masked) is not None and bool(reading.models),
            is_unexplained
            and (speaks_of_evals or (speaks_of_models and (names_some or reading.unknown_metrics != ()))),
            runs.facets.total == 0 and bool(found or speaks_of_models),
            _ONLY_MODELS.match(masked) is not None,
            re.search(r"\bbenchmarks?\b", masked) is not None and not runs.metrics,
        )
    )


def _has_stem_of_model(reading: ModelReading) -> bool:
    """Tells whether a word that is not known begins as a model's name does: `llama-ultra`."""
    return any(re.split(r"[-_./@+:]", word.lower())[0] in reading.names.stems for word in reading.unknown_models)


def _is_of_runs(text: str, store: Names) -> bool:
    return bool(store.exact.get(plain(text)) or store.parts.get(plain(text)))


def _with_strangers(reading: ModelReading, found: Sequence[ModelMention], runs: Reading) -> ModelReading:
    """Adds what stands in a dataset's place and names neither a dataset nor anything of the registry."""
    known = [plain(text) for text in (*(e.text for e in found), *reading.unknown_models, *reading.unknown_metrics)]
    strangers = [
        each.text
        for each in runs.unknown
        if each.kind == "dataset"
        and not _OWN.fullmatch(each.text)
        and not any(name in plain(each.text) or plain(each.text) in name for name in known)
    ]
    datasets = tuple(each.dataset_id for each in runs.facets.datasets if each.dataset_id)
    metrics = tuple(dict.fromkeys([*reading.unknown_metrics, *strangers]))
    return replace(reading, unknown_metrics=metrics, datasets=datasets)


def _read(question: str, names: ModelNames, found: Sequence[ModelMention]) -> ModelReading:
    masked = masked_by(question, found)
    run = next(
        (
            run.run_name
            for run in sorted(names.described.facets.runs, key=lambda run: -len(run.run_name))
            if re.search(rf"{_IN_RUN}{re.escape(run.run_name)}(?![\w-])", question, re.IGNORECASE)
        ),
        None,
    )
    mentions = [each for each in found if run is None or plain(each.text) != plain(run)]
    models = tuple(_of_run(each.models, run) for each in mentions if each.kind == "model")
    unknown = names.unknown_words(question, found)
    unknown = [(at, word) for at, word in unknown if run is None or plain(word) not in plain(run)]
    metrics = [word for at, word in unknown if _ON.search(question[:at])]
    ends = cues.ends_of(masked)
    reading = ModelReading(
        question=question,
        names=names,
        models=tuple(dict.fromkeys(models)),
        families=tuple(dict.fromkeys(name for each in found for name in each.families)),
        metric_names=tuple(dict.fromkeys(each.metric_name for each in found if each.metric_name is not None)),
        unknown_models=tuple(word for _, word in unknown if word not in metrics),
        unknown_metrics=tuple(metrics),
        is_worst=bool(ends) and ends[0] in {"worst"},
        top_k=cues.top_k_of(masked),
        run=run,
        spelled=tuple((each.text, each.named) for each in found if each.is_slip),
        masked=masked,
    )
    return replace(reading, asked=_asked(reading))


def _asked(reading: ModelReading) -> Asked:
    masked, n_models = reading.masked, len(reading.models)
    n_named = n_models + len(reading.unknown_models)
    is_ranked = bool(cues.ends_of(masked) or _TOP_OF.search(masked)) and not _COUNT.search(masked)
    is_of_two = _COMPARE.search(masked) is not None and n_named >= _TWO
    tries: tuple[tuple[object, Asked], ...] = (
        (_SIGNIFICANCE.search(masked) and n_named, "significance"),
        (_LINEAGE.search(masked), "lineage"),
        (is_of_two, "significance" if _TESTED.search(masked) else "compare"),
        (_CHECKPOINTS.search(masked) and n_named, "checkpoints"),
        (is_ranked, "significance" if n_models >= _TWO else "rank"),
    )
    first = next((asked for holds, asked in tries if holds), None)
    return first or (_asked_of_model(reading) if n_models else _asked_of_registry(reading))


def _asked_of_registry(reading: ModelReading) -> Asked:
    masked = reading.masked
    if _COUNT.search(masked):
        return "count"
    has_topic = bool(reading.families or reading.metric_names)
    if has_topic and not re.search(r"\b(?:benchmarks|metrics|families)\b", masked):
        return "rank"
    is_known = _WHICH_FAMILIES.search(masked) or _MODELS.search(masked) or _REGISTRY.search(masked)
    return "overview" if is_known else "unclear"


def _asked_of_model(reading: ModelReading) -> Asked:
    masked, has_topic = reading.masked, bool(reading.families or reading.metric_names)
    if has_topic and _VALUE_OF.search(masked):
        return "values"
    return "benchmarks" if _WHICH_FAMILIES.search(masked) else "values" if has_topic else "details"


def _continues(reading: ModelReading, earlier: ModelReading, runs: Reading) -> bool:
    """Tells whether a question names something of the registry, or points at the models named before."""
    if runs.params or runs.intent in _OF_RUNS_ALONE:
        return bool(reading.models)
    points = _POINTS.search(reading.masked) is not None and bool(earlier.models)
    return bool(reading.models or reading.families or reading.metric_names or points)


def _completed(reading: ModelReading, earlier: ModelReading) -> ModelReading:
    """Gives a reading with what it takes over from the question before."""
    models = reading.models
    if not models or (
        _POINTS.search(reading.masked) and len(models) == 1 and reading.asked in {"compare", "significance"}
    ):
        models = tuple(dict.fromkeys([*earlier.models[: _TWO - len(models)], *models]))
    elif len(models) == 1 and len(earlier.models) == _TWO and reading.asked in {"details", "unclear"}:
        models = (models[0], earlier.models[1])
    is_bare = reading.asked in {"unclear", "overview"} or (reading.asked in {"rank", "details", "values"} and not (
        cues.ends_of(reading.masked) or _TOP_OF.search(reading.masked)
    ))  # fmt: skip
    completed = replace(
        reading,
        asked=earlier.asked if is_bare else reading.asked,
        models=models,
        families=reading.families or earlier.families,
        metric_names=reading.metric_names or (() if reading.families else earlier.metric_names),
        is_worst=reading.is_worst or (is_bare and earlier.is_worst),
        top_k=reading.top_k or earlier.top_k,
        run=reading.run or earlier.run,
    )
    says_what = any(cue.search(reading.masked) for cue in (_SIGNIFICANCE, _LINEAGE, _CHECKPOINTS, _TESTED))
    is_open = completed.asked == "unclear" or (says_what and bool(completed.models))
    return replace(completed, asked=_asked(completed)) if is_open else completed


def _of_run(models: tuple[ModelSummary, ...], run: str | None) -> tuple[ModelSummary, ...]:
    return tuple(model for model in models if model.run_name == run) or models


_HEADLINES: Final = ("accuracy", "acc", "exactmatch", "em", "f1", "pass", "score", "bleu", "rouge", "winrate")


def _headline(names: ModelNames, family: str) -> Metric:
    """Gives the metric that a family is known by: an accuracy or the like, else the one that most models have."""
    (found,) = (each for each in names.described.facets.families if each.family == family)

    def rank(name: str) -> int:
        spelled = plain(name)
        if "stderr" in spelled:
            return len(_HEADLINES) + 1
        return next((at for at, known in enumerate(_HEADLINES) if spelled.startswith(known)), len(_HEADLINES))

    best = min(found.metrics, key=lambda metric: (rank(metric.name), -metric.models, len(metric.name)))
    return family, best.name
