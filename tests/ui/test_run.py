import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.live_server import unused_address
from tests.local_store import start_run
from tests.ui.dashboard import HOSTILE, charts, opened, shown
from ui import run_artifacts
from ui.formatting import plain_markdown


def record(**params: object) -> str:
    with start_run(params, dataset_id="iris", tags=["baseline"], note="keep") as run:
        for step in range(5):
            run.log_metrics(
                {"train_loss": 1 / (step + 1), "val_loss": 2 / (step + 1), "accuracy": step / 10}, step=step
            )
    return run.run_id


@contextmanager
def running() -> Iterator[str]:
    """A run that is running inside the block."""
    with start_run({"lr": 0.1}) as run:
        run.log_metrics({"loss": 0.5}, step=0)
        yield run.run_id


def with_files(folder: Path) -> str:
    """Records a run that left one file of each kind."""
    (folder / "table.csv").write_text("a,b\n1,2\n")
    (folder / "settings.json").write_text('{"lr": 0.1}')
    (folder / "train.log").write_text("hello from the log")
    (folder / "model.bin").write_bytes(b"\x00\x01")
    (folder / "page.html").write_text("<script>alert(1)</script>")
    Image.new("RGB", (8, 6)).save(folder / "plot.png")
    (folder / "more").mkdir()
    (folder / "more" / "inner.txt").write_text("inside a folder")
    with start_run() as run:
        for name in (
            "table.csv",
            "settings.json",
            "train.log",
            "model.bin",
            "page.html",
            "plot.png",
            "more",
            "gone.txt",
        ):
            run.log_artifact(folder / name)
    return run.run_id


def test_without_an_id_the_recent_runs_are_offered(server: str) -> None:
    runs = [record(lr=0.1), record(lr=0.2)]
    app = opened("run")
    assert not app.exception
    assert app.dataframe[0].value["run"].tolist() == [run_id[:8] for run_id in reversed(runs)]
    assert "2 most recent runs" in shown(app)


def test_an_empty_store_says_how_to_record_something(server: str) -> None:
    assert "No run is recorded yet." in shown(opened("run"))


def test_an_unknown_run_says_so_and_offers_others(server: str) -> None:
    record()
    app = opened("run", id="**nope**")
    assert not app.exception
    assert plain_markdown("**nope**") in shown(app)
    assert len(app.dataframe) == 1


def test_a_shortened_id_of_several_runs_offers_them(server: str, isolated: Path) -> None:
    first, second = record(), record()
    with sqlite3.connect(isolated / "runs.db") as store:
        for old, new in ((first, "twin-a"), (second, "twin-b")):
            store.execute("INSERT INTO manifests (run_id, timestamp, final_metrics_json) SELECT ?, timestamp, "
                          "final_metrics_json FROM manifests WHERE run_id = ?", (new, old))  # fmt: skip
    store.close()
    app = opened("run", id="twin")
    assert not app.exception
    assert len(app.get("page_link")) == 2


def test_without_a_server_it_says_how_to_start_one(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SERVER_URL", unused_address())
    app = opened("run", id="abc")
    assert not app.exception
    assert app.code[0].value == "make serve"


def test_the_overview_shows_what_the_run_is_and_its_curves(server: str) -> None:
    run_id = record(lr=0.1, optimizer={"name": "adam"})
    app = opened("run", id=run_id[:10])
    assert not app.exception
    text = shown(app)
    assert all(part in text for part in (f"Run {run_id[:8]}", "finished", "baseline", "iris", "Duration"))
    metrics, params = app.dataframe[0].value, app.dataframe[1].value
    assert ["val_loss", "0.4", "0.4", "4"] in metrics.to_numpy().tolist()
    assert params.to_numpy().tolist() == [["lr", "0.1"], ["optimizer.name", "adam"]]
    assert app.text_area[0].value == "keep"
    assert charts(app) == 2  # the losses share one


def test_how_curves_are_drawn_stands_in_the_address(server: str) -> None:
    app = opened("run", id=record(), axis="time", smoothing="0.5", log="true", series=["accuracy"])
    assert not app.exception
    assert (app.slider[0].value, app.toggle[0].value, app.multiselect[0].value) == (0.5, True, ["accuracy"])
    assert charts(app) == 1
    assert "1 of 5 points are not above zero" in shown(app)


def test_without_live_points_the_metrics_file_is_drawn(server: str, isolated: Path) -> None:
    (isolated / "svm_metrics.csv").write_text("epoch,loss,comment\n1,0.5,a\n2,0.25,b\n")
    with start_run() as run:
        run.log_artifact(isolated / "svm_metrics.csv")
    app = opened("run", id=run.run_id, axis="time")
    assert not app.exception
    assert charts(app) == 1
    assert plain_markdown("svm_metrics.csv") in shown(app)
    assert "shown over steps" in shown(app)


def test_a_run_that_recorded_nothing_says_so_in_every_tab(server: str) -> None:
    with start_run() as run:
        pass
    said = {
        "Overview": "No final metrics are recorded.",
        "Artifacts": "left no artifacts",
        "Code": "Command",
        "Environment": "Machine",
        "Reproduce": "Make its environment",
    }
    for tab, text in said.items():
        app = opened("run", id=run.run_id, tab=tab)
        assert not app.exception
        assert text in shown(app)


def test_a_running_run_shows_its_latest_values_and_for_how_long(server: str) -> None:
    with running() as run_id:
        app = opened("run", id=run_id)
        assert not app.exception
        assert "Running for" in shown(app)
        assert app.dataframe[0].value.to_numpy().tolist() == [["loss", "0.5", "0"]]


def test_a_failed_run_shows_its_traceback(server: str) -> None:
    with pytest.raises(ZeroDivisionError), start_run() as run:
        _ = 1 / 0
    app = opened("run", id=run.run_id)
    assert not app.exception
    assert "ZeroDivisionError" in app.error[0].value
    assert app.code[0].value.startswith("Traceback")


@pytest.mark.parametrize(
    ("artifact", "seen"),
    [("1. table.csv", "dataframe"), ("2. settings.json", "json"), ("3. train.log", "code"), ("5. page.html", "code"),
     ("6. plot.png", "image"), ("7. more", "code")],
)  # fmt: skip
def test_an_artifact_is_shown_as_what_it_is(server: str, isolated: Path, artifact: str, seen: str) -> None:
    app = opened("run", id=with_files(isolated), tab="Artifacts", artifact=artifact)
    assert not app.exception
    assert app.selectbox[0].value == artifact
    assert len(app.get(seen)) == (2 if seen == "dataframe" else 1)
    assert len(app.get("download_button")) == 1


def test_a_file_of_another_kind_is_a_download_alone(server: str, isolated: Path) -> None:
    app = opened("run", id=with_files(isolated), tab="Artifacts", artifact="4. model.bin")
    assert "is not shown" in shown(app)
    assert len(app.get("download_button")) == 1


def test_a_file_too_large_to_be_shown_or_passed_through_says_how_to_have_it(
    server: str, isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_artifacts, "MAX_PREVIEW_BYTES", 3)
    monkeypatch.setattr(run_artifacts, "MAX_DOWNLOAD_BYTES", 3)
    app = opened("run", id=with_files(isolated), tab="Artifacts", artifact="3. train.log")
    assert "not shown here" in shown(app)
    assert app.code[0].value.endswith("/artifacts/2")


def test_a_file_that_is_gone_says_so(server: str, isolated: Path) -> None:
    app = opened("run", id=with_files(isolated), tab="Artifacts", artifact="8. gone.txt")
    assert "nothing is at its path any more" in app.info[0].value
    assert not app.get("download_button")


def test_the_note_is_saved_and_a_mark_is_one_click_away(server: str) -> None:
    app = opened("run", id=record())
    next(button for button in app.button if button.label == "BEST").click().run()
    assert not app.exception
    assert app.text_area[0].value == "BEST: keep"


@pytest.mark.parametrize("tab", ["Overview", "Artifacts", "Code", "Environment", "Reproduce"])
def test_text_of_the_store_is_shown_as_text(server: str, isolated: Path, tab: str) -> None:
    name = HOSTILE.replace("/", "-") + ".txt"
    (isolated / name).write_text(HOSTILE)
    with start_run({HOSTILE: HOSTILE, "big": "x" * 100_000}, dataset_id=HOSTILE, tags=[HOSTILE], note=HOSTILE) as run:
        run.log_metrics({HOSTILE: 1.0}, step=0)
        run.log_artifact(isolated / name)
    app = opened("run", id=run.run_id, tab=tab)
    assert not app.exception
    assert "<script>" not in shown(app).replace("\\<", "")
    assert "**b**" not in shown(app)
