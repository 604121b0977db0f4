"""Curves drawn as text.

Owns the drawing. It must not know where a curve comes from.
"""

from collections.abc import Sequence
from typing import Final

import plotille

from scripts.curves import Curve
from scripts.terminal import plain

_HEIGHT: Final = 12
_AXIS_CHARS: Final = 24
_MIN_WIDTH, _MAX_WIDTH = 20, 100
_COLORS: Final = ("cyan", "yellow", "magenta", "green", "red", "blue")
_LETTERS: Final = "ox+*#@"
_LETTERS_PER_CURVE: Final = 10


def draw(curves: Sequence[Curve], *, width: int) -> str | None:
    """Draws curves over their steps in one plot, below a legend.

    Values that are not finite are left out; the line joins those around them.

    Args:
        curves: The curves, each with a color and, for terminals without colors, a letter of its own.
        width: How many characters a line may have.

    Returns:
        Lines of text with ANSI colors, or None when there is no finite value to draw.
    """
    drawn = [(curve.name, points) for curve in curves if (points := curve.finite())]
    if not drawn:
        return None
    figure = plotille.Figure()
    figure.width = max(_MIN_WIDTH, min(_MAX_WIDTH, width - _AXIS_CHARS))
    figure.height = _HEIGHT
    figure.x_label, figure.y_label = "step", "value"
    figure.x_ticks_fkt = figure.y_ticks_fkt = _tick
    everything = [point for _, points in drawn for point in points]
    figure.set_x_limits(*_limits([step for step, _ in everything], dots=2 * figure.width))
    figure.set_y_limits(*_limits([value for _, value in everything], dots=4 * figure.height))
    for at, (_, points) in enumerate(drawn):
        steps, values = zip(*sorted(points), strict=True)
        color = _COLORS[at % len(_COLORS)]
        figure.plot(steps, values, lc=color)
        spacing = -(-len(points) // _LETTERS_PER_CURVE)
        figure.scatter(steps[::spacing], values[::spacing], lc=color, marker=_LETTERS[at % len(_LETTERS)])
    legend = "   ".join(f"{_LETTERS[at % len(_LETTERS)]} {plain(name)}" for at, (name, _) in enumerate(drawn))
    return f"{legend}\n{figure.show()}"


def _limits(values: Sequence[float], *, dots: int) -> tuple[float, float]:
    """The span of the values and a dot more, because what stands at the limit itself is not drawn.

    Around a single value it is a span that the value stands in the middle of.
    """
    low, high = min(values), max(values)
    if low == high:
        margin = abs(low) / 2 or 1.0
        return low - margin, high + margin
    return low, high + (high - low) / dots


def _tick(value: float, _: float) -> str:
    return f"{value:.5g}"
