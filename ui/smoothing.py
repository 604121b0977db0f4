"""Curves smoothed where the server does not do it: those of a run's metrics file.

Owns one pure function. It must not import Streamlit.
"""

import pandas as pd


def smoothed(values: pd.Series, weight: float) -> pd.Series:
    """Gives the values of one whole series smoothed, as `backend.smoothing.moving_average` smooths live ones.

    Args:
        values: The values in step order.
        weight: How much of what was before is kept, from 0 (nothing: the values as they are) to below 1.

    Returns:
        The moving average on the same index; missing where the value is not finite, which is passed over.

    Raises:
        ValueError: The weight is outside that range.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"a smoothing weight is from 0 to below 1, not {weight}")
    finite = finite_values(values)
    if weight == 0 or finite.empty:
        return finite
    # With adjust=True pandas divides by the sum of the weights, which is the bias correction.
    return finite.ewm(alpha=1 - weight, adjust=True, ignore_na=True).mean().where(finite.notna())


def finite_values(values: pd.Series) -> pd.Series:
    """Gives values, missing where they are not finite."""
    return values.where(values.abs() != float("inf"))
