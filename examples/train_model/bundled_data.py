"""The data sets the example trains on: those that come inside scikit-learn, so nothing is downloaded.

Owns loading, splitting and scaling. It must not know about models.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from classifiers import Features, Labels
from training_errors import OptionError, require_known

_LOADERS: Final = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}

DATASET_NAMES: Final = tuple(_LOADERS)
"""The data sets that can be trained on."""


@dataclass(frozen=True, slots=True)
class Split:
    """A data set in two parts, its features standardised by what the training part alone shows.

    Attributes:
        train_features: Shape `(n_train, n_features)`, mean 0 and variance 1 per column.
        train_labels: Shape `(n_train,)`.
        val_features: Shape `(n_val, n_features)`, scaled with the means and variances of the training part.
        val_labels: Shape `(n_val,)`.
        scaler: The fitted scaler, to go with the model.
    """

    train_features: Features
    train_labels: Labels
    val_features: Features
    val_labels: Labels
    scaler: StandardScaler


def load_split(dataset_name: str, *, test_size: float, random_state: int) -> Split:
    """Loads a data set and splits it at random, each class in the same proportion in both parts.

    Args:
        dataset_name: One of `DATASET_NAMES`.
        test_size: The share of rows held out for validation, above 0 and below 1.
        random_state: Seed of the split, 0 or more.

    Raises:
        OptionError: The name is unknown, or the share leaves fewer rows than classes in one of the parts.
    """
    require_known(dataset_name, kind="dataset", known=DATASET_NAMES)
    features, labels = _LOADERS[dataset_name](return_X_y=True)
    _require_enough_rows(dataset_name, test_size=test_size, n_rows=len(labels), n_classes=len(np.unique(labels)))
    train_x, val_x, train_y, val_y = train_test_split(
        features, labels, test_size=test_size, random_state=random_state, stratify=labels
    )
    scaler = StandardScaler().fit(train_x)
    return Split(scaler.transform(train_x), train_y, scaler.transform(val_x), val_y, scaler)


def _require_enough_rows(dataset_name: str, *, test_size: float, n_rows: int, n_classes: int) -> None:
    if not 0 < test_size < 1:
        raise OptionError(f"test_size is {test_size}; give a share of the rows above 0 and below 1")
    n_val = math.ceil(test_size * n_rows)
    if min(n_val, n_rows - n_val) < n_classes:
        raise OptionError(
            f"test_size {test_size} splits the {n_rows} rows of {dataset_name} into {n_rows - n_val} for training and "
            f"{n_val} for validation; each part needs at least {n_classes}, one per class"
        )
