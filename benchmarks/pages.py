"""How long a person waits for the dashboard, in a real browser over a real server, at 1,000 and at 100,000 runs.

Owns the budgets of the pages, and what it means that a page is there: its script has run to its end, and every table
and chart that belongs to it is drawn. The same pages are opened over both servers in turn; those over the smaller store
are the floor. Before each a note is saved in another window, after which neither the server nor the dashboard has any
answer left that it could give again.
"""

import contextlib
import itertools
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from benchmarks.measure import BenchmarkError, Finding, Sample, take_turns, time_text
from benchmarks.reads import FEW, MANY
from benchmarks.servers import start_server
from benchmarks.stores import filled_store
from benchmarks.workspace import Workspace
from scripts.browser import NoBrowserError, launch
from scripts.dashboard import DashboardError, dashboard

VIEW_LIMIT_S: Final = 2.0
FILTER_LIMIT_S: Final = 1.0
CURVES_LIMIT_S: Final = 3.0
CURVE_RUNS, CURVE_POINTS = 50, 10_000

_PATIENCE_MS: Final = 60_000
_POLL_MS, _SETTLE_MS, _SAVE_MS = 20, 300, 10_000
_WINDOW: Final[Any] = {"width": 1440, "height": 900}
_COMPARED_RUNS: Final = 10
CHOSEN: Final = ("failed", "killed", "failed", "finished", "failed", "killed", "failed")
"""The statuses that are clicked one after the other: no two of the selections they lead to are alike."""

_THERE: Final = """
([wanted, was]) => {
    const all = (name) => [...document.querySelectorAll(`[data-testid="${name}"]`)];
    if (all("stException").length || all("stAlertContentError").length) return "failed";
    const app = all("stApp")[0];
    if (!app || app.dataset.testScriptState !== "notRunning" || app.dataset.testConnectionState !== "CONNECTED")
        return null;
    if (all("stSkeleton").length || document.querySelector('[data-stale="true"]')) return null;
    // A canvas that shows something has many colours: the edges of letters and lines are smoothed.
    const isDrawn = (canvas) => {
        if (!canvas.width || !canvas.height) return false;
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = new Set(), words = new Uint32Array(pixels.buffer);
        for (const word of words) if (colours.add(word).size > 12) return true;
        return false;
    };
    const isShown = (chart) =>
        [...chart.querySelectorAll("canvas")].some(isDrawn) || chart.querySelector("svg g[role] path") !== null;
    const tables = all("stDataFrame").map((one) => one.querySelector('[data-testid="data-grid-canvas"]'));
    const charts = all("stVegaLiteChart");
    if (tables.length < wanted.tables || charts.length < wanted.charts) return null;
    if (!tables.every((one) => one && isDrawn(one)) || !charts.every(isShown)) return null;
    if (wanted.mark && !document.querySelector(wanted.mark)) return null;
    const count = all("stHeading").map((one) => one.innerText.trim()).find((text) => /^[\\d,]+ runs?$/.test(text));
    return was !== null && was === count ? null : count || "there";
}
"""
"""Gives null until a page is there, then how many runs its heading says; waits for another number than it was."""


@dataclass(frozen=True)
class View:
    """A page as it is first seen.

    Attributes:
        name: The page in words.
        address: Its address.
        tables: How many tables it shows.
        charts: How many charts it shows.
        mark: A CSS selector of what comes last, where that is neither a table nor a chart.
    """

    name: str
    address: str
    tables: int = 0
    charts: int = 0
    mark: str | None = None


def views(run_ids: Sequence[str], *, run_id: str) -> list[View]:
    """Gives every page of the dashboard.

    Args:
        run_ids: The runs that are compared.
        run_id: The run that is shown by itself, one with curves.
    """
    return [
        View("Home", "/", tables=3, charts=1),
        View("Runs", "/runs", tables=1),
        View("Run", f"/run?{urlencode({'id': run_id})}", tables=2, charts=1),
        View(f"Compare of {len(run_ids)}", f"/compare?{_ids(run_ids)}", tables=1),
        View("Leaderboard", "/leaderboard", tables=1, charts=1),
        View("Assistant", "/assistant", mark='[data-testid="stButtonGroup"] button'),
    ]


def viewing(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Opens every page in a new session, filters the Runs page, and opens a comparison of long curves."""
    rounds = 3 if is_quick else 7
    try:
        with sync_playwright() as playwright, contextlib.closing(launch(playwright)) as browser:
            return [
                *_pages(workspace, browser, rounds=rounds),
                _curves(workspace, browser, rounds=rounds),
            ]
    except (NoBrowserError, DashboardError) as error:
        raise BenchmarkError(str(error)) from error


def _pages(workspace: Workspace, browser: Browser, *, rounds: int) -> list[Finding]:
    with contextlib.ExitStack() as open_things:
        labs = {
            name: open_things.enter_context(opened_lab(filled_store(n_runs), browser, workspace))
            for name, n_runs in (("few", FEW), ("many", MANY))
        }
        kinds = {name: views(lab.run_ids[:_COMPARED_RUNS], run_id=lab.run_with_curves) for name, lab in labs.items()}
        findings = []
        for few, many in zip(kinds["few"], kinds["many"], strict=True):
            tasks = {name: Visit(browser, labs[name], view) for name, view in (("few", few), ("many", many))}
            times = take_turns(tasks, rounds=rounds, before={name: lab.forget for name, lab in labs.items()})
            findings.append(_finding(f"first view of {many.name}", VIEW_LIMIT_S, times))
        return [*findings, _filtering(browser, labs, rounds=rounds)]


def _filtering(browser: Browser, labs: Mapping[str, "Lab"], *, rounds: int) -> Finding:
    with contextlib.ExitStack() as open_things:
        pages = {name: open_things.enter_context(_visiting(browser)) for name in labs}
        tasks = {name: Filter(page, labs[name].url) for name, page in pages.items()}
        most = len(CHOSEN) - 1  # the first is a warm-up
        before = {name: lab.forget for name, lab in labs.items()}
        times = take_turns(tasks, rounds=min(rounds, most), before=before)
    return _finding("another filter on Runs", FILTER_LIMIT_S, times)


def _curves(workspace: Workspace, browser: Browser, *, rounds: int) -> Finding:
    with opened_lab(filled_store(CURVE_RUNS, n_points=CURVE_POINTS), browser, workspace) as lab:
        view = View("curves", f"/compare?tab=Curves&{_ids(lab.run_ids)}", charts=1)
        times = take_turns({"all": Visit(browser, lab, view)}, rounds=rounds, before={"all": lab.forget})["all"]
    return Finding(
        what=f"the curves of {CURVE_RUNS} compared runs, {CURVE_POINTS:,} points each",
        limit=f"p50 under {time_text(CURVES_LIMIT_S)} in the browser",
        measured=time_text(times.median_s),
        is_met=times.median_s < CURVES_LIMIT_S,
        spread=times.spread,
    )


def _finding(what: str, limit_s: float, times: Mapping[str, Sample]) -> Finding:
    measured_s, floor_s = times["many"].median_s, times["few"].median_s
    return Finding(
        what=f"{what}, {MANY:,} runs, nothing remembered",
        limit=f"p50 under {time_text(limit_s)} in the browser",
        measured=time_text(measured_s),
        floor=time_text(floor_s),
        ratio=measured_s / floor_s,
        is_met=measured_s < limit_s,
        spread=times["many"].spread,
    )


@dataclass(frozen=True)
class Lab:
    """A dashboard over a store.

    Attributes:
        url: Where the dashboard is.
        run_ids: Runs of the store, the first ones.
        run_with_curves: A run with live series.
        other: Another window, which shows that run.
        connection: A connection to the store.
    """

    url: str
    run_ids: list[str]
    run_with_curves: str
    other: Page
    connection: sqlite3.Connection

    def forget(self) -> None:
        """Saves a note in the other window: the store changes, and the dashboard drops every answer it has kept."""
        note = f"note {uuid.uuid4()}"
        until_s = time.monotonic() + _PATIENCE_MS / 1e3
        while self.note() != note:
            if time.monotonic() > until_s:
                raise BenchmarkError("the page of a run does not save a note")
            # A page that is just being drawn anew may lose what is typed into it.
            self.other.get_by_label("Note", exact=True).fill(note)
            self.other.get_by_role("button", name="Save note").click()
            self._wait_for(note)
        self.other.wait_for_timeout(_SETTLE_MS)
        _wait_until_there(self.other, View("Run", ""))

    def _wait_for(self, note: str) -> None:
        for _ in range(_SAVE_MS // _POLL_MS):
            if self.note() == note:
                return
            self.other.wait_for_timeout(_POLL_MS)

    def note(self) -> str | None:
        """Gives the run's note."""
        return _note(self.connection, self.run_with_curves)


@contextlib.contextmanager
def opened_lab(store: Path, browser: Browser, workspace: Workspace) -> Iterator[Lab]:
    """Starts a server over a store and a dashboard over the server; the store is left as it was.

    Raises:
        BenchmarkError: The server did not come up, or the page of a run did not.
        DashboardError: The dashboard did not start.
    """
    with contextlib.closing(sqlite3.connect(store, isolation_level=None, timeout=_PATIENCE_MS / 1e3)) as connection:
        found = connection.execute("SELECT run_id FROM run_state ORDER BY seq LIMIT ?", (CURVE_RUNS,))
        run_ids = [str(run_id) for (run_id,) in found]
        (with_curves,) = connection.execute("SELECT run_id FROM metric_series ORDER BY series LIMIT 1").fetchone()
        note = _note(connection, with_curves)
        try:
            with (
                start_server(store, workspace=workspace) as server,
                dashboard(server.url) as url,
                _visiting(browser) as other,
            ):
                _open(other, url, View("Run", f"/run?{urlencode({'id': with_curves})}", tables=2, charts=1))
                yield Lab(url, run_ids, with_curves, other, connection)
        finally:
            # The server has ended: no note that was sent twice comes after this one.
            connection.execute("UPDATE manifests SET note = ? WHERE run_id = ?", (note, with_curves))


def _note(connection: sqlite3.Connection, run_id: str) -> str | None:
    found = connection.execute("SELECT note FROM manifests WHERE run_id = ?", (run_id,))
    note: str | None = found.fetchone()[0]
    return note


class Visit:
    """Opens a page in a new tab, which is a new session of the dashboard; the browser keeps the dashboard's scripts."""

    def __init__(self, browser: Browser, lab: Lab, view: View) -> None:
        self._context = browser.new_context(viewport=_WINDOW)
        self._context.set_default_timeout(_PATIENCE_MS)
        self._lab = lab
        self._view = view

    def __call__(self) -> None:
        """Opens the page and waits until it is there."""
        with contextlib.closing(self._context.new_page()) as page:
            _open(page, self._lab.url, self._view)


class Filter:
    """Clicks one status after the other on the Runs page, and waits for the table of the runs that fit.

    Attributes:
        count: How many runs fit now, as the page says it.
    """

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._statuses = itertools.cycle(CHOSEN)
        self.count = _open(page, url, View("Runs", "/runs", tables=1))

    def __call__(self) -> None:
        """Clicks the next status."""
        status = next(self._statuses)
        self._page.locator('[data-testid="stButtonGroup"] button', has_text=status).click()
        self.count = _wait_until_there(self._page, View(f"Runs, {status}", "/runs", tables=1), was=self.count)


@contextlib.contextmanager
def _visiting(browser: Browser) -> Iterator[Page]:
    with contextlib.closing(browser.new_context(viewport=_WINDOW)) as context:
        context.set_default_timeout(_PATIENCE_MS)
        yield context.new_page()


def _open(page: Page, url: str, view: View) -> str:
    page.goto(f"{url}{view.address}", wait_until="commit")
    return _wait_until_there(page, view)


def _wait_until_there(page: Page, view: View, *, was: str | None = None) -> str:
    """Waits until a page is there, and gives how many runs its heading says.

    Raises:
        BenchmarkError: It shows an error, or does not come.
    """
    wanted = {"tables": view.tables, "charts": view.charts, "mark": view.mark}
    try:
        said = str(page.wait_for_function(_THERE, arg=[wanted, was], timeout=_PATIENCE_MS).json_value())
    except PlaywrightError as error:
        raise BenchmarkError(f"the page {view.name} did not come: {error.message}") from error
    if said == "failed":
        raise BenchmarkError(f"the page {view.name} shows an error: {page.inner_text('body')[:500]}")
    return said


def _ids(run_ids: Sequence[str]) -> str:
    return urlencode([("ids", run_id) for run_id in run_ids])
