"""Datasets: list, look, push."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

from graft.imports import Imports
from graft.transport import Transport
from graft.types import Json, Progress, Rows, no_progress
from graft.uploads import files_in

AnyPath = str | PathLike[str]


class Datasets:
    """`client.datasets`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._imports = Imports(transport, "/imports")

    def list(self, *, limit: int | None = None) -> Rows:
        """The workspace's datasets by their newest version, the last uploaded first."""
        return self._transport.pages("/datasets", limit=limit)

    def get(self, name: str) -> Json:
        """A dataset with all its versions, the newest first."""
        return self._transport.get(f"/datasets/{name}")

    def push(
        self,
        name: str,
        paths: AnyPath | Sequence[AnyPath],
        *,
        form: str | None = None,
        columns: Mapping[str, str] | None = None,
        leave_out_bad_rows: bool = False,
        wait: bool = True,
        progress: Progress = no_progress,
    ) -> Json:
        """Send files, or all files of folders, as the next version of `name`; the import, with the `version` it became.

        What an earlier call has sent of the same files is not sent again.

        Args:
            name: the dataset; made when it is new.
            paths: JSONL, JSON, CSV, TSV or Parquet, each perhaps packed; the rows of several follow one another.
            form: what the rows look like; recognised by their keys when not given.
            columns: which column stands for which key: `{"prompt": "question", "completion": "answer"}`.
            leave_out_bad_rows: keep the good rows of files that have bad ones.
            wait: for the worker that reads the rows; otherwise the import as it was queued.
            progress: told how far it is.

        Raises:
            GraftError: e.g. `bad_rows`, with the rows and their reasons in `details`.
        """
        named = [paths] if isinstance(paths, str | PathLike) else list(paths)
        files = files_in([Path(path) for path in named])
        order = {"name": name, "columns": dict(columns or {}), "leave_out_bad_rows": leave_out_bad_rows}
        begun = self._imports.of_files(files, order | ({"form": form} if form else {}), progress)
        return self.wait(begun["id"], name=name, progress=progress) if wait else begun

    def wait(
        self, import_id: int, *, name: str = "dataset", progress: Progress = no_progress, timeout: float | None = None
    ) -> Json:
        """The import once it has succeeded; ending the wait does not end it.

        Raises:
            GraftError: why the rows were refused; `still_waiting` after `timeout` seconds.
        """
        return self._imports.wait(import_id, name=name, progress=progress, timeout=timeout)
