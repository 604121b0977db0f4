from pathlib import Path

import pandas as pd
import pytest

from backend.models import MetricSeries
from lab_logger import start_run
from tools.client import LabClient
from tools.errors import NotFoundError
from ui.curves import COLUMNS, curve_frame, empty_curves, load_curves, panels, run_curves, smoothed


def frame(values: list[float], *, run: str = "a", series: str = "loss") -> pd.DataFrame:
    steps = list(range(len(values)))
    return pd.DataFrame({"run": run, "series": series, "step": steps, "time": 0.0, "value": values})


def record(**metrics: list[float]) -> str:
    with start_run() as run:
        for name, values in metrics.items():
            for step, value in enumerate(values):
                run.log_metrics({name: value}, step=step)
    return run.run_id


def test_curves_of_runs_are_one_table_in_the_order_asked(server: str) -> None:
    first, second = record(loss=[3, 2], accuracy=[0.5]), record(loss=[4])
    with LabClient(server) as client:
        table = load_curves(client, [second, first], ["loss"], 100)
    assert tuple(table.columns) == COLUMNS
    assert table[["run", "step", "value"]].to_numpy().tolist() == [[second, 0, 4.0], [first, 0, 3.0], [first, 1, 2.0]]


def test_a_run_without_one_of_the_series_keeps_the_others(server: str) -> None:
    run_id = record(loss=[1], accuracy=[0.5])
    with LabClient(server) as client:
        assert load_curves(client, [run_id], ["accuracy", "nothing"], 100)["series"].tolist() == ["accuracy"]
        assert load_curves(client, [run_id], ["nothing"], 100).empty
        assert load_curves(client, [], [], 100).empty


def test_an_unknown_run_raises(server: str) -> None:
    with LabClient(server) as client, pytest.raises(NotFoundError):
        load_curves(client, ["nope"], ["loss"], 100)


def test_a_series_is_thinned_out_and_keeps_its_extremes(server: str) -> None:
    run_id = record(loss=[float(value) for value in range(200)])
    with LabClient(server) as client:
        values = load_curves(client, [run_id], [], 10)["value"]
    assert len(values) <= 10
    assert (values.min(), values.max()) == (0, 199)


def test_without_live_points_the_metrics_file_stands_in(server: str, isolated: Path) -> None:
    (isolated / "predictions.csv").write_text("id,truth\n1,2\n")
    (isolated / "my_metrics.csv").write_text("epoch,loss,acc\n2,0.25,1\n1,0.5,0\n")
    with start_run() as run:
        run.log_artifact(isolated / "predictions.csv")
        run.log_artifact(isolated / "my_metrics.csv")
    with LabClient(server) as client:
        curves = run_curves(client, run.run_id, ["loss"], 100)
    assert (curves.source, curves.file_name) == ("file", "my_metrics.csv")
    assert curves.frame[["series", "step", "value"]].to_numpy().tolist() == [["loss", 1, 0.5], ["loss", 2, 0.25]]
    assert curves.frame["time"].isna().all()


def test_a_run_without_points_and_file_has_no_curves(server: str) -> None:
    run_id = record()
    with LabClient(server) as client:
        assert run_curves(client, run_id, [], 100).source == "none"


def test_time_counts_from_the_first_point_and_words_become_numbers() -> None:
    moments = ["2026-01-01T00:00:01Z", None, "2026-01-01T00:00:03.500000Z"]
    series = MetricSeries(steps=[0, 1, 2], timestamps=moments, values=[1.0, "NaN", "Infinity"])
    table = curve_frame("a", {"loss": series})
    assert table["time"].fillna(-1).tolist() == [0, -1, 2.5]
    assert table["value"].fillna(-1).tolist() == [1, -1, float("inf")]


def test_smoothing_is_the_debiased_moving_average() -> None:
    expected, last, weight = [], 0.0, 0.9
    for at, value in enumerate([1.0, 5.0, 2.0, 8.0], start=1):
        last = weight * last + (1 - weight) * value
        expected.append(last / (1 - weight**at))
    assert smoothed(frame([1.0, 5.0, 2.0, 8.0]), weight).tolist() == pytest.approx(expected)


def test_smoothing_passes_over_what_is_not_finite_and_keeps_lines_apart() -> None:
    both = pd.concat([frame([1.0, float("inf"), 3.0]), frame([100.0], run="b")], ignore_index=True)
    result = smoothed(both, 0.5)
    assert result.isna().tolist() == [False, True, False, False]
    assert result.dropna().tolist() == pytest.approx([1, (0.5 * 1 + 3) / 1.5, 100])


def test_no_smoothing_gives_the_values_and_a_weight_of_one_is_refused() -> None:
    assert smoothed(frame([1.0, 2.0]), 0).tolist() == [1, 2]
    assert smoothed(empty_curves(), 0.5).empty
    with pytest.raises(ValueError, match="from 0 to below 1"):
        smoothed(frame([1.0]), 1)


def test_series_of_the_same_measure_share_a_panel() -> None:
    names = ["train_loss", "lr", "val_loss", "test/acc", "training.f1", "val"]
    assert panels(names) == {
        "loss": ["train_loss", "val_loss"], "lr": ["lr"], "test/acc": ["test/acc"], "training.f1": ["training.f1"],
        "val": ["val"],
    }  # fmt: skip
