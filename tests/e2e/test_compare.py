import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.grids import mark
from tests.e2e.stores import Lab


def test_only_differences_are_shown_on_demand(visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/compare?ids={lab.best}&ids={lab.second}")
    table = page.get_by_test_id("stDataFrame").first
    expect(table).to_contain_text("n_epochs")
    page.get_by_text("Only differences", exact=True).click()
    expect(table).not_to_contain_text("n_epochs")
    expect(table).to_contain_text("learning_rate")
    expect(page).to_have_url(re.compile("diff=true"))
    visit.reload()
    expect(table).to_contain_text("learning_rate")
    expect(table).not_to_contain_text("n_epochs")


@pytest.mark.parametrize("tab", ["Curves", "Parallel coordinates", "Scatter", "Groups"])
def test_a_tab_draws_the_runs_and_stays_open(tab: str, visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/compare?ids={lab.best}&ids={lab.second}&ids={lab.failed}")
    page.get_by_role("tab", name=tab).click()
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    visit.reload()
    expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()


def test_runs_are_found_and_added(visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/compare?ids={lab.best}")
    page.get_by_role("button", name="Find runs").click()
    found = page.get_by_test_id("stPopoverBody").get_by_test_id("stDataFrame").last
    expect(found).to_contain_text("finished")
    visit.settle()  # what is typed while the page is still being drawn may be lost
    words = page.get_by_role("textbox", name="Containing")
    words.fill("perceptron")
    words.press("Enter")
    expect(found).to_contain_text("perceptron")
    expect(found).not_to_contain_text("logistic_regression")
    visit.settle()
    mark(found, row=0)
    page.get_by_role("button", name="Add 1 run").click()
    expect(page).to_have_url(re.compile(r"ids=.*ids="))
    assert parse_qs(urlsplit(page.url).query)["ids"][0] == lab.best
    visit.settle()


def test_without_runs_it_says_what_to_do(visit: Visit) -> None:
    page = visit.open("/compare")
    expect(page.get_by_text("Nothing is compared yet")).to_be_visible()
    page.get_by_role("link", name="Go to the runs").click()
    expect(page).to_have_url(re.compile("/runs"))
    visit.settle()
