from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightml.checkpoints import find_checkpoint, list_checkpoints, register_checkpoint
from lightml.database import Database
from lightml.errors import AmbiguousNameError, InvalidEntryError, UnknownNameError
from lightml.registry import register_model


@pytest.fixture
def db(place: Database) -> Database:
    register_model(place, "r", "m", "/m")
    return place


def test_a_checkpoint_is_registered_once(db: Database) -> None:
    first = register_checkpoint(db, run_name="r", model_name="m", step=5000, path="/c/5000")
    assert register_checkpoint(db, "r", "m", 5000, "/c/5000") == first
    assert register_checkpoint(db, "r", "m", np.int64(5000), Path("/c/5000")) == first  # type: ignore[arg-type]
    assert register_checkpoint(db, "r", "m", 6000, "/c/5000") != first
    pathless = register_checkpoint(db, "r", "m", 7000)
    assert register_checkpoint(db, "r", "m", 7000) == pathless
    assert [(each.step, each.path) for each in list_checkpoints(db, "m")] == [
        (5000, "/c/5000"), (6000, "/c/5000"), (7000, None),
    ]  # fmt: skip


def test_a_checkpoint_says_when_it_was_registered(db: Database) -> None:
    register_checkpoint(db, "r", "m", 0, "/c")
    (checkpoint,) = list_checkpoints(db, "m", "r")
    assert checkpoint.created_at is not None
    assert len(checkpoint.created_at) == len("2026-01-01 00:00:00")


@pytest.mark.parametrize("step", [-1, 1.5, "5", True, None, 2**63])
def test_a_step_is_a_whole_number(db: Database, step: Any) -> None:
    with pytest.raises(InvalidEntryError, match="step"):
        register_checkpoint(db, "r", "m", step, "/c")


def test_a_checkpoint_needs_its_model(db: Database) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'm'"):
        register_checkpoint(db, "r", "mm", 1, "/c")
    with pytest.raises(UnknownNameError, match="no run 'other'"):
        register_checkpoint(db, "other", "m", 1, "/c")
    with pytest.raises(UnknownNameError):
        find_checkpoint(db, "r", "mm", 1)


def test_a_checkpoint_is_found_by_its_step(db: Database) -> None:
    one = register_checkpoint(db, "r", "m", 1, "/c/1")
    assert find_checkpoint(db, run_name="r", model_name="m", step=1) == one
    assert find_checkpoint(db, None, "m", 1) == one
    assert find_checkpoint(db, "r", "m", 2) is None
    assert find_checkpoint(db, "r", "m", 1, path_hint="EXP") is None


def test_a_part_of_the_path_tells_checkpoints_of_one_step_apart(db: Database) -> None:
    left = register_checkpoint(db, "r", "m", 5000, "/grid/EXP1234T5678/5000")
    right = register_checkpoint(db, "r", "m", 5000, "/grid/EXP1234T9_%*/5000")
    with pytest.raises(AmbiguousNameError, match=r"EXP1234T5678/5000, /grid/EXP1234T9_%\*/5000.*path_hint"):
        find_checkpoint(db, "r", "m", 5000)
    with pytest.raises(AmbiguousNameError):
        find_checkpoint(db, "r", "m", 5000, path_hint="EXP1234")
    assert find_checkpoint(db, "r", "m", 5000, path_hint="EXP1234T5678") == left
    assert find_checkpoint(db, "r", "m", 5000, path_hint="_%*") == right
