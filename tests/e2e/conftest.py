"""A real server, a real dashboard and a real browser over a store of really recorded runs.

All of it ends with the tests of this package: an open browser leaves other tests no event loop, and a run goes on.
"""

import contextlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, expect, sync_playwright

from backend.api import create_app
from backend.config import Settings
from scripts.browser import launch
from scripts.dashboard import dashboard
from tests.e2e.stores import Lab, recorded_lab
from tests.live_server import serving

WAIT_MS = 90_000
INSTALL_S = 1_200
_POLL_MS = 50
_SETTLED = """
([number, times]) => {
    const app = document.querySelector('[data-testid="stApp"]')?.dataset;
    const isDone = app?.testScriptState === "notRunning" && app.testConnectionState === "CONNECTED";
    const isDrawn = !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]');
    if (window.settling?.number !== number) window.settling = {number, times: 0};
    window.settling.times = isDone && isDrawn ? window.settling.times + 1 : 0;
    return window.settling.times >= times;
}
"""
"""Waits until a page is done several times in a row: between two runs, as after `st.rerun`, it is for a moment."""
_IN_A_ROW = 4
_numbers = itertools.count()
_PROBE = re.compile(r"/_stcore/(?:health|host-config)$")
"""Streamlit looks for itself under the address of a page first, which the browser reports as not found."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives these tests time, because the first one may have to install a browser."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(INSTALL_S))


@dataclass
class Visit:
    """A page in the browser, and what must not happen on it.

    Attributes:
        page: The page.
        url: Where the dashboard is.
        faults: What the browser complained about, and whom it asked beside this machine.
        expected: Words of error boxes that belong to the page, such as how a run failed.
    """

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def open(self, address: str) -> Page:
        """Opens an address of the dashboard and waits until it stands."""
        self.page.goto(f"{self.url}{address}")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Waits until the page has been run to its end, and drawn."""
        app = self.page.get_by_test_id("stApp")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=WAIT_MS)
        expect(app).to_have_attribute("data-test-connection-state", "CONNECTED", timeout=WAIT_MS)
        arguments = [next(_numbers), _IN_A_ROW]
        self.page.wait_for_function(_SETTLED, arg=arguments, polling=_POLL_MS, timeout=WAIT_MS)

    def reload(self) -> None:
        """Loads the address anew, as a colleague would who was sent it."""
        self.page.reload()
        self.settle()

    def check(self) -> None:
        """Says that the page shows no error, and nothing of a run as more than text."""
        expect(self.page.get_by_test_id("stException")).to_have_count(0)
        boxes = self.page.get_by_test_id("stAlertContentError").all_inner_texts()
        assert [text for text in boxes if not any(words in text for words in self.expected)] == []
        assert self.faults == []
        expect(self.page.locator("img[src=x], a[href*='evil.example']")).to_have_count(0)

    def note_dialog(self, dialog: Dialog) -> None:
        """Takes in what a script that came with a run would open."""
        self.faults.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def note_message(self, message: ConsoleMessage) -> None:
        """Takes in what stands in the browser's console."""
        if message.type == "error" and not _PROBE.search(urlsplit(message.location["url"]).path):
            self.faults.append(f"console: {message.text} ({message.location['url']})")

    def note_request(self, request: Request) -> None:
        """Takes in whom the page asks."""
        if request.url.startswith(("http:", "https:", "ws:", "wss:")) and urlsplit(request.url).hostname != "127.0.0.1":
            self.faults.append(f"a request to {request.url}")


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The store; one run of it goes on."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "API_TOKEN",
            "ALLOWED_HOSTS",
            "ARTIFACT_ROOTS",
            "DATASET_ID",
            "LAB_API_TOKEN",
            "LIGHTML_DB",
            "WANDB_MODE",
        ):
            patch.setenv(name, "")
        patch.setenv("DB_PATH", str(folder / "manifests.db"))
        with recorded_lab(folder) as lab:
            yield lab


@pytest.fixture(scope="package")
def server(lab: Lab) -> Iterator[str]:
    """The address of a server over the store."""
    with serving(create_app(Settings(db_path=lab.store, artifact_roots=(lab.folder,)))) as address:
        yield address


@pytest.fixture(scope="package")
def dashboard_url(server: str) -> Iterator[str]:
    """The address of the dashboard."""
    with dashboard(server) as url:
        yield url


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A Chromium; one is installed where there is none."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that remembers what the dashboard is made of, so that it is loaded once."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, dashboard_url: str) -> Iterator[Visit]:
    """A page; whatever went wrong on it fails the test at its end."""
    with visiting(context, dashboard_url) as visit:
        yield visit
        visit.check()


@contextlib.contextmanager
def visiting(context: BrowserContext, url: str) -> Iterator[Visit]:
    """Opens a page whose faults are noted, and closes it in any case: it would be run anew beside later tests."""
    visit = Visit(context.new_page(), url)
    visit.page.on("console", visit.note_message)
    visit.page.on("dialog", visit.note_dialog)
    visit.page.on("pageerror", lambda error: visit.faults.append(f"page: {error}"))
    visit.page.on("request", visit.note_request)
    try:
        yield visit
    finally:
        visit.page.close()
