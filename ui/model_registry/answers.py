"""What the Models page asks the server, kept for a moment: a page is run anew at every click.

Owns how long an answer is kept.
"""

from typing import Final

from backend.registry_models import ModelDetail, Order, RegistryFacets
from backend.registry_views import Lineage, ModelComparison, ModelLeaderboard, ModelStats, Pivot
from tools.errors import InvalidRequestError, NotFoundError
from ui.connection import client, kept

_FRESH_S: Final = 3.0
_LARGE_S: Final = 10.0
"""A table or lineage of a thousand models is large: a click on it does not ask for it anew."""

_TESTED_S: Final = 60.0
"""A test takes a server longer than anything else, and its answer changes only where scores are logged anew."""


def reference(model_id: int) -> str:
    """Names a model so that no other can be meant."""
    return f"id:{model_id}"


@kept(ttl=_FRESH_S)
def facets() -> RegistryFacets:
    """Gives the registry's own vocabulary."""
    return client().registry.facets()


@kept(ttl=_LARGE_S, max_entries=16)
def pivot(
    *,
    run: str | None,
    family: str | None = None,
    models: tuple[int, ...] = (),
    checkpoints: bool = False,
    measured: bool = False,
    text: str = "",
    sort: str = "model",
    order: Order | None = None,
    limit: int,
    offset: int = 0,
) -> Pivot:
    """Gives a page of the table of models against metrics."""
    return client().registry.pivot(
        run=run, family=family, models=[reference(model_id) for model_id in models] or None, checkpoints=checkpoints,
        measured=measured, q=text or None, sort=sort, order=order, limit=limit, offset=offset,
    )  # fmt: skip


@kept(ttl=_LARGE_S, max_entries=8)
def lineage(run: str | None) -> Lineage:
    """Gives which model was made from which."""
    return client().registry.lineage(run=run)


@kept(ttl=_FRESH_S, max_entries=128)
def model(model_id: int) -> ModelDetail | None:
    """Gives everything about a model; None where there is none of the id."""
    try:
        return client().registry.model(model_id)
    except NotFoundError:
        return None


@kept(ttl=_FRESH_S, max_entries=16)
def comparison(baseline: int, candidate: int, *, family: str | None) -> ModelComparison:
    """Compares the metrics of two models."""
    return client().registry.compare(reference(baseline), reference(candidate), family=family)


@kept(ttl=_TESTED_S, max_entries=512)
def significance(baseline: int, candidate: int, *, family: str, metric: str) -> ModelStats | str:
    """Tests the difference candidate - baseline; gives why not, where the stored scores cannot be tested."""
    try:
        # The server takes differences as A - B; the candidate is asked for as A.
        return client().registry.stats(reference(candidate), reference(baseline), family=family, metric=metric)
    except (NotFoundError, InvalidRequestError) as error:
        return error.detail


@kept(ttl=_FRESH_S, max_entries=16)
def leaderboard(family: str, metric: str, *, run: str | None, top_k: int) -> ModelLeaderboard:
    """Ranks models by a metric."""
    return client().registry.leaderboard(family, metric, run=run, top_k=top_k)
