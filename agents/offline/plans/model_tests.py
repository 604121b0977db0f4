"""Plans that set two registered models against each other: their values, and whether the difference is real.

Owns `compare` and `test`. Which is better is only said where a test says so; else that it is not known.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from agents.offline.plans.asking import Call, Plan, ask
from agents.offline.plans.model_saying import (
    MAX_LINES,
    draft,
    label,
    metric_text,
    test_text,
    unsettled_text,
    untested_text,
)
from agents.offline.plans.saying import counted
from agents.offline.reading.model_reading import ModelReading
from agents.wording import number_text
from backend.registry_models import ModelDetail, ModelSummary
from backend.registry_views import MetricDelta
from tools.found import ModelsCompared, NameUnsettled, SignificanceFound, TestedMetric
from tools.registry_names import full_name

_TWO: Final = 2
_YES_OR_NO: Final = re.compile(r"(?:and |so )?(?:is|are|was|were|does|do|did|has|have|can)\b")
_WORSE: Final = re.compile(r"\b(?:worse|noise|luck|chance|differ\w*|lower)\b")
_WORDS: Final = {"improved": "better", "regressed": "worse", "unchanged": "the same", "missing": "not in both"}


def compare(reading: ModelReading) -> Plan:
    """Puts the metrics of two models side by side: one made from the other against it, else the first named."""
    pair = _pair(reading)
    if pair is None:
        return (yield from _ask_for_two(reading, "compare"))
    other, one = pair if pair[1] not in reading.names.descendants(pair[0].id) else pair[::-1]
    arguments = {"model_a": full_name(one), "model_b": full_name(other)}
    if len(reading.families) == 1:
        arguments["family"] = reading.families[0]
    found = yield from ask(Call("compare_models", arguments))
    if isinstance(found, NameUnsettled):
        return draft(reading, unsettled_text(found), intent="unanswerable")
    assert isinstance(found, ModelsCompared)
    wanted = [delta for delta in found.comparison.deltas if _is_wanted(reading, delta.family, delta.metric_name)]
    a, b = label(reading, one), label(reading, other)
    lines = [_line(delta, a, b) for delta in wanted[:MAX_LINES]]
    counts = {verdict: sum(delta.verdict == verdict for delta in wanted) for verdict in _WORDS}
    said = ", ".join(f"{_WORDS[verdict]} on {count}" for verdict, count in counts.items() if count)
    heading = f"{b} against {a}, of {counted(len(wanted), 'metric')}: {said}." if wanted else (
        f"{a} and {b} have no such metric."
    )  # fmt: skip
    more = f"{len(lines)} of them are shown." if len(wanted) > len(lines) else ""
    tests = (
        f"Whether a difference is more than chance: ask whether {b} is significantly better than {a}." if wanted else ""
    )
    return draft(reading, heading, "\n".join(lines), more, tests, intent="compare_models", source_runs=_runs(pair))


def test(reading: ModelReading) -> Plan:
    """Says whether a model is significantly better than another, or that nothing can be tested."""
    pair = _pair(reading)
    if pair is None:
        return (yield from _ask_for_two(reading, "test"))
    one, other = pair
    found = yield from ask(Call("check_significance", _arguments(reading, one, other)))
    if isinstance(found, NameUnsettled):
        return draft(reading, unsettled_text(found), intent="unanswerable")
    assert isinstance(found, SignificanceFound)
    wanted = [each for each in found.tested if _is_wanted(reading, each.family, each.metric_name)]
    a, b = label(reading, one), label(reading, other)
    tested = [each for each in wanted if each.stats is not None]
    lines = [test_text(each, a, b) for each in tested]
    lines += [_untested(found, each, a, b) for each in wanted if each.stats is None]
    more = f"{counted(found.n_left_out, 'other metric')} could be tested, too: name one." if found.n_left_out else ""
    return draft(
        reading, _verdict(reading, wanted, a, b), "\n".join(lines[:MAX_LINES]), more,
        intent="compare_models", source_runs=_runs(pair),
    )  # fmt: skip


def _arguments(reading: ModelReading, one: ModelSummary, other: ModelSummary) -> dict[str, Any]:
    arguments: dict[str, Any] = {"model_a": full_name(one), "model_b": full_name(other)}
    if len(reading.families) == 1:
        arguments["family"] = reading.families[0]
    if len(reading.metric_names) == 1:
        arguments["metric"] = reading.metric_names[0]
    return arguments


def _verdict(reading: ModelReading, tested: Sequence[TestedMetric], a: str, b: str) -> str:
    """Says in a sentence what the tests came to, from the first model's side."""
    if not tested:
        return f"It cannot be told whether {a} and {b} differ: they share no such metric."
    made = [(each, each.result) for each in tested if each.result is not None]
    if not made:
        return f"It cannot be told whether {a} is better than {b}: there are no per-sample scores of both to test on."
    is_asked = _YES_OR_NO.match(reading.masked) is not None and not _WORSE.search(reading.masked)
    better = [each for each, result in made if each.is_significant and result.winner == "a"]
    worse = [each for each, result in made if each.is_significant and result.winner == "b"]
    if better and not worse:
        yes = "Yes: " if is_asked else ""
        return f"{yes}{a} is significantly better than {b} on {_names(better)}{_rest(made, better)}."
    if worse and not better:
        return (
            f"{'No: ' if is_asked else ''}{a} is significantly worse than {b} on {_names(worse)}{_rest(made, worse)}."
        )
    if better and worse:
        return f"It depends: {a} is significantly better than {b} on {_names(better)}, and worse on {_names(worse)}."
    names = _names([each for each, _ in made])
    return f"No significant difference was found between {a} and {b} on {names}: the data cannot tell them apart."


def _rest(made: Sequence[tuple[TestedMetric, object]], said: Sequence[TestedMetric]) -> str:
    others = [each for each, _ in made if each not in said]
    return f"; on {_names(others)} the data cannot tell them apart" if others else ""


def _names(tested: Sequence[TestedMetric]) -> str:
    return " and ".join(metric_text((each.family, each.metric_name)) for each in tested)


def _untested(found: SignificanceFound, tested: TestedMetric, a: str, b: str) -> str:
    values = [_value(model, tested) for model in (found.model_a, found.model_b)]
    return untested_text(tested, values, a, b)


def _value(model: ModelDetail, tested: TestedMetric) -> float | None:
    return next(
        (
            metric.value
            for metric in model.metrics
            if (metric.family, metric.metric_name, metric.checkpoint_id) == (tested.family, tested.metric_name, None)
        ),
        None,
    )


def _line(delta: MetricDelta, a: str, b: str) -> str:
    name = metric_text((delta.family, delta.metric_name))
    if delta.delta is None:
        has = f"{a} has {number_text(delta.value_a)}" if delta.value_a is not None else (
            f"{b} has {number_text(delta.value_b)}"
        )  # fmt: skip
        return f"- {name}: {has}, the other none."
    sign = "+" if delta.delta > 0 else ""
    return (
        f"- {name}: {a} has {number_text(delta.value_a)}, {b} {number_text(delta.value_b)}; a difference of "
        f"{sign}{number_text(delta.delta)}, {_WORDS[delta.verdict]}."
    )


def _is_wanted(reading: ModelReading, family: str, metric_name: str) -> bool:
    """Tells whether a metric is asked about; how sure a value is, its `stderr`, is only when it is named."""
    is_family = not reading.families or family in reading.families
    return is_family and (metric_name in reading.metric_names if reading.metric_names else "stderr" not in metric_name)


def _pair(reading: ModelReading) -> tuple[ModelSummary, ModelSummary] | None:
    return (reading.models[0][0], reading.models[1][0]) if len(reading.models) >= _TWO else None


def _runs(pair: tuple[ModelSummary, ModelSummary]) -> list[str | None]:
    return [model.source_run_id for model in pair]


def _ask_for_two(reading: ModelReading, verb: str) -> Plan:
    yield from ()
    return draft(reading, f"Name the two models to {verb}.", intent="unanswerable")
