"""The commands that read a registry: compare, diff, exists, stats."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from lightml.cli.options import AnyFamily, AnyRun, AsJson, Db, NoColor, registry
from lightml.cli.output import color, one_line, say, warn
from lightml.search import search


def compare(
    *,
    model_a: Annotated[str, typer.Option("--model-a", metavar="NAME", help="The baseline.")],
    model_b: Annotated[str, typer.Option("--model-b", metavar="NAME", help="The candidate.")],
    run: AnyRun = None,
    family: AnyFamily = None,
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Compare two models: a table with the difference of every metric, B - A."""
    from lightml.compare import compare_models

    result = compare_models(registry(db), model_a, model_b, run_name=run, family=family)
    say(result.to_dict(), result.to_text(color=color(no_color)), as_json=as_json)


def diff(
    *,
    models: Annotated[list[str], typer.Option("--models", metavar="NAME...", help="The models, two or more.")],
    run: AnyRun = None,
    family: AnyFamily = None,
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Put the metrics of two or more models side by side, best in green, worst in red."""
    from lightml.diff import diff_models, format_diff

    data = diff_models(registry(db), models, run_name=run, family=family)
    say(data, format_diff(data, color=color(no_color)), as_json=as_json)


def exists(
    *,
    model: Annotated[str | None, typer.Option("--model", metavar="PATTERN", help="The model's name.")] = None,
    family: Annotated[str | None, typer.Option("--family", metavar="PATTERN", help="The metric's family.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", metavar="PATTERN", help="The metric's name.")] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="PATTERN", help="The run. [default: every run]")] = None,
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Check whether models or metrics exist: exit code 0 if one does, 1 if none does.

    In a name, * stands for any characters and ? for one; quote it, so that the shell leaves it alone.
    """
    if model is None and family is None and metric is None:
        raise typer.BadParameter("give --model, --family or --metric", param_hint="'--model'")
    found = search(registry(db), model=model, family=family, metric=metric, run=run)
    if found or as_json:
        say({"matches": found, "count": len(found)}, _matches_text(found, no_color=no_color), as_json=as_json)
    else:
        asked = {"model": model, "family": family, "metric": metric, "run": run}
        warn("nothing matches " + ", ".join(f"{kind} {name!r}" for kind, name in asked.items() if name is not None))
    if not found:
        raise typer.Exit(1)


def stats(
    *,
    model_a: Annotated[str | None, typer.Option("--model-a", metavar="NAME", help="The one model.")] = None,
    model_b: Annotated[str | None, typer.Option("--model-b", metavar="NAME", help="The other.")] = None,
    family: Annotated[str | None, typer.Option("--family", metavar="NAME", help="The metric's family.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", metavar="NAME", help="The metric's name.")] = None,
    run: AnyRun = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Fixes what is random.")] = 0,
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Test whether two models really differ, by the per-sample scores of a metric.

    In a terminal, whatever is not given is asked for.
    """
    from lightml.cli.questions import ask_for_the_rest

    given = {"--model-a": model_a, "--model-b": model_b, "--family": family, "--metric": metric}
    chosen = {option: value for option, value in given.items() if value is not None}
    if len(chosen) < len(given):
        if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            missing = [option for option in given if option not in chosen]
            words = f"give {', '.join(missing)}, or run this in a terminal to be asked"
            raise typer.BadParameter(words, param_hint=f"'{missing[0]}'")
        chosen = ask_for_the_rest(registry(db), chosen, run)
    _print_stats(db, chosen, run, seed, as_json=as_json, no_color=no_color)


def _print_stats(
    db: str | None, chosen: Mapping[str, str], run: str | None, seed: int, *, as_json: bool, no_color: bool
) -> None:
    from lightml.stats import compare_models_stats
    from lightml.tables import stats_text

    asked = {
        "model_a": chosen["--model-a"],
        "model_b": chosen["--model-b"],
        "family": chosen["--family"],
        "metric_name": chosen["--metric"],
    }
    result = compare_models_stats(registry(db), **asked, run_name=run, seed=seed)
    say({**asked, "run_name": run, **result}, stats_text(result, **asked, color=color(no_color)), as_json=as_json)


def _matches_text(found: Sequence[Mapping[str, Any]], *, no_color: bool) -> str:
    from rich.console import Console
    from rich.text import Text

    width = max((len(match["model"]) for match in found), default=0)
    text = Text()
    for match in found:
        text.append("  ✓ ", style="green")
        name = one_line(match["model"])
        if "metric" in match:
            what = one_line(f"{match['family']}/{match['metric']}")
            text.append(f"{name:<{width}}  {what} = {match['value']:.4f}  (run: {one_line(match['run'])})\n")
        else:
            text.append(f"{name}\n")
    text.append(f"  {len(found)} match(es)")
    console = Console(no_color=no_color or None, highlight=False, soft_wrap=True)
    with console.capture() as capture:
        console.print(text, end="")
    return capture.get()
