"""Where an adapter that was made elsewhere comes from: uploads, the Hugging Face hub, or a shared folder. Pure.

The same objects are the JSON of the REST call, what the import keeps in `AdapterImport.source`, and what the worker's
child reads. With what pins it (a commit, or ETags), it is the `source` of the version's lineage.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from finetune_app.names import MAIN

COMMIT_SHOWN = 12  # characters


class AdapterUploads(BaseModel):
    """Files that were sent: one archive, or those of the adapter's folder."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["uploads"] = "uploads"


class HubAdapter(BaseModel):
    """An adapter of the Hugging Face hub."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["hub"] = "hub"
    repo_id: str = Field(description="As the hub names it: `owner/name`.")
    revision: str = Field(MAIN, description="A branch, tag or commit; the commit that it means is kept.")
    subfolder: str = Field("", description="Where in the repository the adapter lies, when it is not at the top.")

    def __str__(self) -> str:
        place = f"{self.repo_id}/{self.subfolder}" if self.subfolder else self.repo_id
        return place if self.revision == MAIN else f"{place}, {self.revision}"


class SharedAdapter(BaseModel):
    """A folder, or an archive, in a place that the administrator shares (`GRAFT_IMPORT_SOURCES`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["shared"] = "shared"
    source: str = Field(description="Its name.")
    path: str = Field("", description="From the top of the source: `adapters/support`, or `support.zip`.")

    def __str__(self) -> str:
        return f"{self.source}: {self.path or '/'}"


FetchableAdapter = HubAdapter | SharedAdapter
AdapterSource = Annotated[AdapterUploads | HubAdapter | SharedAdapter, Field(discriminator="kind")]
_SOURCE: TypeAdapter[AdapterUploads | HubAdapter | SharedAdapter] = TypeAdapter(AdapterSource)


def adapter_asked_for(kept: Mapping[str, Any]) -> AdapterUploads | HubAdapter | SharedAdapter:
    """What an `AdapterImport.source` asks for, without the files that are here."""
    return _SOURCE.validate_python({key: value for key, value in kept.items() if key != "files"})


def source_in_words(source: AdapterUploads | HubAdapter | SharedAdapter, pins: Mapping[str, Any]) -> str:
    """Where a version came from, for people, to stand after “from”."""
    match source:
        case HubAdapter():
            place = f"{source.repo_id}/{source.subfolder}" if source.subfolder else source.repo_id
            return f"the Hugging Face hub: {place}, commit {str(pins.get('commit', ''))[:COMMIT_SHOWN]}"
        case SharedAdapter():
            return f"the shared folder {source}"
        case _:
            return "files that were uploaded"
