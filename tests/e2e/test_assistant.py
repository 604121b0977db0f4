import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.stores import Lab
from tools.client import LabClient

ANSWERED = "Answered by the built-in planner"
BEST = "Which is the best run by accuracy?"


def ask(page: Page, question: str) -> None:
    box = page.get_by_placeholder("Ask about your runs")
    box.fill(question)
    box.press("Enter")


def test_a_question_is_answered_with_steps_links_and_a_conversation(visit: Visit, lab: Lab, server: str) -> None:
    page = visit.open("/assistant")
    expect(page.get_by_text("built-in planner")).to_be_visible()
    ask(page, BEST)
    expect(page.get_by_text(ANSWERED)).to_have_count(1)
    visit.settle()
    page.get_by_text(re.compile("Asked [0-9] tools?")).click()
    expect(page.get_by_text("Rank runs by accuracy")).to_be_visible()
    ask(page, "flag it")
    expect(page.get_by_text(ANSWERED)).to_have_count(2)
    visit.settle()
    with LabClient(server) as client:
        assert client.get_run(lab.best).note == "PUBLISH"
        client.set_note(lab.best, None)

    visit.reload()
    expect(page.get_by_text(ANSWERED)).to_have_count(2)
    with LabClient(server) as client:
        assert client.get_run(lab.best).note is None  # loading the address again asks nothing again
    page.get_by_test_id("stPageLink").filter(has_text=lab.best[:8]).first.click()
    expect(page).to_have_url(re.compile(rf"/run\?id={lab.best}"))
    visit.settle()


def test_a_suggestion_compares_with_tables_and_a_plot(visit: Visit, lab: Lab) -> None:
    page = visit.open("/assistant")
    page.get_by_role("radio", name="Compare my best two runs by accuracy").or_(
        page.get_by_role("button", name="Compare my best two runs by accuracy")
    ).click()
    expect(page.get_by_text(ANSWERED)).to_have_count(1)
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
    visit.settle()
    page.get_by_test_id("stPageLink").filter(has_text="Open in Compare").click()
    expect(page).to_have_url(re.compile("/compare"))
    assert len(parse_qs(urlsplit(page.url).query)["ids"]) == 2
    visit.settle()


def test_the_address_starts_a_question(visit: Visit, lab: Lab) -> None:
    page = visit.open("/assistant?ask=Which+is+the+best+run+by+accuracy")
    expect(page.get_by_text(ANSWERED)).to_have_count(1)
    link = page.get_by_test_id("stMarkdown").get_by_role("link", name=lab.best[:8]).first
    expect(link).to_have_attribute("href", f"run?id={lab.best}")
    visit.reload()
    expect(page.get_by_text(ANSWERED)).to_have_count(1)
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_text(ANSWERED)).to_have_count(0)


def test_a_run_id_in_an_answer_leads_to_the_run(visit: Visit, lab: Lab) -> None:
    page = visit.open("/assistant?ask=Which+is+the+best+run+by+accuracy")
    link = page.get_by_test_id("stMarkdown").get_by_role("link", name=lab.best[:8]).first
    with page.context.expect_page() as opened:
        link.click()
    there = opened.value
    expect(there).to_have_url(re.compile(rf"/run\?id={lab.best}"))
    expect(there.get_by_role("heading", name=f"Run {lab.best[:8]}")).to_be_visible()
    there.close()
