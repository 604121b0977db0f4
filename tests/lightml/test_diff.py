import json
from pathlib import Path

import pytest

from lightml.diff import diff_models, format_diff
from lightml.errors import InvalidEntryError, UnknownNameError
from lightml.metrics import add_metric
from lightml.registry import create_run, register_model

# `lightml.diff`: several models side by side, as data and as text.

RUN = "my-experiment"
NAMES = ["llama-base", "llama-sft", "gemma-9b"]
VALUES = {"MMLU": (0.521, 0.562, 0.548), "ARC": (0.443, 0.487, 0.512), "HellaSwag": (0.695, 0.719, 0.734)}
TABLE = """\
  lightml diff — 3 models  (run: my-experiment)
  ══════════════════════════════════════════════════════════════════════
  Family       Metric       llama-base     llama-sft      gemma-9b
  ──────────────────────────────────────────────────────────────────────
  ENG 5-shot   ARC              0.4430        0.4870        0.5120
  ENG 5-shot   HellaSwag        0.6950        0.7190        0.7340
  ENG 5-shot   MMLU             0.5210        0.5620        0.5480
  ──────────────────────────────────────────────────────────────────────
  AVG          (3 metrics)      0.5530        0.5893        0.5980"""


@pytest.fixture
def db(tmp_path: Path) -> Path:
    db = tmp_path / "main.db"
    create_run(db, RUN)
    for at, name in enumerate(NAMES):
        register_model(db, RUN, name, None)
        for metric, values in VALUES.items():
            add_metric(db, "ENG 5-shot", metric, values[at], model_name=name)
    return db


def test_the_table_is_the_documented_one(db: Path) -> None:
    data = diff_models(db=db, model_names=NAMES, run_name=RUN, family="ENG 5-shot")
    assert format_diff(data) == TABLE
    assert format_diff(data, color=False) == TABLE


def test_the_data_has_every_value_with_the_best_and_the_worst(db: Path) -> None:
    data = diff_models(db, NAMES, RUN)
    assert {key: data[key] for key in ("models", "run_name", "family")} == {
        "models": NAMES,
        "run_name": RUN,
        "family": None,
    }
    assert data["rows"][0] == {
        "family": "ENG 5-shot",
        "metric": "ARC",
        "values": {"llama-base": 0.443, "llama-sft": 0.487, "gemma-9b": 0.512},
        "best": ["gemma-9b"],
        "worst": ["llama-base"],
    }
    assert data["averages"]["n_metrics"] == 3
    assert data["averages"]["values"] == pytest.approx(
        {"llama-base": 1.659 / 3, "llama-sft": 1.768 / 3, "gemma-9b": 1.794 / 3}
    )
    assert json.loads(json.dumps(data)) == data


def test_the_best_is_green_and_of_three_models_the_worst_is_red(db: Path) -> None:
    three = format_diff(diff_models(db, NAMES), color=True)
    (line,) = [line for line in three.splitlines() if "MMLU" in line]
    assert "\x1b[31m0.5210\x1b[0m" in line
    assert "\x1b[32m0.5620\x1b[0m" in line
    assert line.endswith("        0.5480")
    assert "\x1b[31m" not in format_diff(diff_models(db, NAMES[:2]), color=True)


def test_the_lowest_loss_is_best(db: Path) -> None:
    for name, value in zip(NAMES, (2.5, 2.1, 2.3), strict=True):
        add_metric(db, "lm", "val_loss", value, model_name=name)
    (row,) = diff_models(db, NAMES, family="lm")["rows"]
    assert (row["best"], row["worst"]) == (["llama-sft"], ["llama-base"])


def test_equal_values_have_no_best_and_ties_have_several(db: Path) -> None:
    for name, value in zip(NAMES, (0.7, 0.7, 0.6), strict=True):
        add_metric(db, "x", "tied", value, model_name=name)
        add_metric(db, "x", "equal", 0.5, model_name=name)
    equal, tied = diff_models(db, NAMES, family="x")["rows"]
    assert (equal["best"], equal["worst"]) == ([], [])
    assert (tied["best"], tied["worst"]) == (["llama-base", "llama-sft"], ["gemma-9b"])


def test_missing_metrics_are_dashes_families_are_parted_and_averages_leave_them_out(db: Path) -> None:
    add_metric(db, "ITA 0-shot", "MMLU", 0.9, model_name="llama-sft")
    text = format_diff(diff_models(db, NAMES, RUN))
    assert text.splitlines()[4:11] == [
        *TABLE.splitlines()[4:7],
        "",
        "  ITA 0-shot   MMLU                  —        0.9000             —",
        *TABLE.splitlines()[7:],
    ]
    assert diff_models(db, NAMES)["rows"][-1]["best"] == []


def test_no_common_metric_means_no_average(db: Path) -> None:
    register_model(db, RUN, "empty", None)
    data = diff_models(db, ["llama-base", "empty"])
    assert data["averages"] == {"values": {"llama-base": None, "empty": None}, "n_metrics": 0}
    assert format_diff(data).splitlines()[-1].split() == ["AVG", "(0", "metrics)", "—", "—"]


def test_models_without_any_metric_have_an_empty_table(db: Path) -> None:
    register_model(db, RUN, "empty", None)
    register_model(db, RUN, "void", None)
    data = diff_models(db, ["empty", "void"])
    assert data["rows"] == []
    assert "AVG" in format_diff(data)


def test_long_model_and_metric_names_keep_the_columns_straight(db: Path) -> None:
    long = "an-organisation/a-model-with-a-rather-long-name"
    register_model(db, RUN, long, None)
    add_metric(db, "ENG 5-shot", "a_metric_with_a_rather_long_name", 123456.5, model_name=long)
    add_metric(db, "ENG 5-shot", "MMLU", 0.25, model_name=long)
    lines = format_diff(diff_models(db, ["llama-base", long])).splitlines()
    rows = [line for line in lines if "ENG" in line or "AVG" in line or "Family" in line]
    assert len({len(line) for line in rows}) == 1
    assert len(lines[1]) == len(rows[0])
    assert "  (1 metric) " in rows[-1]


@pytest.mark.parametrize(
    ("names", "said"),
    [([], "two models or more"), (["llama-base"], "two models or more"), (["llama-base"] * 2, "once.*'llama-base'")],
)
def test_fewer_than_two_models_and_doubles_are_refused(db: Path, names: list[str], said: str) -> None:
    with pytest.raises(InvalidEntryError, match=said):
        diff_models(db, names)


def test_unknown_names_are_named(db: Path) -> None:
    with pytest.raises(UnknownNameError, match="no model 'gemma'"):
        diff_models(db, ["llama-base", "gemma"])
    with pytest.raises(UnknownNameError, match="'GER'; it has 'ENG 5-shot'"):
        diff_models(db, NAMES, family="GER")


def test_names_are_shown_and_never_obeyed(db: Path) -> None:
    data = diff_models(db, NAMES[:2])
    data["rows"][0]["metric"] = "[red]a[/red]\x1b[2J"
    for color in (True, False):
        text = format_diff(data, color=color)
        assert "[red]a[/red]\\x1b[2J" in text
        assert "\x1b[2J" not in text
