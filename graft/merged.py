"""Merged models: ask for one, wait for its proof, fetch it."""

from os import PathLike
from pathlib import Path
from typing import Any

from graft.pulling import pull_files, remote_merged
from graft.references import version_address
from graft.transport import Transport
from graft.types import Json, Progress, Rows, no_progress
from graft.waiting import wait_for

AnyPath = str | PathLike[str]


class Merged:
    """`client.merged`. A `reference` is that of an adapter version, `number` one of the merged models made of it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, reference: str, *, limit: int | None = None) -> Rows:
        """The merged models of a version, the newest first; also those that are being made, or failed."""
        return self._transport.pages(f"{version_address(self._transport, reference)}/merged", limit=limit)

    def get(self, reference: str, number: int) -> Json:
        """Where one stands, and its `verdict`: `verified`, `rejected`, or None until then."""
        return self._transport.get(self._address(reference, number))

    def report(self, reference: str, number: int) -> Json:
        """The proof: gates, and all that was measured."""
        return self._transport.get(f"{self._address(reference, number)}/report")

    def merge(
        self,
        reference: str,
        *,
        base: str = "",
        dataset: str = "",
        wait: bool = True,
        progress: Progress = no_progress,
        **options: Any,
    ) -> Json:
        """Fold a version into its base; the merged model, with the `verdict` of its proof.

        Asking for the same again gives the same merged model. A rejected one is an answer, and no error.

        Args:
            reference: the version.
            base: the revision that it is merged into, `tiny@2`; "" is the one that it was trained on.
            dataset: whose rows prove it, `support@1`; "" are those that it was trained with.
            wait: until the proof has its verdict; otherwise the merged model as it was queued.
            progress: told how far it is.
            **options: `dtype`, `onto`, `prompts` and the others of REST.

        Raises:
            GraftError: why it is refused, or why it failed.
        """
        body = {"options": options, "base_model": base, "dataset": dataset}
        asked = self._transport.post(f"{version_address(self._transport, reference)}/merged", body)
        exact = f"{asked['adapter']}@{asked['version']}"
        return self.wait(exact, asked["number"], progress=progress) if wait else asked

    def wait(
        self, reference: str, number: int, *, progress: Progress = no_progress, timeout: float | None = None
    ) -> Json:
        """The merged model once its proof has a verdict; ending the wait does not end the merge.

        Raises:
            GraftError: why it failed; `still_waiting` after `timeout` seconds.
        """
        address = self._address(reference, number)
        what = f"Merged model {number} of {reference}"
        return wait_for(
            lambda: self._transport.get(address), name=reference, what=what, progress=progress, timeout=timeout
        )

    def pull(
        self,
        reference: str,
        folder: AnyPath | None = None,
        *,
        number: int | None = None,
        progress: Progress = no_progress,
    ) -> Path:
        """All files of a merged model in `folder` (`name-v3-merged-1` here, when not given); the folder.

        It appears whole and with every SHA-256 checked, or not at all. What an earlier try has fetched is kept.

        Args:
            reference: the version.
            folder: where to.
            number: None: the newest verified one. A rejected one comes only by its number and that of the version.
            progress: told how far it is.

        Raises:
            GraftError: `merge_rejected`, `folder_exists`, `pull_running`, `damaged`; or what the server refused.
        """
        found = self.files(reference, number)
        exact = f"{found['adapter']}-v{found['version']}-merged-{found['number']}"
        chosen = Path(folder) if folder is not None else Path(exact)
        return pull_files(self._transport, remote_merged(found), exact, chosen.absolute(), progress=progress)

    def files(self, reference: str, number: int | None = None) -> Json:
        """The `files` of a merged model, with the `version` and `number` that were meant; None: the newest verified."""
        return self._transport.get(f"{self._address(reference, 'verified' if number is None else number)}/files")

    def cancel(self, reference: str, number: int) -> Json:
        """Stop a merge that waits or runs; nothing of it is kept.

        Raises:
            GraftError: `merge_over`.
        """
        return self._transport.post(f"{self._address(reference, number)}/cancel")

    def delete(self, reference: str, number: int) -> None:
        """Delete one with its exports, whole or failed.

        Raises:
            GraftError: `in_use` while it, or an export of it, is being made.
        """
        self._transport.ask("DELETE", self._address(reference, number))

    def _address(self, reference: str, number: int | str) -> str:
        return f"{version_address(self._transport, reference)}/merged/{number}"
