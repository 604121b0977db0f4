import re
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Locator, Page, expect

from lightml.handle import LightMLHandle
from tests.backend.registries import fill
from tests.e2e.conftest import Visit
from tests.e2e.fields import choose
from tests.e2e.grids import cell, click_heading, grid, mark
from tests.e2e.stores import HOSTILE_NAME, Lab

ROW_HEIGHT = 34


@pytest.fixture(scope="module")
def models(lab: Lab) -> dict[str, int]:
    """A base model, one tuned from it and one tuned from that, and one full of markup: their ids by name."""
    ids = fill(lab.store)
    ids["hostile"] = LightMLHandle(lab.store, HOSTILE_NAME).register_model(HOSTILE_NAME, path=HOSTILE_NAME)
    return ids


def node(page: Page, *, number: int) -> Locator:
    """Gives a model of the graph by its place in the order of runs and names, from 0."""
    return page.get_by_test_id("stVegaLiteChart").locator("g.mark-symbol.role-mark path").nth(number)


def test_models_are_selected_in_table_and_graph_and_then_compared(visit: Visit, models: dict[str, int]) -> None:
    page = visit.open("/models?family=mmlu&search=llama")
    mark(grid(page), row=1, row_height=ROW_HEIGHT)
    expect(page).to_have_url(re.compile(rf"models={models['llama-dpo']}\b"))
    expect(page.get_by_text("1 selected")).to_be_visible()
    visit.settle()
    page.get_by_text("Graph", exact=True).click()
    expect(page).to_have_url(re.compile("view=Graph"))
    expect(node(page, number=2)).to_be_visible()
    visit.settle()
    node(page, number=0).click()
    expect(page).to_have_url(re.compile(rf"models={models['llama-dpo']}&models={models['llama']}\b"))
    expect(page.get_by_text("2 selected")).to_be_visible()
    visit.settle()
    page.get_by_text("Compare", exact=True).nth(1).click()
    expect(page).to_have_url(re.compile("view=Compare"))
    visit.reload()
    expect(page.get_by_text("against the baseline")).to_be_visible()
    expect(cell(grid(page), row=0, column=5)).to_have_text("▼ worse")


def test_the_heading_of_a_column_sorts_the_best_first_and_then_last(visit: Visit, models: dict[str, int]) -> None:
    page = visit.open("/models?family=mmlu&search=llama")
    expect(cell(grid(page), row=0, column=1)).to_have_text("llama")
    click_heading(grid(page), x=720, row_height=ROW_HEIGHT)
    expect(page).to_have_url(re.compile("by=metric%3Ammlu%2Facc"))
    expect(cell(grid(page), row=0, column=1)).to_have_text("llama-dpo")
    visit.settle()
    click_heading(grid(page), x=720, row_height=ROW_HEIGHT)
    expect(page).to_have_url(re.compile("way=asc"))
    expect(cell(grid(page), row=0, column=1)).to_have_text("llama")


def test_tabs_search_run_and_checkpoints_stand_in_the_address(visit: Visit, models: dict[str, int]) -> None:
    page = visit.open("/models")
    page.get_by_role("tab", name="mmlu").click()
    expect(page).to_have_url(re.compile("family=mmlu"))
    visit.settle()
    page.get_by_text("Show checkpoints").click()
    expect(page).to_have_url(re.compile("checkpoints=true"))
    visit.settle()
    search = page.get_by_role("textbox", name="Search models")
    search.fill("sft")
    search.press("Enter")
    expect(page).to_have_url(re.compile("search=sft"))
    visit.reload()
    expect(page.get_by_role("tab", name="mmlu")).to_have_attribute("aria-selected", "true")
    expect(grid(page)).to_contain_text("↳ step 100")
    choose(page, "Run", "base")
    expect(page).to_have_url(re.compile("run=base"))
    expect(page.get_by_text("No model fits")).to_be_visible()


def test_a_workbook_is_downloaded(visit: Visit, models: dict[str, int], tmp_path: Path) -> None:
    page = visit.open("/models")
    with page.expect_download() as download:
        page.get_by_role("button", name="Excel").click()
    download.value.save_as(tmp_path / "models.xlsx")
    assert {"mmlu", "wiki"} <= set(load_workbook(tmp_path / "models.xlsx").sheetnames)


@pytest.mark.parametrize("view", ["Table", "Graph", "Compare", "Leaderboard"])
def test_text_out_of_the_registry_is_shown_as_text(visit: Visit, models: dict[str, int], view: str) -> None:
    page = visit.open(f"/models?view={view}&checkpoints=true&models={models['hostile']}&models={models['llama']}")
    expect(page.get_by_text("2 selected")).to_be_visible()
    expect(page.locator("img[src=x]")).to_have_count(0)
