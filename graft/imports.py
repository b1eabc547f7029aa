"""Give the server something to import, and wait for the worker that does it: datasets, base models, adapters alike."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graft.transport import Transport
from graft.types import Json, Progress
from graft.uploads import Uploader
from graft.waiting import wait_for


class Imports:
    """The imports at `path` of REST; `purpose` is that of the files that are sent for them."""

    def __init__(self, transport: Transport, path: str, *, purpose: str = "") -> None:
        self._transport = transport
        self._path = path
        self._purpose = purpose

    def of_files(self, files: Sequence[Path], order: Mapping[str, Any], progress: Progress) -> Json:
        """Send the files, or what is missing of them, and queue their import; it uses the uploads up.

        Raises:
            GraftError: what sending raises, or why the import is refused.
        """
        uploader = Uploader(self._transport, progress, self._purpose)
        ids = [uploader.send(file) for file in files]
        begun = self._transport.post(self._path, {**order, "uploads": ids})
        for file in files:
            uploader.forget(file)
        return begun

    def of_source(self, source: Mapping[str, Any], order: Mapping[str, Any]) -> Json:
        """Queue the import of what lies elsewhere: on a hub, or in a folder that the server shares."""
        return self._transport.post(self._path, {**order, "source": dict(source)})

    def wait(self, import_id: int, *, name: str, progress: Progress, timeout: float | None = None) -> Json:
        """The import once it has succeeded. Ending the wait does not end the import.

        Args:
            import_id: which.
            name: what to call it while it goes on.
            progress: told how far it is.
            timeout: in seconds; None waits as long as it takes.

        Raises:
            GraftError: why it was refused, with the server's code and details; `still_waiting` after the timeout.
        """
        return wait_for(
            lambda: self._transport.get(f"{self._path}/{import_id}"),
            name=name,
            what=f"Import {import_id} of {name}",
            progress=progress,
            timeout=timeout,
        )
