from datetime import date

import pandas as pd

from backend.models import DayActivity, RunDetail
from tests.ui.test_run_columns import run
from ui.overview import (
    FAILED,
    OTHER,
    activity_frame,
    best_frame,
    best_labels,
    failure_reason,
    recent_frame,
    since_first_run,
)


def detail(**fields: object) -> RunDetail:
    names = set(RunDetail.model_fields) - {"artifacts", "tags"}
    return RunDetail.model_validate(
        {**dict.fromkeys(names), **run().model_dump(), "artifacts": [], "tags": [], **fields}
    )


def test_the_best_value_is_shown_and_leads_to_its_run() -> None:
    best = {("iris", "acc"): run(run_id="abc", final_metrics={"acc": 0.91234})}
    frame = best_frame(best, datasets=["iris", "wine"], metrics=["acc"])
    assert frame["metric:acc"].tolist()[0] == "run?id=abc#0.9123"
    assert frame["metric:acc"].isna().tolist() == [False, True]


def test_headings_say_which_way_is_better() -> None:
    assert best_labels(["acc", "val_loss"]) == {"metric:acc": "acc ↑", "metric:val_loss": "val_loss ↓"}


def test_a_metric_may_be_called_as_a_column() -> None:
    frame = recent_frame([run(final_metrics={"note": 1.0}, note="mine")], metrics=["note"], started=["just now"])
    assert frame[["metric:note", "note"]].iloc[0].tolist() == ["1", "mine"]


def test_the_last_line_of_a_traceback_is_the_reason() -> None:
    assert failure_reason(detail(error="Traceback\n  File\nValueError: <b>no</b>\n\n")) == "ValueError: <b>no</b>"
    assert failure_reason(detail(status="killed")) == "its process ended without a word"
    assert failure_reason(detail(status="failed")) == "no error was recorded"


def test_activity_tells_failed_runs_from_the_others_and_shows_days_without_runs() -> None:
    busy = DayActivity(day="2026-01-02", running=1, finished=2, failed=1, killed=1)
    frame = activity_frame([busy], first=date(2026, 1, 1), last=date(2026, 1, 2))
    assert frame.to_dict("records") == [
        {"day": "2026-01-01", "kind": OTHER, "runs": 0},
        {"day": "2026-01-01", "kind": FAILED, "runs": 0},
        {"day": "2026-01-02", "kind": OTHER, "runs": 3},
        {"day": "2026-01-02", "kind": FAILED, "runs": 2},
    ]


def test_activity_begins_with_the_first_run_but_shows_some_days_in_any_case() -> None:
    days = [f"2026-01-{number:02}" for number in range(1, 11)]
    counts = [0, 0, 0, 4, 0, 0, 0, 0, 1, 0]
    activity = pd.DataFrame({"day": days, "kind": OTHER, "runs": counts})
    assert list(since_first_run(activity, days=3)["day"]) == days[3:]
    assert list(since_first_run(activity, days=9)["day"]) == days[1:]
