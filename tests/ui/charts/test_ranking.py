import pandas as pd
import pytest

from ui.charts.ranking import Shape, ranking_chart

FRAME = pd.DataFrame(
    {"rank": [1, 2], "run_id": ["a", "b"], "run": ["a", "b"], "value": [0.9, 0.8], "dataset": ["iris", None],
     "param:model": ["svm", "tree"]}
)  # fmt: skip


@pytest.mark.parametrize(("shape", "mark", "has_zero"), [("dots", "circle", False), ("bars", "bar", True)])
def test_bars_start_at_zero_and_dots_do_not(shape: Shape, mark: str, has_zero: bool) -> None:
    chart = ranking_chart(FRAME, shape=shape, color=None).to_dict()
    assert chart["mark"]["type"] == mark
    assert chart["encoding"]["x"]["scale"]["zero"] is has_zero
    assert chart["encoding"]["color"]["legend"] is None


@pytest.mark.parametrize(("color", "groups"), [("dataset", ["iris", "–"]), ("param:model", ["svm", "tree"])])
def test_a_plot_is_coloured_by_a_column(color: str, groups: list[str]) -> None:
    chart = ranking_chart(FRAME, shape="dots", color=color).to_dict()
    (rows,) = chart["datasets"].values()
    assert [row["group"] for row in rows] == groups
    assert chart["encoding"]["color"]["legend"]["title"] == color.removeprefix("param:")
