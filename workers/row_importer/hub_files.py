"""The files of a dataset on the hub at one commit: what they make up, and their download.

Imported only after `from_hub.py` has set the libraries up.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any, ParamSpec, Self, TypeVar, cast

import yaml
from datasets import config, get_dataset_config_names, get_dataset_default_config_name, load_dataset_builder
from huggingface_hub import DatasetCard, HfApi, constants, is_offline_mode, set_client_factory
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled, RemoteEntryNotFoundError
from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # of whichever name it is

from finetune_app.datasets.import_source import HubDataset
from finetune_app.jobs.states import Phase
from workers.child import log, stop_if_asked
from workers.progress import Progress
from workers.row_importer.hub_errors import explain_unreadable, may_pass

PAUSES = [2.0, 10.0]  # seconds before another try
ANSWER_SECONDS = 30
CHUNK_BYTES = 1024 * 1024
ASKED_AT_ONCE = 200  # paths whose sizes one request asks for
CARD, CARD_YAML = "README.md", ".huggingface.yaml"
DATASET = "dataset"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class HubFiles:
    """A dataset at the commit that its revision means now, so that a push in between changes nothing."""

    def __init__(self, source: HubDataset) -> None:
        if is_offline_mode() or config.HF_HUB_OFFLINE:
            raise OfflineModeIsEnabled
        self._source = source
        set_client_factory(_client)
        # What is kept when a connection breaks, and what is told: the library's ten times as much may never come whole.
        constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
        self._api = HfApi()
        info = _persist(self._api.dataset_info, source.repo_id, revision=source.revision, timeout=ANSWER_SECONDS)
        if "/" not in info.id:
            raise HFValidationError("The owner is missing")
        self.commit = str(info.sha)
        self._repo_id = info.id
        # Never a folder of that name, nor the name of a reader of `datasets`.
        self._address = f"hf://datasets/{info.id}"
        self._paths = [file.rfilename for file in info.siblings or []]
        with self._reading():
            self._refuse_foreign_files()

    def subsets(self) -> list[str]:
        """Their names."""
        with self._reading():
            return list(_persist(get_dataset_config_names, self._address, revision=self.commit))

    def default_subset(self) -> str | None:
        """The one that is meant when there are several and nobody names one."""
        with self._reading():
            return cast("str | None", _persist(get_dataset_default_config_name, self._address, revision=self.commit))

    def splits(self, subset: str) -> dict[str, list[str]]:
        """The files of each split, in order, as paths in the repository."""
        with self._reading():
            builder = _persist(load_dataset_builder, self._address, name=subset, revision=self.commit)
        top = f"{self._address}@{self.commit}/"
        return {
            str(split): [str(file).removeprefix(top) for file in files]
            for split, files in (builder.config.data_files or {}).items()
        }

    def sizes(self, paths: Sequence[str]) -> list[int]:
        """The bytes of each file."""
        sizes: dict[str, int] = {}
        for first in range(0, len(paths), ASKED_AT_ONCE):
            some = list(paths[first : first + ASKED_AT_ONCE])
            found = _persist(self._api.get_paths_info, self._repo_id, some, revision=self.commit, repo_type=DATASET)
            sizes |= {file.path: file.size for file in found if hasattr(file, "size")}
        return [sizes[path] for path in paths]

    def download(self, paths: Sequence[str], sizes: Sequence[int], folder: Path) -> None:
        """Put the files under `folder`, by the paths that they have in the repository."""
        progress = Progress(Phase.DOWNLOADING, sum(sizes))
        for number, path in enumerate(paths):
            _persist(self._download, path, folder, progress, sum(sizes[:number]))
        progress.reach(sum(sizes))

    def _download(self, path: str, folder: Path, progress: Progress, before: int) -> None:
        progress.reach(before)  # again, when a try failed in the middle of the file
        self._api.hf_hub_download(
            self._repo_id,
            path,
            repo_type=DATASET,
            revision=self.commit,
            local_dir=folder,
            tqdm_class=cast("Any", _AllBars(progress)),
        )

    def _refuse_foreign_files(self) -> None:
        """A dataset card may name any address or file of the worker; `datasets` looks there before it refuses it."""
        for subset in self._declared_subsets():
            for path in _texts([subset.get("data_files"), subset.get("data_dir")]):
                if "://" in path or "::" in path or path.startswith(("/", "~")) or ".." in PurePosixPath(path).parts:
                    raise ValueError(f"“{path}” lies outside of the dataset")

    def _declared_subsets(self) -> Iterator[Mapping[str, Any]]:
        metadata = [self._card()]
        if CARD_YAML in self._paths:
            metadata.append(yaml.safe_load(self._cached(CARD_YAML).read_text()))
        for found in metadata:
            subsets = found.get("configs") if isinstance(found, Mapping) else None
            yield from (subset for subset in subsets or [] if isinstance(subset, Mapping))

    def _card(self) -> Mapping[str, Any]:
        try:
            # Asked for also when there is none: only of its files does the hub say that a dataset is gated.
            path = self._cached(CARD)
        except RemoteEntryNotFoundError:
            return {}
        return cast("Mapping[str, Any]", DatasetCard.load(path).data.to_dict())

    def _cached(self, path: str) -> Path:
        """The file in the cache, from which `datasets` takes it too."""
        return Path(_persist(self._api.hf_hub_download, self._repo_id, path, repo_type=DATASET, revision=self.commit))

    def _reading(self) -> AbstractContextManager[None]:
        return explain_unreadable(self._source, self._paths)


class _AllBars:
    """Takes the place of the class from which the library makes a progress bar for each file, and of all those bars."""

    def __init__(self, progress: Progress) -> None:
        self.update = progress.add  # fewer than none when the server begins a file anew

    def __call__(self, **_looks: object) -> Self:
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


def _persist(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it again after what may pass. The libraries do so themselves for some requests only."""
    for pause in PAUSES:
        try:
            return call(*args, **kwargs)
        except Exception as error:
            if not may_pass(error):
                raise
            what, _, _ = str(error).strip().partition("\n")
            log(f"The hub does not answer as it should ({what}). Trying again.", level="warning")
        stop_if_asked()
        time.sleep(pause)
    return call(*args, **kwargs)


def _client() -> httpx.Client:
    """What sends the requests. The library's own waits for ever for some answers."""
    return httpx.Client(event_hooks={"request": [_wait_no_longer]}, follow_redirects=True)


def _wait_no_longer(request: httpx.Request) -> None:
    waits = request.extensions.get("timeout", {})
    request.extensions["timeout"] = {what: seconds or ANSWER_SECONDS for what, seconds in waits.items()}


def _texts(value: object) -> Iterator[str]:
    """All texts in lists and objects."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(inner)
