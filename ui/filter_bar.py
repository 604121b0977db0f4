"""The bar above the table of runs: what to look for, which columns to show, in which order.

Owns these widgets and their names in the address. What they mean is `run_filters` and `run_columns`.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import streamlit as st

from backend.models import Facets, MetricFacet
from tools.calls import Order
from tools.directions import better_order
from ui import run_columns, run_filters
from ui.formatting import value_text
from ui.run_filters import ChosenFilters

PAGE: Final = "page"
PAGE_SIZES: Final = (25, 50, 100, 250, 500)
DEFAULT_PAGE_SIZE: Final = 25

_EMPTY: Final[dict[str, Any]] = {
    "q": "", "dataset": None, "status": [], "tag": [], "param": [], "has": None, "min": None, "max": None,
    "from": None, "to": None,
}  # fmt: skip
"""The filters by their names in the address, and what each holds when it is not set. A name that another page uses for
something else would carry its value over to there."""

_MAX_REPEATS: Final = 50
_MAX_TEXT_CHARS: Final = 1_000


@dataclass(frozen=True, slots=True)
class View:
    """What a person wants to see.

    Attributes:
        filters: Which runs.
        columns: Which columns, beside the run and its status.
        sort: What they are ordered by, as `GET /runs` takes it.
        order: Which way.
        size: How many runs are on a page.
    """

    filters: ChosenFilters
    columns: list[str]
    sort: str
    order: Order
    size: int


def filter_bar(facets: Facets) -> View:
    """Shows the bar and gives what is chosen in it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = _words()
        dataset = _dataset(facets)
        statuses = _statuses()
        with _popover(
            "Filters", n_set=_n_set("tag", "param", "has", "min", "max", "from", "to"), icon=":material/filter_list:"
        ):
            more = _more_filters(facets)
        with _popover("Columns", icon=":material/view_column:"):
            columns = _columns(facets)
        with _popover("Sort", icon=":material/swap_vert:"):
            sort, order, size = _order_and_size(facets, words)
        if _n_set(*_EMPTY):
            st.button("Clear", icon=":material/close:", type="tertiary", on_click=_clear, help="Take all filters away")
    filters = ChosenFilters(words=words, dataset=dataset, statuses=statuses, **more)
    return View(filters, columns, run_filters.usable_sort(sort, words=words), order, size)


def sort_by(sort: str) -> None:
    """Orders by something else, best or newest first; the other way when it is the order already. For callbacks."""
    if st.session_state.get("sort", "timestamp") == sort:
        order = "asc" if st.session_state.get("direction", "desc") == "desc" else "desc"
    else:
        kind, _, name = sort.partition(":")
        order = better_order(name) if kind == "metric" else ("desc" if sort == "timestamp" else "asc")
    st.session_state["sort"], st.session_state["direction"] = sort, order
    first_page()


def first_page() -> None:
    """Goes to the first page, because another page of other runs would be nowhere. For callbacks."""
    st.session_state[PAGE] = 1


def _words() -> str:
    return st.text_input(
        "Search",
        key="q",
        bind="query-params",
        icon=":material/search:",
        placeholder="Search command, note, params, dataset, tags",
        label_visibility="collapsed",
        max_chars=_MAX_TEXT_CHARS,
        on_change=first_page,
        width=320,
    )


def _dataset(facets: Facets) -> str | None:
    return st.selectbox(
        "Dataset",
        run_filters.dataset_options(facets),
        index=None,
        key="dataset",
        bind="query-params",
        placeholder="Any dataset",
        label_visibility="collapsed",
        accept_new_options=True,
        on_change=first_page,
        width=170,
    )


def _statuses() -> tuple[str, ...]:
    chosen = st.segmented_control(
        "Status",
        run_filters.STATUSES,
        selection_mode="multi",
        key="status",
        bind="query-params",
        label_visibility="collapsed",
        on_change=first_page,
    )
    return tuple(chosen)


def _more_filters(facets: Facets) -> dict[str, Any]:
    """Shows the filters that are wanted less often."""
    tags = _several("Tags", "tag", [tag.name for tag in facets.tags], "Runs with all of these tags")
    params = _several("Params", "param", run_filters.param_options(facets), "name:value, all of which must hold")
    metric, low, high = _metric_range(facets)
    first_day, last_day = _days()
    return {
        "tags": tags, "params": params, "metric": metric, "low": low, "high": high,
        "first_day": first_day, "last_day": last_day,
    }  # fmt: skip


def _several(label: str, key: str, options: list[str], placeholder: str) -> tuple[str, ...]:
    chosen = st.multiselect(
        label,
        options,
        key=key,
        bind="query-params",
        placeholder=placeholder,
        accept_new_options=True,
        max_selections=_MAX_REPEATS,
        on_change=first_page,
    )
    return tuple(chosen)


def _metric_range(facets: Facets) -> tuple[str | None, float | None, float | None]:
    by_name = {metric.name: metric for metric in facets.metrics}
    columns = st.columns([2, 1, 1])
    with columns[0]:
        metric = st.selectbox(
            "Metric",
            list(by_name),
            index=None,
            key="has",
            bind="query-params",
            placeholder="Any metric",
            accept_new_options=True,
            on_change=first_page,
        )
    found = by_name.get(metric or "")
    with columns[1]:
        low = _bound("At least", "min", found, found.min if found else None)
    with columns[2]:
        high = _bound("At most", "max", found, found.max if found else None)
    return metric, low, high


def _bound(label: str, key: str, metric: MetricFacet | None, hint: float | None) -> float | None:
    return st.number_input(
        label,
        value=None,
        key=key,
        bind="query-params",
        step=0.01,
        format="%g",
        placeholder="" if metric is None else value_text(hint),
        on_change=first_page,
    )


def _days() -> tuple[date | None, date | None]:
    columns = st.columns(2)
    days = []
    for column, label, key in zip(columns, ("Started from", "Started up to"), ("from", "to"), strict=True):
        with column:
            day = st.date_input(
                label,
                value=None,
                key=key,
                bind="query-params",
                format="YYYY-MM-DD",
                on_change=first_page,
                help="Days are counted in UTC.",
            )
            days.append(day)
    return days[0], days[1]


def _columns(facets: Facets) -> list[str]:
    return st.multiselect(
        "Columns, in this order",
        run_columns.column_options(facets),
        default=run_columns.default_columns(facets),
        key="cols",
        bind="query-params",
        help="Run and status are always there.",
    )


def _order_and_size(facets: Facets, words: str) -> tuple[str, Order, int]:
    sort = st.selectbox(
        "Sort by",
        run_filters.sort_options(facets, words=words),
        key="sort",
        bind="query-params",
        on_change=first_page,
        help="Or click the heading of a column.",
    )
    order = st.radio(
        "Order",
        ["desc", "asc"],
        captions=["newest, highest or last letter first", "oldest, lowest or first letter first"],
        key="direction",
        bind="query-params",
        on_change=first_page,
    )
    size = st.selectbox(
        "Runs on a page",
        PAGE_SIZES,
        index=PAGE_SIZES.index(DEFAULT_PAGE_SIZE),
        key="size",
        bind="query-params",
        on_change=first_page,
    )
    return sort, "asc" if order == "asc" else "desc", size


def _popover(label: str, *, icon: str, n_set: int = 0) -> Any:
    return st.popover(f"{label} · {n_set}" if n_set else label, icon=icon)


def _n_set(*keys: str) -> int:
    """Says how many of some filters are set, also before their widgets are there, when the address alone knows."""
    return sum(_is_set(key) for key in keys)


def _is_set(key: str) -> bool:
    if key in st.session_state:
        return st.session_state[key] not in (None, "", [], ())
    return bool(st.query_params.get(key))


def _clear() -> None:
    for key, empty in _EMPTY.items():
        st.session_state[key] = empty
    first_page()
