"""The options that several commands share: what they are called, and what their help says.

Owns the types that typer reads, and how a registry's file is named on the command line.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lightml.database import Database, is_address
from lightml.errors import RegistryMissingError

Db = Annotated[
    str | None,
    typer.Option("--db", metavar="PLACE", help="The registry: FILE or postgresql://… [default: the tracker's store]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
NoColor = Annotated[bool, typer.Option("--no-color", help="Print without colours, as NO_COLOR=1 does.")]
Run = Annotated[str, typer.Option("--run", metavar="NAME", help="The run (experiment).")]
AnyRun = Annotated[str | None, typer.Option("--run", metavar="NAME", help="The run. [default: every run]")]
Model = Annotated[str, typer.Option("--model", metavar="NAME", help="The model.")]
AnyFamily = Annotated[str | None, typer.Option("--family", metavar="NAME", help="The only family. [default: all]")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite metrics that are there already.")]
Format = Annotated[Literal["lm_eval", "json"], typer.Option("--format", help="What the result files are.")]


def registry(db: str | None) -> Database:
    """Gives the registry that `--db` names.

    Raises:
        RegistryMissingError: It names a file that is not there. Only `init` makes one, so that a slip of the keyboard
            does not start a second registry.
    """
    if db is not None and not is_address(db) and not Path(db).is_file():
        raise RegistryMissingError(
            f"there is no registry {db}; make it with `lightml init --db {db}`, or correct the path"
        )
    return db
