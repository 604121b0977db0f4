from pathlib import Path

import pytest

from backend.models import MetricSeries
from tests.local_store import start_run
from tools.client import LabClient
from tools.errors import NotFoundError
from ui.curves import COLUMNS, curve_frame, load_curves, panels, run_curves


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
    table = curve_frame({"a": {"loss": series}})
    assert table["time"].fillna(-1).tolist() == [0, -1, 2.5]
    assert table["value"].fillna(-1).tolist() == [1, -1, float("inf")]


def test_live_curves_and_those_of_a_file_are_smoothed_over_all_points_alike(server: str, isolated: Path) -> None:
    values = [float((at * 7919) % 1000) for at in range(400)]
    values[50] = float("inf")
    expected, last, number = {}, 0.0, 0
    for step, value in enumerate(values):
        if value != float("inf"):
            last, number = 0.9 * last + 0.1 * value, number + 1
            expected[step] = last / (1 - 0.9**number)
    (isolated / "metrics.csv").write_text("step,loss\n" + "\n".join(f"{at},{one}" for at, one in enumerate(values)))
    with start_run() as filed:
        filed.log_artifact(isolated / "metrics.csv")
    live = record(loss=values)
    with LabClient(server) as client:
        table = load_curves(client, [live, filed.run_id], ["loss"], 40, smoothing=0.9)
    for run_id in (live, filed.run_id):
        curve = table[table["run"] == run_id].set_index("step")["smoothed"]
        assert 10 < len(curve) <= 40
        assert curve.dropna().to_dict() == pytest.approx({step: expected[step] for step in curve.dropna().index})


def test_without_smoothing_the_finite_values_stand(server: str) -> None:
    run_id = record(loss=[1, float("inf"), float("nan"), 2])
    with LabClient(server) as client:
        assert run_curves(client, run_id, [], 100).frame["smoothed"].fillna(-1).tolist() == [1, -1, -1, 2]


def test_series_of_the_same_measure_share_a_panel() -> None:
    names = ["train_loss", "lr", "val_loss", "test/acc", "training.f1", "val"]
    assert panels(names) == {
        "loss": ["train_loss", "val_loss"], "lr": ["lr"], "test/acc": ["test/acc"], "training.f1": ["training.f1"],
        "val": ["val"],
    }  # fmt: skip
