import argparse

import pytest

from arguments import job_count, positive_float, positive_int, require_training_values, seed, share
from training_errors import OptionError


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (positive_int, "1", 1),
        (seed, "0", 0),
        (seed, "4294967295", 2**32 - 1),
        (positive_float, "1e-3", 0.001),
        (share, "0.2", 0.2),
        (job_count, "-1", -1),
        (job_count, "4", 4),
    ],
)
def test_values_in_range_are_read(read: type, text: str, value: float) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (positive_int, "0"),
        (positive_int, "2.5"),
        (positive_int, ""),
        (seed, "-1"),
        (seed, "4294967296"),
        (positive_float, "0"),
        (positive_float, "nan"),
        (positive_float, "inf"),
        (positive_float, "fast"),
        (share, "0"),
        (share, "1"),
        (share, "nan"),
        (share, "half"),
        (job_count, "0"),
        (job_count, "all"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(read: type, text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        read(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("n_epochs", "learning_rate", "random_state", "message"),
    [
        (0, 0.1, 0, "n_epochs is 0"),
        (1, 0.0, 0, r"learning_rate is 0\.0"),
        (1, float("inf"), 0, "learning_rate is inf"),
        (1, 0.1, -1, "random_state is -1"),
        (1, 0.1, 2**32, "random_state is 4294967296"),
    ],
)
def test_callers_from_code_get_the_same_limits(
    n_epochs: int, learning_rate: float, random_state: int, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        require_training_values(n_epochs=n_epochs, learning_rate=learning_rate, random_state=random_state)
