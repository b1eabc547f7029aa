"""The command line `graft`: `app`, with a group of commands for each thing that it is about."""

import typer

from graft.cli import account, adapters, bases, datasets, jobs, merged
from graft.cli.run import Commands

app = typer.Typer(
    name="graft",
    cls=Commands,
    help="Datasets, jobs, base models, adapters and merged models of a Graft. Begin with “graft login”.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they would show variables, and so tokens
)
for name, group in (
    ("datasets", datasets.app),
    ("jobs", jobs.app),
    ("bases", bases.app),
    ("adapters", adapters.app),
    ("merged", merged.app),
):
    app.add_typer(group, name=name)
app.command()(merged.merge)
account.add_to(app)
