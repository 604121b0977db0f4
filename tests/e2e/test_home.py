import re

from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.stores import N_RUNS, Lab


def test_totals_recent_best_and_failed_runs_are_shown(visit: Visit, lab: Lab) -> None:
    page = visit.open("/")
    expect(page.get_by_test_id("stMetric").filter(has_text=re.compile("^Runs"))).to_contain_text(str(N_RUNS))
    tables = page.get_by_test_id("stDataFrame")
    expect(tables.nth(0)).to_contain_text(lab.running)
    expect(tables.nth(1)).to_contain_text("the loss is not finite")
    expect(tables.nth(2)).to_contain_text(lab.best)
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
    visit.reload()
    expect(tables.nth(2)).to_contain_text(lab.best)


def test_runs_and_the_leaderboard_are_a_click_away(visit: Visit) -> None:
    for name, address in (("All runs", "/runs"), ("Leaderboard", "/leaderboard")):
        page = visit.open("/")
        page.get_by_role("main").get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(f"{visit.url}{address}")
        visit.settle()
