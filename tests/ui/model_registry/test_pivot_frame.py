from backend.registry_models import Order
from backend.registry_views import Pivot, PivotColumn, PivotRow
from ui.model_registry.pivot_frame import frame, labels, sort_of, styled


def column(family: str, name: str, *, order: Order = "desc", best: float | None, worst: float | None) -> PivotColumn:
    return PivotColumn(family=family, metric_name=name, order=order, best=best, worst=worst)


def row(number: int, values: list[float | None], *, step: int | None = None) -> PivotRow:
    return PivotRow(
        kind="model" if step is None else "checkpoint", model_id=number, model_name=f"model {number}", run_name="run",
        checkpoint_id=step, step=step, path=None, source_run_id=None, parent_id=None, values=values,
    )  # fmt: skip


ACC = column("mmlu", "acc", best=0.8, worst=0.4)
LOSS = column("wiki", "loss", order="asc", best=1.0, worst=2.0)
PIVOT = Pivot(
    families=["mmlu", "wiki"], columns=[ACC, LOSS], total_models=3,
    rows=[row(1, [0.4, 1.0]), row(2, [0.8, None]), row(2, [0.8, 1.5], step=1000), row(3, [None, 2.0])],
)  # fmt: skip


def test_missing_values_are_missing_and_checkpoints_go_by_step() -> None:
    table = frame(PIVOT)
    assert table["model"].tolist() == ["model 1", "model 2", "↳ step 1,000", "model 3"]
    assert table["metric-0"].isna().tolist() == [False, False, False, True]
    assert list(table) == ["model", "run", "metric-0", "metric-1"]


def test_the_best_of_a_column_is_bold_on_green_and_the_worst_on_red_whichever_way_is_better() -> None:
    html = styled(PIVOT).to_html(table_uuid="t")
    green, red = (rule for rule in html.split("}") if "background-color" in rule)
    if "font-weight" not in green:
        green, red = red, green
    assert "22, 163, 74" in green
    assert "font-weight: 700" in green
    assert "220, 38, 38" in red
    assert all(f"#T_t_{cell}" in green for cell in ("row1_col2", "row2_col2", "row0_col3"))
    assert all(f"#T_t_{cell}" in red for cell in ("row0_col2", "row3_col3"))
    assert "row2_col3" not in green + red


def test_a_column_without_a_difference_has_no_colours() -> None:
    even = PIVOT.model_copy(update={"columns": [column("mmlu", "acc", best=None, worst=None), LOSS.model_copy(
        update={"best": None, "worst": None})]})  # fmt: skip
    assert "background-color" not in styled(even).to_html()


def test_headings_name_the_family_where_there_are_several_and_show_the_order() -> None:
    assert labels([ACC], sort="model", order="desc") == {"model": "model ↓", "run": "run", "metric-0": "acc"}
    found = labels([ACC, LOSS], sort="metric:wiki/loss", order=None)
    assert (found["metric-0"], found["metric-1"]) == ("mmlu · acc", "wiki · loss ↑")


def test_headings_that_are_cut_alike_stay_apart() -> None:
    long = [column("x", "y" * 50 + end, best=None, worst=None) for end in "abc"]
    assert len(set(labels(long, sort="model", order=None).values())) == 5
    model = [column("x", "model", best=None, worst=None)]
    assert len(set(labels(model, sort="run", order=None).values())) == 3


def test_a_column_is_sorted_by_as_the_server_names_it() -> None:
    assert sort_of("metric-1", [ACC, LOSS]) == ("metric:wiki/loss", "asc")
    assert sort_of("model", [ACC]) == ("model", "asc")
    assert sort_of("path", [ACC]) is None
