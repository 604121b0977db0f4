"""What holds for every command: exit codes, errors as one line or as JSON, and options that take several values.

Owns the exit codes: 0 done, 1 not found or refused, 2 wrong usage.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from lightml.cli.output import forgive_encoding, stop_printing, warn
from lightml.errors import LightMLError

_MANY = "--models"


class RegistryGroup(TyperGroup):
    """The command `lightml`."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs one command; with `--json` a wrong usage is a JSON document too."""
        forgive_encoding()
        words = list(sys.argv[1:] if args is None else args)
        if "--json" not in words or not standalone_mode:
            return super().main(words, "lightml", complete_var, standalone_mode, windows_expand_args, **extra)
        try:
            sys.exit(super().main(words, "lightml", complete_var, False, windows_expand_args, **extra))
        except TyperException as error:
            print(json.dumps({"error": error.format_message()}))
            sys.exit(error.exit_code)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was named; what the registry refuses becomes one line and exit code 1."""
        as_json = "--json" in ctx.args
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except LightMLError as error:
            if as_json:
                print(json.dumps({"error": str(error)}))
            else:
                warn(str(error))
            raise typer.Exit(1) from error
        except BrokenPipeError as error:
            stop_printing()
            raise typer.Exit(0) from error


class ManyModelsCommand(TyperCommand):
    """A command whose `--models` takes all the values that follow, as well as one value each time it is given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Gives every value an option of its own before typer reads them."""
        return super().parse_args(ctx, _spread(args))


def _spread(words: Sequence[str]) -> list[str]:
    spread: list[str] = []
    is_many = False
    for word in words:
        if is_many and not word.startswith("-"):
            spread += [_MANY, word]
            continue
        is_many = word == _MANY
        if not is_many:
            spread.append(word)
    return spread
