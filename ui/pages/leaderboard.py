"""The best runs by a metric, with a plot beside the table.

The state is in the address: `metric`, `order` (guessed from the metric's name unless given), `dataset`, `top`, `plot`
and `color`.
"""

from typing import Any, Final

import pandas as pd
import streamlit as st

from backend.models import Facets
from tools.calls import Order, RunPage
from tools.directions import better_order, order_text
from ui.charts.ranking import MAX_COLORS, PICKED, Shape, ranking_chart
from ui.components import compare_link, empty_store, page_heading
from ui.connection import asking, facets
from ui.formatting import plain_markdown
from ui.pages.registry import PAGES
from ui.ranking import color_choices, ranking_frame

MAX_TOP: Final = 100
DEFAULT_TOP: Final = 10
MAX_COMPARED: Final = 20
_WIDTHS: Final = [1.5, 1.0]
_ORDERS: Final[dict[str, Order]] = {"highest": "desc", "lowest": "asc"}


def choose(known: Facets) -> tuple[str, Order, str | None, int]:
    """Asks for the metric, the direction, the dataset and how many runs."""
    names = [metric.name for metric in known.metrics]
    metric, order, dataset, top = st.columns([2, 1.6, 1.6, 1], vertical_alignment="bottom")
    with metric:
        chosen = st.selectbox(
            "Metric", names, index=_likeliest(known), key="metric", bind="query-params"
        )  # fmt: skip
    name = chosen or names[_likeliest(known)]
    with order:
        guess = better_order(name)
        way = st.segmented_control(
            "Best is", ["guess", *_ORDERS], default="guess", required=True, key="order", bind="query-params",
            format_func=lambda way: f"{order_text(guess).split()[0]}, by its name" if way == "guess" else way,
            help="Losses, errors and times are best low, everything else high; the name tells which it is.",
        )  # fmt: skip
    with dataset:
        datasets = [found.dataset_id for found in known.datasets if found.dataset_id is not None]
        only = st.selectbox("Dataset", datasets, index=None, placeholder="all", key="dataset", bind="query-params")
    with top:
        top_k = st.number_input("Runs", 1, MAX_TOP, DEFAULT_TOP, key="top", bind="query-params")
    return name, _ORDERS.get(way or "", guess), only, int(top_k)


def _likeliest(known: Facets) -> int:
    """Gives the place of the metric that most runs have, the first in text order of several."""
    return max(range(len(known.metrics)), key=lambda at: (known.metrics[at].runs, -at))


def table(frame: pd.DataFrame, metric_name: str) -> None:
    """Shows the ranking as a table, runs as links."""
    params = [name for name in map(str, frame) if name.startswith("param:")]
    config = {
        "rank": st.column_config.NumberColumn("#", width=40),
        "link": st.column_config.LinkColumn("run", display_text=r"id=(.{8})", width=85, alignment="left"),
        "value": st.column_config.NumberColumn(metric_name, format="%.5g"),
        "note": st.column_config.TextColumn("note", width="medium"),
        **{name: _param_column(name, frame[name]) for name in params},
    }
    note = ["note"] if frame["note"].notna().any() else []
    shown = ["rank", "link", "value", "dataset", *params, *note, "started"]
    st.dataframe(frame[shown], hide_index=True, column_config=config, placeholder="–", height=35 * (len(frame) + 1) + 3)


def _param_column(name: str, values: pd.Series) -> Any:
    """Gives the column of a parameter, numbers to the right."""
    is_number = pd.to_numeric(values.dropna(), errors="coerce").notna().all()
    return st.column_config.Column(name.removeprefix("param:"), alignment="right" if is_number else "left")


def plot_controls(frame: pd.DataFrame) -> tuple[Shape, str | None]:
    """Asks how the plot is drawn."""
    with st.container(horizontal=True, vertical_alignment="center"):
        shape = st.segmented_control(
            "Plot", ["dots", "bars"], default="dots", required=True, key="plot", bind="query-params",
            help="Bars start at zero and show how large the values are; dots show how they differ.",
            label_visibility="collapsed",
        )  # fmt: skip
        choices = color_choices(frame, max_values=MAX_COLORS)
        color = st.selectbox(
            "Colour by", choices, index=None, placeholder="colour by", key="color", bind="query-params",
            format_func=lambda name: name.removeprefix("param:"), disabled=not choices, width=220,
            label_visibility="collapsed",
        )  # fmt: skip
    return "bars" if shape == "bars" else "dots", color


def plot(frame: pd.DataFrame, shape: Shape, color: str | None) -> None:
    """Shows the ranking as a plot; a click opens the run."""
    event = st.altair_chart(
        ranking_chart(frame, shape=shape, color=color), key="ranking", on_select="rerun", selection_mode=PICKED
    )
    picked = event["selection"].get(PICKED)
    if picked:
        st.switch_page(PAGES["run"], query_params={"id": str(picked[0]["run_id"])})


def ranking(page: RunPage, name: str, order: Order) -> None:
    """Shows ranked runs: what they are and of how many, the table, and the plot beside it."""
    runs = page.runs
    frame = ranking_frame(runs, name)
    left, right = st.columns(_WIDTHS, gap="medium", vertical_alignment="center")
    with left.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        top = f"top {len(runs)} of {page.total:,}" if page.total > len(runs) else f"all {page.total:,}"
        st.markdown(f"**{top} by {plain_markdown(name)}**, {order_text(order)}", width="content")
        compare_link(
            [run.run_id for run in runs[:MAX_COMPARED]], label=f"Compare the first {min(len(runs), MAX_COMPARED)}"
        )
    with right:
        shape, color = plot_controls(frame)
    left, right = st.columns(_WIDTHS, gap="medium")
    with left:
        table(frame, name)
    with right:
        plot(frame, shape, color)


def show() -> None:
    """Shows the page."""
    page_heading("Leaderboard")
    with asking():
        known = facets()
    if not known.total:
        empty_store()
    if not known.metrics:
        st.info("No run has a final metric yet: return numbers from the function that `@log_run` decorates.")
        return
    name, order, dataset, top_k = choose(known)
    with asking() as lab:
        page = lab.ranking(name, order=order, dataset_id=dataset, top_k=top_k)
    if page.runs:
        ranking(page, name, order)
    else:
        st.info(f"No run on this dataset has a number for {plain_markdown(name)}: choose another metric or dataset.")


show()
