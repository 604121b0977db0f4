import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab_logger import SpoolError, spool
from lab_logger.statements import Write
from lab_logger.storage import EmbeddedStore
from tests.lab_logger.conftest import Rows


def tag(name: str) -> Write:
    return "add_tag", {"run_id": "a", "tag": name}


@pytest.fixture
def opened(store: Path) -> Iterator[EmbeddedStore]:
    opened = EmbeddedStore(store, busy_timeout_s=1)
    yield opened
    opened.close()


def kept_in(path: Path, *texts: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO batches (batch) VALUES (?)", [(text,) for text in texts])
        connection.commit()


def test_nothing_kept_is_nothing_to_bring_in(opened: EmbeddedStore, store: Path) -> None:
    assert spool.drain(opened) == 0
    assert spool.backlog(store) == []
    assert not store.parent.exists()


def test_batches_come_in_in_their_order_and_once(opened: EmbeddedStore, store: Path, rows: Rows) -> None:
    points = [("add_series", {"run_id": "a", "name": "loss"})]
    values = {"run_id": "a", "name": "loss", "step": 0, "timestamp": 1}
    spool.append(store, points)
    place = spool.append(store, [("add_point_by_name", {**values, "value": -1.0})])
    kept_in(place, *[json.dumps([("add_point_by_name", {**values, "value": float(value)})]) for value in range(1_100)])
    assert spool.backlog(store) == [spool.Backlog(place, waiting=1_102, rejected=0)]
    assert spool.drain(opened) == 1_102
    assert spool.drain(opened) == 0
    assert rows("SELECT value FROM metric_points") == [(1_099.0,)]


@pytest.mark.parametrize(
    "poison",
    [
        json.dumps([tag("refused with it"), ("add_tag", {"run_id": "a", "tag": None})]),
        json.dumps([tag("refused with it"), ("add_tag", {"run_id": "a"})]),
        json.dumps([tag("refused with it"), ("add_tag", {"run_id": "a", "tag": ["list"]})]),
        json.dumps([tag("refused with it"), ("add_tag", {"run_id": "a", "tag": 2**70})]),
        json.dumps([tag("refused with it"), ("add_tag", {"run_id": "a", "tag": "\ud800"})]),
        json.dumps([tag("refused with it"), ("a write of a later version", {})]),
        "[[1, 2, 3]]",
        '{"not": "a list"}',
        "7",
        "no json",
    ],
)
def test_a_batch_that_can_never_be_stored_does_not_hold_up_the_rest(
    poison: str, opened: EmbeddedStore, store: Path, rows: Rows
) -> None:
    place = spool.append(store, [tag("before")])
    kept_in(place, poison)
    spool.append(store, [tag("after")])
    assert spool.drain(opened) == 2
    assert rows("SELECT tag FROM run_tags ORDER BY tag") == [("after",), ("before",)]
    assert spool.backlog(store) == [spool.Backlog(place, waiting=0, rejected=1)]
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT position, batch FROM rejected").fetchall() == [(2, poison)]


def test_what_is_kept_stays_in_one_place_so_that_its_order_stays(
    opened: EmbeddedStore, store: Path, rows: Rows, tmp_path: Path
) -> None:
    store.parent.write_text("a file where the folder should be")
    first = spool.append(store, [("add_series", {"run_id": "a", "name": "loss"})])
    assert first.is_relative_to(tmp_path / "xdg_state_home")
    store.parent.unlink()
    values = {"run_id": "a", "name": "loss", "step": 0, "timestamp": 1, "value": float("-inf")}
    assert spool.append(store, [("add_point_by_name", values)]) == first
    assert spool.drain(opened) == 2
    assert rows("SELECT value FROM metric_points") == [(float("-inf"),)]
    assert spool.append(store, [tag("later")]) == spool.candidates(store)[0]


def test_a_spool_that_cannot_be_read_does_not_hide_the_next(opened: EmbeddedStore, store: Path, rows: Rows) -> None:
    first, second, _ = spool.candidates(store)
    first.parent.mkdir()
    first.write_text("no database at all " * 100)
    assert spool.append(store, [tag("kept elsewhere")]) == second
    with pytest.raises(SpoolError, match=f"cannot read the spool {first}"):
        spool.drain(opened)
    assert rows("SELECT tag FROM run_tags") == [("kept elsewhere",)]
    with pytest.raises(SpoolError):
        spool.backlog(store)


def test_each_store_has_a_spool_of_its_own(project: Path) -> None:
    places = [place for name in ("a", "b") for place in spool.candidates(project / name / "manifests.db")]
    assert len(set(places)) == 6


def test_a_spool_thrown_away_and_begun_anew_counts_from_the_start(
    opened: EmbeddedStore, store: Path, rows: Rows
) -> None:
    place = spool.append(store, [tag("one")])
    assert spool.drain(opened) == 1
    place.unlink()
    spool.append(store, [tag("two")])
    assert spool.drain(opened) == 1
    assert rows("SELECT tag FROM run_tags ORDER BY tag") == [("one",), ("two",)]


def test_a_spool_is_for_its_owner_alone(store: Path) -> None:
    assert spool.append(store, [tag("kept")]).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("how", ["another user's", "a link"])
def test_what_somebody_else_put_there_is_not_believed(
    how: str, opened: EmbeddedStore, store: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = spool.append(store, [tag("planted")])
    if how == "a link":
        planted.rename(planted.with_suffix(".elsewhere"))
        planted.symlink_to(planted.with_suffix(".elsewhere"))
    else:
        monkeypatch.setattr("os.getuid", lambda: planted.stat().st_uid + 1)
    with pytest.raises(SpoolError, match=planted.name):
        spool.drain(opened)
    opened.execute("SELECT 1", {})
    assert rows("SELECT * FROM run_tags") == []
