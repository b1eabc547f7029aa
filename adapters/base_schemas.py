"""What the REST API says about base models and their revisions."""

from datetime import datetime
from typing import Any, Self

from ninja import Field, Schema

from adapters.listing import BaseRow
from adapters.models import BaseModel, BaseRevision
from adapters.states import ChangeKind


class BaseRevisionOut(Schema):
    """One exact content of a base model. Two folders with the same four digests are the same base."""

    reference: str = Field(description="`name@revision`, as jobs take it.")
    revision: int
    weights_root: str = Field(description="SHA-256 over all tensors, however they are sharded.")
    arch_digest: str = Field(description="SHA-256 over the config keys that change the mathematics.")
    tokenizer_digest: str
    chat_template_digest: str
    architecture: str
    parameters: int
    dtype: str = Field(description="Of most weights.")
    linear_modules: list[str] = Field(description="What can be a target module, the usual ones first.")
    size: int = Field(description="Bytes of all files.")
    source: str = Field(description="Where the files came from.")
    origin: dict[str, Any] = Field(description="The same for programs; of the hub with the `commit` of 40 hex digits.")
    change: ChangeKind = Field(description="What it changes of the revision before it.")
    has_code: bool = Field(description="It is built by Python of its own, which runs only when an admin allows it.")
    trust_remote_code: bool = Field(description="Whether an admin allowed that, for this exact revision.")
    created_at: datetime

    @classmethod
    def of(cls, base: BaseRevision) -> Self:
        """The answer for `base`."""
        return cls(
            reference=str(base),
            revision=base.number,
            size=sum(file["size"] for file in base.files),
            **{name: getattr(base, name) for name in cls.model_fields.keys() - {"reference", "revision", "size"}},
        )


class BaseModelOut(Schema):
    """A base model by its newest revision."""

    name: str
    newest: BaseRevisionOut | None
    adapter_versions: int = Field(description="How many were made on any of its revisions.")
    created_at: datetime

    @classmethod
    def of(cls, row: BaseRow) -> Self:
        """The answer for `row`."""
        newest = BaseRevisionOut.of(row.newest) if row.newest else None
        base = row.base_model
        return cls(name=base.name, newest=newest, adapter_versions=row.versions, created_at=base.created_at)


class BaseModelDetailOut(Schema):
    """A base model and all its revisions."""

    name: str
    created_at: datetime
    revisions: list[BaseRevisionOut] = Field(description="The newest first.")

    @classmethod
    def of(cls, base: BaseModel, revisions: list[BaseRevision]) -> Self:
        """The answer for `base`."""
        return cls(name=base.name, created_at=base.created_at, revisions=[BaseRevisionOut.of(one) for one in revisions])


class BaseModelsOut(Schema):
    """A page of base models."""

    items: list[BaseModelOut]
    count: int = Field(description="Of all.")
