"""Plans about how a metric went while a run trained.

Owns `metric_trend`: what is said of a curve was measured, step by step.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from agents.offline.language.names import is_runtime
from agents.offline.language.words import canonical, pieces_of
from agents.offline.plans.asking import Plan, ask_details
from agents.offline.plans.saying import draft, names_text
from agents.offline.plans.targets import find_target
from agents.offline.reading.reading import Reading
from agents.offline.reading.values import number_in
from agents.wording import number_text, run_label
from backend.models import MetricSeries, RunDetail
from tools.directions import better_order

Points = list[tuple[int, float]]

_MAX_CURVES: Final = 4
_LATE_SHARE: Final = 0.2
_TWO: Final = 2
_OF_TRAINING: Final = 2
_NOTABLE: Final = 0.01
"""Of a curve's whole range: a smaller change is called flat."""
_OVERFIT: Final = 0.05
"""Of a curve's whole range: getting so much worse after its best is called overfitting."""


def follow(reading: Reading) -> Plan:
    """Tells how a metric went: where it began, its best, where it ended, and whether it was still improving."""
    target, _ = yield from find_target(reading, by_named_metric=False)
    if target is None and reading.scope.is_everything and not reading.ends:
        return draft(reading, "Which run? Give its id or the beginning of it, or say for example: the best run.")
    if target is None:
        return draft(reading, "No run fits.")
    details = yield from ask_details(target, curve="*")
    run, series = details.run, details.series
    curves = {name: points for name in chosen(reading, series) if (points := _points(series[name]))}
    if not curves:
        return draft(reading, _no_curve(reading, run, series), used=[run.run_id])
    texts = [_curve_text(name, points) for name, points in curves.items()]
    return draft(
        reading,
        f"Run {run_label(run)}, {run.status}:",
        "\n".join(texts),
        _verdict(reading, {name: points for name in series if (points := _points(series[name]))}, curves),
        used=[run.run_id],
        read_as=[f"curve of {names_text(list(curves))}"],
    )


def chosen(reading: Reading, series: Mapping[str, MetricSeries]) -> list[str]:
    """Gives the curves that a question is about, those of validation first; the telling ones where it names none."""
    wanted = [name for name in (*reading.metric_choices, *reading.metrics) if name in series]
    if wanted:
        exact = [name for name in reading.metrics if name in series and len(reading.metric_choices) < _TWO]
        return list(dict.fromkeys(exact or wanted))[:_MAX_CURVES]
    if reading.metrics:
        return []
    asked = set(canonical(re.findall(r"[a-z0-9]+", reading.question.lower())))
    by_words = [name for name in series if set(canonical(pieces_of(name))) <= asked]
    losses = sorted((name for name in series if better_order(name) == "asc" and not is_runtime(name)), key=_split)
    return by_words[:_MAX_CURVES] or losses[:2] or list(series)[:2]


def _split(name: str) -> int:
    pieces = canonical(pieces_of(name))
    return 0 if "val" in pieces or "eval" in pieces else 2 if "train" in pieces else 1


def _no_curve(reading: Reading, run: RunDetail, series: Mapping[str, MetricSeries]) -> str:
    what = names_text(list(reading.metrics)) if reading.metrics else "any metric"
    logged = f" It logged: {names_text(list(series))}." if series else ""
    return f"Run {run_label(run)} logged no curve of {what}.{logged} Final values are in its details."


def _points(series: MetricSeries) -> Points:
    pairs = zip(series.steps, series.values, strict=True)
    return [(step, number) for step, value in pairs if (number := number_in(value)) is not None]


def _best(name: str, points: Points) -> tuple[int, float]:
    return (min if better_order(name) == "asc" else max)(points, key=lambda point: point[1])


def _curve_text(name: str, points: Points) -> str:
    (first_step, first), (last_step, last) = points[0], points[-1]
    best_step, best = _best(name, points)
    return (
        f"{name}: {number_text(first)} at step {first_step}, best {number_text(best)} at step {best_step}, "
        f"last {number_text(last)} at step {last_step}."
    )


def _verdict(reading: Reading, series: Mapping[str, Points], curves: Mapping[str, Points]) -> str:
    judged = dict(curves)
    if re.search(r"overfit|underfit|generali", reading.masked):
        judged = {
            name: points for name, points in series.items() if _split(name) < _OF_TRAINING and not is_runtime(name)
        } or judged
        judged = dict(sorted(judged.items(), key=lambda item: better_order(item[0]) == "desc")[:1])
    sentences = [_ending(name, points) for name, points in judged.items()]
    if any("overfitting" in sentence for sentence in sentences):
        falling = [
            name for name, points in series.items() if _split(name) == _OF_TRAINING and _is_improving(name, points)
        ]
        sentences += [f"{name} kept improving meanwhile." for name in falling[:1]]
    elif re.search(r"overfit", reading.masked):
        sentences.append("So there is no sign of overfitting in the curves.")
    return " ".join(sentences)


def _ending(name: str, points: Points) -> str:
    """Says how a curve ended: worse than its best, still improving, or flat."""
    (_, last), (best_step, best) = points[-1], _best(name, points)
    whole = max(value for _, value in points) - min(value for _, value in points)
    if whole == 0:
        return f"{name} never changed."
    lost = abs(last - best)
    is_loss = better_order(name) == "asc"
    if lost > _OVERFIT * whole and points[-1][0] > best_step:
        word = "above" if last > best else "below"
        sign = "a sign of overfitting" if _split(name) < _OF_TRAINING else "it got worse"
        return f"{name} ended at {number_text(last)}, {word} its best {number_text(best)} at step {best_step}: {sign}."
    if _is_improving(name, points):
        return f"{name} was still {'falling' if is_loss else 'rising'} at the end."
    return f"{name} was flat at the end: it has converged."


def _is_improving(name: str, points: Sequence[tuple[int, float]]) -> bool:
    """Tells whether the last fifth of a curve brought a notable part of all its change."""
    first_step, last_step = points[0][0], points[-1][0]
    late = last_step - _LATE_SHARE * (last_step - first_step)
    before = next((value for step, value in reversed(points[:-1]) if step <= late), points[0][1])
    whole = max(value for _, value in points) - min(value for _, value in points)
    gain = before - points[-1][1] if better_order(name) == "asc" else points[-1][1] - before
    return whole > 0 and gain > _NOTABLE * whole
