"""Models ranked by a metric; those that the scores cannot tell apart share a rank.

Owns this view.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from backend.registry_models import RegistryFacets
from backend.registry_views import ModelLeaderboard, RankedModel
from tools.directions import order_text
from tools.errors import NotFoundError
from ui.connection import asking
from ui.formatting import cell_text, plain_markdown
from ui.model_registry import answers
from ui.model_registry.bar import Filters, family_tabs
from ui.model_registry.deltas import Pair
from ui.model_registry.words import unique_labels

MAX_TOP: Final = 100
_DEFAULT_TOP: Final = 20
_ROW_PX: Final = 35
_BORDERS_PX: Final = 3
_ADDRESS: Final = "score"


def show(known: RegistryFacets, filters: Filters) -> None:
    """Shows the view."""
    family, tab = family_tabs(known)
    with tab:
        metrics = {
            (found.family, metric.name): metric.models
            for found in known.families
            if family in (None, found.family)
            for metric in found.metrics
        }
        if not metrics:
            st.info("No model has a metric yet.", icon=":material/speed:")
            return
        (chosen, metric), top = _choose(metrics, shows_family=family is None)
        try:
            with asking(passes=(NotFoundError,)):
                board = answers.leaderboard(chosen, metric, run=filters.run, top_k=top)
        except NotFoundError as error:
            st.info(f"{plain_markdown(error.detail)}. Choose another metric or run.", icon=":material/filter_alt_off:")
            return
        _board(board)


def _choose(metrics: Mapping[Pair, int], *, shows_family: bool) -> tuple[Pair, int]:
    """Asks for a metric, the one that most models have unless chosen, and for how many models."""
    pairs = list(metrics)
    likeliest = max(range(len(pairs)), key=lambda at: (metrics[pairs[at]], -at))
    labels = unique_labels([f"{family} · {name}" if shows_family else name for family, name in pairs])
    asked = st.query_params.get(_ADDRESS)
    names = [f"{family}/{name}" for family, name in pairs]
    key = f"models-score-{hash(tuple(labels))}"

    def keep() -> None:
        st.query_params[_ADDRESS] = names[labels.index(st.session_state[key])]

    left, right, _ = st.columns([2, 1, 2], vertical_alignment="bottom")
    chosen = left.selectbox(
        "Metric", labels, index=names.index(asked) if asked in names else likeliest, key=key, on_change=keep
    )  # fmt: skip
    top = right.number_input("Models", 1, MAX_TOP, _DEFAULT_TOP, key="n", bind="query-params")
    return pairs[labels.index(chosen)], int(top)


def _board(board: ModelLeaderboard) -> None:
    few = board.total_models > len(board.rows)
    shown = f"Top {len(board.rows)} of {board.total_models:,}" if few else f"All {board.total_models:,}"
    st.markdown(f"**{shown} by {plain_markdown(cell_text(board.metric))}**, {order_text(board.order)}")
    st.dataframe(
        _frame(board.rows),
        hide_index=True,
        height=_ROW_PX * (len(board.rows) + 1) + _BORDERS_PX,
        column_config={
            "#": st.column_config.NumberColumn(width=50),
            "value": st.column_config.NumberColumn(cell_text(board.metric), format="%.5g"),
            "samples": st.column_config.NumberColumn(help="How many per-sample scores are stored"),
        },
    )
    if len(board.rows) == 1:
        return
    if sum(row.n_samples > 0 for row in board.rows) > 1:
        st.caption(
            f"Models with the same rank cannot be told apart by their scores, with {100 * board.alpha:g} % error over "
            "all tests together (Holm's correction)."
        )
    else:
        st.caption("Ranked by value alone: without per-sample scores nobody can say which models are as good as equal.")


def _frame(rows: Sequence[RankedModel]) -> pd.DataFrame:
    table = [
        {
            "#": row.rank,
            "model": cell_text(row.model),
            "run": cell_text(row.run),
            "value": row.value,
            "against the best": _tie_text(row, is_first=row is rows[0]),
            "samples": row.n_samples,
        }
        for row in rows
    ]
    columns = ["#", "model", "run", "value", "against the best", "samples"]
    return pd.DataFrame(table, columns=columns).astype({"value": "float64"})


def _tie_text(row: RankedModel, *, is_first: bool) -> str:
    if is_first:
        return "best"
    if row.tied_with_best is None:
        return "not tested: scores are missing"
    return "cannot be told apart" if row.tied_with_best else "significantly worse"
