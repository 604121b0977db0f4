import math
import re

import pytest

from scripts.curves import Curve
from scripts.plots import draw


def _dots(drawing: str) -> list[str]:
    return [line.partition("| ")[2] for line in re.sub(r"\x1b\[[0-9;]*m", "", drawing).splitlines() if "| " in line]


def test_a_curve_is_drawn_from_edge_to_edge_with_its_letter() -> None:
    drawing = draw([Curve("loss", [1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0])], width=60)
    assert drawing is not None
    assert drawing.startswith("o loss\n")
    rows = [row for row in _dots(drawing) if row.strip("\u2800 ")]
    assert rows[0].startswith("o")
    assert rows[-2].rstrip().endswith("o")


def test_the_highest_value_is_inside_the_plot() -> None:
    drawing = draw([Curve("accuracy", [1, 2, 3, 4, 5, 6], [0.5, 1, 1, 1, 1, 1])], width=60)
    assert drawing is not None
    assert _dots(drawing)[0].count("o") == 5


def test_curves_drawn_together_have_a_legend_and_letters_of_their_own() -> None:
    drawing = draw([Curve("train_loss", [1, 2], [1, 2]), Curve("val_loss", [1, 2], [2, 1])], width=60)
    assert drawing is not None
    assert drawing.startswith("o train_loss   x val_loss\n")
    assert all(letter in "".join(_dots(drawing)) for letter in "ox")


def test_what_is_not_finite_is_left_out() -> None:
    assert draw([Curve("loss", [1, 2], [math.nan, math.inf])], width=60) is None
    drawing = draw([Curve("loss", [1, 2, 3], [1.0, math.nan, 2.0]), Curve("gone", [1], [math.nan])], width=60)
    assert drawing is not None
    assert "gone" not in drawing


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 1e-300, 1e300])
def test_a_single_value_stands_in_the_middle(value: float) -> None:
    drawing = draw([Curve("loss", [7], [value])], width=60)
    assert drawing is not None
    rows = [at for at, row in enumerate(_dots(drawing)) if "o" in row]
    assert 4 <= rows[0] <= 7


@pytest.mark.parametrize("width", [1, 40, 80, 300])
def test_a_line_is_no_wider_than_the_terminal(width: int) -> None:
    drawing = draw([Curve("loss", list(range(1000)), [math.sin(at / 50) for at in range(1000)])], width=width)
    assert drawing is not None
    plain = re.sub(r"\x1b\[[0-9;]*m", "", drawing)
    assert max(map(len, plain.splitlines())) <= max(width, 50)
