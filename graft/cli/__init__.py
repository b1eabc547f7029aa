"""The command line `graft`: `app`, with a group of commands for each thing that it is about."""

import typer

from graft.cli import account, adapters, bases, datasets, jobs
from graft.cli.run import Commands

app = typer.Typer(
    name="graft",
    cls=Commands,
    help="Datasets, jobs, base models and adapters of a Graft. Begin with “graft login”.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they would show variables, and so tokens
)
for name, group in (
    ("datasets", datasets.app),
    ("jobs", jobs.app),
    ("bases", bases.app),
    ("adapters", adapters.app),
):
    app.add_typer(group, name=name)
account.add_to(app)
