"""`graft adapters pull`, `import`, `verify`, `link`: the files of a version."""

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.bars import bars
from graft.cli.output import print_json, size_text
from graft.cli.run import FAILED, Hub, Json, Reference, Shared, Wait, connected, on_ctrl_c
from graft.types import Json as Answer
from graft.verify import report_json, verify_folder

app = typer.Typer()


@app.command()
def pull(
    reference: Reference,
    folder: Annotated[Path | None, typer.Argument(help="Where to; name-v3 here when not given.")] = None,
    as_zip: Annotated[bool, typer.Option("--zip", help="As one zip instead of a folder.")] = False,
    json: Json = False,
) -> None:
    """Fetch a version, checked by its SHA-256; the same command again goes on where it stopped."""
    with (
        connected() as client,
        on_ctrl_c("Stopped. What has come is kept: the same command goes on from there."),
        bars() as progress,
    ):
        version = client.adapters.version(reference)
        exact = f"{version['adapter']}@{version['version']}"
        bring = client.adapters.pull_zip if as_zip else client.adapters.pull
        path = bring(exact, folder, progress=progress)
    if json:
        print_json({"reference": exact, "path": str(path)})
    else:
        typer.echo(path)
        _warn(exact, version)


@app.command("import")
def import_adapter(
    name: Annotated[str, typer.Argument(help="The adapter; one that exists gets its next version.")],
    path: Annotated[Path | None, typer.Argument(help="A folder as PEFT saves it, or a zip or tar of one.")] = None,
    *,
    base: Annotated[str, typer.Option(help="name or name@revision: the base that it is bound to.")],
    hub: Hub = None,
    shared: Shared = None,
    notes: Annotated[str, typer.Option(help="What others should know about it.")] = "",
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Make an adapter that was made elsewhere a version, checked against its base."""
    with (
        connected() as client,
        on_ctrl_c("Stopped. What was sent is kept for two days; an import that was queued goes on by itself."),
        bars() as progress,
    ):
        found = client.adapters.import_from(
            name, path, base=base, hub=hub, shared=shared, notes=notes, wait=wait, progress=progress
        )
    if json:
        print_json(found)
    else:
        typer.echo(found["version"] or f"queued as import {found['id']}")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="What “pull” made, or an unpacked zip.")],
    sha256: Annotated[str, typer.Option(help="What manifest.json itself must have.")] = "",
    json: Json = False,
) -> None:
    """Compare a folder with its manifest, without any server; exit code 1 when it is not whole."""
    with bars() as progress:
        found = verify_folder(folder, manifest_sha256=sha256, progress=progress)
    if json:
        print_json(report_json(found))
    elif found.is_whole:
        typer.echo(f"{found.adapter}@{found.version} is whole: {found.files} files, {size_text(found.size)}.")
    else:
        for difference in found.differences:
            typer.echo(f"{difference}", err=True)
        typer.echo(f"{found.adapter}@{found.version} is not what was registered.", err=True)
    if not found.is_whole:
        raise typer.Exit(FAILED)


@app.command()
def link(
    reference: Reference,
    hours: Annotated[int, typer.Option(help="How long it works.", min=1)] = 168,
    file: Annotated[str, typer.Option(help="One file of the version instead of all.")] = "",
    json: Json = False,
) -> None:
    """Print a link that gives the version to whoever has it, without a token."""
    with connected() as client:
        made = client.adapters.link(reference, file=file, expires_in=hours * 3600)
    print_json(made) if json else typer.echo(made["url"])


def _warn(reference: str, version: Answer) -> None:
    """Say what is doubtful about a version that somebody is about to use."""
    if version["status"] != "servable":
        typer.echo(f"Mind: {reference} is {version['status']}. {version['status_reason']}".rstrip(), err=True)
    if version["flag"]:
        typer.echo(f"Mind: {version['flag']}", err=True)
