import csv
import json
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
from sklearn.datasets import load_wine

import run
from bundled_data import DATASET_NAMES
from classifiers import MODEL_NAMES
from tests.examples.conftest import Rows
from training_errors import OptionError

SCRIPT = Path(run.__file__)


def test_the_script_trains_from_any_folder_and_says_where_things_are(store: Path, rows: Rows, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    options = [
        "--experiment_name",
        "wine_svm",
        "--model_name",
        "linear_svm",
        "--dataset_name",
        "wine",
        "--n_epochs",
        "3",
    ]
    finished = subprocess.run(
        [sys.executable, str(SCRIPT), *options, "--output_dir", "out"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=True,
    )
    ((run_id, status, command, dataset_id),) = rows(
        "SELECT run_id, status, command, dataset_id FROM manifests JOIN run_state USING (run_id)"
    )
    assert (status, dataset_id) == ("finished", "wine")
    assert "run.py --experiment_name wine_svm" in command
    assert run_id in finished.stdout
    written = sorted(path.name for path in (elsewhere / "out").iterdir())
    assert [name.split("_2")[0] for name in written] == ["linear_svm_metrics", "linear_svm_model"]
    assert all(name in finished.stdout for name in written)


@pytest.mark.parametrize("dataset_name", DATASET_NAMES)
@pytest.mark.parametrize("model_name", MODEL_NAMES)
def test_every_model_learns_every_data_set(model_name: str, dataset_name: str, tmp_path: Path) -> None:
    result = run.train("learn", model_name=model_name, task_name=dataset_name, n_epochs=15, output_dir=str(tmp_path))
    metrics = result["final_metrics"]
    assert metrics["accuracy"] > 0.7
    assert metrics["f1_macro"] > 0.6
    assert metrics["train_accuracy"] > 0.7
    assert metrics["runtime_s"] > 0
    assert result["run_id"] is not None


def test_a_run_holds_params_metrics_and_artifacts(store: Path, rows: Rows, tmp_path: Path) -> None:
    result = run.train("whole", model_name="perceptron", task_name="wine", n_epochs=4, output_dir=str(tmp_path))
    ((params, metrics, artifacts),) = rows("SELECT params_json, final_metrics_json, artifacts_json FROM manifests")
    assert json.loads(params) == {
        "experiment_name": "whole",
        "model_name": "perceptron",
        "task_name": "wine",
        "n_epochs": 4,
        "learning_rate": 0.01,
        "test_size": 0.25,
        "random_state": 42,
        "output_dir": str(tmp_path),
    }
    assert json.loads(metrics) == result["final_metrics"] | {
        "val_accuracy": pytest.approx(result["final_metrics"]["accuracy"])
    }
    assert json.loads(artifacts) == result["artifacts"]
    features, labels = load_wine(return_X_y=True)
    assert joblib.load(result["artifacts"][0]).score(features, labels) > 0.8


def test_the_live_series_and_the_metrics_file_say_the_same(store: Path, rows: Rows, tmp_path: Path) -> None:
    result = run.train("curves", task_name="digits", n_epochs=5, output_dir=str(tmp_path))
    with open(result["artifacts"][1], newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["epoch"] for row in table] == ["1", "2", "3", "4", "5"]
    for name in ("train_loss", "val_loss", "train_accuracy", "val_accuracy"):
        points = rows(f"SELECT step, value FROM metric_points JOIN metric_series USING (series) WHERE name = '{name}'")
        assert sorted(points) == [(int(row["epoch"]), float(row[name])) for row in table]
    assert float(table[-1]["val_loss"]) == result["final_metrics"]["val_loss"]


def test_the_same_seed_gives_the_same_metrics(tmp_path: Path) -> None:
    first, again = (
        run.train("twice", task_name="iris", random_state=3, output_dir=str(tmp_path))["final_metrics"]
        for _ in range(2)
    )
    assert {**first, "runtime_s": 0} == {**again, "runtime_s": 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model_name", "random_forest"], "linear_svm"),
        (["--dataset_name", "mnist"], "breast_cancer"),
        (["--n_epochs", "0"], "at least 1"),
        (["--learning_rate", "-1"], "above 0"),
        (["--test_size", "1.5"], "above 0 and below 1"),
        (["--test_size", "0.001"], "needs at least 3"),
        (["--random_state", "-1"], "from 0 to 4294967295"),
        (["--rate", "1"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_explained_and_stores_nothing(
    options: list[str], message: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run.main(options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not store.exists()


def test_a_training_that_diverges_fails_in_one_sentence(
    store: Path, rows: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["--learning_rate", "1e308", "--output_dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("training failed: the weights overflowed")
    ((status, error),) = rows("SELECT status, error FROM run_state")
    assert status == "failed"
    assert "DivergedError" in error


def test_a_folder_that_cannot_be_written_fails_in_one_sentence(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    assert run.main(["--output_dir", str(tmp_path / "taken")]) == 1
    assert "training failed" in capsys.readouterr().err


def test_a_caller_from_code_gets_an_option_error(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="n_epochs is 0"):
        run.train("code", n_epochs=0, output_dir=str(tmp_path))


def test_task_name_is_another_word_for_dataset_name(store: Path, rows: Rows, tmp_path: Path) -> None:
    assert run.main(["--task_name", "wine", "--n_epochs", "1", "--output_dir", str(tmp_path)]) == 0
    assert rows("SELECT dataset_id FROM manifests") == [("wine",)]
