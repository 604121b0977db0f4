"""Whether the difference between models is real, from their per-sample scores.

Owns what a comparison answers: the keys of its results, which test fits which scores, and what scores are usable. The
formulas stand in `significance`, reading in `samples`.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lab_logger.directions import Order, better_order
from lightml import significance
from lightml.connections import Database, reading
from lightml.errors import InvalidEntryError, ScoresError
from lightml.lookup import find_model
from lightml.samples import scores_of_model

ALPHA: Final = 0.05
"""Below this p-value a difference is called significant."""
N_RESAMPLES: Final = 10_000
MAX_RESAMPLES: Final = 200_000
"""How far the number of random permutations grows with the number of pairs: a second or so per thousand samples."""

_FEWEST: Final = 2
_GREATEST: Final = 1e100
"""Greater scores would overflow when summed and squared."""


def compare_stats(
    scores_a: Sequence[float],
    scores_b: Sequence[float],
    *,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
    confidence: float = 0.95,
    order: Order = "desc",
) -> dict[str, Any]:
    """Compares two models on the same samples.

    Scores that are all 0 or 1 are compared by McNemar's exact test, any others by a paired permutation test of the
    means. Swapping the models mirrors the result exactly.

    Args:
        scores_a: One score per sample.
        scores_b: As many, of the same samples in the same order.
        seed: Fixes what is random; the same seed gives the same result.
        n_resamples: How many bootstrap resamples, and random permutations at the most.
        confidence: Of the bootstrap interval.
        order: "asc" where a lower score is better; then "correct" means a score of 0.

    Returns:
        A dict of JSON types:

        - `test`: "mcnemar" or "permutation", which is also the key of the test's own result: `p_value` (two-sided),
          `significant` (p < 0.05) and `winner`, the model that scored better here, "a" or "b", whether or not
          significantly; None when they scored the same.
        - `contingency`: `both_correct`, `only_a`, `only_b`, `both_wrong`, `n_discordant`; None for scores that are not
          0/1.
        - `bootstrap`: `delta` (mean A - mean B), `ci_lower`, `ci_upper` (percentile interval), `confidence`.
        - `mean_a`, `mean_b`, `n_samples`.

    Raises:
        ScoresError: The scores are empty, of unequal number, or no finite numbers.
        InvalidEntryError: `n_resamples` or `confidence` is out of range.
    """
    _check_settings(n_resamples, confidence)
    scores = score_matrix([("A", scores_a), ("B", scores_b)])
    differences = scores[0] - scores[1]
    lower, upper = significance.bootstrap_interval(
        differences, n_resamples=n_resamples, confidence=confidence, rng=np.random.default_rng(seed)
    )
    test, p_values = pairwise_p_values(scores, order=order, seed=seed, n_resamples=n_resamples)
    delta = float(differences.mean())
    p_value = float(p_values[0])
    return {
        "test": test,
        "n_samples": scores.shape[1],
        "contingency": _contingency(scores, order) if test == "mcnemar" else None,
        test: {"p_value": p_value, "significant": p_value < ALPHA, "winner": _better(delta, order, ("a", "b"))},
        "bootstrap": {"delta": delta, "ci_lower": lower, "ci_upper": upper, "confidence": confidence},
        "mean_a": float(scores[0].mean()),
        "mean_b": float(scores[1].mean()),
    }


def compare_many(
    scores: Mapping[str, Sequence[float]],
    *,
    seed: int = 0,
    n_resamples: int | None = None,
    alpha: float = ALPHA,
    order: Order = "desc",
) -> dict[str, Any]:
    """Compares every pair of several models on the same samples, with Holm's correction for the number of pairs.

    Args:
        scores: The scores of each model, at least two; one score per sample, in the same order for all.
        seed: Fixes what is random.
        n_resamples: How many random permutations at the most; None takes enough for the number of pairs.
        alpha: The chance of even one false positive among all pairs.
        order: "asc" where a lower score is better.

    Returns:
        A dict of JSON types: `models`, `test` ("mcnemar" when all scores are 0/1, else "permutation"), `correction`
        ("holm"), `alpha`, `n_samples`, `means` by model, `pairs` as a list of `{model_a, model_b, delta (A - B),
        p_value, p_adjusted, significant, winner}` with the name of the better or None, and `p_adjusted`, the same for
        every two models in either order, as `{model: {other: p}}`.

    Raises:
        ScoresError: Scores are empty, of unequal number, or no finite numbers.
        InvalidEntryError: Fewer than two models, or a setting out of range.
    """
    if len(scores) < _FEWEST:
        raise InvalidEntryError(f"a comparison needs two models or more, not {len(scores)}")
    check_alpha(alpha)
    matrix = score_matrix(list(scores.items()))
    n_pairs = math.comb(len(matrix), 2)
    n_resamples = resamples_for(n_pairs, alpha) if n_resamples is None else n_resamples
    _check_settings(n_resamples)
    test, p_values = pairwise_p_values(matrix, order=order, seed=seed, n_resamples=n_resamples)
    pairs = _pairs(list(scores), matrix, p_values, alpha=alpha, order=order)
    return {
        "models": list(scores),
        "test": test,
        "correction": "holm",
        "alpha": alpha,
        "n_samples": matrix.shape[1],
        "means": {name: float(row.mean()) for name, row in zip(scores, matrix, strict=True)},
        "pairs": pairs,
        "p_adjusted": _both_ways(pairs),
    }


def compare_models_stats(  # noqa: PLR0917
    db: Database,
    model_a: str,
    model_b: str,
    family: str,
    metric_name: str,
    run_name: str | None = None,
    *,
    prefer_run: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Compares two models of a registry on the stored scores of one metric; which way it is better, its name tells.

    Args:
        db: The registry.
        model_a: The one.
        model_b: The other.
        family: The metric's family.
        metric_name: The metric's name.
        run_name: The run both are in; None looks in every run.
        prefer_run: The run whose models are meant when several runs have one of a name.
        seed: Fixes what is random.

    Returns:
        What `compare_stats` gives.

    Raises:
        UnknownNameError: There is no such model or metric, or it has no scores.
        AmbiguousNameError: Several runs have a model of a name.
        ScoresError: The models have scores of different numbers of samples.
    """
    scores = []
    with reading(db) as connection:
        for name in (model_a, model_b):
            model = find_model(connection, name, run_name, prefer_run=prefer_run)
            scores.append((repr(name), scores_of_model(connection, model, family, metric_name)))
    score_matrix(scores)
    return compare_stats(scores[0][1], scores[1][1], seed=seed, order=better_order(metric_name))


def score_matrix(scores: Sequence[tuple[str, Sequence[float]]]) -> significance.Array:
    """Gives the scores of each model as rows, shape (n_models, n_samples).

    Args:
        scores: Each model, as a message names it, with its scores.

    Raises:
        ScoresError: Scores are empty, of unequal number, or no finite numbers.
    """
    rows = [_as_row(name, values) for name, values in scores]
    if len({len(row) for row in rows}) > 1:
        counts = ", ".join(f"{name} has {len(row)}" for (name, _), row in zip(scores, rows, strict=True))
        raise ScoresError(f"models are compared on the same samples, but {counts} scores; evaluate them on one set")
    return np.stack(rows)


def pairwise_p_values(
    scores: significance.Array, *, order: Order, seed: int, n_resamples: int
) -> tuple[str, significance.Array]:
    """Gives the name of the test that fits, "mcnemar" or "permutation", and its p-value for every pair of rows."""
    if significance.is_binary(scores):
        return "mcnemar", significance.mcnemar_p_values(_is_right(scores, order))
    rng = np.random.default_rng(seed)
    return "permutation", significance.permutation_p_values(scores, n_resamples=n_resamples, rng=rng)


def resamples_for(n_pairs: int, alpha: float) -> int:
    """Gives how many random permutations let the least p-value, times the number of pairs, stay below half of alpha."""
    return min(MAX_RESAMPLES, max(N_RESAMPLES, math.ceil(2 * n_pairs / alpha)))


def check_alpha(alpha: float) -> None:
    """Checks a significance level.

    Raises:
        InvalidEntryError: It is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise InvalidEntryError(f"alpha must lie between 0 and 1, such as 0.05, not {alpha}")


def _check_settings(n_resamples: int, confidence: float = 0.95) -> None:
    if n_resamples < 1:
        raise InvalidEntryError(f"n_resamples must be 1 or more, not {n_resamples}")
    if not 0 < confidence < 1:
        raise InvalidEntryError(f"confidence must lie between 0 and 1, such as 0.95, not {confidence}")


def _as_row(name: str, scores: Sequence[float]) -> significance.Array:
    try:
        row = np.asarray(scores)
    except ValueError as error:
        raise ScoresError(f"the scores of {name} must be a flat list of numbers, one per sample") from error
    if row.size == 0:
        raise ScoresError(f"there are no scores of {name}; give one per sample")
    if row.ndim != 1 or row.dtype.kind not in "biuf":
        raise ScoresError(f"the scores of {name} must be a flat list of numbers, one per sample")
    row = row.astype(np.float64)
    usable = np.abs(row) <= _GREATEST
    if not usable.all():
        at = int(np.argmin(usable))
        raise ScoresError(f"score {at} of {name} is {row[at]}; every score must be a finite number within ±{_GREATEST}")
    return row


def _is_right(scores: significance.Array, order: Order) -> NDArray[np.bool_]:
    return np.asarray(scores == (1 if order == "desc" else 0))


def _contingency(scores: significance.Array, order: Order) -> dict[str, int]:
    right_a, right_b = _is_right(scores, order)
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return {
        "both_correct": int((right_a & right_b).sum()),
        "only_a": only_a,
        "only_b": only_b,
        "both_wrong": int((~right_a & ~right_b).sum()),
        "n_discordant": only_a + only_b,
    }


def _better(delta: float, order: Order, names: tuple[str, str]) -> str | None:
    if delta == 0:
        return None
    return names[0] if (delta > 0) == (order == "desc") else names[1]


def _pairs(
    names: Sequence[str], scores: significance.Array, p_values: significance.Array, *, alpha: float, order: Order
) -> list[dict[str, Any]]:
    adjusted = significance.holm(p_values)
    pairs = []
    for at, (first, second) in enumerate(combinations(range(len(names)), 2)):
        delta = float((scores[first] - scores[second]).mean())
        pairs.append(
            {
                "model_a": names[first],
                "model_b": names[second],
                "delta": delta,
                "p_value": float(p_values[at]),
                "p_adjusted": float(adjusted[at]),
                "significant": bool(adjusted[at] < alpha),
                "winner": _better(delta, order, (names[first], names[second])),
            }
        )
    return pairs


def _both_ways(pairs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    for pair in pairs:
        table.setdefault(pair["model_a"], {})[pair["model_b"]] = pair["p_adjusted"]
        table.setdefault(pair["model_b"], {})[pair["model_a"]] = pair["p_adjusted"]
    return table
