import re
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.stores import HOSTILE_FILE, HOSTILE_NAME, Lab

_BEGINNING = "<img src=x onerror=alert(1)> **b**"
_QUOTED = quote_plus(HOSTILE_NAME)


def shows(page: Page, text: str = _BEGINNING) -> None:
    """Waits until a text stands on the page, letter by letter; the cells of tables stand beside their canvas."""
    expect(page.get_by_role("main")).to_contain_text(text)


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/runs?q=onerror",
        f"/runs?tag={_QUOTED}&dataset={_QUOTED}&sort=metric%3A{_QUOTED}",
        "/runs?q=onerror&selected={lab.hostile}",
        "/run?id={lab.hostile}",
        "/compare?ids={lab.best}&ids={lab.hostile}",
        f"/leaderboard?metric={_QUOTED}&dataset={_QUOTED}",
        "/assistant?ask=Tell+me+about+run+{lab.hostile}",
        f"/assistant?ask={_QUOTED}",
    ],
)
def test_markup_is_shown_as_text_and_again_after_a_reload(address: str, visit: Visit, lab: Lab) -> None:
    page = visit.open(address.format(lab=lab))
    shows(page)
    visit.check()
    visit.reload()
    shows(page)


@pytest.mark.parametrize("tab", ["Curves", "Parallel+coordinates", "Scatter", "Groups"])
def test_a_plot_of_runs_with_markup_is_drawn(tab: str, visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/compare?ids={lab.best}&ids={lab.hostile}&tab={tab}")
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()


def test_a_long_note_is_edited_and_kept(visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/run?id={lab.hostile}")
    note = page.get_by_role("textbox", name="Note")
    expect(note).to_have_value(re.compile("^# <img src=x.*<script>alert", re.DOTALL))
    assert len(note.input_value()) > 99_000
    page.get_by_role("button", name="BEST").click()
    expect(note).to_have_value(re.compile("^BEST: # <img src=x"))
    visit.settle()
    visit.reload()
    expect(note).to_have_value(re.compile("^BEST: # <img src=x"))


def test_a_file_whose_name_is_markup_is_previewed_and_downloaded(visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/run?id={lab.hostile}")
    page.get_by_role("tab", name="Artifacts").click()
    expect(page.get_by_text("<script>alert(3)</script>")).to_be_visible()
    shows(page, HOSTILE_FILE[:12])
    visit.settle()
    with page.expect_download() as started:
        page.get_by_role("button", name=re.compile("^Download <b>x")).click()
    assert started.value.path().read_text() == "<script>alert(3)</script>\n"
    visit.reload()
    expect(page.get_by_text("<script>alert(3)</script>")).to_be_visible()


@pytest.mark.parametrize("tab", ["Environment", "Code", "Reproduce"])
def test_every_tab_of_the_run_stands(tab: str, visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/run?id={lab.hostile}&tab={tab}")
    expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")


def test_an_error_full_of_markup_is_shown_as_text(visit: Visit, lab: Lab) -> None:
    visit.expected = (_BEGINNING,)
    page = visit.open(f"/run?id={lab.hostile_failed}")
    shows(page, f"RuntimeError: {_BEGINNING}")
    page = visit.open("/")
    shows(page, _BEGINNING)
