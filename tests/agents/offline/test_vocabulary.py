import pytest

from agents.offline.language.names import Names, headline_of, index_names
from agents.offline.language.spelling import corrected
from agents.offline.language.vocabulary import closest, find_mentions
from agents.offline.language.words import tokenize
from backend.models import DatasetFacet, Facets, MetricFacet, NamedCount, ParamFacet

FACETS = Facets(
    total=40,
    statuses=[],
    datasets=[DatasetFacet(dataset_id=name, runs=10) for name in ("breast_cancer", "cifar10", "cifar100", "iris")],
    metrics=[
        MetricFacet(name=name, runs=runs, min=0, max=1)
        for name, runs in [("accuracy", 30), ("f1_macro", 30), ("train_loss", 40), ("val_loss", 40), ("runtime_s", 40)]
    ],
    params=[
        ParamFacet(
            name=name,
            runs=40,
            values=[NamedCount(name=value, runs=5) for value in values],
            has_more_values=False,
            min=None,
            max=None,
        )
        for name, values in {
            "model_name": ["linear_svm", "rbf_svm", "logistic_regression", "t5_base", "resnet50"],
            "optimizer": ["adam", "adamw", "sgd"],
            "experiment_name": ["iris_svm", "all"],
            "learning_rate": ["0.01", "0.1"],
            "random_state": ["1", "2"],
            "augment.mixup": ["0.0", "0.2"],
        }.items()
    ],
    tags=[NamedCount(name="baseline", runs=4), NamedCount(name="best", runs=1)],
)


@pytest.fixture
def names() -> Names:
    return index_names(FACETS)


def found_in(question: str, names: Names) -> dict[str, str]:
    tokens = corrected(tokenize(question), names, fixed=frozenset())
    mentions = find_mentions(question, tokens, names, taken=set())
    return {mention.text: "|".join(name.name for name in mention.names) for mention in mentions}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("best accuracy", {"accuracy": "accuracy"}),
        ("best acc", {"acc": "accuracy"}),
        ("lowest val loss", {"val loss": "val_loss"}),
        ("lowest validation loss", {"validation loss": "val_loss"}),
        ("lowest valLoss", {"valLoss": "val_loss"}),
        ("lowest loss", {"loss": "val_loss|train_loss"}),
        ("best f1 score", {"f1 score": "f1_macro"}),
        ("by run time", {"run time": "runtime_s"}),
        ("on breast cancer", {"breast cancer": "breast_cancer"}),
        ("on breast-cancer", {"breast-cancer": "breast_cancer"}),
        ("on cancer", {"cancer": "breast_cancer"}),
        ("on cifar-10", {"cifar-10": "cifar10"}),
        ("on cifar", {"cifar": "cifar10|cifar100"}),
        ("the SVMs", {"SVMs": "linear_svm|rbf_svm"}),
        ("a support vector machine", {"support vector machine": "linear_svm|rbf_svm"}),
        ("logreg runs", {"logreg": "logistic_regression"}),
        ("t5 runs", {"t5": "t5_base"}),
        ("ResNet-50 runs", {"ResNet-50": "resnet50"}),
        ("lr", {"lr": "learning_rate"}),
        ("the seed", {"seed": "random_state"}),
        ("with mixup", {"mixup": "augment.mixup"}),
        ("adamw runs", {"adamw": "adamw"}),
        ("iris_svm runs", {"iris_svm": "iris_svm"}),
        ("iris svm runs", {"iris": "iris", "svm": "linear_svm|rbf_svm"}),
        ("the baselines", {"baselines": "baseline"}),
    ],
)
def test_a_name_is_found_as_people_write_it(question: str, expected: dict[str, str], names: Names) -> None:
    assert found_in(question, names) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("best acuracy", {"acuracy": "accuracy"}),
        ("brest cancer", {"brest cancer": "breast_cancer"}),
        ("logisitc regresion", {"logisitc regresion": "logistic_regression"}),
        ("vall_loss", {"vall_loss": "val_loss"}),
        ("irsi", {"irsi": "iris"}),
        ("resnt50", {"resnt50": "resnet50"}),
        ("lowest validaton loss", {"validaton loss": "val_loss"}),
    ],
)
def test_a_misspelled_name_is_found(question: str, expected: dict[str, str], names: Names) -> None:
    assert found_in(question, names) == expected


@pytest.mark.parametrize(
    "question", ["on mars", "cifar11", "resnet18", "by zorblax", "rmse", "the best of all", "0.01"]
)
def test_what_is_another_name_is_not_taken_for_one_of_the_store(question: str, names: Names) -> None:
    assert found_in(question, names) == {}


def test_close_names_are_named_the_closest_first() -> None:
    assert closest("cifar11", ["iris", "cifar100", "cifar10"])[0] == "cifar10"
    assert closest("zzz", ["iris"]) == []


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (["val_loss", "accuracy"], "accuracy"),
        (["runtime_s", "val_acc"], "val_acc"),
        (["train_loss", "rmse"], "rmse"),
        (["runtime_s"], None),
        ([], None),
    ],
)
def test_runs_are_judged_by_a_metric_like_accuracy_and_never_by_time(metrics: list[str], expected: str | None) -> None:
    assert headline_of(metrics) == expected
