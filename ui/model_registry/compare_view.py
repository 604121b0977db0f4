"""Two selected models side by side: each metric's difference, and whether the scores say that it is real.

Owns this view.
"""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from backend.registry_models import ModelDetail, RegistryFacets
from backend.registry_views import MetricDelta, ModelComparison, ModelStats
from ui.connection import asking
from ui.formatting import plain_markdown
from ui.model_registry import answers, state
from ui.model_registry.bar import family_tabs
from ui.model_registry.deltas import Pair, delta_frame, scores_missing, styled_deltas
from ui.model_registry.words import model_label

MAX_TESTS: Final = 30
"""So many differences are tested unasked; a test takes a while."""

_PAIR: Final = 2
_ROW_PX: Final = 35
_BORDERS_PX: Final = 3
_MAX_ROWS: Final = 16
_TEST_ALL: Final = "models-test-all"


def show(known: RegistryFacets, chosen: Sequence[ModelDetail]) -> None:
    """Shows the view."""
    if len(chosen) != _PAIR:
        selected = "None is" if not chosen else "One is" if len(chosen) == 1 else f"{len(chosen)} are"
        st.info(
            f"Select exactly two models in the table or the graph to compare them. {selected} selected now.",
            icon=":material/compare:",
        )
        return
    baseline, candidate = chosen
    _heading(baseline, candidate)
    family, tab = family_tabs(known)
    with tab, asking():
        _comparison(answers.comparison(baseline.id, candidate.id, family=family), baseline, candidate)


def _heading(baseline: ModelDetail, candidate: ModelDetail) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{_name(candidate)}** against the baseline **{_name(baseline)}**", width="content")
        st.button(
            "Swap", icon=":material/swap_horiz:", type="tertiary", on_click=state.select,
            args=([candidate.id, baseline.id],), help="Make the other one the baseline",
        )  # fmt: skip


def _name(model: ModelDetail) -> str:
    return plain_markdown(model_label(model.id, model.model_name, model.run_name))


def _comparison(compared: ModelComparison, baseline: ModelDetail, candidate: ModelDetail) -> None:
    if not compared.deltas:
        st.info("Neither model has a metric here. Choose another family.", icon=":material/speed:")
        return
    found, waiting = _tested(compared.deltas, baseline, candidate)
    _summary(compared, found)
    frame = delta_frame(compared.deltas, found)
    if len({delta.family for delta in compared.deltas}) == 1:
        frame = frame.drop(columns="family")
    st.dataframe(
        styled_deltas(frame, compared.deltas),
        hide_index=True,
        height=_ROW_PX * (min(len(frame), _MAX_ROWS) + 1) + _BORDERS_PX,
        column_config={
            **{name: st.column_config.TextColumn(name, alignment="right") for name in _NUMBERS},
            "difference": st.column_config.TextColumn(alignment="right", help="candidate - baseline"),
            "95 % interval": st.column_config.TextColumn(
                help="Of the difference of the mean scores, candidate - baseline, by the bootstrap"
            ),
        },
    )
    if waiting and st.button(f"Test the other {waiting}", key="models-test-more"):
        st.session_state[_TEST_ALL] = (baseline.id, candidate.id)
        st.rerun()
    _advice(found)


_NUMBERS: Final = ("baseline", "candidate", "change", "p-value")


def _tested(
    deltas: Sequence[MetricDelta], baseline: ModelDetail, candidate: ModelDetail
) -> tuple[dict[Pair, ModelStats | str], int]:
    """Tests what has scores; gives the results, why others have none, and how many wait for a click."""
    found: dict[Pair, ModelStats | str] = {}
    testable = []
    for delta in deltas:
        missing = scores_missing(delta, baseline, candidate)
        if missing is None:
            testable.append((delta.family, delta.metric_name))
        else:
            found[delta.family, delta.metric_name] = missing
    wants_all = st.session_state.get(_TEST_ALL) == (baseline.id, candidate.id)
    now = testable if wants_all else testable[:MAX_TESTS]
    with st.spinner("Testing the differences", show_time=False):
        for family, metric in now:
            found[family, metric] = answers.significance(baseline.id, candidate.id, family=family, metric=metric)
    return found, len(testable) - len(now)


def _summary(compared: ModelComparison, found: dict[Pair, ModelStats | str]) -> None:
    counts = compared.summary
    tests = [result for result in found.values() if not isinstance(result, str)]
    real = sum(bool((test.mcnemar or test.permutation) and _is_significant(test)) for test in tests)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(f"{counts['improved']} better", icon=":material/trending_up:", color="green")
        st.badge(f"{counts['regressed']} worse", icon=":material/trending_down:", color="red")
        st.badge(f"{counts['unchanged']} equal", color="gray")
        st.badge(f"{counts['missing']} in one model only", color="gray")
        if tests:
            st.markdown(f":gray[{real} of {len(tests)} tested differences are significant]", width="content")


def _is_significant(test: ModelStats) -> bool:
    result = test.mcnemar or test.permutation
    return result is not None and result.significant


def _advice(found: dict[Pair, ModelStats | str]) -> None:
    n_tests = sum(not isinstance(result, str) for result in found.values())
    if not n_tests:
        st.caption(
            "Nothing can be tested: to know what is real, log metrics of both models with `scores=[…]`, one per sample."
        )
    elif n_tests > 1:
        st.caption(
            "Each difference is tested by itself at 5 %: of equal models, one test in twenty calls one of them better."
        )
