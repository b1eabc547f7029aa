"""The files of a repository on the hub at one commit: which there are, and their download.

Imported only after `set_up.py` has set the libraries up.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

from huggingface_hub import HfApi, constants, is_offline_mode, set_client_factory
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled

from finetune_app.jobs.states import Phase
from workers.hub.asked import AskedRepo
from workers.hub.calls import ANSWER_SECONDS, patient_client, persist
from workers.progress import Progress

CHUNK_BYTES = 1024 * 1024
ASKED_AT_ONCE = 200  # paths whose sizes one request asks for


class RepoFiles:
    """A repository at the commit that its revision means now, so that a push in between changes nothing.

    Attributes:
        commit: 40 hex digits.
        repo_id: as the hub names it now.
        paths: those of all files.
    """

    def __init__(self, asked: AskedRepo) -> None:
        if is_offline_mode():
            raise OfflineModeIsEnabled
        self.kind = asked.kind
        set_client_factory(patient_client)
        # What is kept when a connection breaks, and what is told: the library's ten times as much may never come whole.
        constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
        self.api = HfApi()
        info = persist(
            self.api.repo_info,
            asked.repo_id,
            revision=asked.revision,
            repo_type=asked.kind,
            timeout=ANSWER_SECONDS,
        )
        if "/" not in info.id:
            raise HFValidationError("The owner is missing")
        self.commit = str(info.sha)
        self.repo_id = info.id
        self.paths = [file.rfilename for file in getattr(info, "siblings", None) or []]

    def sizes(self, paths: Sequence[str]) -> list[int]:
        """The bytes of each file."""
        sizes: dict[str, int] = {}
        for first in range(0, len(paths), ASKED_AT_ONCE):
            some = list(paths[first : first + ASKED_AT_ONCE])
            found = persist(self.api.get_paths_info, self.repo_id, some, revision=self.commit, repo_type=self.kind)
            sizes |= {file.path: file.size for file in found if hasattr(file, "size")}
        return [sizes[path] for path in paths]

    def download(self, paths: Sequence[str], sizes: Sequence[int], folder: Path) -> None:
        """Put the files under `folder`, by the paths that they have in the repository."""
        progress = Progress(Phase.DOWNLOADING, sum(sizes))
        for number, path in enumerate(paths):
            persist(self._download, path, folder, progress, sum(sizes[:number]))
        progress.reach(sum(sizes))

    def _download(self, path: str, folder: Path, progress: Progress, before: int) -> None:
        progress.reach(before)  # again, when a try failed in the middle of the file
        self.api.hf_hub_download(
            self.repo_id,
            path,
            repo_type=self.kind,
            revision=self.commit,
            local_dir=folder,
            tqdm_class=cast("Any", AllBars(progress)),
        )


class AllBars:
    """Takes the place of the class from which the library makes a progress bar for each file, and of all those bars."""

    def __init__(self, progress: Progress) -> None:
        self.update = progress.add  # fewer than none when the server begins a file anew

    def __call__(self, **_looks: object) -> Self:
        """The bar of the next file."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """The next file goes on with it."""

    def update_transfer(self, size: int) -> None:
        """Bytes on the wire are not counted: they may be packed, and some may be here already."""

    def set_postfix_str(self, *_args: object, **_looks: object) -> None:
        """The speed is not shown."""

    set_transfer_postfix_str = set_postfix_str

    def close(self) -> None:
        """The next file goes on with it."""
