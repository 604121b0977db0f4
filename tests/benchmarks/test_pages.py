import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from benchmarks import pages
from benchmarks.__main__ import main
from benchmarks.measure import BenchmarkError
from benchmarks.pages import CHOSEN, Filter, Lab, View, Visit, opened_lab, views
from benchmarks.stores import filled_store
from benchmarks.workspace import prepared
from scripts.browser import NoBrowserError, launch

N_RUNS = 300
INSTALL_S = 1_200


# Comes first: while Playwright is open it cannot be opened again.
def test_without_a_browser_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_none(_: Playwright) -> Browser:
        raise NoBrowserError("install one with `sudo apt install chromium`")

    monkeypatch.setattr(pages, "launch", find_none)
    assert main(["--quick", "--only", "pages"]) == 1
    assert "sudo apt install chromium" in capsys.readouterr().err


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, contextlib.closing(launch(playwright)) as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    store = filled_store(N_RUNS, folder=tmp_path_factory.mktemp("stores"))
    with prepared() as workspace, opened_lab(store, browser, workspace) as lab:
        yield lab


@pytest.mark.timeout(INSTALL_S)
def test_every_page_comes(lab: Lab, browser: Browser) -> None:
    for view in views(lab.run_ids[:3], run_id=lab.run_with_curves):
        Visit(browser, lab, view)()


@pytest.mark.timeout(INSTALL_S)
def test_a_page_that_shows_an_error_is_not_measured(lab: Lab, browser: Browser) -> None:
    (failed,) = lab.connection.execute("SELECT run_id FROM run_state WHERE status = 'failed' LIMIT 1").fetchone()
    lab.connection.execute("UPDATE run_state SET error = 'it broke' WHERE run_id = ?", (failed,))
    with pytest.raises(BenchmarkError, match="shows an error"):
        Visit(browser, lab, View("Run", f"/run?id={failed}"))()


@pytest.mark.timeout(INSTALL_S)
def test_every_click_on_a_status_gives_another_selection(lab: Lab, browser: Browser) -> None:
    with contextlib.closing(browser.new_context()) as context:
        context.set_default_timeout(60_000)
        choose = Filter(context.new_page(), lab.url)
        counts = []
        for _ in CHOSEN:
            choose()
            counts.append(choose.count)
    assert len(set(counts)) == len(CHOSEN)


@pytest.mark.timeout(INSTALL_S)
def test_what_is_forgotten_leaves_a_note_behind_until_the_end(browser: Browser, tmp_path: Path) -> None:
    with prepared() as workspace, opened_lab(filled_store(100, folder=tmp_path), browser, workspace) as lab:
        before = lab.note()
        lab.forget()
        assert lab.note() != before
    with contextlib.closing(sqlite3.connect(filled_store(100, folder=tmp_path))) as connection:
        (note,) = connection.execute("SELECT note FROM manifests WHERE run_id = ?", (lab.run_with_curves,)).fetchone()
    assert note == before
