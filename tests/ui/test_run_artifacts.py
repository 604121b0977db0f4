from collections.abc import Iterator

import httpx
import pytest

from tests.backend.remote_artifacts import file_of, recorded, upload
from tests.ui.dashboard import opened, shown

CONTENT = b"epoch,loss\n1,0.5\n"


@pytest.fixture
def sender(server: str) -> Iterator[httpx.Client]:
    """A training machine."""
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


def test_content_on_its_way_is_said_to_be_and_shown_once_it_has_come(sender: httpx.Client) -> None:
    run_id = recorded(sender, "/there/curve.csv", files=[file_of(CONTENT)])
    app = opened("run", id=run_id, tab="Artifacts")
    assert app.dataframe[0].value["state"].tolist() == ["on its way"]
    assert "the machine that trained has not sent all of it yet" in app.info[0].value
    assert not app.get("download_button")
    upload(sender, CONTENT)
    app = opened("run", id=run_id, tab="Artifacts")
    assert app.dataframe[0].value["state"].tolist() == ["there"]
    assert app.dataframe[1].value.to_dict("list") == {"epoch": [1], "loss": [0.5]}
    assert app.get("download_button")
    assert not app.info


def test_a_folder_shows_what_of_it_has_come(sender: httpx.Client) -> None:
    files = [file_of(b"first", "a.txt"), file_of(b"second", "b.txt")]
    run_id = recorded(sender, "/there/plots", artifact_kind="folder", files=files)
    upload(sender, b"first")
    app = opened("run", id=run_id, tab="Artifacts")
    assert "has not sent all of it yet" in app.info[0].value
    assert app.selectbox[1].options == ["a.txt"]
    assert app.code[1].value == "first"  # after the command that downloads it


def test_a_reference_is_said_to_be_one(sender: httpx.Client) -> None:
    run_id = recorded(sender, "/data/imagenet", artifact_kind="folder", size_bytes=10**12)
    app = opened("run", id=run_id, tab="Artifacts")
    assert app.dataframe[0].value["state"].tolist() == ["reference"]
    assert "it stayed where it was on the machine that trained" in app.info[0].value
    assert "reference\\: " in shown(app)
    assert not app.get("download_button")


def test_what_was_missing_there_is_said_to_be_gone(sender: httpx.Client) -> None:
    run_id = recorded(sender, "/there/gone.txt", artifact_kind="missing")
    app = opened("run", id=run_id, tab="Artifacts")
    assert "nothing was at its path when it was recorded" in app.info[0].value
