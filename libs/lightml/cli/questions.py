"""Asks in a terminal for what `lightml stats` was not told.

Owns the questions. They offer only what can be compared: models and metrics that have per-sample scores.
"""

from collections.abc import Mapping, Sequence

import typer

from lightml.cli.output import one_line
from lightml.database import Database, reading
from lightml.errors import UnknownNameError

_SCORED = """
    SELECT DISTINCT model_name, family, metric_name
    FROM metrics JOIN detailed_scores ON metric_id = metrics.id
    JOIN model ON model.id = model_id JOIN run ON run.id = run_id
    WHERE :run IS NULL OR run_name = :run ORDER BY model_name, family, metric_name
"""
_OPTIONS = ("--model-a", "--model-b", "--family", "--metric")


def ask_for_the_rest(db: Database, given: Mapping[str, str], run_name: str | None) -> dict[str, str]:
    """Gives the four options of `lightml stats`, those not given as the answers to a question each.

    A question with one possible answer is answered by itself, and says so.

    Raises:
        UnknownNameError: Nothing with scores fits what was given.
    """
    chosen = dict(given)
    with reading(db) as connection:
        scored = [tuple(row) for row in connection.execute(_SCORED, {"run": run_name})]
    for option in _OPTIONS:
        if option not in chosen:
            chosen[option] = _choose(option, _possible(option, scored, chosen))
    return chosen


def _possible(option: str, scored: Sequence[tuple[str, ...]], chosen: Mapping[str, str]) -> list[str]:
    """Gives what an option may be, so that both models chosen so far have scores for it."""
    metrics: dict[str, set[tuple[str, ...]]] = {}
    for model, *metric in scored:
        if _fits(metric, chosen):
            metrics.setdefault(model, set()).add(tuple(metric))
    if option in ("--model-a", "--model-b"):
        other = chosen.get("--model-b" if option == "--model-a" else "--model-a")
        shared = metrics.get(other, set()) if other is not None else set().union(*metrics.values())
        return [model for model, own in metrics.items() if model != other and own & shared]
    both = metrics.get(chosen["--model-a"], set()) & metrics.get(chosen["--model-b"], set())
    return sorted({metric[0 if option == "--family" else 1] for metric in both})


def _fits(metric: Sequence[str], chosen: Mapping[str, str]) -> bool:
    return chosen.get("--family", metric[0]) == metric[0] and chosen.get("--metric", metric[1]) == metric[1]


def _choose(option: str, names: Sequence[str]) -> str:
    if not names:
        raise UnknownNameError(
            f"there is nothing to choose as {option}: no per-sample scores fit; log metrics with scores for two models"
        )
    print(f"\n  {option}")
    for number, name in enumerate(names, 1):
        print(f"  {number:>3}  {one_line(name)}")
    if len(names) == 1:
        print(f"  the only one: {one_line(names[0])}")
        return names[0]
    while True:
        answer = typer.prompt("  Number or name", prompt_suffix=": ").strip()
        if answer in names:
            return str(answer)
        if answer.isdecimal() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        print(f"  {one_line(answer)!r} is neither a number from 1 to {len(names)} nor one of the names")
