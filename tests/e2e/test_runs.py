import re
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.e2e.conftest import Visit
from tests.e2e.fields import choose
from tests.e2e.grids import cell, grid, mark
from tests.e2e.stores import N_RUNS, Lab
from tools.client import LabClient

BEST_FIRST = "/runs?dataset=iris&sort=metric%3Aaccuracy"
_ROW_PX = 34


def count(page: Page, n_runs: int) -> None:
    """Waits until so many runs fit."""
    expect(page.get_by_role("heading", name=re.compile(rf"^{n_runs} runs?$"))).to_be_visible()


def test_words_and_a_status_filter_and_stay_in_the_address(visit: Visit) -> None:
    page = visit.open("/runs")
    count(page, N_RUNS)
    box = page.get_by_role("textbox", name="Search")
    box.fill("perceptron")
    box.press("Enter")
    count(page, 4)
    expect(page).to_have_url(re.compile(r"q=perceptron"))
    visit.reload()
    count(page, 4)
    expect(box).to_have_value("perceptron")
    page.get_by_role("button", name="Clear").click()
    count(page, N_RUNS)
    visit.settle()
    page.get_by_test_id("stButtonGroup").get_by_text("failed", exact=True).click()
    count(page, 2)
    expect(page).to_have_url(re.compile(r"status=failed"))


def test_filters_that_no_run_fits_say_so(visit: Visit) -> None:
    page = visit.open("/runs?q=nosuchword")
    expect(page.get_by_text("No run fits these filters")).to_be_visible()


def test_runs_are_sorted_by_a_metric(visit: Visit, lab: Lab) -> None:
    page = visit.open("/runs?dataset=iris")
    count(page, 6)
    page.get_by_role("button", name="Sort").click()
    choose(page, "Sort by", "metric:accuracy")
    expect(page).to_have_url(re.compile(r"sort=metric%3Aaccuracy"))
    expect(cell(grid(page), row=0, column=1)).to_contain_text(lab.best)
    visit.reload()
    expect(cell(grid(page), row=1, column=1)).to_contain_text(lab.second)


def test_two_selected_runs_are_compared(visit: Visit, lab: Lab) -> None:
    page = visit.open(BEST_FIRST)
    count(page, 6)
    table = grid(page)
    mark(table, row=0, row_height=_ROW_PX)
    expect(page).to_have_url(re.compile(rf"selected={lab.best}"))
    visit.settle()
    mark(table, row=1, row_height=_ROW_PX)
    compare = page.get_by_role("link", name="Compare 2 runs")
    expect(compare).to_be_visible()
    visit.reload()
    compare.click()
    expect(page).to_have_url(re.compile("/compare"))
    assert parse_qs(urlsplit(page.url).query)["ids"] == [lab.best, lab.second]
    visit.settle()
    expect(grid(page)).to_contain_text(lab.best[:8])


def test_a_note_is_one_click_away_and_edited_in_place(visit: Visit, lab: Lab, server: str) -> None:
    page = visit.open(f"{BEST_FIRST}&selected={lab.second}")
    page.get_by_role("button", name="BEST").click()
    expect(page.get_by_text("The note is saved.").last).to_be_visible()
    note = page.get_by_role("textbox", name="Note")
    expect(note).to_have_value("BEST")
    visit.settle()
    note.fill("# not **bold** <b>either</b>")
    page.get_by_role("button", name="Save note").click()
    expect(grid(page)).to_contain_text("# not **bold** <b>either</b>")
    visit.reload()
    expect(note).to_have_value("# not **bold** <b>either</b>")
    with LabClient(server) as client:
        assert client.get_run(lab.second).note == "# not **bold** <b>either</b>"
        client.set_note(lab.second, None)


@pytest.mark.parametrize(
    ("name", "ending", "read"),
    [("CSV", "csv", pd.read_csv), ("Parquet", "parquet", pd.read_parquet), ("Excel", "xlsx", pd.read_excel)],
)
def test_what_is_shown_is_downloaded_and_opens(
    visit: Visit, lab: Lab, tmp_path: Path, *, name: str, ending: str, read: Callable[[Path], pd.DataFrame]
) -> None:
    page = visit.open(BEST_FIRST)
    with page.expect_download() as started:
        page.get_by_role("button", name=name, exact=True).click()
    assert started.value.suggested_filename == f"runs.{ending}"
    started.value.save_as(tmp_path / f"runs.{ending}")
    table = read(tmp_path / f"runs.{ending}")
    assert table["run_id"].tolist()[:2] == [lab.best, lab.second]
    assert set(table["status"]) == {"finished"}
    assert table["metric:accuracy"].tolist()[:2] == pytest.approx([0.94, 0.93])


def test_what_is_shown_is_downloaded_though_the_browser_has_not_heard_of_the_last_refresh(
    visit: Visit, lab: Lab
) -> None:
    held: list[str | bytes] = []
    is_slow = threading.Event()
    sockets: list[WebSocketRoute] = []

    def relay(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        server = socket.connect_to_server()
        server.on_message(lambda message: held.append(message) if is_slow.is_set() else socket.send(message))

    visit.page.route_web_socket(re.compile("/_stcore/stream"), relay)
    page = visit.open(BEST_FIRST)
    count(page, 6)
    is_slow.set()
    while sum(is_end(message) for message in held) < 2:  # the first may be of what was asked for before
        page.wait_for_timeout(50)
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV", exact=True).click()
        while held:
            sockets[-1].send(held.pop(0))
        is_slow.clear()
    assert pd.read_csv(started.value.path())["run_id"].tolist()[:2] == [lab.best, lab.second]


def is_end(message: str | bytes) -> bool:
    """Tells whether the dashboard says with a message that a page or a part of it was run to its end."""
    return isinstance(message, bytes) and ForwardMsg.FromString(message).WhichOneof("type") == "script_finished"


def test_a_run_that_goes_on_is_refreshed_by_itself(visit: Visit, lab: Lab, server: str) -> None:
    page = visit.open("/runs?status=running")
    count(page, 1)
    with LabClient(server) as client:
        client.set_note(lab.running, "seen while it runs")
        expect(grid(page)).to_contain_text("seen while it runs")
        client.set_note(lab.running, None)


def test_a_page_of_runs_is_asked_for_at_a_time(visit: Visit) -> None:
    page = visit.open("/runs")
    count(page, N_RUNS)
    expect(cell(grid(page), row=24, column=1)).to_have_count(1)
    expect(cell(grid(page), row=25, column=1)).to_have_count(0)
    page.get_by_role("button", name="Next page").click()
    expect(page).to_have_url(re.compile(r"page=2"))
    expect(cell(grid(page), row=N_RUNS - 25, column=1)).to_have_count(0)
    visit.reload()
    expect(cell(grid(page), row=N_RUNS - 26, column=1)).to_have_count(1)
