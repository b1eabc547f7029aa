"""Where the files of an import come from: uploads, a dataset of the Hugging Face hub, or a shared folder. Pure.

The same objects are the JSON of the REST call, what the import keeps in `DatasetImport.source`, and what the worker's
child reads.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from finetune_app.names import MAIN

COMMIT_SHOWN = 12  # characters


class Uploads(BaseModel):
    """Files that were sent."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["uploads"] = "uploads"


class HubDataset(BaseModel):
    """One split of a dataset of the Hugging Face hub, in the words of `datasets.load_dataset`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["hub"] = "hub"
    repo_id: str = Field(description="As the hub names it: `HuggingFaceH4/ultrachat_200k`.")
    revision: str = Field(MAIN, description="A branch, tag or commit; the commit that it means is kept.")
    subset: str = Field("", description="The `name` of `load_dataset`; only needed when there are several.")
    split: str = Field("", description="Such as `train`; only needed when there are several and none is `train`.")

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.repo_id, self.subset, self.split]))


class SharedFiles(BaseModel):
    """A file, or all files of a folder, in a place that the administrator shares (`GRAFT_IMPORT_SOURCES`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["shared"] = "shared"
    source: str = Field(description="Its name.")
    path: str = Field(description="From the top of the source: `chats/2026/march.jsonl`, or a folder.")

    def __str__(self) -> str:
        return f"{self.source}: {self.path}"


Fetchable = HubDataset | SharedFiles
ImportSource = Annotated[Uploads | HubDataset | SharedFiles, Field(discriminator="kind")]
_SOURCE: TypeAdapter[Uploads | HubDataset | SharedFiles] = TypeAdapter(ImportSource)


def asked_for(kept: Mapping[str, Any]) -> Uploads | HubDataset | SharedFiles:
    """What a `DatasetImport.source` asks for, without what is here of it."""
    return _SOURCE.validate_python({key: value for key, value in kept.items() if key not in {"files", "pins"}})


class FetchedFile(BaseModel):
    """A file that was fetched into the run folder."""

    model_config = ConfigDict(frozen=True)

    path: str = Field(description="In the run folder.")
    file_name: str = Field(description="Where it came from, as people name it there: `data/train-00000.parquet`.")
    size: int = Field(description="Bytes.")


class Fetched(BaseModel):
    """What was fetched, and what pins it.

    `pins` goes into the version's origin as it is, so that the same bytes can be fetched again: for the hub `commit`
    (40 hex digits), `subset` and `split` as they were chosen; for shared files each file's `e_tag`.
    """

    model_config = ConfigDict(frozen=True)

    files: list[FetchedFile]
    pins: dict[str, str | dict[str, str]] = {}


def sources_in(origin: Mapping[str, Any]) -> list[dict[str, Any]]:
    """From where the rows of a version with this origin were fetched, each with what pins it and `text` for people.

    Of a derived version it is what its parents said when it was made; of an uploaded one, nothing.
    """
    if origin.get("kind") not in {"hub", "shared"}:
        return list(origin.get("sources", []))
    source = {key: value for key, value in origin.items() if key not in {"read_from", "columns"}}
    return [source | {"text": _in_words(source)}]


def _in_words(source: Mapping[str, Any]) -> str:
    if source["kind"] == "shared":
        return f"shared folder {source['source']}: {source['path'] or '/'}"
    parts = ", ".join(filter(None, [source["repo_id"], source["subset"], source["split"]]))
    return f"Hugging Face hub: {parts}, commit {source['commit'][:COMMIT_SHOWN]}"
