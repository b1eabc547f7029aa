"""Every option of each kind of export: the form, REST and the worker read them here. Pure."""

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from finetune_app.errors import UserError
from finetune_app.merges.states import ExportKind
from finetune_app.storage.export_places import parse_folder

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


class GgufType(StrEnum):
    """What llama.cpp calls the types of a GGUF file's weights."""

    F16 = "F16"
    BF16 = "BF16"
    Q8_0 = "Q8_0"
    Q6_K = "Q6_K"
    Q5_K_M = "Q5_K_M"
    Q4_K_M = "Q4_K_M"
    Q3_K_M = "Q3_K_M"
    Q2_K = "Q2_K"


class QuantizedScheme(StrEnum):
    """How the quantizer packs the linear layers' weights."""

    INT8 = "int8"
    INT4 = "int4"


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GgufOptions(_Options):
    """A GGUF file, for llama.cpp and all that is built on it."""

    kind: Literal[ExportKind.GGUF] = ExportKind.GGUF
    type: GgufType = Field(
        GgufType.Q8_0,
        title="Type of the weights",
        description="Those with K are written by llama.cpp; the worker needs Graft's extra “gguf” for them.",
    )


class QuantizedOptions(_Options):
    """A folder with weights in int8 or int4."""

    kind: Literal[ExportKind.QUANTIZED] = ExportKind.QUANTIZED
    scheme: QuantizedScheme = Field(
        QuantizedScheme.INT8, title="Integers", description="Embeddings and output head stay as they are."
    )


class HubOptions(_Options):
    """A repository on the Hugging Face hub."""

    kind: Literal[ExportKind.HUB] = ExportKind.HUB
    repository: str = Field(max_length=200, title="Repository", description="Such as acme/support-json.")
    private: bool = Field(True, title="Private", description="Counts when the repository is made.")

    @field_validator("repository")
    @classmethod
    def repository_has_an_owner(cls, value: str) -> str:
        """`owner/name`, as the hub's addresses have it."""
        value = value.strip()
        if not REPOSITORY.fullmatch(value):
            raise ValueError("Write owner/name, in letters, digits and . _ -, such as acme/support-json.")
        return value


class OciOptions(_Options):
    """An OCI image layout in one tar."""

    kind: Literal[ExportKind.OCI] = ExportKind.OCI


class FolderOptions(_Options):
    """A plain folder at a place that the settings name."""

    kind: Literal[ExportKind.FOLDER] = ExportKind.FOLDER
    place: str = Field(max_length=100, title="Place", description="One of those that the settings name.")
    path: str = Field("", max_length=300, title="Folder", description="Below the place; empty for a name of its own.")

    @field_validator("path")
    @classmethod
    def path_stays_below_the_place(cls, value: str) -> str:
        """Names with slashes between, none around."""
        try:
            return parse_folder(value)
        except UserError as error:
            raise ValueError(error.message) from None


ExportOptions = Annotated[
    GgufOptions | QuantizedOptions | HubOptions | OciOptions | FolderOptions, Field(discriminator="kind")
]
EXPORT_OPTIONS: TypeAdapter[ExportOptions] = TypeAdapter(ExportOptions)
