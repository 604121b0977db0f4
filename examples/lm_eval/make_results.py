"""Makes the result files in `results/`: small classifiers, really trained and evaluated, in the shape lm_eval writes.

    python make_results.py [FOLDER]

Owns what is measured. Every number is the outcome of training a scikit-learn classifier on k labelled examples a class
("k-shot") of a data set that comes inside scikit-learn, and testing it on others. Nothing is downloaded, and the same
versions give the same files.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

HERE: Final = Path(__file__).resolve().parent
_SEED: Final = 20260115
_TASKS: Final = {
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "wine": datasets.load_wine,
}
_N_TEST: Final = {"breast_cancer": 200, "digits": 300, "wine": 100}
_MODELS: Final = {
    "decision-tree": lambda: DecisionTreeClassifier(random_state=_SEED),
    "logistic-regression": lambda: LogisticRegression(max_iter=1000),
    "naive-bayes": lambda: GaussianNB(var_smoothing=1e-2),
    "nearest-neighbors": lambda: KNeighborsClassifier(n_neighbors=3),
}
_STAMPS: Final = {5: "2026-01-15T10-30-00.000000", 20: "2026-01-15T11-45-00.000000"}
"""The shots, and the time in the names of their files, which lm_eval puts there; fixed, so that the files are too."""
_LEAST: Final = 1e-6
"""The least probability: that of a class which a tree or neighbours rule out would have an infinite log loss."""


def main(arguments: Sequence[str]) -> int:
    """Writes every file; gives the exit status."""
    root = Path(arguments[0]) if arguments else HERE / "results"
    for model_name in _MODELS:
        for shots, stamp in _STAMPS.items():
            write(root / model_name, model_name, shots, stamp)
    print(f"wrote the results of {len(_MODELS)} models into {root}")
    return 0


def write(folder: Path, model_name: str, shots: int, stamp: str) -> None:
    """Trains and tests one model on every task, and writes `results_STAMP.json` and `samples_TASK_STAMP.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    results = {}
    for task in _TASKS:
        samples = evaluate(model_name, task, shots)
        results[task] = summary(task, samples)
        lines = (json.dumps(sample, separators=(",", ":")) + "\n" for sample in samples)
        (folder / f"samples_{task}_{stamp}.jsonl").write_text("".join(lines), encoding="utf-8")
    content = {
        "results": results,
        "versions": dict.fromkeys(_TASKS, 1.0),
        "n-shot": dict.fromkeys(_TASKS, shots),
        "higher_is_better": {task: {"acc": True, "log_loss": False} for task in _TASKS},
        "config": {"model": "scikit-learn", "model_args": f"classifier={model_name}"},
        "model_source": "scikit-learn",
        "model_name": f"scikit-learn/{model_name}",
    }
    (folder / f"results_{stamp}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def evaluate(model_name: str, task: str, shots: int) -> list[dict[str, Any]]:
    """Trains on `shots` examples of each class, and gives a line of `samples_*.jsonl` for each test document."""
    features, labels = _TASKS[task](return_X_y=True)
    order = np.random.default_rng(_SEED).permutation(len(labels))
    test, rest = order[: _N_TEST[task]], order[_N_TEST[task] :]
    train = np.concatenate([rest[labels[rest] == label][:shots] for label in np.unique(labels)])
    classifier = make_pipeline(StandardScaler(), _MODELS[model_name]()).fit(features[train], labels[train])
    probabilities = classifier.predict_proba(features[test])
    rows = zip(labels[test], probabilities, strict=True)
    return [_sample(doc_id, int(label), row) for doc_id, (label, row) in enumerate(rows)]


def summary(task: str, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Gives a task's entry of `results_*.json`: the mean of each metric, and its standard error."""
    entry: dict[str, Any] = {"alias": task}
    for name in ("acc", "log_loss"):
        scores = [sample[name] for sample in samples]
        entry[f"{name},none"] = statistics.fmean(scores)
        entry[f"{name}_stderr,none"] = statistics.stdev(scores) / len(scores) ** 0.5
    return entry


def _sample(doc_id: int, label: int, probabilities: NDArray[np.float64]) -> dict[str, Any]:
    said = int(np.argmax(probabilities))
    return {
        "doc_id": doc_id,
        "target": str(label),
        "filtered_resps": [str(said)],
        "filter": "none",
        "acc": float(said == label),
        "log_loss": round(-float(np.log(max(float(probabilities[label]), _LEAST))), 6) + 0.0,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
