"""Home: how much there is, what ran lately, what is best, what failed, and how busy the days were.

Every number is a count, a best run or a short list that the server gives; no page of runs is loaded to be counted here.
"""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any, Final

import altair as alt
import pandas as pd
import streamlit as st

from backend.models import DayActivity, Facets, RunSummary
from tools.client import LabClient
from tools.directions import better_order
from ui import overview
from ui.components import empty_store, page_heading, section_heading
from ui.connection import ask_at_once, asking, client, facets, kept, run_page
from ui.formatting import STATUS_COLORS, ago_text, duration_text
from ui.pages.registry import PAGES
from ui.run_columns import run_address

_N_DAYS: Final = 60
_N_DAYS_AT_LEAST: Final = 14
_N_RECENT: Final = 8
_N_FAILED: Final = 5
_ENDED_BADLY: Final = ["failed", "killed"]
_FRESH_S: Final = 3.0
_PAST_FRESH_S: Final = 60.0  # for so long the past is not asked about again


def _page() -> None:
    with asking() as server:
        vocabulary = facets()
        project = server.health().project
    if not vocabulary.total:
        empty_store()
    page_heading(project)
    now = datetime.now(UTC)
    with asking():
        _totals(vocabulary)
        _activity(now.date())
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _recent(vocabulary, now)
        with right:
            _failed(now)
        _best(vocabulary)


def _totals(vocabulary: Facets) -> None:
    runs = {status.name: status.runs for status in vocabulary.statuses}
    n_datasets = sum(dataset.dataset_id is not None for dataset in vocabulary.datasets)
    totals = {
        "Runs": vocabulary.total,
        "Running": runs["running"],
        "Finished": runs["finished"],
        "Failed or killed": runs["failed"] + runs["killed"],
        "Datasets": n_datasets,
        "Metrics": len(vocabulary.metrics),
    }
    for column, (label, number) in zip(st.columns(len(totals)), totals.items(), strict=True):
        column.metric(label, f"{number:,}", border=True)


def _activity(today: date) -> None:
    first = today - timedelta(days=_N_DAYS - 1)
    frame = overview.activity_frame(_days(first, today), first=first, last=today)
    section_heading("Runs per day")
    if not frame["runs"].sum():
        st.caption(f"No run started in the last {_N_DAYS} days.")
        return
    st.altair_chart(_activity_chart(overview.since_first_run(frame, days=_N_DAYS_AT_LEAST)))


def _activity_chart(frame: pd.DataFrame) -> alt.Chart:
    kinds = alt.Scale(domain=[overview.OTHER, overview.FAILED])
    bars: alt.Chart = (
        alt.Chart(frame, height=180)
        .mark_bar()
        .encode(
            x=alt.X("yearmonthdate(day):T", title=None, axis=alt.Axis(format="%d %b", grid=False)),
            y=alt.Y("runs:Q", title=None, axis=alt.Axis(tickMinStep=1, format=",d")),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=kinds,
                legend=alt.Legend(orient="bottom", offset=4),
            ),
            order=alt.Order("kind:N", sort="descending"),
            tooltip=[alt.Tooltip("day:T", title="day (UTC)", format="%Y-%m-%d"), "kind:N", "runs:Q"],
        )
    )
    return bars


@kept(ttl=_FRESH_S)
def _days(first: date, last: date) -> list[DayActivity]:
    return client().activity(from_timestamp=first.isoformat(), to_timestamp=last.isoformat())


def _recent(vocabulary: Facets, now: datetime) -> None:
    section_heading("Recent runs")
    runs = run_page(limit=_N_RECENT).runs
    metrics = overview.best_metrics(vocabulary)[: overview.RECENT_METRICS]
    started = [ago_text(run.timestamp, now=now) for run in runs]
    columns = {
        name: st.column_config.TextColumn(label, alignment="right")
        for name, label in overview.recent_labels(metrics).items()
    }
    st.dataframe(
        overview.recent_frame(runs, metrics=metrics, started=started),
        hide_index=True,
        column_config=_run_columns() | columns,
        height="content",
    )
    st.page_link(PAGES["runs"], label="All runs", icon=":material/arrow_forward:")


def _failed(now: datetime) -> None:
    section_heading("Failed runs to look at")
    page = run_page(status=_ENDED_BADLY, limit=_N_FAILED)
    if not page.runs:
        st.caption("None. Runs that fail or are killed appear here.")
        return
    rows = [
        [
            run_address(run.run_id),
            [run.status],
            ago_text(run.timestamp, now=now),
            duration_text(run.duration_s),
            _reason(run),
        ]
        for run in page.runs
    ]
    st.dataframe(
        pd.DataFrame(rows, columns=["run", "status", "started", "duration", "why"]),
        hide_index=True,
        column_config=_run_columns(),
        height="content",
    )
    if page.total > len(page.runs):
        st.page_link(
            PAGES["runs"],
            label=f"All {page.total:,} failed or killed runs",
            icon=":material/arrow_forward:",
            query_params={"status": _ENDED_BADLY},
        )


def _reason(run: RunSummary) -> str:
    return _reason_of(run.run_id, run.status)


@kept(ttl=_PAST_FRESH_S)
def _reason_of(run_id: str, status: str) -> str:
    return overview.failure_reason(client().get_run(run_id))


def _best(vocabulary: Facets) -> None:
    datasets, metrics = overview.best_datasets(vocabulary), overview.best_metrics(vocabulary)
    section_heading("Best per dataset and metric")
    if not datasets or not metrics:
        st.caption("Runs with a dataset and a final metric appear here.")
        return
    config: dict[str, Any] = {
        name: st.column_config.LinkColumn(label, display_text="#(.*)$", alignment="left")
        for name, label in overview.best_labels(metrics).items()
    }
    best = _best_runs(tuple(datasets), tuple(metrics))
    frame = overview.best_frame(best, datasets=datasets, metrics=metrics)
    st.dataframe(frame, hide_index=True, column_config=config, height="content", placeholder="–")
    st.page_link(PAGES["leaderboard"], label="Leaderboard", icon=":material/arrow_forward:")


@kept(ttl=_PAST_FRESH_S, max_entries=4)
def _best_runs(datasets: tuple[str, ...], metrics: tuple[str, ...]) -> dict[tuple[str, str], RunSummary]:
    places = list(product(datasets, metrics))
    found = ask_at_once([partial(_ask_best, dataset=dataset, metric=metric) for dataset, metric in places])
    return {place: runs[0] for place, runs in zip(places, found, strict=True) if runs}


def _ask_best(server: LabClient, *, dataset: str, metric: str) -> list[RunSummary]:
    return server.leaderboard(metric, dataset_id=dataset, order=better_order(metric), top_k=1)


def _run_columns() -> dict[str, Any]:
    return {
        "run": st.column_config.LinkColumn(display_text=r"id=(.{1,8})", alignment="left", width=90),
        "status": st.column_config.MultiselectColumn(
            options=list(STATUS_COLORS), color=list(STATUS_COLORS.values()), width=95
        ),
        "duration": st.column_config.TextColumn(alignment="right"),
    }


_page()
