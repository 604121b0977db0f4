from itertools import combinations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from lightml import significance

# `lightml.significance`: its formulas against published numbers, against SciPy's own, and against simulated truth.

SIMULATIONS = 1000
TOLERATED = 0.05 + 3 * (0.05 * 0.95 / SIMULATIONS) ** 0.5  # three standard errors above 5 %


def marks(*, both: int, only_a: int, only_b: int, neither: int) -> significance.Array:
    columns = [(1, 1)] * both + [(1, 0)] * only_a + [(0, 1)] * only_b + [(0, 0)] * neither
    return np.array(columns, dtype=np.float64).T


def mcnemar(scores: significance.Array) -> float:
    (p_value,) = significance.mcnemar_p_values(scores == 1)
    return float(p_value)


def permutation(scores: significance.Array, *, n_resamples: int = 10_000, seed: int = 0) -> float:
    rng = np.random.default_rng(seed)
    (p_value,) = significance.permutation_p_values(scores, n_resamples=n_resamples, rng=rng)
    return float(p_value)


def test_mcnemar_gives_the_published_p_value_of_two_culture_media() -> None:
    # Armitage and Berry 1994, Statistical Methods in Medical Research, p. 127: exact two-sided P = 0.0129.
    assert mcnemar(marks(both=20, only_a=12, only_b=2, neither=16)) == pytest.approx(0.0129, abs=5e-5)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (1, 1), (5, 5), (6, 16), (4, 9), (312, 487), (0, 40)])
def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs(only_a: int, only_b: int) -> None:
    expected = scipy_stats.binomtest(only_a, only_a + only_b).pvalue
    assert mcnemar(marks(both=3, only_a=only_a, only_b=only_b, neither=2)) == pytest.approx(expected, rel=1e-9)


def test_models_that_never_disagree_have_a_p_value_of_one() -> None:
    scores = marks(both=7, only_a=0, only_b=0, neither=4)
    assert mcnemar(scores) == 1.0
    assert permutation(scores) == 1.0


def test_every_pair_of_many_models_gets_the_p_value_it_gets_alone() -> None:
    rng = np.random.default_rng(3)
    scores = (rng.random((6, 300)) < np.linspace(0.3, 0.8, 6)[:, None]).astype(np.float64)
    together = significance.mcnemar_p_values(scores == 1)
    alone = [mcnemar(scores[list(pair)]) for pair in combinations(range(6), 2)]
    assert together == pytest.approx(alone)


@pytest.mark.parametrize("n_samples", [2, 7, 12])
def test_permutation_of_few_samples_is_exact_as_scipy_has_it(n_samples: int) -> None:
    a, b = np.random.default_rng(n_samples).normal(size=(2, n_samples)) + np.array([[0.5], [0.0]])
    expected = scipy_stats.permutation_test(
        (a - b,), np.mean, permutation_type="samples", vectorized=True, n_resamples=np.inf
    ).pvalue
    assert permutation(np.stack([a, b])) == pytest.approx(expected)


def test_permutation_of_fishers_darwin_data_is_the_published_one() -> None:
    # Fisher 1935, The Design of Experiments, section 21: of the 2**15 sign patterns of Darwin's fifteen pairs of maize,
    # 1726 (5.267 %) give a sum as far from zero as the 314 observed.
    differences = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=np.float64)
    scores = np.stack([differences, np.zeros(15)])
    assert permutation(scores, n_resamples=2**15) == 1726 / 2**15
    assert permutation(scores) == pytest.approx(0.05267, abs=0.007)


def test_permutation_of_many_samples_agrees_with_scipy() -> None:
    a, b = np.random.default_rng(5).normal(size=(2, 80)) + np.array([[0.25], [0.0]])
    expected = scipy_stats.permutation_test(
        (a - b,),
        lambda each, axis: np.mean(each, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    ).pvalue
    assert permutation(np.stack([a, b]), n_resamples=20_000) == pytest.approx(expected, abs=0.01)


def test_random_permutations_never_give_a_p_value_of_zero() -> None:
    scores = np.stack([np.arange(100.0) + 1, np.zeros(100)])
    assert permutation(scores, n_resamples=999) == 1 / 1000


def test_scores_of_any_scale_and_offset_have_the_same_permutation_p_value() -> None:
    scores = np.random.default_rng(8).normal(size=(2, 40))
    assert permutation(1e6 + 1e-3 * scores) == permutation(scores)


def test_holm_gives_the_textbook_adjustments() -> None:
    # The example of the method's article in Wikipedia, and what R's p.adjust(c(.01, .04, .03, .005), "holm") prints.
    assert significance.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert significance.holm(np.array([0.9, 0.8])) == pytest.approx([1.0, 1.0])
    assert len(significance.holm(np.array([]))) == 0


def test_bootstrap_interval_is_close_to_the_normal_one_for_many_samples() -> None:
    differences = np.random.default_rng(2).normal(0.3, 1.0, size=2000)
    low, high = significance.bootstrap_interval(
        differences, n_resamples=10_000, confidence=0.95, rng=np.random.default_rng(0)
    )
    margin = 1.96 * differences.std() / 2000**0.5
    assert (low, high) == pytest.approx((differences.mean() - margin, differences.mean() + margin), abs=0.003)


@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_bootstrap_intervals_hold_the_true_difference_about_as_often_as_they_say(kind: str) -> None:
    rng = np.random.default_rng(11)
    n_held, n_simulations = 0, 400
    for _ in range(n_simulations):
        if kind == "binary":
            scores = (rng.random((2, 150)) < [[0.7], [0.6]]).astype(np.float64)
            differences = scores[0] - scores[1]
        else:
            differences = rng.normal(0.1, 1.0, size=150)
        low, high = significance.bootstrap_interval(differences, n_resamples=1000, confidence=0.95, rng=rng)
        n_held += low <= 0.1 <= high
    assert 0.91 <= n_held / n_simulations <= 0.985


def test_mcnemar_calls_equal_models_different_in_at_most_five_percent() -> None:
    rng = np.random.default_rng(21)
    n_false = 0
    for _ in range(SIMULATIONS):
        difficulty = rng.random(200)
        n_false += mcnemar((rng.random((2, 200)) < difficulty).astype(np.float64)) < 0.05
    assert n_false / SIMULATIONS <= TOLERATED


@pytest.mark.parametrize("n_samples", [10, 60])
def test_permutation_calls_equal_models_different_in_at_most_five_percent(n_samples: int) -> None:
    rng = np.random.default_rng(22)
    n_false = 0
    for seed in range(SIMULATIONS):
        scores = rng.exponential(size=(2, n_samples)) + rng.normal(size=n_samples)
        n_false += permutation(scores, n_resamples=500, seed=seed) < 0.05
    assert n_false / SIMULATIONS <= TOLERATED


def test_real_differences_are_found() -> None:
    rng = np.random.default_rng(23)
    found_marks = found_numbers = 0
    for seed in range(100):
        found_marks += mcnemar((rng.random((2, 1000)) < [[0.75], [0.65]]).astype(np.float64)) < 0.05
        numbers = rng.normal(size=(2, 200)) + np.array([[0.5], [0.0]])
        found_numbers += permutation(numbers, n_resamples=1000, seed=seed) < 0.05
    assert found_marks >= 95
    assert found_numbers >= 95
