"""How every command runs: what it may say where, and how it ends.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 it did not succeed, 2 the
command line makes no sense, 130 Ctrl-C.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from graft.errors import GraftError

if TYPE_CHECKING:
    from graft.client import Client

FAILED = 1
INTERRUPTED = 130
_JSON = "graft.json"


class Commands(TyperGroup):
    """The outermost group: errors become a sentence on standard error."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except GraftError as error:
            say_error(error, as_json=bool(ctx.meta.get(_JSON)))
            raise typer.Exit(FAILED) from None


def _note_json(ctx: typer.Context, value: bool) -> bool:
    ctx.meta[_JSON] = value
    return value


Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.", callback=_note_json)]


Reference = Annotated[str, typer.Argument(help="name (its newest version), name@3 or name@production")]


Hub = Annotated[str | None, typer.Option(help="OWNER/NAME or OWNER/NAME@REVISION of the Hugging Face hub.")]
Shared = Annotated[str | None, typer.Option(help="SOURCE:PATH in a folder that the server shares.")]
Wait = Annotated[bool, typer.Option(help="For the worker that reads the files.")]


def say_error(error: GraftError, *, as_json: bool) -> None:
    """The server's sentence, and what it names in particular; with `--json` as the server said it."""
    if as_json:
        typer.echo(json.dumps(error.as_json(), ensure_ascii=False), err=True)
        return
    where = f"{error.field}: " if error.field and error.field not in error.message else ""
    typer.echo(f"Error: {where}{error.message}", err=True)
    for detail in error.details[:10]:
        if "reason" in detail:
            typer.echo(f"  row {detail.get('row')}: {detail['reason']}", err=True)
        elif "message" in detail and len(error.details) > 1:
            typer.echo(f"  {detail.get('field')}: {detail['message']}", err=True)


@contextmanager
def on_ctrl_c(sentence: str) -> Iterator[None]:
    """Say how to go on when a person ends the command."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"\n{sentence}", err=True)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def connected() -> "Iterator[Client]":
    """The Graft that the person is logged in to.

    Raises:
        GraftError: `no_login`.
    """
    from graft.client import Client  # noqa: PLC0415 - httpx takes a third of a second, which --help need not wait for

    with Client.from_login() as client:
        yield client
