import subprocess
import sys
from pathlib import Path

import pytest

from scripts import check_latest_runs
from tests.live_server import unused_address
from tests.scripts.conftest import Record

SCRIPT = Path(check_latest_runs.__file__)


def test_the_newest_runs_are_shown_with_what_they_measured_and_left(
    server: str, record: Record, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = record(live={"accuracy": [0.91234]}, model_name="linear_svm", lr=0.1)
    second = record(live={"accuracy": [0.5]}, table={"epoch": [1.0]}, model_name="perceptron")
    (project / "svm_metrics.csv").unlink()
    assert check_latest_runs.main([]) == 0
    shown = capsys.readouterr().out
    assert f"The latest 2 of 2 runs at {server}" in shown
    lines = [line for line in shown.splitlines() if first[:8] in line or second[:8] in line]
    assert [line.split()[0] for line in lines] == [second[:8], first[:8]]
    assert all(part in lines[1] for part in ("finished", "wine", "linear_svm", "lr=0.1", "accuracy=0.9123"))
    assert "1 gone" in lines[0]


def test_a_limit_holds(server: str, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [record() for _ in range(3)]
    assert check_latest_runs.main(["--limit", "1"]) == 0
    shown = capsys.readouterr().out
    assert "latest 1 of 3" in shown
    assert [run_id[:8] in shown for run_id in ids] == [False, False, True]


@pytest.mark.parametrize(("order", "expected"), [("desc", [1, 2, 0]), ("asc", [0, 2, 1])])
def test_a_metric_ranks(
    server: str, record: Record, capsys: pytest.CaptureFixture[str], order: str, expected: list[int]
) -> None:
    ids = [record(live={"loss": [loss]}) for loss in (0.25, 0.75, 0.5)]
    assert check_latest_runs.main(["--metric", "loss", "--order", order]) == 0
    shown = capsys.readouterr().out
    places = sorted(range(3), key=lambda at: shown.index(ids[at][:8]))
    assert places == expected
    assert "by loss" in shown


def test_a_narrow_terminal_gets_fewer_columns_and_the_same_facts(
    server: str, record: Record, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = record(live={"loss": [0.5]}, model_name="linear_svm")
    monkeypatch.setattr(check_latest_runs, "_WIDE_CHARS", 1_000)
    assert check_latest_runs.main([]) == 0
    shown = capsys.readouterr().out
    assert all(fact in shown for fact in (run_id[:8], "finished", "wine", "linear_svm", "loss=0.5"))
    assert max(map(len, shown.splitlines())) < 100


def test_what_a_run_holds_cannot_steer_the_terminal(
    server: str, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    record(note="\x1b[2J[bold]", lines="a\nb")
    assert check_latest_runs.main([]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[bold]" in shown
    assert "lines=a b" in shown


def test_an_unknown_metric_is_explained(server: str, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record(live={"accuracy": [1.0]})
    assert check_latest_runs.main(["--metric", "acuracy"]) == 1
    assert "'accuracy'" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--metric", "accuracy"]])
def test_a_store_without_runs_says_how_to_get_one(
    server: str, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert check_latest_runs.main(options) == 1
    assert "examples/train_model/run.py" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--limit", "0"], ["--limit", "501"], ["--limit", "x"], ["--order", "up"]])
def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        check_latest_runs.main(options)
    assert caught.value.code == 2
    assert options[1] in capsys.readouterr().err


@pytest.mark.parametrize("how", [[str(SCRIPT)], ["-m", "scripts.check_latest_runs"]])
def test_it_starts_by_path_from_any_folder_and_as_a_module(
    how: list[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = unused_address()
    monkeypatch.setenv("LAB_SERVER_URL", address)
    folder = project if how[0] != "-m" else SCRIPT.parent.parent
    done = subprocess.run([sys.executable, *how], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"no ai-lab server answers at {address}")
    assert "make serve" in done.stderr
    assert len(done.stderr.splitlines()) == 1
