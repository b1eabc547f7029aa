"""Show a job while it runs: a bar on a terminal, its lines in a pipe, or JSON lines."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import typer

from graft.cli.event_text import event_text, number_text
from graft.cli.output import print_json_line
from graft.types import Json

View = Callable[[Json], None]
"""Shows one record."""


def show(records: Iterable[Json], *, json: bool, lines: bool) -> None:
    """Show all records until there are no more."""
    with _view(json=json, lines=lines) as view:
        for record in records:
            view(record)


@contextmanager
def _view(*, json: bool, lines: bool) -> Iterator[View]:
    if json:
        yield print_json_line
    elif lines or not sys.stdout.isatty():
        yield lambda record: typer.echo(event_text(record["event"]))
    else:
        with _bar() as view:
            yield view


@contextmanager
def _bar() -> Iterator[View]:
    """One live line: what it does, how far it is, the loss; warnings, scores and errors stay above it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as drawn:
        task = drawn.add_task("waiting", total=None, loss="")

        def view(record: Json) -> None:
            event = record["event"]
            match event:
                case {"type": "step", "step": step, "total_steps": total}:
                    loss = f"loss {number_text(event.get('loss'))}"
                    drawn.update(task, description="training", completed=step, total=total, loss=loss)
                case {"type": "phase", "phase": phase, "done": done, "total": total}:
                    drawn.update(task, description=phase, completed=done, total=total or None)
                case {"type": "log", "level": "info"} | {"type": "plan"} | {"type": "done"}:
                    pass
                case _:
                    drawn.console.print(event_text(event), markup=False, highlight=False)

        yield view
