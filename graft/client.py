"""`Client`: everything of one workspace, by what it is about."""

from typing import Self

from graft.adapters import Adapters
from graft.bases import Bases
from graft.datasets import Datasets
from graft.jobs import Jobs
from graft.login import find_login
from graft.merged import Merged
from graft.transport import TIMEOUT_SECONDS, Transport
from graft.types import Json


class Client:
    """A Graft and the workspace that a token belongs to.

    Args:
        base_url: where Graft is, e.g. `https://graft.example.org`.
        token: an API token; the page “Settings” of a workspace makes them.
        timeout: how many seconds of silence end a request.

    Every call raises `GraftError` when it does not succeed.
    """

    def __init__(self, base_url: str, token: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._transport = Transport(base_url, token, timeout=timeout)
        self.datasets = Datasets(self._transport)
        self.jobs = Jobs(self._transport)
        self.bases = Bases(self._transport)
        self.adapters = Adapters(self._transport)
        self.merged = Merged(self._transport)

    @classmethod
    def from_login(cls) -> Self:
        """The one that `graft login` chose, or `GRAFT_URL` and `GRAFT_TOKEN`.

        Raises:
            GraftError: `no_login`.
        """
        login = find_login()
        return cls(login.url, login.token)

    @property
    def base_url(self) -> str:
        """Where it is."""
        return self._transport.base_url

    def whoami(self) -> Json:
        """Who the token stands for: `user`, `workspace` and `role`."""
        return self._transport.get("/whoami")

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
