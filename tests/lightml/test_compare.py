import json

import pytest

from lightml.checkpoints import register_checkpoint
from lightml.compare import CompareResult, MetricDelta, compare_models
from lightml.database import Database
from lightml.errors import AmbiguousNameError, UnknownNameError
from lightml.metrics import add_metric
from lightml.registry import create_run, register_model

# `lightml.compare`: the differences of two models, and the text they are shown as.

RUN = "my-experiment"
TABLE = """\
  Compare: llama-base  vs  llama-sft
  Run: my-experiment
  ──────────────────────────────────────────────────────────────────────────
  Family             Metric              A          B          Δ        %
  ──────────────────────────────────────────────────────────────────────────
  ENG 5-shot         MMLU            52.10      56.20      +4.10    +7.9%
  ENG 5-shot         ARC             44.30      48.70      +4.40    +9.9%
  ENG 5-shot         HellaSwag       69.50      71.90      +2.40    +3.5%
  ──────────────────────────────────────────────────────────────────────────
  ✅ 3 improved  ❌ 0 regressed  ➖ 0 unchanged  ❓ 0 missing"""


def log(db: Database, model: str, values: dict[str, float], family: str = "ENG 5-shot", run: str = RUN) -> None:
    register_model(db, run, model, None)
    for name, value in values.items():
        add_metric(db, family, name, value, model_name=model, run_name=run)


@pytest.fixture
def db(place: Database) -> Database:
    db = place
    create_run(db, RUN)
    return db


@pytest.fixture
def llamas(db: Database) -> Database:
    log(db, "llama-base", {"MMLU": 52.1, "ARC": 44.3, "HellaSwag": 69.5})
    log(db, "llama-sft", {"MMLU": 56.2, "ARC": 48.7, "HellaSwag": 71.9})
    return db


def line_of(text: str, name: str) -> str:
    (line,) = [line for line in text.splitlines() if name in line]
    return line


def test_the_table_is_the_documented_one(llamas: Database) -> None:
    result = compare_models(llamas, model_a="llama-base", model_b="llama-sft", run_name=RUN, family="ENG 5-shot")
    assert result.to_text() == TABLE


def test_each_delta_has_the_documented_fields(llamas: Database) -> None:
    result = compare_models(llamas, "llama-base", "llama-sft")
    assert isinstance(result, CompareResult)
    delta = result.improved[0]
    assert isinstance(delta, MetricDelta)
    assert (delta.family, delta.metric_name, delta.value_a, delta.value_b) == ("ENG 5-shot", "MMLU", 52.1, 56.2)
    assert delta.delta == pytest.approx(4.1)
    assert delta.pct_change == pytest.approx(100 * 4.1 / 52.1)


def test_metrics_are_sorted_into_improved_regressed_unchanged_and_missing(db: Database) -> None:
    log(db, "a", {"up": 0.5, "down": 0.5, "same": 0.3, "only_a": 1.0, "val_loss": 2.0, "ppl": 10.0})
    log(db, "b", {"up": 0.6, "down": 0.4, "same": 0.1 + 0.2, "only_b": 1.0, "val_loss": 1.5, "ppl": 12.0})
    result = compare_models(db, "a", "b")
    assert [delta.metric_name for delta in result.improved] == ["up", "val_loss"]
    assert [delta.metric_name for delta in result.regressed] == ["down", "ppl"]
    assert [delta.metric_name for delta in result.unchanged] == ["same"]
    assert [(each.metric_name, each.value_a, each.value_b) for each in result.missing] == [
        ("only_a", 1.0, None),
        ("only_b", None, 1.0),
    ]
    assert result.missing[0].delta is None
    assert result.to_text().splitlines()[-1] == "  ✅ 2 improved  ❌ 2 regressed  ➖ 1 unchanged  ❓ 2 missing"
    assert "—" in line_of(result.to_text(), "only_b")


def test_the_result_is_json(llamas: Database) -> None:
    data = compare_models(llamas, "llama-base", "llama-sft").to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["summary"] == {"improved": 3, "regressed": 0, "unchanged": 0, "missing": 0}


def test_a_change_from_zero_has_no_percentage_and_one_from_below_is_relative_to_its_size(db: Database) -> None:
    log(db, "a", {"zero": 0.0, "below": -2.0})
    log(db, "b", {"zero": 0.5, "below": -1.0})
    below, zero = sorted(compare_models(db, "a", "b").deltas, key=lambda delta: delta.metric_name)
    assert (zero.delta, zero.pct_change) == (0.5, None)
    assert (below.delta, below.pct_change) == (1.0, 50.0)


def test_checkpoints_do_not_take_part(llamas: Database) -> None:
    checkpoint = register_checkpoint(llamas, RUN, "llama-sft", 100, None)
    add_metric(llamas, "ENG 5-shot", "checkpointed", 1.0, checkpoint_id=checkpoint)
    names = [delta.metric_name for delta in compare_models(llamas, "llama-base", "llama-sft").deltas]
    assert names == ["MMLU", "ARC", "HellaSwag"]


def test_only_the_family_asked_for_is_compared(llamas: Database) -> None:
    log(llamas, "llama-base", {"MMLU": 40.0}, family="ITA 0-shot")
    result = compare_models(llamas, "llama-base", "llama-sft", family="ITA 0-shot")
    assert [(delta.family, delta.verdict) for delta in result.deltas] == [("ITA 0-shot", "missing")]


def test_an_unknown_family_names_those_there_are(llamas: Database) -> None:
    with pytest.raises(UnknownNameError, match="family 'GER'; it has 'ENG 5-shot'"):
        compare_models(llamas, "llama-base", "llama-sft", family="GER")


def test_unknown_models_and_runs_are_named(llamas: Database) -> None:
    with pytest.raises(UnknownNameError, match=r"no model 'llama-sftt'.*did you mean 'llama-sft'"):
        compare_models(llamas, "llama-base", "llama-sftt")
    with pytest.raises(UnknownNameError, match="no run 'other'"):
        compare_models(llamas, "llama-base", "llama-sft", run_name="other")


def test_a_model_of_several_runs_needs_its_run(llamas: Database) -> None:
    create_run(llamas, "second")
    log(llamas, "llama-sft", {"MMLU": 1.0}, run="second")
    with pytest.raises(AmbiguousNameError, match="my-experiment, second"):
        compare_models(llamas, "llama-base", "llama-sft")
    assert len(compare_models(llamas, "llama-base", "llama-sft", run_name=RUN).improved) == 3


def test_two_models_without_metrics_have_nothing_to_compare(db: Database) -> None:
    log(db, "a", {})
    log(db, "b", {})
    result = compare_models(db, "a", "b")
    assert result.deltas == []
    assert result.to_text().endswith("✅ 0 improved  ❌ 0 regressed  ➖ 0 unchanged  ❓ 0 missing")


def test_small_and_large_numbers_never_read_as_zero(db: Database) -> None:
    log(db, "a", {"fraction": 0.6341, "loss": 2.314, "rate": 0.000031, "minute": 1e-9, "tokens": 2e12, "whole": 50.0})
    log(db, "b", {"fraction": 0.6349, "loss": 2.313, "rate": 0.000032, "minute": 2e-9, "tokens": 3e12, "whole": 50.0})
    text = compare_models(db, "a", "b").to_text()
    assert line_of(text, "fraction").split()[3:] == ["0.6341", "0.6349", "+0.0008", "+0.1%"]
    assert line_of(text, "loss").split()[3:] == ["2.314", "2.313", "-0.001", "-0.04%"]
    assert line_of(text, "rate").split()[3:] == ["0.000031", "0.000032", "+0.000001", "+3.2%"]
    assert line_of(text, "minute").split()[3:] == ["1.00e-09", "2.00e-09", "+1.00e-09", "+100.0%"]
    assert line_of(text, "tokens").split()[3:] == ["2.00e+12", "3.00e+12", "+1.00e+12", "+50.0%"]
    assert line_of(text, "whole").split()[3:] == ["50.00", "50.00", "0.00", "0.0%"]


def test_columns_widen_with_long_and_wide_names(db: Database) -> None:
    names = ["hellaswag_acc_norm_with_a_long_name", "准确率"]
    for model in ("a", "b"):
        log(db, model, dict.fromkeys(names, 0.5), family="家族-with-a-very-long-name-indeed")
    lines = compare_models(db, "a", "b").to_text().splitlines()
    # A wide character takes two places of a terminal.
    shown = [len(line) + sum(char > "⺀" for char in line) for line in lines if "0.5000" in line]
    assert shown == [len(lines[2])] * 2
    assert len(lines[1].rstrip()) == len(lines[2])


def test_colour_is_for_terminals_and_can_be_forced(llamas: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    result = compare_models(llamas, "llama-base", "llama-sft", run_name=RUN)
    coloured = result.to_text(color=True)
    assert "\x1b[32m+4.10\x1b[0m    \x1b[32m+7.9%\x1b[0m" in coloured
    assert result.to_text(color=False) == TABLE
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert result.to_text() == coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert result.to_text() == TABLE


@pytest.mark.parametrize("color", [True, False])
def test_names_are_shown_and_never_obeyed(db: Database, color: bool) -> None:
    log(db, "[red]x[/red]", {"[bold]m": 1.0})
    log(db, "y\u202ez", {"[bold]m": 1.0})
    result = compare_models(db, "[red]x[/red]", "y\u202ez")
    result.family = None
    result.deltas[0].metric_name = "a\x1b[2Jb\nc"
    text = result.to_text(color=color)
    assert "[red]x[/red]  vs  y\\u202ez" in text
    assert "a\\x1b[2Jb\\nc" in text
    assert "\x1b[2J" not in text
