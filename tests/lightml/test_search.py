from pathlib import Path

import pytest

from lightml.database import Database
from lightml.errors import RegistryMissingError
from lightml.handle import LightMLHandle
from lightml.search import metric_exists, model_exists, search


@pytest.fixture
def db(place: Database) -> Database:
    for run, models in (("MIIA14B", ("MIIA7B", "MIIA14B-BASE")), ("other", ("MIIA7B", "llama[1]"))):
        handle = LightMLHandle(place, run)
        for number, name in enumerate(models):
            handle.register_model(name, f"/{name}")
            handle.log_metrics(name, {"eng": {"hella_5": 0.5 + number, "hella_0": 0.25}, "ita": {"mmlu": 1}})
    return place


def test_existence_is_by_exact_name_in_any_run_or_one(db: Database) -> None:
    assert model_exists(db, "MIIA7B") is True
    assert model_exists(db, "MIIA*") is False
    assert model_exists(db, "llama[1]", "MIIA14B") is False
    assert metric_exists(db, "llama[1]", "eng", "hella_0") is True
    assert metric_exists(db, "llama[1]", "eng", "hella_0", "other") is True
    assert metric_exists(db, "llama[1]", "eng", "hella_0", "MIIA14B") is False
    assert metric_exists(db, "llama[1]", "eng", "hella_*") is False
    assert metric_exists(db, "llama[1]", "fra", "hella_0") is False


def test_metrics_are_found_by_patterns(db: Database) -> None:
    found = search(db, model="MIIA*", family="eng", metric="hella*")
    assert found[0] == {
        "model": "MIIA14B-BASE", "family": "eng", "metric": "hella_0", "value": 0.25, "run": "MIIA14B",
    }  # fmt: skip
    assert [(row["model"], row["metric"], row["run"]) for row in found] == [
        ("MIIA14B-BASE", "hella_0", "MIIA14B"),
        ("MIIA14B-BASE", "hella_5", "MIIA14B"),
        ("MIIA7B", "hella_0", "MIIA14B"),
        ("MIIA7B", "hella_0", "other"),
        ("MIIA7B", "hella_5", "MIIA14B"),
        ("MIIA7B", "hella_5", "other"),
    ]
    assert {row["metric"] for row in search(db, metric="hella_?")} == {"hella_0", "hella_5"}
    assert {row["run"] for row in search(db, family="ita", run="oth?r")} == {"other"}
    assert search(db, model="miia*", family="eng") == []


def test_models_alone_are_found_once_each(db: Database) -> None:
    assert search(db, model="MIIA*") == [{"model": "MIIA14B-BASE"}, {"model": "MIIA7B"}]
    assert search(db, run="other") == [{"model": "MIIA7B"}, {"model": "llama[1]"}]
    assert len(search(db)) == 3


def test_brackets_stand_for_themselves(db: Database) -> None:
    assert search(db, model="llama[1]") == [{"model": "llama[1]"}]
    assert search(db, model="llama[0-9]*") == []
    assert search(db, model="*[[]*") == []
    assert search(db, model="*[*") == [{"model": "llama[1]"}]


def test_what_another_database_takes_for_a_pattern_stands_for_itself(db: Database) -> None:
    for name in ("50%", "5_0", "5\\0", "5x0"):
        LightMLHandle(db, "signs").register_model(name)
    for pattern in ("50%", "5_0", "5\\0", "5\\*"):
        assert [found["model"] for found in search(db, model=pattern)] == [pattern.replace("*", "0")]
    assert len(search(db, model="5?0")) == 3


def test_searching_makes_no_registry(tmp_path: Path) -> None:
    with pytest.raises(RegistryMissingError):
        search(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
