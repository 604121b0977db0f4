"""A leaderboard that shows ties where the data cannot tell two models apart.

Owns the rule that makes ranks of values and tests. The tests stand in `significance`.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lab_logger.directions import Order, better_order
from lightml import significance
from lightml.connections import Connection, Database, reading
from lightml.errors import UnknownNameError
from lightml.lookup import find_run_id
from lightml.samples import parsed_scores, said
from lightml.stats import ALPHA, check_alpha, pairwise_p_values, resamples_for, score_matrix

_VALUES: Final = """
    SELECT model_name, run_name, value, scores
    FROM metrics JOIN model ON model.id = metrics.model_id JOIN run ON run.id = model.run_id
    LEFT JOIN detailed_scores ON metric_id = metrics.id
    WHERE ${digest}(family) = ${digest}(:family) AND ${digest}(metric_name) = ${digest}(:name)
        AND (:run IS NULL OR run_name = :run)
    ORDER BY model_name, run_name
"""
_NAMES: Final = """
    SELECT DISTINCT family, metric_name
    FROM metrics JOIN model ON model.id = metrics.model_id JOIN run ON run.id = model.run_id
    WHERE :run IS NULL OR run_name = :run
    ORDER BY family, metric_name
"""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model to rank.

    Attributes:
        model: Its name.
        value: What it is ranked by.
        scores: One per sample, or None; compared with candidates that have as many.
        run: The name of its run, or None.
    """

    model: str
    value: float
    scores: Sequence[float] | None = None
    run: str | None = None


def leaderboard(
    db: Database,
    family: str,
    metric_name: str,
    run_name: str | None = None,
    order: Order | None = None,
    *,
    alpha: float = ALPHA,
    seed: int = 0,
) -> dict[str, Any]:
    """Ranks the models of a registry by one metric, without their checkpoints.

    Args:
        db: The registry.
        family: The metric's family.
        metric_name: The metric's name.
        run_name: The run whose models are ranked; None ranks those of every run.
        order: "asc" where less is better; None tells by the metric's name.
        alpha: The chance of even one difference called real that is not.
        seed: Fixes what is random.

    Returns:
        A dict of JSON types: `family`, `metric`, `run_name`, `order`, `alpha`, `correction` ("holm") and `rows`, which
        `rank_candidates` describes.

    Raises:
        UnknownNameError: There is no such run, or no model has the metric; names those there are.
        InvalidEntryError: `alpha` is not between 0 and 1.
    """
    asked = {"family": family, "name": metric_name, "run": run_name}
    with reading(db) as connection:
        if run_name is not None:
            find_run_id(connection, run_name)
        candidates = [
            Candidate(
                model=row["model_name"], run=row["run_name"], value=row["value"], scores=parsed_scores(row["scores"])
            )
            for row in connection.execute(_VALUES, asked)
        ]
        if not candidates:
            raise UnknownNameError(_no_such_metric(connection, asked))
    order = better_order(metric_name) if order is None else order
    return {
        "family": family,
        "metric": metric_name,
        "run_name": run_name,
        "order": order,
        "alpha": alpha,
        "correction": "holm",
        "rows": rank_candidates(candidates, order=order, alpha=alpha, seed=seed),
    }


def rank_candidates(
    candidates: Sequence[Candidate], *, order: Order = "desc", alpha: float = ALPHA, seed: int = 0
) -> list[dict[str, Any]]:
    """Ranks candidates; those that the data cannot tell apart share a rank.

    A rank is 1 + the number of models that are better (the rule of Chatbot Arena: Chiang et al. 2024,
    arXiv:2403.04132). Between two models with scores of the same samples, better means significantly better: McNemar's
    exact test for 0/1 scores, a paired permutation test for others, with Holm's correction over every pair tested.
    Between any other two nothing can be tested, and better means a better value. Scores of equal number are taken to
    be of the same samples in the same order. More than about 140 models with scores that are not 0/1 need more
    permutations than are made; they are not tested.

    Returns:
        By rank, then value: `rank`, `model`, `run`, `value`, `n_samples` (0 without scores), `tied_with_best` (whether
        the model cannot be told from the one with the best value; None where that was not tested) and `ties_known`
        (whether it was tested against every other).

    Raises:
        InvalidEntryError: `alpha` is not between 0 and 1.
        ScoresError: Scores are empty or no finite numbers.
    """
    check_alpha(alpha)
    if not candidates:
        return []
    sign = 1 if order == "desc" else -1
    worth = sign * np.array([candidate.value for candidate in candidates], dtype=np.float64)
    better = worth[:, None] > worth
    is_tested = np.eye(len(candidates), dtype=np.bool_)
    _apply_tests(candidates, better, is_tested, order=order, alpha=alpha, seed=seed)
    ranks = 1 + better.sum(axis=0)
    placed = sorted(range(len(candidates)), key=lambda at: (ranks[at], -worth[at]))
    best = max(range(len(candidates)), key=lambda at: worth[at])
    return [
        {
            "rank": int(ranks[at]),
            "model": candidates[at].model,
            "run": candidates[at].run,
            "value": float(candidates[at].value),
            "n_samples": _n_samples(candidates[at]),
            "tied_with_best": not better[best, at] if is_tested[best, at] else None,
            "ties_known": bool(is_tested[at].all()),
        }
        for at in placed
    ]


def _apply_tests(
    candidates: Sequence[Candidate], better: Flags, is_tested: Flags, *, order: Order, alpha: float, seed: int
) -> None:
    """Replaces "has a better value" by "is significantly better" in `better` where two models can be tested."""
    groups = _groups(candidates)
    n_pairs = sum(math.comb(len(group), 2) for group in groups)
    tested = [
        (group, scores, p_values)
        for group in groups
        for scores, p_values in _tested(candidates, group, n_pairs=n_pairs, order=order, alpha=alpha, seed=seed)
    ]
    if not tested:
        return
    adjusted = significance.holm(np.concatenate([p_values for _, _, p_values in tested]))
    start = 0
    for group, scores, p_values in tested:
        square = np.ix_(group, group)
        means = scores.mean(axis=1) if order == "desc" else -scores.mean(axis=1)
        is_real = _square(adjusted[start : start + len(p_values)] < alpha, len(group))
        better[square] = is_real & (means[:, None] > means)
        is_tested[square] = True
        start += len(p_values)


def _groups(candidates: Sequence[Candidate]) -> list[list[int]]:
    """Gives the places of the candidates that can be tested against each other, two or more to a group."""
    groups = defaultdict(list)
    for at, candidate in enumerate(candidates):
        if candidate.scores is not None:
            groups[len(candidate.scores)].append(at)
    return [group for group in groups.values() if len(group) > 1]


def _tested(
    candidates: Sequence[Candidate], group: Iterable[int], *, n_pairs: int, order: Order, alpha: float, seed: int
) -> Iterable[tuple[significance.Array, significance.Array]]:
    """Yields the scores and p-values of a group, or nothing where no p-value could get below alpha after correction."""
    scores = score_matrix([(repr(candidates[at].model), candidates[at].scores or ()) for at in group])
    n_resamples = resamples_for(n_pairs, alpha)
    if significance.is_binary(scores) or n_pairs < alpha * n_resamples:
        yield scores, pairwise_p_values(scores, order=order, seed=seed, n_resamples=n_resamples)[1]


def _square(pairs: Flags, size: int) -> Flags:
    square = np.zeros((size, size), dtype=np.bool_)
    square[np.triu_indices(size, 1)] = pairs
    return square | square.T


def _n_samples(candidate: Candidate) -> int:
    return 0 if candidate.scores is None else len(candidate.scores)


def _no_such_metric(connection: Connection, asked: dict[str, str | None]) -> str:
    names = [f"{row['family']}/{row['metric_name']}" for row in connection.execute(_NAMES, {"run": asked["run"]})]
    where = f"the run {asked['run']!r}" if asked["run"] is not None else "the registry"
    return f"no model in {where} has a metric {asked['name']!r} in the family {asked['family']!r}; {said(names)}"
