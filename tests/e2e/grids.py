"""Tables in the browser: Streamlit draws them on a canvas, with their cells beside it for screen readers.

Owns where a row or a heading can be clicked, and that they are drawn before.
"""

from typing import Final

from playwright.sync_api import Locator, Page, expect

_CHECKBOX_X: Final = 16


def grid(page: Page) -> Locator:
    """Gives the table of a page that has one; while it is exchanged there are two, of which the new one comes first."""
    return page.get_by_test_id("stDataFrame").first


def cell(table: Locator, *, row: int, column: int) -> Locator:
    """Gives a cell by its place, both counted from 0; a column of checkboxes is the first."""
    return table.get_by_test_id(f"glide-cell-{column}-{row}")


def mark(table: Locator, *, row: int, row_height: int = 35) -> None:
    """Clicks the checkbox of a row, counted from 0; over the canvas lies what scrolls it, which takes the click."""
    expect(cell(table, row=row, column=1)).to_have_count(1)
    y = row_height * (row + 1) + row_height / 2
    table.get_by_test_id("data-grid-canvas").click(position={"x": _CHECKBOX_X, "y": y}, force=True)


def click_heading(table: Locator, *, x: int, row_height: int = 35) -> None:
    """Clicks the heading of a column, so many pixels from the left."""
    expect(cell(table, row=0, column=1)).to_have_count(1)
    table.get_by_test_id("data-grid-canvas").click(position={"x": x, "y": row_height // 2}, force=True)
