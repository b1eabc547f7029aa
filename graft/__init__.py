"""Graft from Python: `Client` speaks to a Graft over its REST API; the command line `graft` is made of it.

Importing this loads neither Django nor the training stack; and httpx, which takes a third of a second, only when the
client is used.
"""

from typing import TYPE_CHECKING, Any

from graft.errors import GraftError

if TYPE_CHECKING:
    from graft.client import Client

__all__ = ["Client", "GraftError"]


def __getattr__(name: str) -> Any:
    if name == "Client":
        from graft.client import Client  # noqa: PLC0415 - see above

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
