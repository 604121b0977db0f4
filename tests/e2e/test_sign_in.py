from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from backend.api import create_app
from backend.opening import open_store
from backend.tokens import make_token
from scripts.dashboard import dashboard
from tests.backend.conftest import settings_for
from tests.backend.stores import StoredRun, write_runs
from tests.e2e.conftest import Visit, visiting
from tests.live_server import serving

RUN = "4f2c1111-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run, and with tokens."""
    return write_runs(tmp_path_factory.mktemp("closed") / "runs.db", [StoredRun(RUN, note="keep")])


@pytest.fixture(scope="module")
def token(store: Path) -> str:
    """A token that may write, of somebody with a name."""
    with closing(open_store(settings_for(store))) as opened:
        return make_token(opened, "ada", "write")[1]


@pytest.fixture(scope="module")
def closed_dashboard(store: Path, token: str) -> Iterator[str]:
    """The address of a dashboard without a token of its own, of a server that wants one."""
    with serving(create_app(settings_for(store))) as address, dashboard(address) as url:
        yield url


@pytest.fixture
def closed(context: BrowserContext, closed_dashboard: str) -> Iterator[Visit]:
    with visiting(context, closed_dashboard) as visit:
        yield visit
        visit.check()


def test_one_signs_in_with_a_token_writes_in_ones_own_name_and_signs_out(closed: Visit, token: str) -> None:
    page = closed.open(f"/run?id={RUN}")
    asked, sent = page.get_by_label("Token", exact=True), page.get_by_role("button", name="Sign in")
    expect(asked).to_have_attribute("type", "password")
    expect(page.get_by_label("Note", exact=True)).to_have_count(0)

    closed.expected = ("does not know this token",)
    asked.fill("ail_wrong")
    sent.click()
    expect(page.get_by_text("The server does not know this token")).to_be_visible()
    closed.settle()
    asked.fill(token)
    sent.click()

    expect(page.get_by_role("button", name="ada · write")).to_be_visible()
    expect(page.get_by_label("Note", exact=True)).to_be_visible()
    closed.settle()
    page.get_by_label("Note", exact=True).fill("the one")
    page.get_by_role("button", name="Save note").click()
    expect(page.get_by_text("The note is saved.")).to_be_visible()
    closed.settle()
    page.get_by_text("History of the note").click()
    expect(page.get_by_text("keep → the one")).to_be_visible()
    expect(page.get_by_text("UTC, ada")).to_be_visible()
    kept = page.evaluate("JSON.stringify([location.href, {...localStorage}, {...sessionStorage}, document.cookie])")
    assert token not in kept

    page.get_by_role("navigation").get_by_role("link", name="Runs", exact=True).click()
    closed.settle()
    page.get_by_role("button", name="ada · write").click()
    page.get_by_role("button", name="Sign out").click()
    expect(asked).to_be_visible()
    closed.reload()
    expect(asked).to_be_visible()
