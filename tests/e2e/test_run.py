import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.fields import choose
from tests.e2e.stores import PLOT_PX, Lab
from tools.client import LabClient


def choose_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def test_curves_are_shown_smoothed_and_on_a_log_scale(visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/run?id={lab.best}")
    expect(page.get_by_role("heading", name=f"Run {lab.best[:8]}")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame").first).to_contain_text("accuracy")
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(2)
    page.get_by_text("Log scale", exact=True).click()
    expect(page).to_have_url(re.compile("log=true"))
    visit.settle()
    page.get_by_role("slider", name="Smoothing").press("ArrowRight")
    expect(page).to_have_url(re.compile("smooth"))
    visit.settle()
    page.get_by_text("time", exact=True).click()
    expect(page).to_have_url(re.compile("axis=time"))
    visit.reload()
    expect(page.get_by_role("switch", name="Log scale")).to_be_checked()
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(2)


def test_artifacts_are_previewed_and_downloaded(visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/run?id={lab.best}")
    choose_tab(page, "Artifacts")
    expect(page).to_have_url(re.compile("tab=Artifacts"))
    for name in ("report.json", "notes.txt", "plot.png", "metrics.csv"):
        visit.settle()
        choose(page, "Artifact", name)
        shown = {
            "report.json": page.get_by_test_id("stJson"),
            "notes.txt": page.get_by_text("trained to the end"),
            "plot.png": page.get_by_test_id("stImage").locator("img"),
            "metrics.csv": page.get_by_test_id("stDataFrame").last,
        }
        expect(shown[name]).to_be_visible()
        if name == "plot.png":  # the dashboard hands a picture out for as long as it is shown
            expect(shown[name]).to_have_js_property("naturalWidth", PLOT_PX[0])
    expect(page.get_by_role("button", name="Download metrics.csv")).to_be_visible()
    visit.settle()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download metrics.csv").click()
    assert Path(started.value.path()).read_text().startswith("epoch,accuracy\n")
    visit.reload()
    expect(page.get_by_test_id("stDataFrame").last).to_contain_text("epoch")


def test_what_it_ran_on_and_how_to_run_it_again_is_shown(visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/run?id={lab.best}")
    choose_tab(page, "Environment")
    expect(page.get_by_text("Packages")).to_be_visible()
    choose_tab(page, "Code")
    expect(page.get_by_text("What differed from the commit")).to_be_visible()
    choose_tab(page, "Reproduce")
    visit.settle()
    expect(page.get_by_role("tabpanel").get_by_test_id("stCode").first).to_be_visible()
    visit.reload()
    expect(page.get_by_role("tab", name="Reproduce")).to_have_attribute("aria-selected", "true")


def test_a_note_is_edited_in_place(visit: Visit, lab: Lab, server: str) -> None:
    page = visit.open(f"/run?id={lab.second}")
    page.get_by_role("textbox", name="Note").fill("looks good")
    page.get_by_role("button", name="Save note").click()
    expect(page.get_by_text("The note is saved.").last).to_be_visible()
    visit.settle()
    page.get_by_role("button", name="PUBLISH").click()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("PUBLISH: looks good")
    visit.settle()
    visit.reload()
    expect(page.get_by_role("textbox", name="Note")).to_have_value("PUBLISH: looks good")
    with LabClient(server) as client:
        assert client.get_run(lab.second).note == "PUBLISH: looks good"
        client.set_note(lab.second, None)


def test_how_a_run_failed_is_shown(visit: Visit, lab: Lab) -> None:
    visit.expected = ("the loss is not finite",)
    page = visit.open(f"/run?id={lab.failed}")
    expect(page.get_by_text("RuntimeError: the loss is not finite").first).to_be_visible()
    page.get_by_role("paragraph").filter(has_text=re.compile("^Traceback$")).click()
    expect(page.get_by_text("Traceback (most recent call last)")).to_be_visible()


def test_a_run_that_goes_on_is_shown_live(visit: Visit, lab: Lab) -> None:
    page = visit.open(f"/run?id={lab.running}")
    expect(page.get_by_text("Running for")).to_be_visible()
    lab.live.log_metrics({"loss": 0.0125})
    expect(page.get_by_test_id("stDataFrame").first).to_contain_text("0.0125")


def test_without_a_run_the_recent_ones_are_offered(visit: Visit, lab: Lab) -> None:
    page = visit.open("/run")
    expect(page.get_by_test_id("stDataFrame")).to_contain_text(lab.running[:8])
