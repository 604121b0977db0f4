import json
from datetime import UTC, datetime

import pandas as pd

from backend.models import RunDetail
from tests.ui.test_reproduce import run
from ui.curves import COLUMNS, empty_curves
from ui.run_facts import (
    device_table,
    elapsed_text,
    flat_params,
    last_line,
    latest_table,
    metrics_table,
    packages_table,
    params_table,
)


def curves(*rows: tuple[str, int, float]) -> pd.DataFrame:
    points = [("a", series, step, 0.0, value) for series, step, value in rows]
    frame = pd.DataFrame(points, columns=list(COLUMNS[:-1]))
    return frame.assign(smoothed=frame["value"])


def test_the_best_value_goes_by_the_name_and_passes_over_what_is_not_finite() -> None:
    known = run(final_metrics={"val_loss": 0.4, "acc": 0.5, "words": "NaN"})
    table = metrics_table(known, curves(
        ("val_loss", 0, float("-inf")), ("val_loss", 1000, 0.2), ("acc", 0, 0.9), ("other", 1, 1.0),
    ))  # fmt: skip
    assert table.to_numpy().tolist() == [
        ["val_loss", "0.4", "0.2", "1,000"], ["acc", "0.5", "0.9", "0"], ["words", "NaN", "–", "–"],
    ]  # fmt: skip
    assert list(metrics_table(known, empty_curves()).columns) == ["metric", "final"]


def test_the_latest_values_are_the_last_of_each_series() -> None:
    table = latest_table(curves(("loss", 0, 0.5), ("loss", 7, 0.25), ("acc", 3, 0.9)))
    assert table.to_numpy().tolist() == [["loss", "0.25", "7"], ["acc", "0.9", "3"]]
    assert latest_table(empty_curves()).empty


def test_parameters_inside_objects_go_by_their_path() -> None:
    assert dict(flat_params({"a": {"b": {"c": 1}}, "d": {}})) == {"a.b.c": 1, "d": {}}
    table = params_table({"text": "x" * 3000, "none": None, "list": [1, "é"]})
    assert table["value"].tolist() == ["x" * 2000 + "…", "null", '[1, "é"]']


def test_the_machine_is_shown_whoever_described_it() -> None:
    gpu = {"name": "H100", "memory_bytes": 80_000_000_000, "driver": "1"}
    table = device_table(json.dumps({"host": "vm", "ram_bytes": 2_000_000_000, "gpus": [gpu], "cpu_model": None}))
    assert table.to_numpy().tolist() == [["host", "vm"], ["memory", "2 GB"], ["GPU 0", "H100, 80 GB, driver 1"]]
    assert device_table('{"gpus": []}').to_numpy().tolist() == [["GPU", "none"]]
    assert device_table("a laptop").to_numpy().tolist() == [["device", "a laptop"]]
    assert device_table(None).empty


def test_packages_of_any_form_are_listed() -> None:
    freeze = "numpy==2.4.6\nmine @ file:///x\n# comment\n-e ./here\n\n"
    assert packages_table(freeze).fillna("").to_numpy().tolist() == [
        ["numpy", "2.4.6"], ["mine", "file:///x"], ["-e ./here", ""],
    ]  # fmt: skip
    assert packages_table(None).empty


def test_a_running_run_has_been_running_since_it_started() -> None:
    known: RunDetail = run(status="running", started_at="2026-01-01T00:00:00Z")
    assert elapsed_text(known, now=datetime(2026, 1, 1, 0, 1, 5, tzinfo=UTC)) == "1 min 5 s"
    assert elapsed_text(run(duration_s=2.0), now=datetime(2026, 1, 1, tzinfo=UTC)) == "2 s"


def test_the_last_line_of_a_traceback_says_what_went_wrong() -> None:
    assert last_line("Traceback\n  x\nValueError: no\n\n") == "ValueError: no"
    assert last_line("\n") == ""
