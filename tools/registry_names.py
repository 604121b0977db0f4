"""What a name of the model registry means, spelled as people spell it: a model, or a metric of a family.

Owns that reading. It asks nothing: it looks at what the server listed.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final

from backend.registry_models import ModelSummary, RegistryFacets

MAX_CANDIDATES: Final = 8
_CUTOFF: Final = 0.5

Metric = tuple[str, str]
"""A family, and the name of a metric in it."""


def plain(text: str) -> str:
    """Gives the letters and digits of a text, small."""
    return "".join(filter(str.isalnum, text.lower()))


def all_metrics(facets: RegistryFacets) -> list[Metric]:
    """Gives every metric with its family, by family and name."""
    return [(family.family, metric.name) for family in facets.families for metric in family.metrics]


def metrics_named(facets: RegistryFacets, metric: str, *, family: str | None = None) -> list[Metric]:
    """Gives the metrics that a name may mean: those it fits best, exactly before loosely; none where it fits none.

    Args:
        facets: What the registry holds.
        metric: A metric, a family, or `FAMILY/METRIC`; capitals, hyphens and the like do not count.
        family: The family it must be in, in the same way; None for any.
    """
    known = [pair for pair in all_metrics(facets) if family is None or pair[0] in _fitting(family, _families(facets))]
    wanted = plain(metric)
    tries = (
        [pair for pair in known if metric in (pair[1], "/".join(pair))],
        [pair for pair in known if wanted in (plain(pair[1]), plain("".join(pair)))],
        [pair for pair in known if wanted == plain(pair[0])],
        [pair for pair in known if wanted and wanted in plain("".join(pair))],
    )
    return next(filter(None, tries), [])


def near_metrics(facets: RegistryFacets, metric: str) -> list[str]:
    """Gives metrics as `FAMILY/METRIC` that are spelled nearly so, or else the first there are."""
    known = all_metrics(facets)
    by_name = {plain(name): pair for pair in known for name in (pair[1], pair[0], "".join(pair))}
    close = get_close_matches(plain(metric), by_name, n=MAX_CANDIDATES, cutoff=_CUTOFF)
    return ["/".join(pair) for pair in ([by_name[name] for name in close] or known)][:MAX_CANDIDATES]


def models_named(models: Iterable[ModelSummary], name: str) -> list[ModelSummary]:
    """Gives the models that a name may mean: `id:NUMBER`, `RUN/MODEL` or a name, exactly before loosely spelled."""
    models, lower, wanted = list(models), name.lower(), plain(name)
    spellings = [(model, model.model_name, full_name(model)) for model in models]
    tries = (
        [model for model, *names in spellings if name in (*names, f"id:{model.id}")],
        [model for model, *names in spellings if lower in [each.lower() for each in names]],
        [model for model, *names in spellings if wanted and wanted in map(plain, names)],
    )
    return next(filter(None, tries), [])


def near_models(models: Sequence[ModelSummary], name: str) -> list[str]:
    """Gives the names of models that are spelled nearly so, or else of the first there are."""
    by_name = {plain(model.model_name): model.model_name for model in models}
    close = get_close_matches(plain(name), by_name, n=MAX_CANDIDATES, cutoff=_CUTOFF)
    return ([by_name[each] for each in close] or list(dict.fromkeys(by_name.values())))[:MAX_CANDIDATES]


def full_name(model: ModelSummary) -> str:
    """Gives `RUN/MODEL`, which names one model alone."""
    return f"{model.run_name}/{model.model_name}"


def _families(facets: RegistryFacets) -> list[str]:
    return [family.family for family in facets.families]


def _fitting(name: str, families: Sequence[str]) -> list[str]:
    if name in families:
        return [name]
    same = [family for family in families if plain(family) == plain(name)]
    return same or [family for family in families if plain(name) and plain(name) in plain(family)]
