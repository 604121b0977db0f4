"""Tables in the browser: Streamlit draws them on a canvas, with their cells beside it for screen readers.

Owns where a row can be clicked.
"""

from typing import Final

from playwright.sync_api import Locator

_CHECKBOX_X: Final = 16


def cell(table: Locator, *, row: int, column: int) -> Locator:
    """Gives a cell by its place, both counted from 0; a column of checkboxes is the first."""
    return table.get_by_test_id(f"glide-cell-{column}-{row}")


def mark(table: Locator, *, row: int, row_height: int = 35) -> None:
    """Clicks the checkbox of a row, counted from 0; over the canvas lies what scrolls it, which takes the click."""
    y = row_height * (row + 1) + row_height / 2
    table.get_by_test_id("data-grid-canvas").click(position={"x": _CHECKBOX_X, "y": y}, force=True)
