"""Takes pictures of every page of the dashboard, light and dark: `make screenshots`.

Owns what is shown on them and how they are written. They show the study that `scripts.showcase` trains for them; the
user's own store has no part in it.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus

from PIL import Image
from playwright.sync_api import Browser, Error, Page, ViewportSize, expect, sync_playwright

from backend.models import RunSummary
from scripts.browser import NoBrowserError, launch
from scripts.dashboard import ROOT, DashboardError, dashboard
from scripts.demo import DemoError
from scripts.showcase import DATASET, EVALUATION, METRIC, ShowcaseError, showcase
from tools.client import LabClient
from tools.errors import LabClientError

FOLDER: Final = ROOT / "docs" / "images"
THEMES: Final = ("light", "dark")
WIDTH_PX: Final = 1440
HEIGHT_PX: Final = 900
N_COLORS: Final = 256
"""So many colours are kept; the pages have few, and the files become a third as large."""

_WAIT_MS: Final = 60_000
_N_COMPARED: Final = 6
_N_STUDY: Final = 40
_QUESTION: Final = f"Compare linear_svm with logistic_regression on {DATASET}"
_BEGINS_AT: Final = {"run-curves": "Curves", "assistant": _QUESTION}
"""What is at the top of a picture, where it is not the top of the page."""

_TO_THE_TOP: Final = """place => {
    place.style.scrollMarginTop = "5rem";
    place.scrollIntoView({block: "start"});
}"""
_DRAWN: Final = """async () => {
    await document.fonts.ready;
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Takes the pictures and gives the exit status: 0, or 1 with a sentence that says what is missing."""
    parser = argparse.ArgumentParser(description="Takes pictures of every page of the dashboard, light and dark.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they are written (default: docs/images)")
    folder: Path = parser.parse_args(arguments).folder
    try:
        print("Training the study that the pictures show", flush=True)
        with showcase() as shown, LabClient(shown.url) as client:
            addresses = shown_addresses(client)
            with dashboard(shown.url) as url:
                take_pictures(url, addresses, folder=folder)
    except _PROBLEMS as error:
        print(f"not all pictures were taken: {error}", file=sys.stderr)
        return 1
    return 0


class ScreenshotError(Exception):
    """The store has too little to show; the message says what."""


_PROBLEMS: Final = (
    AssertionError, DemoError, DashboardError, Error, LabClientError, NoBrowserError, ScreenshotError, ShowcaseError,
)  # fmt: skip


def shown_addresses(client: LabClient) -> dict[str, str]:
    """Gives the address of each picture by its name, made of the runs and models of the store.

    Raises:
        ScreenshotError: The store holds too few runs or models.
    """
    study = client.leaderboard(METRIC, dataset_id=DATASET, top_k=_N_STUDY)
    if len(study) < _N_COMPARED:
        raise ScreenshotError(f"only {len(study)} runs on {DATASET} have {METRIC}; {_N_COMPARED} are compared")
    best = f"/run?id={study[0].run_id}"
    running = client.list_runs(status=["running"]).runs
    evaluated = client.registry.models(run=EVALUATION).models
    if len(evaluated) < 2:  # noqa: PLR2004 - a comparison has two sides
        raise ScreenshotError(f"the run {EVALUATION} of the registry has {len(evaluated)} models; two are compared")
    few, all_of_them = (f"/compare?{_ids(runs)}" for runs in (_spread(study), study))
    return {
        "home": "/",
        "runs": "/runs",
        "run": best,
        "run-curves": f"/run?id={(running or study)[0].run_id}",
        "run-artifacts": f"{best}&tab=Artifacts",
        "run-code": f"{best}&tab=Code",
        "compare": few,
        "compare-curves": f"{few}&tab=Curves",
        "compare-parallel": f"{all_of_them}&tab=Parallel+coordinates",
        "compare-scatter": f"{all_of_them}&tab=Scatter&x=learning_rate",
        "compare-groups": f"{all_of_them}&tab=Groups",
        "leaderboard": f"/leaderboard?metric={METRIC}&dataset={DATASET}&top=15&color=model_name",
        "models": "/models",
        "models-compare": f"/models?view=Compare&models={evaluated[0].id}&models={evaluated[1].id}",
        "assistant": f"/assistant?ask={quote_plus(_QUESTION)}",
    }


def _spread(study: Sequence[RunSummary]) -> list[RunSummary]:
    """Gives a few runs from the whole of a ranking, the best first."""
    return [study[at * (len(study) - 1) // (_N_COMPARED - 1)] for at in range(_N_COMPARED)]


def _ids(runs: Sequence[RunSummary]) -> str:
    return "&".join(f"ids={run.run_id}" for run in runs)


def take_pictures(url: str, addresses: dict[str, str], *, folder: Path) -> None:
    """Writes `NAME-THEME.png` for each address and theme.

    Args:
        url: Where the dashboard is.
        addresses: The addresses below it, by the pictures' names.
        folder: Where the pictures are written; it is made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for theme in THEMES:
            for name, address in addresses.items():
                path = folder / f"{name}-{theme}.png"
                png = _picture(browser, f"{url}{address}", is_dark=theme == "dark", begins_at=_BEGINS_AT.get(name))
                path.write_bytes(compressed(png))
                print(f"{path}  {path.stat().st_size / 1000:.0f} kB")
        browser.close()


def compressed(png: bytes) -> bytes:
    """Gives a picture with `N_COLORS` colours, as PNG."""
    written = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        reduced = image.convert("RGB").quantize(N_COLORS, dither=Image.Dither.NONE)
    reduced.save(written, format="PNG", optimize=True)
    return written.getvalue()


def _picture(browser: Browser, address: str, *, is_dark: bool, begins_at: str | None) -> bytes:
    size = ViewportSize(width=WIDTH_PX, height=HEIGHT_PX)
    with browser.new_context(viewport=size, color_scheme="dark" if is_dark else "light") as context:
        page = context.new_page()
        page.goto(address)
        _until_run(page)
        _until_answered(page)
        _until_drawn(page)
        if begins_at is not None:
            page.get_by_text(begins_at, exact=True).first.evaluate(_TO_THE_TOP)
            page.evaluate(_DRAWN)
        return page.screenshot(animations="disabled")


def _until_run(page: Page) -> None:
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=_WAIT_MS)


def _until_answered(page: Page) -> None:
    """On the page of the assistant, waits for the answer; its end is what the page shows then."""
    if "/assistant" in page.url:
        expect(page.get_by_text("Answered by")).to_be_visible(timeout=_WAIT_MS)
        _until_run(page)
        expect(page.get_by_text("Answered by")).to_be_in_viewport(timeout=_WAIT_MS)


def _until_drawn(page: Page) -> None:
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=_WAIT_MS)
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        expect(chart.locator("canvas, svg").first).to_be_visible(timeout=_WAIT_MS)
    page.evaluate(_DRAWN)


if __name__ == "__main__":
    sys.exit(main())
