from typing import Any

from backend.models import Facets, MetricFacet, NamedCount, ParamFacet, RunSummary
from ui.run_columns import default_columns, is_number_column, label, run_address, sheet, shown_frame, sort_of


def run(**fields: Any) -> RunSummary:
    empty = dict.fromkeys(("timestamp", "git_hash", "command", "dataset_id", "wandb_url", "note", "duration_s"))
    known = {"run_id": "r1", "status": "finished", "final_metrics": {}, "params": {}, "tags": []}
    return RunSummary(**{**known, **empty, **fields})


def param(name: str, *values: str, runs: int = 9) -> ParamFacet:
    counts = [NamedCount(name=value, runs=1) for value in values]
    return ParamFacet(name=name, runs=runs, values=counts, has_more_values=False, min=None, max=None)


def test_the_most_used_metrics_and_the_params_that_vary_are_shown() -> None:
    metrics = [MetricFacet(name=name, runs=runs, min=0, max=1) for name, runs in
               (("acc", 5), ("rare", 1), ("train_acc", 9), ("val_acc", 9), ("z", 8))]  # fmt: skip
    params = [param("fixed", "1"), param("lr", "0.1", "0.2"), param("model", "a", "b", runs=10)]
    facets = Facets(total=9, statuses=[], datasets=[], metrics=metrics, params=params, tags=[])
    assert default_columns(facets) == [
        "started", "dataset", "metric:val_acc", "metric:train_acc", "metric:z", "metric:acc", "param:model",
        "param:lr", "note",
    ]  # fmt: skip


def test_a_heading_says_which_way_it_is_sorted_and_stays_short() -> None:
    assert label("metric:acc", among=["metric:acc"]) == "acc"
    assert label("metric:acc", among=["metric:acc"], sort="metric:acc", order="asc") == "acc ↑"
    assert label("metric:lr", among=["metric:lr", "param:lr"]) == "metric:lr"
    assert label("started", among=[], sort="timestamp", order="desc") == "started ↓"
    assert len(label(f"param:{'x' * 500}", among=[])) == 40


def test_columns_name_the_order_of_the_server() -> None:
    names = ["metric:a", "param:b", "dataset", "duration", "tags", "git hash", "run"]
    assert [sort_of(name) for name in names] == ["metric:a", "param:b", "dataset_id", "duration", None, None, None]


def test_cells_are_short_text_and_files_hold_everything() -> None:
    one = run(note="x" * 100_000, params={"a": {"b": 0.123456}}, final_metrics={"loss": "NaN", "n": 12345})
    columns = ["note", "param:a.b", "metric:loss", "metric:n", "metric:none"]
    row = shown_frame([one], columns).iloc[0]
    assert len(row["note"]) == 200
    assert list(row[columns[1:]]) == ["0.1235", "NaN", "12345", "–"]
    assert row["status"] == ["finished"]
    table = sheet([one], columns)
    assert table.columns == ["run_id", "status", *columns]
    assert table.rows == [["r1", "finished", "x" * 100_000, 0.123456, "NaN", 12345, None]]


def test_durations_and_tags_are_shown_to_be_read_and_filed_as_they_are() -> None:
    done, running = run(duration_s=3725.5, tags=["baseline", "x" * 500]), run(status="running")
    shown = shown_frame([done, running], ["duration", "tags"])
    assert shown["duration"].tolist() == ["1 h 2 min", ""]
    assert [[len(tag) for tag in tags] for tags in shown["tags"]] == [[8, 200], []]
    assert is_number_column([done], "duration")
    rows = [row[2:] for row in sheet([done, running], ["duration", "tags"]).rows]
    assert rows == [[3725.5, ["baseline", "x" * 500]], [None, []]]


def test_an_address_holds_any_id() -> None:
    assert run_address("a/b?c #1") == "run?id=a%2Fb%3Fc%20%231"


def test_params_of_numbers_alone_are_number_columns() -> None:
    runs = [run(params={"lr": 0.1, "model": "svm", "flag": True}), run(params={"lr": 1})]
    assert [is_number_column(runs, name) for name in ("param:lr", "param:model", "param:flag", "note")] == [
        True, False, False, False,
    ]  # fmt: skip


def test_where_files_are_gives_way_to_params_that_explain() -> None:
    params = [param("output_dir", "a", "b"), *(param(name, "a", "b", runs=3) for name in ("depth", "lr", "model", "w"))]
    facets = Facets(total=9, statuses=[], datasets=[], metrics=[], params=params, tags=[])
    shown = [name for name in default_columns(facets) if name.startswith("param:")]
    assert shown == ["param:depth", "param:lr", "param:model", "param:w"]
