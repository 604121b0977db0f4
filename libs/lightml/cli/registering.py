"""The commands that make what metrics hang on: init, model-register, checkpoint-register, migrate."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lightml import checkpoints, database, registry
from lightml.cli.options import AsJson, Db, Force, Model, NoColor, Run
from lightml.cli.options import registry as existing
from lightml.cli.output import say


def init(
    *,
    path: Annotated[Path | None, typer.Option("--path", metavar="FOLDER", help="The folder. [default: .]")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The file's name without .db. [default: main]")] = None,
    db: Annotated[
        str | None, typer.Option("--db", metavar="PLACE", help="Folder and name in one: FILE.db, or postgresql://…")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the registry that is there.")] = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Create a new registry; without a path, inside the tracker's store.

    A PostgreSQL database must be there already; it gains the registry's tables.
    """
    if db is not None and (path is not None or name is not None):
        raise typer.BadParameter("give --db, or --path and --name", param_hint="'--db'")
    if db is not None and not database.is_address(db) and Path(db).suffix != ".db":
        raise typer.BadParameter(f"{db} does not end in .db", param_hint="'--db'")
    if name is not None and (not name or {"/", "\\", "\0"} & set(name)):
        raise typer.BadParameter(f"{name!r} is no file name; --path names the folder", param_hint="'--name'")
    whole = db or (str((path or Path()) / f"{name or 'main'}.db") if path or name else None)
    if whole is None and overwrite:
        raise typer.BadParameter("say which registry it replaces, with --db", param_hint="'--overwrite'")
    made = database.ensure(None) if whole is None else registry.make_registry(whole, overwrite=overwrite)
    say({"path": str(made)}, f"made the registry {made}", as_json=as_json)


def model_register(
    *,
    run: Annotated[str | None, typer.Option("--run", metavar="NAME", help="The run (experiment).")] = None,
    name: Annotated[str | None, typer.Option("--name", help="The model's name, once per run.")] = None,
    path: Annotated[str | None, typer.Option("--path", help="Where its weights are: a path or a hub name.")] = None,
    parent: Annotated[str | None, typer.Option("--parent", metavar="NAME", help="The model it was made from.")] = None,
    from_run: Annotated[
        str | None,
        typer.Option("--from-run", metavar="RUN_ID", help="Register what this run of the tracker made, with metrics."),
    ] = None,
    artifact: Annotated[str | None, typer.Option("--artifact", help="Which artifact of that run is the model.")] = None,
    store: Annotated[str | None, typer.Option("--store", help="The tracker's store, if not the usual one.")] = None,
    allow_failed: Annotated[bool, typer.Option("--allow-failed", help="Take that run although it failed.")] = False,
    force: Force = False,
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Register a model; one that is there already keeps its id.

    With --from-run, name and run have defaults: the artifact's name and the tracker's project. The path is the
    artifact's.
    """
    _check_belongs(from_run, path=path, only_from_run=bool(artifact or store or allow_failed or force))
    if from_run is not None:
        _register_run_model(
            db,
            as_json=as_json,
            run_id=from_run,
            model_name=name,
            run_name=run,
            artifact=artifact,
            store=store,
            parent_name=parent,
            allow_failed=allow_failed,
            force=force,
        )
        return
    run_name, model_name = _required(run, "--run"), _required(name, "--name")
    model_id = registry.register_model(existing(db), run_name, model_name, path, parent_name=parent)
    say(
        {"model_id": model_id, "model_name": model_name, "run_name": run_name},
        f"registered the model {model_name} ({model_id}) in the run {run_name}",
        as_json=as_json,
    )


def checkpoint_register(
    *,
    run: Run,
    model: Model,
    step: Annotated[int, typer.Option("--step", help="The training step, 0 or more.")],
    path: Annotated[str | None, typer.Option("--path", help="Where the checkpoint is.")] = None,
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Register a checkpoint of a model."""
    checkpoint_id = checkpoints.register_checkpoint(existing(db), run, model, step, path)
    say(
        {"checkpoint_id": checkpoint_id, "model_name": model, "step": step, "run_name": run},
        f"registered step {step} of the model {model} as checkpoint {checkpoint_id}",
        as_json=as_json,
    )


def migrate(*, db: Db = None, as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Bring a registry that an earlier version made up to date."""
    done = database.migrate(existing(db))
    where = database.locate(db)
    if done.changes:
        lines = [f"brought {where} from version {done.from_version} to {done.to_version}:", *done.changes]
        lines += [f"the file as it was: {done.backup}"] if done.backup else []
    else:
        lines = [f"{where} is up to date"]
    say(done.model_dump(mode="json"), "\n  ".join(lines), as_json=as_json)


def _check_belongs(from_run: str | None, *, path: str | None, only_from_run: bool) -> None:
    if from_run is None and only_from_run:
        raise typer.BadParameter(
            "--artifact, --store, --allow-failed and --force belong to it", param_hint="'--from-run'"
        )
    if from_run is not None and path is not None:
        raise typer.BadParameter("the run says it; --artifact chooses among several", param_hint="'--path'")


def _register_run_model(db: str | None, *, as_json: bool, **options: Any) -> None:
    from lightml.tracker import register_run_model

    made = register_run_model(existing(db), **options)
    counts = f"{made.inserted} metrics inserted, {made.updated} updated, {made.skipped} skipped"
    lines = [
        f"registered the model {made.model_name} ({made.model_id}) in the run {made.run_name}: {made.path}",
        counts,
    ]
    if made.left_out:
        lines.append(f"left out, being no finite numbers: {', '.join(made.left_out)}")
    say(made.model_dump(mode="json"), "\n  ".join(lines), as_json=as_json)


def _required(value: str | None, option: str) -> str:
    if value is None:
        raise typer.BadParameter("it is missing", param_hint=f"'{option}'")
    return value
