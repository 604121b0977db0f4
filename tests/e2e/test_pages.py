import asyncio
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from starlette.types import Receive, Scope, Send

from backend.api import create_app
from backend.config import Settings
from scripts.dashboard import dashboard
from tests.e2e.conftest import Visit, visiting
from tests.e2e.stores import N_RUNS, Lab
from tests.live_server import serving, unused_address

PAGES = ["Home", "Runs", "Run", "Compare", "Leaderboard", "Models", "Assistant"]
ADDRESSES = ["/", "/runs", "/run", "/compare", "/leaderboard", "/models", "/assistant"]


OPENED = [
    *ADDRESSES,
    "/run?id={lab.best}",
    "/run?id={lab.running}",
    "/compare?ids={lab.best}&ids={lab.second}",
    "/run?id=nosuchrun",
    "/compare?ids=nosuchrun",
    "/runs?metric=nosuchmetric&sort=metric:nosuchmetric&size=-3&page=x&param=x",
    "/leaderboard?metric=nosuchmetric&top=0&order=x",
    "/models?view=x&family=x&run=x&models=x&models=99&by=x&way=x&at=x&score=x",
]
"""The pages as they are most used, and addresses that nobody should have sent."""


def brightness(page: Page) -> float:
    """Gives how bright the background is, from 0 to 255."""
    color = page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    return sum(float(part) for part in color.removeprefix("rgb(").removesuffix(")").split(",")[:3]) / 3


@pytest.mark.parametrize("address", OPENED)
def test_every_page_opens_in_either_theme_without_an_error(address: str, visit: Visit, lab: Lab) -> None:
    visit.page.emulate_media(color_scheme="light")
    page = visit.open(address.format(lab=lab))
    assert brightness(page) > 128
    visit.check()
    page.emulate_media(color_scheme="dark")
    visit.reload()
    assert brightness(page) < 128


def test_every_page_is_reached_from_every_other_by_its_name(visit: Visit) -> None:
    page = visit.open("/")
    home = page.get_by_test_id("stHeading").first.inner_text()
    headings = {"Home": home, "Runs": f"{N_RUNS} runs"}
    for name, address in [*zip(PAGES, ADDRESSES, strict=True)][::-1]:
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_test_id("stHeading").first).to_have_text(headings.get(name, name))
        expect(page).to_have_url(f"{visit.url}{address}")
        visit.settle()


class Hesitating:
    """A server that answers nobody who is there until it is let go on."""

    def __init__(self, lab: Lab) -> None:
        self._app = create_app(Settings(db_path=lab.store, artifact_roots=(lab.folder,)))
        self.goes_on = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/whoami":
            await asyncio.to_thread(self.goes_on.wait)
        await self._app(scope, receive, send)


def test_windows_that_are_drawn_at_the_same_moment_show_the_same_page(context: BrowserContext, lab: Lab) -> None:
    app = Hesitating(lab)
    with (
        serving(app) as server,
        dashboard(server) as url,
        visiting(context, url) as first,
        visiting(context, url) as second,
    ):
        try:
            for visit in (first, second):
                visit.page.goto(f"{url}/run?id={lab.best}")
                expect(visit.page.get_by_role("navigation").get_by_role("link", name="Leaderboard")).to_be_visible()
        finally:
            app.goes_on.set()
        for visit in (first, second):
            visit.settle()
            expect(visit.page.get_by_label("Note", exact=True)).to_be_visible()
            visit.check()


@pytest.fixture(scope="module")
def dashboard_of_nothing() -> Iterator[str]:
    """The address of a dashboard whose server is not there."""
    with dashboard(unused_address()) as url:
        yield url


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_a_server_every_page_says_how_to_start_it(
    address: str, context: BrowserContext, dashboard_of_nothing: str
) -> None:
    with visiting(context, dashboard_of_nothing) as visit:
        visit.expected = ("The server does not answer",)
        page = visit.open(address)
        expect(page.get_by_text("The server does not answer")).to_be_visible()
        expect(page.get_by_text("make serve", exact=True).last).to_be_visible()
        visit.check()
