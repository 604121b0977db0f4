import pandas as pd
import pytest

from ui.smoothing import smoothed


def test_what_is_not_finite_is_passed_over() -> None:
    result = smoothed(pd.Series([1.0, float("inf"), 3.0]), 0.5)
    assert result.fillna(-1).tolist() == pytest.approx([1, -1, (0.5 * 1 + 3) / 1.5])


def test_no_smoothing_gives_the_values_and_a_weight_of_one_is_refused() -> None:
    assert smoothed(pd.Series([1.0, 2.0]), 0).tolist() == [1, 2]
    assert smoothed(pd.Series([], dtype="float64"), 0.5).empty
    with pytest.raises(ValueError, match="from 0 to below 1"):
        smoothed(pd.Series([1.0]), 1)
