"""The plot beside a leaderboard: a bar or a dot for each run, best at the top.

Owns how a ranking (`ui.ranking.ranking_frame`) is drawn.
"""

from typing import Final, Literal

import altair as alt
import pandas as pd

Shape = Literal["dots", "bars"]

MAX_COLORS: Final = 10
_ROW_PX: Final = 35
"""As high as a row of a Streamlit table, so that both can be read side by side."""
_AXIS_PX: Final = 34
_LEGEND_PX: Final = 72
PICKED: Final = "picked"
"""What the selection of the plot is called."""


def ranking_chart(frame: pd.DataFrame, *, shape: Shape, color: str | None) -> alt.Chart:
    """Gives the plot of a ranking; a click selects the `run_id` in its parameter `PICKED`.

    Args:
        frame: A ranking.
        shape: Bars start at zero and show how large values are; dots do not and show how they differ.
        color: A column to colour by, of at most `MAX_COLORS` values; None for one colour.
    """
    shown = frame.assign(label=[f"{rank}  {run}" for rank, run in zip(frame["rank"], frame["run"], strict=True)])
    shown["group"] = shown[color].fillna("–").astype(str) if color else ""
    base = alt.Chart(shown, height=_ROW_PX * len(shown) + _AXIS_PX + (_LEGEND_PX if color else 0), width="container")
    mark = base.mark_bar(height=18, cornerRadiusEnd=3) if shape == "bars" else base.mark_circle(size=130, opacity=0.95)
    scale = alt.Scale(zero=shape == "bars", nice=shape == "bars", padding=0 if shape == "bars" else 16)
    chart: alt.Chart = mark.encode(
        alt.X("value:Q", title=None, scale=scale, axis=alt.Axis(format=".4~g", orient="top", tickCount=5)),
        alt.Y("label:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=140)),
        _color(color),
        tooltip=_tooltip(color),
    )
    return chart.add_params(alt.selection_point(PICKED, fields=["run_id"], on="click", empty=True)).properties(
        padding={"top": 6, "bottom": 0, "left": 5, "right": 5}
    )


def _color(name: str | None) -> alt.Color:
    title = None if name is None else name.partition(":")[2] or name
    legend = None if name is None else alt.Legend(orient="bottom", title=title, labelLimit=240, columns=5)
    return alt.Color("group:N", legend=legend, sort=None)


def _tooltip(color: str | None) -> list[alt.Tooltip]:
    tooltip = [
        alt.Tooltip("rank:Q"),
        alt.Tooltip("run:N"),
        alt.Tooltip("value:Q", format=".6~g"),
        alt.Tooltip("dataset:N"),
    ]
    if color is not None and color != "dataset":
        tooltip.append(alt.Tooltip("group:N", title=color.partition(":")[2]))
    return tooltip
