from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.live_server import unused_address
from tests.local_store import start_run
from tests.ui.dashboard import HOSTILE, opened, shown
from tools.client import LabClient

N_RUNS = 30


def record(number: int, *, dataset: str = "iris", note: str | None = None) -> str:
    with start_run({"lr": number / 10, "seed": number % 2}, dataset_id=dataset, tags="sweep", note=note) as run:
        run.log_metrics({"accuracy": number / 100})
    return run.run_id


@pytest.fixture
def runs(server: str) -> list[str]:
    return [record(number) for number in range(N_RUNS)]


def listed(app: AppTest) -> list[str]:
    """Gives the ids of the runs that the table shows, in order."""
    assert not app.exception
    return [address.removeprefix("run?id=") for address in app.dataframe[0].value["run"]]


def heading(app: AppTest) -> str:
    return app.subheader[0].value


def test_a_page_of_runs_is_shown_the_newest_first(runs: list[str]) -> None:
    app = opened("runs")
    assert heading(app) == "30 runs"
    assert listed(app) == runs[:4:-1]
    assert listed(opened("runs", page="2")) == runs[4::-1]


def test_a_page_beyond_the_last_is_the_last(runs: list[str]) -> None:
    assert listed(opened("runs", page="99")) == runs[4::-1]


def test_filters_of_the_address_are_asked_of_the_server(runs: list[str]) -> None:
    app = opened("runs", has="accuracy", min="0.05", max="0.06", param=["seed:1"])
    assert heading(app) == "1 run"
    assert listed(app) == [runs[5]]
    assert "No run fits these filters" in shown(opened("runs", tag="nosuchtag"))
    assert listed(opened("runs", tag="sweep", dataset="iris", sort="metric:accuracy", size="50")) == runs[::-1]
    assert listed(opened("runs", sort="param:lr", direction="asc"))[:3] == runs[:3]


def test_a_filter_takes_you_to_the_first_page_and_all_can_be_cleared(runs: list[str]) -> None:
    app = opened("runs", page="2")
    app.text_input(key="q").set_value("sweep").run()
    assert listed(app) == runs[:4:-1]
    app.button_group(key="status").set_value(["failed"]).run()
    assert "No run fits" in shown(app)
    next(button for button in app.button if button.label == "Clear").click().run()
    assert heading(app) == "30 runs"


def test_wrong_filters_are_said(runs: list[str]) -> None:
    app = opened("runs", param=["lr"], **{"from": "2026-02-01", "to": "2026-01-01"})
    assert len(app.warning) == 2


def test_columns_are_chosen(runs: list[str]) -> None:
    app = opened("runs", cols=["param:lr", "metric:accuracy"])
    assert app.dataframe[0].value.columns.tolist() == ["run", "status", "param:lr", "metric:accuracy"]
    assert app.dataframe[0].value["metric:accuracy"][0] == "0.29"


def test_durations_and_tags_can_be_columns_and_durations_an_order(runs: list[str]) -> None:
    app = opened("runs", cols=["duration", "tags"], sort="duration", direction="asc")
    table = app.dataframe[0].value
    assert table.columns.tolist() == ["run", "status", "duration", "tags"]
    assert table["duration"].str.endswith(" s").all()
    assert [list(tags) for tags in table["tags"]] == [["sweep"]] * len(table)
    assert not app.exception


def test_selected_runs_carry_over_to_compare(runs: list[str]) -> None:
    app = opened("runs", selected=[runs[0], runs[29]])
    link = next(link for link in app.get("page_link") if link.proto.label == "Compare 2 runs")
    assert link.proto.query_string == f"ids={runs[0]}&ids={runs[29]}"


def test_a_note_is_edited_in_place_and_a_mark_is_a_click_away(runs: list[str], server: str) -> None:
    app = opened("runs", selected=[runs[0]])
    app.button(key="runs-note-BEST").click().run()
    app.text_area(key="runs-note-text").set_value(HOSTILE).run()
    app.button(key="runs-note-save").click().run()
    assert not app.exception
    with LabClient(server) as client:
        assert client.get_run(runs[0]).note == HOSTILE


def test_a_selected_run_that_is_not_there_is_said(runs: list[str]) -> None:
    assert "no run has the id" in shown(opened("runs", selected=["nosuchrun"])).replace("\\", "")


def test_running_runs_are_told(runs: list[str]) -> None:
    with start_run({"lr": 9}, dataset_id="iris"):
        app = opened("runs", status="running")
        assert heading(app) == "1 run"
        assert "1 running" in shown(app)


def test_text_out_of_the_store_breaks_nothing(server: str) -> None:
    with start_run({HOSTILE: "=1+1", "long": "y" * 100_000}, dataset_id=HOSTILE, note=HOSTILE * 900) as run:
        run.log_metrics({HOSTILE: float("nan"), "accuracy": 1})
    app = opened("runs", selected=[run.run_id])
    assert listed(app) == [run.run_id]
    assert app.dataframe[0].value["dataset"][0] == HOSTILE


def test_an_empty_store_says_what_to_do(server: str) -> None:
    assert "No run is recorded yet" in shown(opened("runs"))


def test_without_a_server_the_page_says_how_to_start_it(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    app = opened("runs")
    assert "The server does not answer" in shown(app)
    assert app.code[0].value == "make serve"
