from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from backend.models import MAX_COMPARED_RUNS
from tests.live_server import unused_address
from tests.local_store import start_run
from tests.ui.dashboard import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
PAGE = "ui/pages/compare.py"
HOSTILE = "<script>alert(1)</script> # [x](http://evil) **b** :red[x] $a$ \u202eevil 🙂"


def record(model: str, seed: int, *, accuracy: float, **params: object) -> str:
    with start_run({"model": model, "seed": seed, "lr": 0.1, **params}, dataset_id="iris") as run:
        for step in range(3):
            run.log_metrics({"val_loss": 1 / (step + 1), "accuracy": accuracy}, step=step)
    return run.run_id


@pytest.fixture
def runs(server: None) -> list[str]:
    """Two models with two seeds each."""
    return [record(model, seed, accuracy=at / 10) for at, (model, seed) in enumerate(
        [("svm", 1), ("svm", 2), ("tree", 1), ("tree", 2)]
    )]  # fmt: skip


def page(ids: list[str] | None = None, **state: str | list[str]) -> AppTest:
    """Opens the page at an address."""
    app = AppTest.from_file(str(ROOT / "stream.py"), default_timeout=PATIENCE_S).run()
    app.switch_page(PAGE)
    app.query_params.update({"ids": ids or [], **state})
    return app.run()


def shown(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    return "\n".join(part.value for part in parts)


def charts(app: AppTest) -> int:
    return len(app.get("vega_lite_chart")) + len(app.get("arrow_vega_lite_chart"))


def test_without_runs_it_leads_to_the_runs(runs: list[str]) -> None:
    app = page()
    assert not app.exception
    assert "pick runs above" in shown(app)
    assert app.get("page_link")
    assert len(app.multiselect[0].options) == len(runs)


def test_an_empty_store_says_how_to_record_something(server: None) -> None:
    assert "No run is recorded yet." in shown(page())


def test_without_a_server_it_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    app = page(["abc"])
    assert not app.exception
    assert "does not answer" in shown(app)
    assert app.code[0].value == "make serve"


def test_the_table_shows_runs_as_columns_and_marks_the_best(runs: list[str]) -> None:
    app = page(runs)
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table.columns) == ["kind", "name", *(run_id[:8] for run_id in runs)]
    rows = {row[1]: row for row in table.to_numpy().tolist()}
    assert rows["accuracy ↑"] == ["metric", "accuracy ↑", "0", "0.1", "0.2", "0.3 ★"]
    assert "★" not in "".join(rows["val_loss ↓"])


def test_only_differences_hides_what_is_alike_and_stands_in_the_address(runs: list[str]) -> None:
    names = set(page(runs, diff="true").dataframe[0].value["name"])
    assert {"model", "seed", "accuracy ↑"} <= names
    assert names.isdisjoint({"lr", "dataset", "val_loss ↓"})


def test_runs_can_be_rows_with_links_to_their_pages(runs: list[str]) -> None:
    table = page(runs, rows="true").dataframe[0].value
    assert table["run"].tolist() == [f"/run?id={run_id}" for run_id in runs]
    assert table["accuracy"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("tab", ["Curves", "Parallel coordinates", "Scatter", "Groups"])
def test_each_tab_draws_what_it_is_for(runs: list[str], tab: str) -> None:
    app = page(runs, tab=tab)
    assert not app.exception
    assert charts(app) == (2 if tab == "Curves" else 1)


@pytest.mark.parametrize("tab", ["Table", "Curves", "Parallel coordinates", "Scatter", "Groups"])
def test_one_run_alone_can_be_looked_at(runs: list[str], tab: str) -> None:
    assert not page(runs[:1], tab=tab).exception


@pytest.mark.parametrize("tab", ["Table", "Curves", "Parallel coordinates", "Scatter", "Groups"])
def test_runs_that_recorded_nothing_say_so(server: None, tab: str) -> None:
    ids = []
    for _ in range(2):
        with start_run() as run:
            ids.append(run.run_id)
    app = page(ids, tab=tab)
    assert not app.exception
    assert charts(app) <= 1


def test_groups_are_over_seeds_with_mean_spread_and_number(runs: list[str]) -> None:
    app = page(runs, tab="Groups")
    assert app.dataframe[0].value.iloc[:, :3].to_numpy().tolist() == [["tree", 2, 0.25], ["svm", 2, 0.05]]
    assert app.dataframe[0].value["std"].tolist() == pytest.approx([0.005**0.5, 0.005**0.5])


def test_what_a_tab_shows_comes_from_the_address(runs: list[str]) -> None:
    app = page(runs, tab="Groups", by="seed", of="val_loss")
    assert list(app.dataframe[0].value.columns)[:3] == ["seed", "n", "mean val_loss"]
    assert charts(page(runs, tab="Curves", series="val_loss", log="true", smooth="0.5")) == 1


def test_every_series_of_any_run_can_be_chosen_and_says_how_many_have_it(server: None, tmp_path: Path) -> None:
    ids = [record("svm", seed, accuracy=0.5) for seed in range(4)]
    with start_run() as rare:
        rare.log_metrics({"rare": 1.0}, step=0)
    (tmp_path / "metrics.csv").write_text("step,filed,val_loss\n0,1,2\n1,2,3\n")
    with start_run() as filed:
        filed.log_artifact(tmp_path / "metrics.csv")
    app = page([*ids, rare.run_id, filed.run_id], tab="Curves", series=["rare", "filed"])
    assert app.multiselect(key="series").options == ["accuracy", "filed", "rare", "val_loss"]
    assert charts(app) == 2
    said = shown(app).replace("\\", "").replace("\u2060", "")
    assert "accuracy (4), filed (1), rare (1), val_loss (5)" in said


def test_runs_are_removed_and_added_by_the_picker(runs: list[str]) -> None:
    app = page(runs[:2])
    app.multiselect[0].set_value([runs[0], runs[2], runs[3][:8]]).run()
    assert not app.exception
    assert app.query_params["ids"] == [runs[0], runs[2], runs[3][:8]]
    assert list(app.dataframe[0].value.columns)[2:] == [run_id[:8] for run_id in (runs[0], runs[2], runs[3])]


def test_a_run_that_is_not_there_is_named_and_the_others_are_compared(runs: list[str]) -> None:
    app = page([runs[0], "no-such-run", HOSTILE, "x" * 1000])
    assert not app.exception
    assert len(app.warning) == 3
    assert list(app.dataframe[0].value.columns)[2:] == [runs[0][:8]]


def test_more_runs_than_the_server_compares_are_cut_and_it_says_so(runs: list[str]) -> None:
    app = page([*runs, *(f"none-{at}" for at in range(MAX_COMPARED_RUNS))])
    assert not app.exception
    assert f"At most {MAX_COMPARED_RUNS} runs" in app.warning[0].value


@pytest.mark.parametrize("tab", ["Table", "Curves", "Parallel coordinates", "Scatter", "Groups"])
def test_text_out_of_the_store_breaks_nothing(server: None, tab: str) -> None:
    ids = []
    for at in range(4):
        nested = {
            "in": {"a": HOSTILE, "b": [at, None]},
            "accuracy": at % 2 == 0,
            "n": float("nan"),
            "big": "x" * 100_000,
        }
        with start_run({HOSTILE: f"{HOSTILE}{at % 2}", **nested}, dataset_id=HOSTILE, note=HOSTILE) as run:
            run.log_metrics({HOSTILE: at, "accuracy": float("inf") if at else 0.5, "loss": float("nan")}, step=at)
        ids.append(run.run_id)
    app = page(ids, tab=tab)
    assert not app.exception
    assert "**b**" not in shown(app)
