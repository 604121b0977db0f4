import csv
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import f1_score

from bundled_data import load_split
from classifiers import make_classifier
from trainer import CSV_COLUMNS, CheckpointFiles, EpochMetrics, evaluate, train_epochs
from training_errors import DivergedError


def test_training_lowers_the_loss_and_reports_every_epoch() -> None:
    split = load_split("digits", test_size=0.25, random_state=0)
    classifier = make_classifier("logistic_regression", learning_rate=0.001, random_state=0)
    epochs = list(train_epochs(classifier, split, n_epochs=5))
    assert [metrics.epoch for metrics in epochs] == [1, 2, 3, 4, 5]
    assert all(later.train_loss < earlier.train_loss for earlier, later in itertools.pairwise(epochs))
    assert epochs[-1].val_accuracy == pytest.approx(classifier.score(split.val_features, split.val_labels))


def test_the_same_seed_gives_the_same_curve() -> None:
    curves = []
    for _ in range(2):
        split = load_split("wine", test_size=0.25, random_state=5)
        classifier = make_classifier("linear_svm", learning_rate=0.01, random_state=5)
        curves.append(list(train_epochs(classifier, split, n_epochs=3)))
    assert curves[0] == curves[1]


def test_weights_that_overflow_are_an_error_that_names_the_learning_rate() -> None:
    split = load_split("wine", test_size=0.25, random_state=0)
    classifier = make_classifier("perceptron", learning_rate=1e308, random_state=0)
    with pytest.raises(DivergedError, match=r"1e\+308; choose a smaller one"):
        list(train_epochs(classifier, split, n_epochs=2))


def test_a_class_that_is_never_predicted_counts_as_zero() -> None:
    split = load_split("iris", test_size=0.3, random_state=0)
    classifier = make_classifier("perceptron", learning_rate=0.1, random_state=0)
    list(train_epochs(classifier, split, n_epochs=1))
    classifier.coef_[:] = 0
    classifier.intercept_[:] = [1, 0, 0]
    expected = f1_score(split.val_labels == 0, [True] * len(split.val_labels)) / 3
    assert evaluate(classifier, split) == {"accuracy": pytest.approx(1 / 3), "f1_macro": pytest.approx(expected)}


def test_the_metrics_file_can_be_read_while_training_goes_on(tmp_path: Path) -> None:
    with CheckpointFiles(tmp_path, model_name="perceptron") as files:
        files.write_epoch(EpochMetrics(1, 0.5, 0.625, 0.75, 0.25))
        with files.metrics_path.open(newline="") as opened:
            rows = list(csv.reader(opened))
    assert rows == [list(CSV_COLUMNS), ["1", "0.5", "0.625", "0.75", "0.25"]]


def test_the_saved_model_takes_unscaled_features(tmp_path: Path) -> None:
    split = load_split("iris", test_size=0.3, random_state=0)
    classifier = make_classifier("logistic_regression", learning_rate=0.01, random_state=0)
    list(train_epochs(classifier, split, n_epochs=10))
    with CheckpointFiles(tmp_path, model_name="logistic_regression") as files:
        files.save_model(classifier, split)
    features, _ = load_iris(return_X_y=True)
    predicted = joblib.load(files.model_path).predict(features)
    np.testing.assert_array_equal(predicted, classifier.predict(split.scaler.transform(features)))
    assert not np.array_equal(predicted, classifier.predict(features))


def test_trainings_that_start_at_once_get_files_of_their_own(tmp_path: Path) -> None:
    def claim(_: int) -> tuple[Path, Path]:
        with CheckpointFiles(tmp_path / "made" / "here", model_name="linear_svm") as files:
            return files.metrics_path, files.model_path

    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(claim, range(200)))
    assert len({path for paths in claimed for path in paths}) == 400
    for metrics_path, model_path in claimed:
        assert metrics_path.name.startswith("linear_svm_metrics_")
        assert metrics_path.suffix == ".csv"
        assert model_path.name == metrics_path.name.replace("_metrics_", "_model_").replace(".csv", ".joblib")
