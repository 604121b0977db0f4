"""Two models beside each other as a table: values, differences, and whether each difference is real.

Owns pure functions from a comparison and its tests to a styled data frame. It must not import Streamlit.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from backend.registry_models import ModelDetail
from backend.registry_views import MetricDelta, ModelStats, Verdict
from ui.formatting import cell_text, value_text
from ui.model_registry.pivot_frame import BEST, WORST

Pair = tuple[str, str]
"""A metric by its family and name."""

VERDICTS: Final[dict[Verdict, str]] = {
    "improved": "▲ better", "regressed": "▼ worse", "unchanged": "= equal", "missing": "– missing",
}  # fmt: skip
"""How the candidate does, in words and not in colour alone."""

_STYLES: Final[dict[Verdict, str]] = {"improved": BEST, "regressed": WORST, "unchanged": "", "missing": ""}
_LEAST_P: Final = 0.0001


def scores_missing(delta: MetricDelta, baseline: ModelDetail, candidate: ModelDetail) -> str | None:
    """Says which per-sample scores a test of a metric lacks; None where none are missing."""
    if delta.verdict == "missing":
        return "only one model has it"
    lacking = [
        word
        for word, model in (("baseline", baseline), ("candidate", candidate))
        if not _n_samples(model, delta.family, delta.metric_name)
    ]
    if not lacking:
        return None
    return "no per-sample scores" if len(lacking) > 1 else f"no per-sample scores of the {lacking[0]}"


def verdict_text(delta: MetricDelta, tested: ModelStats) -> str:
    """Says in words what a test found."""
    result = tested.mcnemar or tested.permutation
    if result is None or not result.significant or delta.verdict not in ("improved", "regressed"):
        return "may be chance"
    return f"significantly {'better' if delta.verdict == 'improved' else 'worse'}"


def p_text(tested: ModelStats) -> str:
    """Gives the p-value of a test."""
    result = tested.mcnemar or tested.permutation
    if result is None:
        return "–"
    return f"< {_LEAST_P}" if result.p_value < _LEAST_P else f"{result.p_value:.4f}"


def interval_text(tested: ModelStats) -> str:
    """Gives the interval of candidate - baseline."""
    return f"{_signed(tested.bootstrap.ci_lower)} to {_signed(tested.bootstrap.ci_upper)}"


def delta_frame(deltas: Sequence[MetricDelta], found: Mapping[Pair, ModelStats | str]) -> pd.DataFrame:
    """Gives a row for each metric, as text.

    Args:
        deltas: The metrics.
        found: For each tested one the result, or why there is none; others are not tested yet.
    """
    rows = [
        {
            "family": cell_text(delta.family),
            "metric": cell_text(delta.metric_name),
            "baseline": value_text(delta.value_a),
            "candidate": value_text(delta.value_b),
            "difference": "–" if delta.delta is None else _signed(delta.delta),
            "change": "–" if delta.pct_change is None else f"{delta.pct_change:+.1f} %",
            "verdict": VERDICTS[delta.verdict],
            **_test_cells(delta, found.get((delta.family, delta.metric_name), "not tested yet")),
        }
        for delta in deltas
    ]
    columns = ["family", "metric", "baseline", "candidate", "difference", "change", "verdict"]
    return pd.DataFrame(rows, columns=[*columns, "significance", "p-value", "95 % interval"])


def styled_deltas(frame: pd.DataFrame, deltas: Sequence[MetricDelta]) -> Any:
    """Gives the table with improvements green and regressions red, as a pandas Styler."""
    styles = pd.DataFrame("", index=frame.index, columns=frame.columns)
    for column in ("difference", "change", "verdict"):
        styles[column] = [_STYLES[delta.verdict] for delta in deltas]
    return frame.style.apply(lambda _: styles, axis=None)


def _test_cells(delta: MetricDelta, tested: ModelStats | str) -> dict[str, str]:
    if isinstance(tested, str):
        return {"significance": cell_text(tested), "p-value": "–", "95 % interval": "–"}
    return {
        "significance": verdict_text(delta, tested),
        "p-value": p_text(tested),
        "95 % interval": interval_text(tested),
    }


def _n_samples(model: ModelDetail, family: str, metric: str) -> int:
    """Says how many scores are stored with a model's own metric."""
    own = (found for found in model.metrics if found.checkpoint_id is None)
    return next((found.n_samples for found in own if (found.family, found.metric_name) == (family, metric)), 0)


def _signed(number: float) -> str:
    return f"{number:+.4g}"
