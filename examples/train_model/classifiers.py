"""The linear classifiers the example trains, and the loss each of them minimises.

Owns how a model name becomes a scikit-learn estimator and how its loss is measured. It must not train, read or write.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from training_errors import require_known

Features = NDArray[np.float64]
Labels = NDArray[np.int64]
_LossOfMargins = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_SGD_LOSSES: Final = {"logistic_regression": "log_loss", "linear_svm": "hinge", "perceptron": "perceptron"}

MODEL_NAMES: Final = tuple(_SGD_LOSSES)
"""The models that can be trained."""


def make_classifier(model_name: str, *, learning_rate: float, random_state: int) -> SGDClassifier:
    """Builds an untrained classifier that learns one epoch per `partial_fit`.

    More than two classes are learnt one against the rest. The step size stays at `learning_rate`; the L2 penalty is
    scikit-learn's default, and none for the perceptron, which has none by definition (Rosenblatt 1958).

    Raises:
        OptionError: `model_name` is not one of `MODEL_NAMES`.
    """
    require_known(model_name, kind="model", known=MODEL_NAMES)
    return SGDClassifier(
        loss=_SGD_LOSSES[model_name],
        penalty=None if model_name == "perceptron" else "l2",
        learning_rate="constant",
        eta0=learning_rate,
        # A generator, not a number: with a number every partial_fit would walk the rows in the same order.
        random_state=np.random.RandomState(random_state),
    )


def mean_loss(classifier: SGDClassifier, features: Features, *, labels: Labels) -> float:
    r"""Measures the loss a trained classifier minimises, without the penalty, on any rows.

    With :math:`f_k` the decision function of class k and :math:`t_{ik}` +1 where row i is of class k, else -1:

    - logistic regression: the log loss :math:`-\\ln p(y_i | x_i)` of the predicted probabilities (Bishop, Pattern
      Recognition and Machine Learning, eq. 4.108);
    - linear SVM: the hinge loss :math:`\\max(0, 1 - t_{ik} f_k(x_i))` (Cortes and Vapnik 1995);
    - perceptron: the perceptron criterion :math:`\\max(0, -t_{ik} f_k(x_i))` (Bishop, eq. 4.54).

    The last two are averaged over the one-against-the-rest problems as well as over the rows, because those are the
    problems that are solved; two classes are one problem.

    Args:
        features: Shape `(n_rows, n_features)`, scaled as for training.
        labels: Shape `(n_rows,)`, classes the classifier knows.

    Returns:
        The mean over the rows, 0 or more; for the log loss in nats.
    """
    if classifier.loss == "log_loss":
        return _log_loss(classifier, features, labels=labels)
    of_margins = _hinge if classifier.loss == "hinge" else _perceptron
    return float(of_margins(_margins(classifier, features, labels=labels)).mean())


def _log_loss(classifier: SGDClassifier, features: Features, *, labels: Labels) -> float:
    probabilities = classifier.predict_proba(features)
    of_the_truth = probabilities[np.arange(len(labels)), np.searchsorted(classifier.classes_, labels)]
    # A probability that underflows to zero would make the loss infinite; scikit-learn's log_loss clips the same way.
    smallest = np.finfo(probabilities.dtype).eps
    return float(-np.log(np.clip(of_the_truth, smallest, 1.0)).mean())


def _margins(classifier: SGDClassifier, features: Features, *, labels: Labels) -> NDArray[np.float64]:
    """Gives t * f, shape `(n_rows,)` for two classes, else `(n_rows, n_classes)`; positive where the class is right."""
    decisions: NDArray[np.float64] = classifier.decision_function(features)
    if decisions.ndim == 1:
        return np.where(labels == classifier.classes_[1], decisions, -decisions)
    return np.where(labels[:, np.newaxis] == classifier.classes_, decisions, -decisions)


def _hinge(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, 1.0 - margins)


def _perceptron(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, -margins)
