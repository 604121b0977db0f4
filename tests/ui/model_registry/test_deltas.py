import pytest

from backend.registry_models import Metric, ModelDetail, ModelLineage
from backend.registry_views import BootstrapInterval, MetricDelta, ModelStats, PairedTest, Verdict
from ui.model_registry.deltas import delta_frame, p_text, scores_missing, styled_deltas, verdict_text


def delta(verdict: Verdict, *, name: str = "acc") -> MetricDelta:
    known: dict[Verdict, tuple[float, float | None]] = {
        "improved": (0.5, 0.75), "regressed": (0.75, 0.5), "unchanged": (0.5, 0.5), "missing": (0.5, None),
    }  # fmt: skip
    a, b = known[verdict]
    change = None if b is None else b - a
    return MetricDelta(
        family="mmlu", metric_name=name, value_a=a, value_b=b, delta=change,
        pct_change=None if change is None else 100 * change / a, verdict=verdict,
    )  # fmt: skip


def stats(p_value: float) -> ModelStats:
    return ModelStats(
        test="mcnemar", n_samples=100, contingency=None,
        mcnemar=PairedTest(p_value=p_value, significant=p_value < 0.05, winner="a"),
        permutation=None, bootstrap=BootstrapInterval(delta=0.25, ci_lower=0.1, ci_upper=0.4, confidence=0.95),
        mean_a=0.75, mean_b=0.5,
    )  # fmt: skip


def model(*, n_samples: int) -> ModelDetail:
    metric = Metric(
        id=1, model_id=1, checkpoint_id=None, family="mmlu", metric_name="acc", value=0.5, n_samples=n_samples
    )
    of_checkpoint = metric.model_copy(update={"model_id": None, "checkpoint_id": 3, "n_samples": 50})
    return ModelDetail(
        id=1, model_name="m", path=None, parent_id=None, parent_name=None, run_id=1, run_name="r", source_run_id=None,
        lineage=ModelLineage(ancestors=[], children=[]), checkpoints=[], metrics=[of_checkpoint, metric],
    )  # fmt: skip


def test_differences_are_in_words_and_signed() -> None:
    deltas = [delta("improved", name="a"), delta("regressed", name="b"), delta("unchanged"), delta("missing")]
    table = delta_frame(deltas, {("mmlu", "a"): stats(0.00001), ("mmlu", "b"): "no per-sample scores"})
    assert table["verdict"].tolist() == ["▲ better", "▼ worse", "= equal", "– missing"]
    assert table["difference"].tolist() == ["+0.25", "-0.25", "+0", "–"]
    assert table["change"].tolist() == ["+50.0 %", "-33.3 %", "+0.0 %", "–"]
    assert table["p-value"].tolist() == ["< 0.0001", "–", "–", "–"]
    assert table["95 % interval"][0] == "+0.1 to +0.4"
    assert table["significance"].tolist()[:2] == ["significantly better", "no per-sample scores"]


def test_improvements_are_green_and_regressions_red() -> None:
    deltas = [delta("improved"), delta("regressed"), delta("unchanged")]
    html = styled_deltas(delta_frame(deltas, {}), deltas).to_html(table_uuid="t")
    green = next(rule for rule in html.split("}") if "22, 163, 74" in rule)
    red = next(rule for rule in html.split("}") if "220, 38, 38" in rule)
    assert "#T_t_row0" in green
    assert "#T_t_row1" in red
    assert "#T_t_row2" not in green + red


@pytest.mark.parametrize(
    ("verdict", "p_value", "words"),
    [
        ("improved", 0.01, "significantly better"),
        ("regressed", 0.01, "significantly worse"),
        ("improved", 0.2, "may be chance"),
        ("unchanged", 1.0, "may be chance"),
    ],
)
def test_a_test_is_told_in_words(verdict: Verdict, p_value: float, words: str) -> None:
    assert verdict_text(delta(verdict), stats(p_value)) == words


def test_a_p_value_has_four_digits() -> None:
    assert p_text(stats(0.04321)) == "0.0432"


def test_it_is_said_whose_scores_are_missing() -> None:
    with_scores, without = model(n_samples=100), model(n_samples=0)
    assert scores_missing(delta("improved"), with_scores, with_scores) is None
    assert scores_missing(delta("improved"), without, with_scores) == "no per-sample scores of the baseline"
    assert scores_missing(delta("improved"), with_scores, without) == "no per-sample scores of the candidate"
    assert scores_missing(delta("improved"), without, without) == "no per-sample scores"
    assert scores_missing(delta("missing"), with_scores, with_scores) == "only one model has it"
