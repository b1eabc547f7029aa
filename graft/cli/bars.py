"""Progress bars on a terminal; in a pipe nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from graft.types import Progress, no_progress


@contextmanager
def bars(*, counted: bool = False) -> Iterator[Progress]:
    """A `Progress` that draws a bar for each thing that it hears of, on standard error: of bytes, or `counted`."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich import progress as rich  # noqa: PLC0415 - for who sees it
    from rich.console import Console  # noqa: PLC0415

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        *((rich.MofNCompleteColumn(),) if counted else (rich.DownloadColumn(), rich.TransferSpeedColumn())),
        rich.TimeRemainingColumn(),
    )
    known: dict[str, rich.TaskID] = {}
    with rich.Progress(*columns, console=Console(stderr=True)) as drawn:

        def told(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = drawn.add_task(what, total=total or None)
            drawn.update(known[what], completed=done, total=total or None)

        yield told
