"""The files of a dataset on the hub at one commit: what they make up.

Imported only after `hub/set_up.py` has set the libraries up.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any, cast

import yaml
from datasets import config, get_dataset_config_names, get_dataset_default_config_name, load_dataset_builder
from huggingface_hub import DatasetCard
from huggingface_hub.errors import OfflineModeIsEnabled, RemoteEntryNotFoundError

from finetune_app.datasets.import_source import HubDataset
from workers.hub.calls import persist
from workers.hub.repo_files import RepoFiles
from workers.row_importer.hub_errors import asked_repo, explain_unreadable

CARD, CARD_YAML = "README.md", ".huggingface.yaml"


class HubFiles(RepoFiles):
    """A dataset at one commit."""

    def __init__(self, source: HubDataset) -> None:
        if config.HF_HUB_OFFLINE:
            raise OfflineModeIsEnabled
        super().__init__(asked_repo(source))
        self._source = source
        # Never a folder of that name, nor the name of a reader of `datasets`.
        self._address = f"hf://datasets/{self.repo_id}"
        with self._reading():
            self._refuse_foreign_files()

    def subsets(self) -> list[str]:
        """Their names."""
        with self._reading():
            return list(persist(get_dataset_config_names, self._address, revision=self.commit))

    def default_subset(self) -> str | None:
        """The one that is meant when there are several and nobody names one."""
        with self._reading():
            return cast("str | None", persist(get_dataset_default_config_name, self._address, revision=self.commit))

    def splits(self, subset: str) -> dict[str, list[str]]:
        """The files of each split, in order, as paths in the repository."""
        with self._reading():
            builder = persist(load_dataset_builder, self._address, name=subset, revision=self.commit)
        top = f"{self._address}@{self.commit}/"
        return {
            str(split): [str(file).removeprefix(top) for file in files]
            for split, files in (builder.config.data_files or {}).items()
        }

    def _refuse_foreign_files(self) -> None:
        """A dataset card may name any address or file of the worker; `datasets` looks there before it refuses it."""
        for subset in self._declared_subsets():
            for path in _texts([subset.get("data_files"), subset.get("data_dir")]):
                if "://" in path or "::" in path or path.startswith(("/", "~")) or ".." in PurePosixPath(path).parts:
                    raise ValueError(f"“{path}” lies outside of the dataset")

    def _declared_subsets(self) -> Iterator[Mapping[str, Any]]:
        metadata = [self._card()]
        if CARD_YAML in self.paths:
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
        return Path(persist(self.api.hf_hub_download, self.repo_id, path, repo_type=self.kind, revision=self.commit))

    def _reading(self) -> AbstractContextManager[None]:
        return explain_unreadable(self._source, self.paths)


def _texts(value: object) -> Iterator[str]:
    """All texts in lists and objects."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(inner)
