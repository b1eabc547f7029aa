"""What the REST API says about base models and adapters."""

from datetime import datetime
from typing import Any, Self

from django.urls import reverse
from ninja import Field, Schema

from adapters.listing import AdapterRow, BaseRow, VersionRow
from adapters.models import Adapter, AdapterVersion, BaseModel, BaseRevision


class FileOut(Schema):
    """One file."""

    path: str = Field(description="Relative, with forward slashes.")
    size: int = Field(description="Bytes.")
    sha256: str


class DownloadOut(FileOut):
    """One file and where it is."""

    url: str = Field(description="On this server; takes ranges.")


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


class ScoreOut(Schema):
    """One model on the held-out rows."""

    exact_match: float | None = Field(None, description="Share of rows answered exactly as expected, 0–1.")
    pair_accuracy: float | None = Field(None, description="Share of preferences the right way round, 0–1.")
    token_accuracy: float | None = Field(None, description="Share of answer tokens guessed right, 0–1.")
    loss: float | None = Field(None, description="Nats per answer token.")


class ScoresOut(Schema):
    """Base and tuned model on the same held-out rows."""

    rows: int | None
    base: ScoreOut | None
    tuned: ScoreOut


class VersionOut(Schema):
    """One version of an adapter, in short."""

    adapter: str
    version: int
    base_model: str = Field(description="`name@revision`: the only content that it belongs to.")
    dataset: str = Field(description="`name@version`")
    job: int | None = Field(description="The job that made it.")
    scores: ScoresOut | None
    size: int = Field(description="Bytes of the zip.")
    created_at: datetime
    url: str = Field(description="Of this version, on this server.")

    @classmethod
    def of(cls, row: VersionRow) -> Self:
        """The answer for `row`."""
        version = row.version
        return cls(
            adapter=version.adapter.name,
            version=version.number,
            base_model=str(version.base_revision),
            dataset=f"{row.dataset}@{row.dataset_version}",
            job=row.job,
            scores=ScoresOut.model_validate(row.scores) if row.scores else None,
            size=version.archive_size,
            created_at=version.created_at,
            url=_url("adapter_version", version),
        )


class AdapterOut(Schema):
    """An adapter by its newest version."""

    name: str
    newest: VersionOut | None
    created_at: datetime

    @classmethod
    def of(cls, row: AdapterRow) -> Self:
        """The answer for `row`."""
        newest = VersionOut.of(row.newest) if row.newest else None
        return cls(name=row.adapter.name, newest=newest, created_at=row.adapter.created_at)


class AdaptersOut(Schema):
    """A page of adapters."""

    items: list[AdapterOut]
    count: int = Field(description="Of all that match.")


class AdapterDetailOut(Schema):
    """An adapter and all its versions."""

    name: str
    created_at: datetime
    versions: list[VersionOut] = Field(description="The newest first.")

    @classmethod
    def of(cls, adapter: Adapter, rows: list[VersionRow]) -> Self:
        """The answer for `adapter`."""
        return cls(name=adapter.name, created_at=adapter.created_at, versions=[VersionOut.of(row) for row in rows])


class VersionDetailOut(Schema):
    """One version with its manifest and its files."""

    adapter: str
    version: int
    created_at: datetime
    created_by: str | None
    manifest: dict[str, Any] = Field(description="Files, base digests and lineage, frozen: the same as manifest.json.")
    files: list[DownloadOut] = Field(description="manifest.json and every file that it lists.")
    archive: DownloadOut = Field(description="All of them as one zip; `path` is its file name.")

    @classmethod
    def of(cls, version: AdapterVersion, files: list[FileOut], archive: FileOut) -> Self:
        """The answer for `version`."""
        urls = {file.path: _url("adapter_file", version, path=file.path) for file in files}
        return cls(
            adapter=version.adapter.name,
            version=version.number,
            created_at=version.created_at,
            created_by=version.created_by.username if version.created_by else None,
            manifest=version.manifest,
            files=[DownloadOut(**file.model_dump(), url=urls[file.path]) for file in files],
            archive=DownloadOut(**archive.model_dump(), url=_url("adapter_download", version)),
        )


def _url(view: str, version: AdapterVersion, **more: str) -> str:
    return reverse(f"api:{view}", kwargs={"name": version.adapter.name, "number": version.number, **more})
