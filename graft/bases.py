"""Base models: list, look, register."""

from os import PathLike
from pathlib import Path
from urllib.parse import quote

from graft.imports import Imports
from graft.sources import base_model_files, one_source
from graft.transport import Transport
from graft.types import Json, Progress, Rows, no_progress

AnyPath = str | PathLike[str]


class Bases:
    """`client.bases`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._imports = Imports(transport, "/base-models/imports", purpose="base")

    def list(self, *, limit: int | None = None) -> Rows:
        """The workspace's base models by their newest revision, by name."""
        return self._transport.pages("/base-models", limit=limit)

    def get(self, name: str) -> Json:
        """A base model with all its revisions and their digests, the newest first."""
        return self._transport.get(f"/base-models/{quote(name, safe='')}")

    def register(
        self,
        name: str,
        folder: AnyPath | None = None,
        *,
        hub: str | None = None,
        shared: str | None = None,
        wait: bool = True,
        progress: Progress = no_progress,
    ) -> Json:
        """Make files a revision of the base model `name`; the import, with the `revision` that it became.

        The same content is the same revision, however its weights are split into files.

        Args:
            name: made when it is new.
            folder: of this machine, whose files are sent; or:
            hub: `owner/name` or `owner/name@revision` of the Hugging Face hub; or:
            shared: `source:path` in a folder that the server shares.
            wait: for the worker that computes the digests; otherwise the import as it was queued.
            progress: told how far it is.

        Raises:
            GraftError: `one_source`; or why the files are refused.
        """
        here = None if folder is None else Path(folder)
        source = one_source(hub=hub, shared=shared, here=here)
        if source is not None:
            begun = self._imports.of_source(source, {"name": name})
        else:
            begun = self._imports.of_files(base_model_files(Path(folder or "")), {"name": name}, progress)
        return self.wait(begun["id"], name=name, progress=progress) if wait else begun

    def wait(
        self,
        import_id: int,
        *,
        name: str = "base model",
        progress: Progress = no_progress,
        timeout: float | None = None,
    ) -> Json:
        """The import once it has succeeded; ending the wait does not end it.

        Raises:
            GraftError: why the files were refused; `still_waiting` after `timeout` seconds.
        """
        return self._imports.wait(import_id, name=name, progress=progress, timeout=timeout)
