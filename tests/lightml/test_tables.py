from typing import Any

import pytest

from lightml.stats import compare_stats
from lightml.tables import stats_text

# `lightml.tables`: the statistical comparison as text; the other tables are shown with what they show.

NAMES = ("llama-base", "llama-sft", "hellaswag_0shot", "hellaswag_acc_norm")
DOCUMENTED = """\
  Statistical comparison: llama-base vs llama-sft
  Family: hellaswag_0shot  Metric: hellaswag_acc_norm
  ──────────────────────────────────────────────────────
  Both correct:    7234
  Only llama-base: 312
  Only llama-sft:  487
  Both wrong:      1967
  Discordant:      799
  ──────────────────────────────────────────────────────
  Mean llama-base: 0.7546
  Mean llama-sft:  0.7721
  Delta (A - B):   -0.0175
  95% CI:          [-0.0264, -0.0087]
  ──────────────────────────────────────────────────────
  McNemar p-value: 0.000012
  Result:          Significant (p < 0.05), llama-sft is better"""


def test_the_text_is_the_documented_one() -> None:
    result: dict[str, Any] = {
        "contingency": {"both_correct": 7234, "only_a": 312, "only_b": 487, "both_wrong": 1967, "n_discordant": 799},
        "mcnemar": {"p_value": 0.000012, "significant": True, "winner": "b"},
        "bootstrap": {"delta": -0.0175, "ci_lower": -0.0264, "ci_upper": -0.0087, "confidence": 0.95},
        "mean_a": 0.7546,
        "mean_b": 0.7721,
    }
    assert stats_text(result, *NAMES) == DOCUMENTED


def test_scores_with_the_documented_counts_give_the_documented_lines_with_their_own_p_value_and_interval() -> None:
    a = [1] * 7234 + [1] * 312 + [0] * 487 + [0] * 1967
    b = [1] * 7234 + [0] * 312 + [1] * 487 + [0] * 1967
    result = compare_stats(a, b)
    lines = stats_text(result, *NAMES).splitlines()
    assert lines[:12] == DOCUMENTED.splitlines()[:12]
    assert lines[14:] == ["  McNemar p-value: < 0.000001", DOCUMENTED.splitlines()[-1]]
    # The normal interval of the paired difference: -0.0175 ± 1.96 × 0.00282.
    assert result["bootstrap"]["ci_lower"] == pytest.approx(-0.0230, abs=3e-4)
    assert result["bootstrap"]["ci_upper"] == pytest.approx(-0.0120, abs=3e-4)


def test_no_significant_difference_says_so_and_names_no_winner() -> None:
    text = stats_text(compare_stats([1, 1, 0], [1, 0, 0]), *NAMES)
    assert text.endswith("  McNemar p-value: 1.000000\n  Result:          Not significant (p >= 0.05)")


def test_scores_that_are_no_marks_have_no_contingency_table() -> None:
    lines = stats_text(compare_stats([0.5, 0.7, 0.25], [0.25, 0.5, 0.5]), *NAMES).splitlines()
    assert lines[3] == "  Mean llama-base:     0.4833"
    assert lines[-2] == "  Permutation p-value: 1.000000"
    assert not any("correct" in line for line in lines)


def test_long_names_keep_the_values_in_one_column_and_are_shown_as_they_are() -> None:
    lines = stats_text(compare_stats([1, 0], [0, 1]), "[red]an/organisation/model", "准\x1b[2J", "f", "m").splitlines()
    assert "  Statistical comparison: [red]an/organisation/model vs 准\\x1b[2J" in lines
    only = {line.index(": ") for line in lines if "Only [red]" in line}
    assert only == {len("  Only [red]an/organisation/model")}
    # The wide character takes two places of a terminal.
    values = [len(line) + ("准" in line) for line in lines[3:8]]
    assert len(set(values)) == 1


def test_the_verdict_is_coloured_on_request() -> None:
    result = compare_stats([1] * 20, [0] * 20)
    assert "\x1b[32mSignificant (p < 0.05), llama-base is better\x1b[0m" in stats_text(result, *NAMES, color=True)
    assert "\x1b" not in stats_text(result, *NAMES, color=False)
