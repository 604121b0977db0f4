"""The commands that are about the program itself: version, gui."""

import contextlib
import sys
from typing import Annotated

import typer

import lightml
from lightml.cli.options import AsJson, Db, NoColor, registry
from lightml.cli.output import say


def version(*, as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Show the version."""
    say({"version": lightml.__version__}, f"lightml {lightml.__version__}", as_json=as_json)


def gui(
    *,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The dashboard's port.")] = 5050,
    host: Annotated[str, typer.Option("--host", help="0.0.0.0 lets other machines in.")] = "127.0.0.1",
    db: Db = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Open the dashboard: serves it until Ctrl-C, and prints its address."""
    from lightml.gui import serving

    with contextlib.suppress(KeyboardInterrupt), serving(registry(db), host=host, port=port) as dashboard:
        text = f"the registry {dashboard.place} is at {dashboard.url} (Ctrl-C ends it)"
        say({"url": dashboard.url, "db": str(dashboard.place)}, text, as_json=as_json)
        sys.stdout.flush()
        dashboard.wait()
