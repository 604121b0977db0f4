"""The tests behind every comparison: McNemar, paired permutation, bootstrap interval, Holm's correction.

Owns the formulas, on arrays of shape (n_models, n_samples) whose columns are the same samples for every model. It
knows no names and no database. P-values of pairs come in the order of `numpy.triu_indices(n_models, 1)`.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Array = NDArray[np.float64]

_CHUNK: Final = 4_000_000
"""How many numbers are worked on at once: 32 MB, whatever the number of samples and resamples."""
_FEW_LEVELS: Final = 64
"""Up to so many distinct differences, a resample is drawn as the counts of each: the same law, far fewer draws."""
_ROUNDING: Final = 1e-12
"""Sums that differ by less than this share of the summed magnitudes are equal: the order of addition shows there."""


def is_binary(scores: Array) -> bool:
    """Tells whether every score is 0 or 1."""
    return bool(((scores == 0) | (scores == 1)).all())


def wins(is_right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Counts the samples that model i gets right and model j gets wrong, for every i and j; shape (n_models, n_models).

    Args:
        is_right: What each model got right, shape (n_models, n_samples).
    """
    n_models, n_samples = is_right.shape
    counts = np.zeros((n_models, n_models), dtype=np.int64)
    width = max(1, _CHUNK // n_models)
    for start in range(0, n_samples, width):
        part = is_right[:, start : start + width].astype(np.float32)  # counts below 2**24 are exact
        counts += (part @ (1 - part).T).astype(np.int64)
    return counts


def mcnemar_p_values(is_right: NDArray[np.bool_]) -> Array:
    """Gives the two-sided p-value of McNemar's exact test for every pair of models.

    The discordant samples of two equal models fall to either side like a fair coin: a binomial test of them (McNemar
    1947, Psychometrika 12). Without discordant samples the p-value is 1.

    Args:
        is_right: What each model got right, shape (n_models, n_samples).
    """
    only = wins(is_right)
    first, second = np.triu_indices(len(only), 1)
    ours, theirs = only[first, second], only[second, first]
    one_sided: Array = binom.cdf(np.minimum(ours, theirs), ours + theirs, 0.5)
    return np.minimum(1.0, 2 * one_sided)


def permutation_p_values(scores: Array, *, n_resamples: int, rng: np.random.Generator) -> Array:
    """Gives the two-sided p-value of the paired permutation test of the means for every pair of models.

    Between equal models each sample's difference is as likely to have either sign (Fisher 1935, The Design of
    Experiments). All sign patterns are tried when there are at most `n_resamples`; otherwise as many random ones, with
    the observed pattern counted in, (b + 1) / (m + 1), so that the test stays valid (Phipson and Smyth 2010).

    Args:
        scores: Shape (n_models, n_samples).
        n_resamples: How many sign patterns at the most.
        rng: Where the random patterns come from.
    """
    differing = scores[:, (scores != scores[0]).any(axis=0)]
    centred = differing - differing.mean(axis=0)
    first, second = np.triu_indices(len(scores), 1)
    sums, slack = centred.sum(axis=1), _ROUNDING * np.abs(centred).sum(axis=1)
    at_least = np.abs(sums[first] - sums[second]) - slack[first] - slack[second]
    n_samples = centred.shape[1]
    is_exact = n_samples < n_resamples.bit_length()
    patterns = _all_signs(n_samples) if is_exact else _random_signs(centred.shape, n_resamples, rng)
    extreme = np.zeros(len(first), dtype=np.int64)
    for signs in patterns:
        extreme += _count_extreme((signs @ centred.T).T, at_least)
    return extreme / 2.0**n_samples if is_exact else (extreme + 1) / (n_resamples + 1)


def bootstrap_interval(
    differences: Array, *, n_resamples: int, confidence: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Gives the percentile bootstrap interval of the mean difference (Efron and Tibshirani 1993, chapter 13).

    Negated differences give the negated interval exactly. With fewer than about twenty samples the interval is too
    narrow, as percentile intervals are; of one sample it is a point.

    Args:
        differences: One per sample.
        n_resamples: How many resamples, drawn with replacement.
        confidence: The share of intervals that hold the true difference, such as 0.95.
        rng: Where the resamples come from.
    """
    signs = np.sign(differences[differences != 0])[:1]
    direction = float(signs[0]) if signs.size else 1.0
    means = _resampled_means(direction * differences, n_resamples, rng)
    tail = (1 - confidence) / 2
    low, high = (float(end) for end in np.quantile(means, [tail, 1 - tail]))
    return (low, high) if direction > 0 else (-high, -low)


def holm(p_values: Array) -> Array:
    """Gives the p-values adjusted for their number, in the same order.

    Calling those below alpha significant keeps the chance of even one false positive among all at alpha, whichever of
    the hypotheses hold and however they depend on each other (Holm 1979, Scandinavian Journal of Statistics 6).
    """
    ascending = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[ascending] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(stepped)
    adjusted[ascending] = np.minimum(1.0, stepped)
    return adjusted


def _all_signs(n_samples: int) -> Iterator[Array]:
    bits = (np.arange(2**n_samples)[:, None] >> np.arange(n_samples)) & 1
    yield (1 - 2 * bits).astype(np.float64)


def _random_signs(shape: tuple[int, ...], n_resamples: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yields sign patterns, shape (some, n_samples), `n_resamples` in all."""
    n_models, n_samples = shape
    width = max(1, _CHUNK // max(n_models, n_samples))
    for start in range(0, n_resamples, width):
        size = n_samples * min(width, n_resamples - start)
        bits = np.unpackbits(rng.integers(0, 256, size=-(-size // 8), dtype=np.uint8), count=size)
        signs = bits.reshape(-1, n_samples).astype(np.float64)
        signs *= 2
        signs -= 1
        yield signs


def _count_extreme(sums: Array, at_least: Array) -> NDArray[np.int64]:
    counts = [
        np.count_nonzero(np.abs(sums[at] - sums[at + 1 :]) >= row[:, None], axis=1)
        for at, row in _rows(at_least, len(sums))
    ]
    return np.concatenate(counts).astype(np.int64)


def _rows(pairs: Array, n_models: int) -> Iterator[tuple[int, Array]]:
    """Yields each model but the last with its share of a pairwise array: the pairs with the models after it."""
    start = 0
    for at in range(n_models - 1):
        stop = start + n_models - 1 - at
        yield at, pairs[start:stop]
        start = stop


def _resampled_means(values: Array, n_resamples: int, rng: np.random.Generator) -> Array:
    n_samples = len(values)
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) <= _FEW_LEVELS:
        drawn = rng.multinomial(n_samples, counts / n_samples, size=n_resamples)
        return np.asarray(drawn @ levels / n_samples, dtype=np.float64)
    means = np.empty(n_resamples)
    width = max(1, _CHUNK // n_samples)
    for start in range(0, n_resamples, width):
        stop = min(start + width, n_resamples)
        means[start:stop] = values[rng.integers(n_samples, size=(stop - start, n_samples))].mean(axis=1)
    return means
