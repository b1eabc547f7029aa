"""`graft login`, `logout`, `whoami`."""

import sys
from typing import Annotated

import typer

from graft.cli.output import print_facts, print_json
from graft.cli.run import Json, connected
from graft.errors import GraftError
from graft.login import Login, forget_login, keep_login, login_file
from graft.types import Json as Answer


def add_to(app: typer.Typer) -> None:
    """Make them commands of `app`."""
    for command in (login, logout, whoami):
        app.command()(command)


def login(
    url: Annotated[str, typer.Argument(help="Where Graft is: https://graft.example.org")], json: Json = False
) -> None:
    """Keep address and token for all later commands, once the server has said that they are right.

    The token is asked for, or read from standard input where that is a pipe: it never stands on the command line, where
    others could read it. Settings → API tokens in the browser makes one.
    """
    from graft.client import Client  # noqa: PLC0415 - as in `run.connected`

    token = _read_token()
    with Client(url, token) as client:
        person = client.whoami()
        path = keep_login(Login(client.base_url, token))
        _tell(client.base_url, person, json=json)
    typer.echo(f"Kept in {path}, for you alone.", err=True)


def logout(json: Json = False) -> None:
    """Forget address and token. The token itself stays valid until it is revoked in the browser."""
    was_there = forget_login()
    if json:
        print_json({"logged_out": was_there})
    else:
        typer.echo("Forgotten." if was_there else f"There was nothing in {login_file()}.", err=True)


def whoami(json: Json = False) -> None:
    """Say who the token stands for, and check that it is valid."""
    with connected() as client:
        _tell(client.base_url, client.whoami(), json=json)


def _read_token() -> str:
    token = typer.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not token.strip():
        raise GraftError("no_token", "No token was given. Type it when asked, or send it: graft login URL < token.txt")
    return str(token.strip())


def _tell(url: str, person: Answer, *, json: bool) -> None:
    if json:
        print_json({"url": url} | person)
        return
    print_facts({"server": url} | {name: person[name] for name in ("user", "workspace", "role")})
