"""`graft bases`: list, register."""

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.bars import bars
from graft.cli.output import moment_text, print_json, print_table
from graft.cli.run import Hub, Json, Shared, Wait, connected, on_ctrl_c

app = typer.Typer(help="Base models of the workspace.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_bases(json: Json = False) -> None:
    """List them by their newest revision."""
    with connected() as client:
        found = client.bases.list()
    if json:
        print_json(found)
        return
    rows = []
    for one in found:
        newest = one["newest"] or {}
        parameters = newest.get("parameters")
        rows.append(
            [
                newest.get("reference", one["name"]),
                newest.get("architecture"),
                f"{parameters:,}" if parameters else "",
                newest.get("dtype"),
                one["adapter_versions"],
                moment_text(newest.get("created_at")),
            ]
        )
    print_table(
        ["NEWEST", "ARCHITECTURE", "PARAMETERS", "DTYPE", "ADAPTERS", "REGISTERED"],
        rows,
        empty="There is no base model yet. Register one: graft bases register NAME --hub OWNER/NAME",
    )


@app.command()
def register(
    name: Annotated[str, typer.Argument(help="The base model; one that exists gets its next revision.")],
    folder: Annotated[Path | None, typer.Argument(help="A folder of this machine, whose files are sent.")] = None,
    hub: Hub = None,
    shared: Shared = None,
    *,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Make a model of the hub, of a shared folder or of this machine a base model, known by its content."""
    with (
        connected() as client,
        on_ctrl_c("Stopped. What was sent is kept for two days; an import that was queued goes on by itself."),
        bars() as progress,
    ):
        found = client.bases.register(name, folder, hub=hub, shared=shared, wait=wait, progress=progress)
    if json:
        print_json(found)
    else:
        typer.echo(found["revision"] or f"queued as import {found['id']}")
        if found["is_new"] is False:
            typer.echo("This very content was registered before.", err=True)
