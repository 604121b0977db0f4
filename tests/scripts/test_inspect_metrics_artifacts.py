import subprocess
import sys
from pathlib import Path

import pytest

from scripts import inspect_metrics_artifacts
from tests.live_server import unused_address
from tests.scripts.conftest import Record

SCRIPT = Path(inspect_metrics_artifacts.__file__)


def test_the_newest_run_is_shown_from_its_metrics_file(
    server: str, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    record(live={"other": [1.0]})
    run_id = record(
        live={"loss": [9.0]}, table={"epoch": [1, 2, 3], "train_loss": [0.5, 0.125, 0.25], "val_loss": [0.75, 0.5, 0.5]}
    )
    assert inspect_metrics_artifacts.main([]) == 0
    shown = capsys.readouterr().out
    assert f"Run {run_id}, finished" in shown
    assert "Curves from" in shown
    assert "svm_metrics.csv" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["train_loss", "3", "0.5", "0.25", "0.125", "(step", "2)", "0.5", "(step", "1)"] in rows
    assert ["2", "0.125", "0.5"] in rows
    assert ["o", "train_loss", "x", "val_loss"] in rows


def test_a_run_is_found_by_a_prefix_and_its_live_series_are_shown_when_it_has_no_file(
    server: str, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = record(live={"loss": [0.5, float("nan"), 0.25], "flat": [2.0]})
    record()
    assert inspect_metrics_artifacts.main([run_id[:8]]) == 0
    shown = capsys.readouterr().out
    assert "Note: the run recorded no metrics file" in shown
    assert "Curves from the live series" in shown
    assert ["2", "nan", "-"] in [line.split() for line in shown.splitlines()]


def test_a_file_in_a_recorded_folder_is_found(server: str, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record(table={"step": [10, 20], "loss": [0.5, 0.25]}, file_name="results/metrics.csv", as_folder=True)
    assert inspect_metrics_artifacts.main(["--source", "csv"]) == 0
    assert ["20", "0.25"] in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_a_file_that_is_gone_is_said_to_be_and_the_live_series_step_in(
    server: str, record: Record, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(live={"loss": [0.5]}, table={"epoch": [1], "loss": [0.5]})
    (project / "svm_metrics.csv").unlink()
    assert inspect_metrics_artifacts.main([]) == 0
    assert "svm_metrics.csv was recorded and no longer exists" in capsys.readouterr().out
    assert inspect_metrics_artifacts.main(["--source", "csv"]) == 1
    assert "no longer exists; --source live" in capsys.readouterr().err


def test_a_file_that_is_gone_from_a_run_without_series_is_a_failure(
    server: str, record: Record, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(table={"epoch": [1], "loss": [0.5]})
    (project / "svm_metrics.csv").unlink()
    assert inspect_metrics_artifacts.main([]) == 1
    assert "logged no metric while it ran, and the metrics file" in capsys.readouterr().err


def test_a_file_outside_the_allowed_folders_is_a_failure_that_names_the_setting(
    server: str, record: Record, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "metrics.csv"
    record(table={"epoch": [1], "loss": [0.5]}, file_name=str(outside))
    assert inspect_metrics_artifacts.main(["--source", "csv"]) == 1
    assert "ARTIFACT_ROOTS" in capsys.readouterr().err


def test_only_the_metrics_asked_for_are_shown(server: str, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record(table={"epoch": [1, 2], "train_loss": [0.5, 0.25], "accuracy": [0.5, 0.75]})
    assert inspect_metrics_artifacts.main(["--metric", "accuracy"]) == 0
    shown = capsys.readouterr().out
    assert "o accuracy" in shown
    assert "train_loss" not in shown
    assert inspect_metrics_artifacts.main(["--metric", "acuracy"]) == 1
    assert "there are train_loss, accuracy" in capsys.readouterr().err


def test_the_table_of_values_holds_its_limit_and_the_figures_count_every_point(
    server: str, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    record(table={"epoch": list(range(500)), "loss": [float(at % 50) for at in range(500)]})
    assert inspect_metrics_artifacts.main(["--max_points", "4"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["loss", "500", "0", "49", "0", "(step", "0)", "49", "(step", "49)"] in rows
    assert [row[0] for row in rows if len(row) == 2 and row[0].isdecimal()] == ["0", "166", "333", "499"]


@pytest.mark.parametrize(
    ("run_id", "message"), [("nobody", "nobody"), ("", "run id is empty"), ("../version", "Unknown run")]
)
def test_a_run_that_is_not_there_is_explained(
    server: str, record: Record, capsys: pytest.CaptureFixture[str], run_id: str, message: str
) -> None:
    record()
    assert inspect_metrics_artifacts.main([run_id]) == 1
    assert message in capsys.readouterr().err


def test_a_store_without_runs_says_how_to_get_one(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect_metrics_artifacts.main([]) == 1
    assert "examples/train_model/run.py" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--max_points", "3"], ["--max_points", "x"], ["--source", "guess"]])
def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        inspect_metrics_artifacts.main(options)
    assert caught.value.code == 2
    assert options[1] in capsys.readouterr().err


@pytest.mark.parametrize("how", [[str(SCRIPT)], ["-m", "scripts.inspect_metrics_artifacts"]])
def test_it_starts_by_path_from_any_folder_and_as_a_module(
    how: list[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    folder = project if how[0] != "-m" else SCRIPT.parent.parent
    done = subprocess.run([sys.executable, *how], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "make serve" in done.stderr
