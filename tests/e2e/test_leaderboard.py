import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.fields import choose
from tests.e2e.grids import cell, grid
from tests.e2e.stores import Lab


def test_the_best_runs_are_ranked_and_compared(visit: Visit, lab: Lab) -> None:
    page = visit.open("/leaderboard")
    table = grid(page)
    expect(cell(table, row=0, column=1)).to_contain_text(lab.best)
    expect(cell(table, row=1, column=1)).to_contain_text(lab.second)
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
    page.get_by_role("link", name=re.compile("Compare the first")).click()
    expect(page).to_have_url(re.compile("/compare"))
    assert parse_qs(urlsplit(page.url).query)["ids"][:2] == [lab.best, lab.second]
    visit.settle()


def test_a_loss_is_best_low_and_the_direction_can_be_changed(visit: Visit, lab: Lab) -> None:
    page = visit.open("/leaderboard")
    choose(page, "Metric", "val_loss")
    expect(page.get_by_text("lowest first").first).to_be_visible()
    table = grid(page)
    expect(cell(table, row=0, column=1)).to_contain_text(lab.best)
    visit.settle()
    page.get_by_text("highest", exact=True).click()
    expect(cell(table, row=0, column=1)).not_to_contain_text(lab.best)
    visit.reload()
    expect(page.get_by_text("highest first").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"metric=val_loss.*order=highest|order=highest.*metric=val_loss"))


def test_a_dataset_and_a_plot_are_chosen(visit: Visit, lab: Lab) -> None:
    page = visit.open("/leaderboard")
    choose(page, "Dataset", "wine")
    expect(page).to_have_url(re.compile("dataset=wine"))
    visit.settle()
    page.get_by_text("bars", exact=True).click()
    expect(page).to_have_url(re.compile("plot=bars"))
    expect(grid(page)).not_to_contain_text(lab.best)
    visit.reload()
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
    expect(grid(page)).not_to_contain_text(lab.best)
