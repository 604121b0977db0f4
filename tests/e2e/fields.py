"""Fields of the dashboard in the browser.

Owns how one is filled in.
"""

import re

from playwright.sync_api import Page, expect


def choose(page: Page, field: str, option: str) -> None:
    """Chooses the only option with these words in it of a field that offers several, once it is offered."""
    box = page.get_by_role("combobox", name=field)
    box.fill(option)
    expect(page.get_by_role("option")).to_have_text([re.compile(re.escape(option))])
    box.press("Enter")
