"""The command `python -m backend.tokens`: makes, revokes and lists the tokens of the store.

Owns what is printed. Exit codes are 0 for done, 1 for refused, 2 for wrong usage. A token's text goes to stdout alone,
once, so that a script can take it; all other words that go with it go to stderr.
"""

import json
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backend.access import Role
from backend.commands import complain, minute, opened
from backend.tokens import Token, TokenError, list_tokens, make_token, revoke_tokens

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

app = typer.Typer(
    name="python -m backend.tokens",
    help="The tokens that let people and machines in. The first one closes the server to everybody without one.",
    epilog="Exit codes: 0 done, 1 refused, 2 wrong usage.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_DUTIES: Final[dict[Role, str]] = {
    "read": "may read everything",
    "write": "may read everything, log runs, and write notes and registry entries",
    "admin": "may do everything, also to the runs of others",
}


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The user that the token stands for; what is done with it goes by it.")],
    role: Annotated[Role, typer.Option(help="What the user may do; each role may do what those before it may.")],
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once. Several tokens may have one name, to replace one by another."""
    with opened("tokens", TokenError) as (settings, store):
        was_closed = settings.api_token is not None or _working(list_tokens(store))
        token, secret = make_token(store, name, role)
        same_name = [one.token_id for one in _working(list_tokens(store)) if one.name == name]
    if as_json:
        print(json.dumps({**asdict(token), "token": secret}, indent=2))
        return
    complain(f"Token {token.token_id} of {name} {_DUTIES[role]}. Keep it now: it is shown this once.")
    print(secret)
    complain("Send it as `Authorization: Bearer <token>`, or set it as LAB_API_TOKEN where it is used.")
    if len(same_name) > 1:
        others = ", ".join(str(one) for one in same_name if one != token.token_id)
        complain(f"{name} has other tokens that work: {others}. Revoke those that are not used any more.")
    if not was_closed:
        complain("It is the first: every request needs a token from now on, also from the server's own machine.")


@app.command()
def revoke(
    name_or_id: Annotated[str, typer.Argument(help="A token's id, or a name for all tokens of that user.")],
    as_json: AsJson = False,
) -> None:
    """Revoke tokens: servers refuse them within seconds. What was done with them stays under their name."""
    with opened("tokens", TokenError) as (settings, store):
        revoked = revoke_tokens(store, name_or_id)
        is_open = settings.api_token is None and not _working(list_tokens(store))
    if as_json:
        print(json.dumps([asdict(token) for token in revoked], indent=2))
        return
    for token in revoked:
        print(f"Token {token.token_id} of {token.name} ({token.role}) is revoked.")
    if not revoked:
        print("Nothing to do: it was revoked before.")
    if revoked and is_open:
        complain("It was the last: the server now answers its own machine alone, without a token.")


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """List the tokens, without their text, which is kept nowhere."""
    with opened("tokens", TokenError) as (_, store):
        found = list_tokens(store)
    if as_json:
        print(json.dumps([asdict(token) for token in found], indent=2))
        return
    if not found:
        print("There are no tokens. Make one with `python -m backend.tokens create NAME --role read`.")
        return
    table = Table("id", "name", "role", "made", "revoked", box=None, pad_edge=False, header_style="bold")
    for token in found:
        is_over = token.revoked_at is not None
        row = (
            str(token.token_id),
            escape(token.name),
            token.role,
            minute(token.created_at),
            minute(token.revoked_at),
        )
        table.add_row(*row, style="dim" if is_over else None)
    Console().print(table)


def main() -> None:
    """Runs the command that the process's arguments name, and ends the process."""
    app(prog_name="python -m backend.tokens")


def _working(tokens: list[Token]) -> list[Token]:
    return [token for token in tokens if token.revoked_at is None]
