import numpy as np
import pytest

from bundled_data import DATASET_NAMES, load_split
from training_errors import OptionError


def test_the_four_bundled_data_sets_are_known() -> None:
    assert DATASET_NAMES == ("iris", "wine", "breast_cancer", "digits")


@pytest.mark.parametrize("dataset_name", DATASET_NAMES)
def test_a_split_keeps_every_row_once_and_the_classes_in_proportion(dataset_name: str) -> None:
    split = load_split(dataset_name, test_size=0.25, random_state=7)
    n_rows = len(split.train_labels) + len(split.val_labels)
    assert len(split.val_labels) == pytest.approx(0.25 * n_rows, abs=1)
    for label in np.unique(split.train_labels):
        in_train, in_val = np.sum(split.train_labels == label), np.sum(split.val_labels == label)
        assert in_val == pytest.approx(0.25 * (in_train + in_val), abs=1)


def test_features_are_standardised_by_the_training_rows_alone() -> None:
    split = load_split("wine", test_size=0.25, random_state=7)
    np.testing.assert_allclose(split.train_features.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(split.train_features.std(axis=0), 1)
    assert np.abs(split.val_features.mean(axis=0)).max() > 0.01


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    first, again, other = (load_split("iris", test_size=0.3, random_state=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.val_features, again.val_features)
    assert not np.array_equal(first.val_features, other.val_features)


def test_an_unknown_data_set_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(OptionError, match="'mnist'") as caught:
        load_split("mnist", test_size=0.25, random_state=0)
    assert all(name in str(caught.value) for name in DATASET_NAMES)


@pytest.mark.parametrize("test_size", [0.0, 1.0, -0.5, 3.0, float("nan")])
def test_a_share_outside_0_to_1_is_an_error_that_says_so(test_size: float) -> None:
    with pytest.raises(OptionError, match="above 0 and below 1"):
        load_split("iris", test_size=test_size, random_state=0)


@pytest.mark.parametrize("test_size", [0.001, 0.99])
def test_a_share_that_leaves_a_part_without_all_classes_is_an_error_with_the_numbers(test_size: float) -> None:
    with pytest.raises(OptionError, match="150 rows of iris"):
        load_split("iris", test_size=test_size, random_state=0)


@pytest.mark.parametrize("test_size", [0.02, 0.979])
def test_one_row_per_class_is_enough(test_size: float) -> None:
    split = load_split("iris", test_size=test_size, random_state=0)
    assert min(len(np.unique(split.train_labels)), len(np.unique(split.val_labels))) == 3
