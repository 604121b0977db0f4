import numpy as np
import pytest
from sklearn.linear_model import Perceptron, SGDClassifier
from sklearn.metrics import hinge_loss, log_loss

from bundled_data import load_split
from classifiers import MODEL_NAMES, make_classifier, mean_loss
from training_errors import OptionError, TrainingError


def trained(model_name: str, *, dataset_name: str) -> tuple[SGDClassifier, np.ndarray, np.ndarray]:
    split = load_split(dataset_name, test_size=0.3, random_state=0)
    classifier = make_classifier(model_name, learning_rate=0.001, random_state=0)
    classifier.partial_fit(split.train_features, split.train_labels, classes=np.unique(split.train_labels))
    return classifier, split.val_features, split.val_labels


@pytest.mark.parametrize("dataset_name", ["breast_cancer", "iris", "digits"])
def test_logistic_regression_is_measured_by_the_log_loss(dataset_name: str) -> None:
    classifier, features, labels = trained("logistic_regression", dataset_name=dataset_name)
    expected = log_loss(labels, classifier.predict_proba(features), labels=classifier.classes_)
    assert mean_loss(classifier, features, labels=labels) == pytest.approx(expected)


def test_a_log_loss_stays_finite_when_the_truth_was_given_no_probability() -> None:
    classifier, features, labels = trained("logistic_regression", dataset_name="breast_cancer")
    classifier.coef_ *= 1e6
    loss = mean_loss(classifier, features, labels=labels)
    assert np.isfinite(loss)
    assert loss == pytest.approx(log_loss(labels, classifier.predict_proba(features)))


def test_a_linear_svm_of_two_classes_is_measured_by_the_hinge_loss() -> None:
    classifier, features, labels = trained("linear_svm", dataset_name="breast_cancer")
    expected = hinge_loss(labels, classifier.decision_function(features))
    assert mean_loss(classifier, features, labels=labels) == pytest.approx(expected)


def test_a_linear_svm_of_many_classes_is_measured_by_the_mean_hinge_loss_of_each_class_against_the_rest() -> None:
    classifier, features, labels = trained("linear_svm", dataset_name="digits")
    decisions = classifier.decision_function(features)
    one_by_one = [hinge_loss(labels == label, decisions[:, column]) for column, label in enumerate(classifier.classes_)]
    assert mean_loss(classifier, features, labels=labels) == pytest.approx(np.mean(one_by_one))


@pytest.mark.parametrize("dataset_name", ["breast_cancer", "wine"])
def test_a_perceptron_is_measured_by_how_far_its_mistakes_lie_on_the_wrong_side(dataset_name: str) -> None:
    classifier, features, labels = trained("perceptron", dataset_name=dataset_name)
    decisions = classifier.decision_function(features)
    columns = decisions.reshape(len(labels), -1)
    classes = classifier.classes_[-columns.shape[1] :]
    total = 0.0
    for row, label in zip(columns, labels, strict=True):
        for decision, of_class in zip(row, classes, strict=True):
            sign = 1 if label == of_class else -1
            total += max(0.0, -sign * decision)
    assert mean_loss(classifier, features, labels=labels) == pytest.approx(total / columns.size)


def test_the_perceptron_learns_what_scikit_learns_own_perceptron_learns() -> None:
    split = load_split("wine", test_size=0.3, random_state=0)
    classes = np.unique(split.train_labels)
    ours = make_classifier("perceptron", learning_rate=1.0, random_state=3)
    theirs = Perceptron(eta0=1.0, random_state=np.random.RandomState(3))
    for classifier in (ours, theirs):
        classifier.partial_fit(split.train_features, split.train_labels, classes=classes)
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)


def test_each_epoch_walks_the_rows_in_an_order_of_its_own() -> None:
    split = load_split("iris", test_size=0.3, random_state=0)
    classes = np.unique(split.train_labels)
    continued = make_classifier("perceptron", learning_rate=1.0, random_state=3)
    continued.partial_fit(split.train_features, split.train_labels, classes=classes)
    repeated = make_classifier("perceptron", learning_rate=1.0, random_state=3)
    repeated.partial_fit(split.train_features, split.train_labels, classes=classes)
    repeated.random_state = np.random.RandomState(3)  # starts the order of the first epoch again
    for classifier in (continued, repeated):
        classifier.partial_fit(split.train_features, split.train_labels, classes=classes)
    assert not np.array_equal(continued.coef_, repeated.coef_)


def test_an_unknown_model_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(OptionError, match="'random_forest'") as caught:
        make_classifier("random_forest", learning_rate=0.1, random_state=0)
    assert all(name in str(caught.value) for name in MODEL_NAMES)
    assert isinstance(caught.value, TrainingError)
