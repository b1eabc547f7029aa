"""`graft datasets`: list, push."""

from pathlib import Path
from typing import Annotated

import typer

from graft.cli.bars import bars
from graft.cli.output import moment_text, print_json, print_table, size_text
from graft.cli.run import Json, Wait, connected, on_ctrl_c

app = typer.Typer(help="Datasets of the workspace.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_datasets(json: Json = False) -> None:
    """List them by their newest version, the last uploaded first."""
    with connected() as client:
        found = client.datasets.list()
    if json:
        print_json(found)
        return
    print_table(
        ["NAME", "VERSION", "ROWS", "FORM", "SIZE", "UPDATED"],
        (
            [
                one["name"],
                one["version"],
                one["rows"],
                one["form"],
                size_text(one["size"]),
                moment_text(one["updated_at"]),
            ]
            for one in found
        ),
        empty="There is no dataset yet. Send one: graft datasets push NAME FILE",
    )


@app.command()
def push(
    name: Annotated[str, typer.Argument(help="The dataset; one that exists gets its next version.")],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders: JSONL, JSON, CSV, TSV or Parquet.")],
    *,
    form: Annotated[str, typer.Option(help="What the rows look like; recognised when not given.")] = "",
    column: Annotated[list[str], typer.Option(help="KEY=COLUMN, such as prompt=question; once for each.")] = [],  # noqa: B006
    leave_out_bad_rows: Annotated[bool, typer.Option("--leave-out-bad-rows", help="Keep the good rows.")] = False,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Send files in pieces; the same command again goes on where it stopped."""
    with (
        connected() as client,
        on_ctrl_c("Stopped. What has arrived is kept for two days: the same command goes on from there."),
        bars() as progress,
    ):
        found = client.datasets.push(
            name,
            paths,
            form=form or None,
            columns=dict(_pair(text) for text in column),
            leave_out_bad_rows=leave_out_bad_rows,
            wait=wait,
            progress=progress,
        )
    if json:
        print_json(found)
    else:
        typer.echo(found["version"] or f"queued as import {found['id']}")


def _pair(text: str) -> tuple[str, str]:
    key, equals, column = text.partition("=")
    if not (equals and key and column):
        raise typer.BadParameter(f"“{text}” is not KEY=COLUMN.")
    return key, column
