"""The commands that bring metrics in and take them out: metric-log, scan, export."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from lightml import checkpoints
from lightml.cli.options import AnyRun, AsJson, Db, Force, Format, NoColor, Run, registry
from lightml.cli.output import say, warn
from lightml.errors import InvalidEntryError, UnknownNameError
from lightml.metrics import METRIC_INSERTED, METRIC_SKIPPED, METRIC_UPDATED, add_metric

_STATUSES = {METRIC_INSERTED: "inserted", METRIC_UPDATED: "updated", METRIC_SKIPPED: "skipped"}


def metric_log(
    *,
    family: Annotated[str, typer.Option("--family", metavar="NAME", help="The group the metric belongs to.")],
    metric: Annotated[str, typer.Option("--metric", metavar="NAME", help="Its name in the family.")],
    value: Annotated[float, typer.Option("--value", help="One finite number.")],
    run: Annotated[str | None, typer.Option("--run", metavar="NAME", help="The run the model is in.")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="NAME", help="The model.")] = None,
    step: Annotated[int | None, typer.Option("--step", help="The model's checkpoint of this step.")] = None,
    checkpoint_id: Annotated[int | None, typer.Option("--checkpoint-id", help="The checkpoint, by id.")] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", metavar="FILE", help="A JSON list with one score per sample.")
    ] = None,
    force: Force = False,
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Log a single metric of a model, or of a checkpoint."""
    if (model is None) == (checkpoint_id is None):
        raise typer.BadParameter("give --model or --checkpoint-id", param_hint="'--model'")
    if step is not None and (model is None or run is None):
        raise typer.BadParameter("it needs --model and --run", param_hint="'--step'")
    where, per_sample = registry(db), _scores(scores)
    if step is not None:
        checkpoint_id = _checkpoint(where, str(run), str(model), step)
    status = add_metric(
        where,
        family,
        metric,
        value,
        scores=per_sample,
        model_name=model if checkpoint_id is None else None,
        checkpoint_id=checkpoint_id,
        run_name=run,
        force=force,
    )
    advice = ": it was there already, and --force overwrites it" if status == METRIC_SKIPPED else ""
    say({"status": _STATUSES[status]}, f"{_STATUSES[status]} {family}/{metric}{advice}", as_json=as_json)


def scan(
    *,
    run: Run,
    path: Annotated[Path, typer.Option("--path", metavar="FOLDER", help="The folder with one folder per model.")],
    format: Format = "lm_eval",  # noqa: A002 - the option's name
    prefix: Annotated[str, typer.Option("--prefix", help="What stands before the names of the models.")] = "",
    force: Force = False,
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Import evaluation results: every immediate subfolder is a model.

    A folder that cannot be read is named and does not stop the others. The exit code is 1 if nothing was imported.
    """
    from lightml.scan import scan_and_import

    stats = scan_and_import(registry(db), run, path, format=format, model_prefix=prefix, force=force)
    lines = [
        f"{stats.models_registered} models, {stats.metrics_logged} metrics logged, {stats.metrics_skipped} skipped"
    ]
    if stats.skipped_dirs:
        lines.append(f"no {format} results in: {', '.join(stats.skipped_dirs)}")
    if not (stats.models_registered or stats.skipped_dirs or stats.errors):
        lines.append(f"no folder in {path}; every immediate subfolder is one model")
    say(stats.model_dump(mode="json"), "\n".join(lines), as_json=as_json)
    if not as_json:
        for file, reason in stats.errors.items():
            warn(f"{file}: {reason}")
    if not stats.models_registered:
        raise typer.Exit(1)


def export(
    *,
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="The workbook; one that is there is replaced.")
    ] = Path("report.xlsx"),
    run: AnyRun = None,
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Export an Excel report: a sheet per family, colour scales, models and checkpoints."""
    from lightml.export import export_excel

    made = export_excel(registry(db), output, run_name=run)
    say({"path": str(made)}, f"wrote the report {made}", as_json=as_json)


def _checkpoint(db: Any, run: str, model: str, step: int) -> int:
    found = checkpoints.find_checkpoint(db, run, model, step)
    if found is None:
        raise UnknownNameError(
            f"the model {model!r} has no checkpoint at step {step}; use `lightml checkpoint-register`"
        )
    return found


def _scores(path: Path | None) -> Any:
    """Reads a JSON file; whether it holds usable scores is for the registry to say."""
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidEntryError(f"cannot read the scores {path} ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InvalidEntryError(f"the scores {path} are not valid JSON ({error}); give a list of numbers") from error
