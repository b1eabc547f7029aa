"""Where the files of a base model come from: uploads, the Hugging Face hub, or a shared folder. Pure.

The same objects are the JSON of the REST call, what the import keeps in `BaseImport.source`, and what the worker's
child reads. With what pins it (`commit`), it is the `origin` of the revision.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from finetune_app.names import MAIN

COMMIT_SHOWN = 12  # characters


class BaseUploads(BaseModel):
    """Files that were sent."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["uploads"] = "uploads"


class HubModel(BaseModel):
    """A model of the Hugging Face hub."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["hub"] = "hub"
    repo_id: str = Field(description="As the hub names it: `HuggingFaceTB/SmolLM2-135M-Instruct`.")
    revision: str = Field(MAIN, description="A branch, tag or commit; the commit that it means is kept.")

    def __str__(self) -> str:
        return self.repo_id if self.revision == MAIN else f"{self.repo_id}, {self.revision}"


class SharedBase(BaseModel):
    """A folder of a place that the administrator shares (`GRAFT_IMPORT_SOURCES`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["shared"] = "shared"
    source: str = Field(description="Its name.")
    path: str = Field("", description="The base model's folder, from the top of the source: `models/smollm2`.")

    def __str__(self) -> str:
        return f"{self.source}: {self.path or '/'}"


FetchableBase = HubModel | SharedBase
BaseSource = Annotated[BaseUploads | HubModel | SharedBase, Field(discriminator="kind")]
_SOURCE: TypeAdapter[BaseUploads | HubModel | SharedBase] = TypeAdapter(BaseSource)


def base_asked_for(kept: Mapping[str, Any]) -> BaseUploads | HubModel | SharedBase:
    """What a `BaseImport.source` asks for, without the files that are here."""
    return _SOURCE.validate_python({key: value for key, value in kept.items() if key != "files"})


def origin_in_words(origin: Mapping[str, Any]) -> str:
    """Where a revision with this origin came from, for people."""
    match origin.get("kind"):
        case "hub":
            return f"Hugging Face hub: {origin['repo_id']}, commit {str(origin['commit'])[:COMMIT_SHOWN]}"
        case "shared":
            return f"shared folder {origin['source']}: {origin['path'] or '/'}"
        case _:
            return "uploaded"
