"""`graft adapters promote`, `undo`, `retire`, `restore`: what a version is called, and whether it is in use."""

from typing import Annotated

import typer

from graft.cli.output import print_json
from graft.cli.run import Json, Reference, connected
from graft.types import Json as Answer

app = typer.Typer()
Alias = Annotated[str, typer.Option(help="Which alias.")]


@app.command()
def promote(
    reference: Reference,
    alias: Alias = "production",
    reason: Annotated[str, typer.Option(help="Why; kept with the move.")] = "",
    expect: Annotated[int | None, typer.Option(help="Only if it means this version now; 0: if it is new.")] = None,
    json: Json = False,
) -> None:
    """Let an alias mean a version; “graft adapters undo” takes that back."""
    with connected() as client:
        moved = client.adapters.promote(reference, alias, reason=reason, expect=expect)
    if json:
        print_json(moved)
        return
    before = f"v{moved['before']}" if moved["before"] else "new"
    typer.echo(f"{moved['reference']}: {before} → v{moved['version']}")
    if moved.get("warning"):
        typer.echo(f"Mind: {moved['warning']}", err=True)


@app.command()
def undo(
    name: Annotated[str, typer.Argument(help="The adapter.")], alias: Alias = "production", json: Json = False
) -> None:
    """Take back the newest move of an alias."""
    with connected() as client:
        move = client.adapters.undo(name, alias)
    if json:
        print_json(move)
        return
    now = f"v{move['to_version']}" if move["to_version"] else "gone"
    typer.echo(f"{name}@{alias}: v{move['from_version']} → {now}")


@app.command()
def retire(
    reference: Reference,
    reason: Annotated[str, typer.Option(help="Why; shown with the version.")] = "",
    json: Json = False,
) -> None:
    """Take a version out of use; it stays, and “graft adapters restore” puts it back."""
    with connected() as client:
        _tell_standing(client.adapters.retire(reference, reason=reason), json=json)


@app.command()
def restore(reference: Reference, json: Json = False) -> None:
    """Put a retired version back into use."""
    with connected() as client:
        _tell_standing(client.adapters.restore(reference), json=json)


def _tell_standing(version: Answer, *, json: bool) -> None:
    if json:
        print_json(version)
    else:
        typer.echo(f"{version['adapter']}@{version['version']}: {version['status']}")
