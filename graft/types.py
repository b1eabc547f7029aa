"""Words that the parts of the client share."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
"""An answer of REST, as `/api/v1/docs` of the server describes it."""

Rows = list[Json]
"""A list of REST; named here because classes of the client have a method `list`."""

Progress = Callable[[str, int, int], None]
"""`progress(what, done, total)`: called while something takes long; `total` is 0 while it is not known."""


def no_progress(_what: str, _done: int, _total: int) -> None:
    """For who does not want to hear."""
