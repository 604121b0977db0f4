import io
from pathlib import Path

import pytest
from PIL import Image

from backend.api import create_app
from backend.config import Settings
from lab_logger import start_run
from lightml.registry import register_model
from scripts.screenshots import ScreenshotError, compressed, shown_addresses
from scripts.showcase import EVALUATION
from tests.live_server import serving
from tools.client import LabClient


def _studied(store: Path) -> list[str]:
    runs = []
    for number in range(7):
        with start_run(store=store, dataset_id="digits") as run:
            run.log_metrics({"accuracy": number / 10})
        runs.append(run.run_id)
    return runs


def test_the_pictures_show_the_runs_and_models_of_the_store(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    runs = _studied(store)
    models = [register_model(store, EVALUATION, name) for name in ("first", "second", "third")]
    with serving(create_app(Settings(db_path=store))) as url, LabClient(url) as client:
        addresses = shown_addresses(client)
    assert addresses["run"] == f"/run?id={runs[-1]}"
    assert addresses["compare"].count("ids=") == 6
    assert addresses["models-compare"].endswith(f"models={models[0]}&models={models[1]}")
    assert {"home", "runs", "leaderboard", "models", "assistant"} <= addresses.keys()


def test_a_store_without_models_says_that_they_are_missing(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    _studied(store)
    with (
        serving(create_app(Settings(db_path=store))) as url,
        LabClient(url) as client,
        pytest.raises(ScreenshotError, match="has 0 models"),
    ):
        shown_addresses(client)


def test_a_store_with_too_little_to_show_says_what_is_missing(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    for dataset in ("digits", "wine"):
        with start_run(store=store, dataset_id=dataset) as run:
            run.log_metrics({"loss": 0.5} if dataset == "digits" else {"accuracy": 0.9})
    with (
        serving(create_app(Settings(db_path=store))) as url,
        LabClient(url) as client,
        pytest.raises(ScreenshotError, match="only 0 runs on digits"),
    ):
        shown_addresses(client)


def test_a_picture_becomes_smaller_and_keeps_its_size() -> None:
    gradient = Image.linear_gradient("L").resize((1440, 900)).convert("RGB")
    written = io.BytesIO()
    gradient.save(written, format="PNG", compress_level=0)
    small = compressed(written.getvalue())
    assert len(small) < len(written.getvalue()) / 10
    with Image.open(io.BytesIO(small)) as image:
        assert (image.size, image.mode) == ((1440, 900), "P")
